"""Place and route: the mapped netlist on a real device, by nextpnr, in a process of its own.

Designs have far more data bits than devices have pins, so they are routed out of context. What is
routed is the mapped netlist with one register on every input and output but the clock: without
them, the logic in front of the first register and behind the last one would not be timed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from netwright.backends.rtl.implement.floorplan import FloorPlan
from netwright.backends.rtl.implement.framing import CLOCK
from netwright.backends.rtl.implement.nextpnr import (
    PACKAGE,
    Job,
    Usage,
    check_fit,
    read_report,
    run_nextpnr,
    unreadable,
    usage_of,
)
from netwright.errors import ConfigError
from netwright.progress import Progress, silent
from netwright.quantities import Quantity


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The slowest way from one register to another.

    Attributes:
        start: Cell and port where it begins.
        end: Cell and port where it ends.
        logic: Time in cells, the registers' own included.
        routing: Time in wires.
    """

    start: str
    end: str
    logic: Quantity
    routing: Quantity


@dataclass(frozen=True, slots=True)
class Packing:
    """What a design takes of a device, before it is placed.

    Attributes:
        usage: Every resource the device has, by the name nextpnr gives it.
        frame_ff: Registers among them that only frame the design, one for every bit of its ports.
        seconds: Wall-clock time it took.
    """

    usage: Mapping[str, Usage]
    frame_ff: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Routing:
    """A design after place and route.

    Attributes:
        fmax: Highest clock frequency, in MHz.
        clock_mhz: The frequency asked for.
        latency: Time at `fmax` from the register in front of the inputs to the one behind the
            outputs, in ns: one clock more than the design's latency in clocks.
        critical_path: What limits the frequency.
        usage: Every resource the device has, by the name nextpnr gives it.
        floor_plan: Where the cells are.
        frame_ff: Registers among them that only frame the design, one for every bit of its ports.
        seed: Seed of the placer.
        seconds: Wall-clock time it took.
    """

    fmax: Quantity
    clock_mhz: float
    latency: Quantity
    critical_path: CriticalPath
    usage: Mapping[str, Usage]
    floor_plan: FloorPlan
    frame_ff: int
    seed: int
    seconds: float

    @property
    def is_met(self) -> bool:
        """Whether the design is as fast as was asked for."""
        return self.fmax.value >= self.clock_mhz


def pack(job: Job, *, timeout_s: float, progress: Progress = silent) -> Packing:
    """Pack a mapped netlist into the cells of its device: its true size, in seconds.

    Args:
        job: The netlist and the device.
        timeout_s: Wall-clock seconds it may take.
        progress: Told what nextpnr does.

    Raises:
        DoesNotFit: The device has too few of a resource.
        MissingExtra: nextpnr is not installed.
        ToolFailed: It ended with an error, or ran past its time.
        BackendError: Its report cannot be read.
        RunError: A file cannot be written.
    """
    report = f"packing-{job.part}.json"
    bits, seconds = run_nextpnr(
        job, ("--no-place", "--no-route"), report, usage_of, timeout_s=timeout_s, progress=progress
    )
    usage = usage_of(read_report(job.folder / report))
    check_fit(job, usage)
    return Packing(usage, bits, seconds)


def route(
    job: Job,
    *,
    latency_cycles: int,
    seed: int,
    timeout_s: float,
    progress: Progress = silent,
) -> Routing:
    """Place and route a mapped netlist, or read what was routed before.

    Args:
        job: The netlist and the device.
        latency_cycles: Clocks from an input of the design to its outputs.
        seed: Seed of the placer.
        timeout_s: Wall-clock seconds it may take.
        progress: Told what nextpnr does.

    Raises:
        ConfigError: The seed is not a whole number from 0.
        DoesNotFit: The device has too few of a resource.
        MissingExtra: nextpnr is not installed.
        ToolFailed: It ended with an error, or ran past its time.
        BackendError: Its report cannot be read.
        RunError: A file cannot be written.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed must be a whole number from 0, not {seed!r}")
    report = f"routing-{job.part}-{job.speed_grade}-seed{seed}.json"
    plan = f"floorplan-{job.part}-{job.speed_grade}-seed{seed}.json"
    options = ("--seed", str(seed))
    bits, seconds = run_nextpnr(
        job, options, report, _timing, plan=plan, timeout_s=timeout_s, progress=progress
    )
    record = read_report(job.folder / report)
    fmax, path = _timing(record)
    command = " ".join((*job.options, *options))
    source = f"nextpnr-ecp5 {version(PACKAGE)}, {command}, after place and route"

    def modelled(value: float, unit: str) -> Quantity:
        return Quantity(value, unit, source, "modelled")

    return Routing(
        fmax=modelled(fmax, "MHz"),
        clock_mhz=job.clock_mhz,
        latency=modelled((latency_cycles + 1) * 1000.0 / fmax, "ns"),
        critical_path=CriticalPath(
            start=_place(path[0]["from"]),
            end=_place(path[-1]["to"]),
            logic=modelled(_delay(path, routing=False), "ns"),
            routing=modelled(_delay(path, routing=True), "ns"),
        ),
        usage=usage_of(record),
        floor_plan=FloorPlan.read((job.folder / plan).read_text(encoding="utf-8")),
        frame_ff=bits,
        seed=seed,
        seconds=seconds,
    )


def _timing(record: Mapping[str, Any]) -> tuple[float, Sequence[Mapping[str, Any]]]:
    """The highest frequency in MHz, and the steps of the path that limits it."""
    try:
        ((_, clock),) = record["fmax"].items()
        (path,) = (
            found["path"]
            for found in record["critical_paths"]
            if found["from"] == found["to"] == f"posedge {CLOCK}"
        )
        fmax = float(clock["achieved"])
        total_ns = _delay(path, routing=True) + _delay(path, routing=False)
        _place(path[0]["from"]), _place(path[-1]["to"])
        if not abs(total_ns * fmax - 1000.0) < 1.0:
            raise ValueError(f"a path of {total_ns} ns does not make {fmax} MHz")
        usage_of(record)
        return fmax, path
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise unreadable("timing") from None


def _delay(path: Sequence[Mapping[str, Any]], *, routing: bool) -> float:
    """Nanoseconds that a path spends in wires, or in cells."""
    return sum(float(step["delay"]) for step in path if (step["type"] == "routing") == routing)


def _place(end: Mapping[str, str]) -> str:
    return f"{end['cell']}.{end['port']}"
