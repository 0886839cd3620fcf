"""Synthesis: the design mapped to FPGA cells by Yosys, in a process of its own.

An error inside Yosys ends the process it runs in, so it never runs in this one. Nothing is placed
or routed here: the figures rank designs and are no vendor's figures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from netwright.backends.tools import YOSYS, run_tool
from netwright.errors import BackendError, MissingExtra
from netwright.files import write_text
from netwright.quantities import Quantity

RUNNER = """\
import sys
from pyosys import libyosys
design = libyosys.Design()
for line in open(sys.argv[1]).read().splitlines():
    design.run_pass(line)
"""
"""Executes a script of Yosys commands, one a line."""

KEEP_MACRO = "KEEP_ADDERS"
"""Verilog macro that keeps every carry chain whole; without it the mapping is far larger."""


@dataclass(frozen=True, slots=True)
class Family:
    """How designs are mapped to a device family.

    Attributes:
        command: The synthesis command, without the top module.
        lut: Cells that are one lookup table each.
        carry: Cells that are carry chains.
        ff: Cells that are one register each.
    """

    command: str
    lut: tuple[str, ...]
    carry: tuple[str, ...]
    ff: tuple[str, ...]


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "xcup": Family(
            "synth_xilinx -family xcup -nodsp -noiopad -flatten",
            tuple(f"LUT{size}" for size in range(1, 7)),
            ("CARRY4", "CARRY8"),
            ("FDRE", "FDSE", "FDCE", "FDPE"),
        ),
        "ecp5-85k": Family(
            "synth_ecp5 -nodsp -noiopad",
            ("LUT4",),
            ("CCU2C",),
            ("TRELLIS_FF",),
        ),
    }
)
"""The family of every part."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a design needs after mapping, before placement.

    Attributes:
        lut: Lookup tables.
        carry: Carry cells (``CARRY4`` of 4 bits, or ``CCU2C`` of 2 bits with their own LUTs).
        ff: Registers.
        cells: Every kind of cell with its number.
        seconds: Wall-clock time of the synthesis.
    """

    lut: Quantity
    carry: Quantity
    ff: Quantity
    cells: Mapping[str, int]
    seconds: float


def synthesize(
    top: str,
    sources: Iterable[Path],
    *,
    part: str,
    folder: Path,
    timeout_s: float,
    defines: tuple[str, ...] = (KEEP_MACRO,),
) -> Measurement:
    """Map Verilog to the cells of a part.

    Args:
        top: Name of the top module.
        sources: Verilog files.
        part: A key of :data:`FAMILIES`.
        folder: Where the script, the log and the report go.
        timeout_s: Wall-clock seconds it may take.
        defines: Macros that are defined.

    Raises:
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        BackendError: Its report cannot be read.
    """
    if find_spec("pyosys") is None:
        raise MissingExtra("rtl", package="pyosys", purpose="synthesis")
    family = FAMILIES[part]
    folder = folder.resolve()
    report = folder / f"synthesis-{part}.json"
    report.unlink(missing_ok=True)
    macros = "".join(f" -D{name}" for name in defines)
    files = " ".join(f'"{path.resolve()}"' for path in sources)
    commands = (
        f"read_verilog{macros} {files}",
        "scratchpad -set abc9.verify false",  # its time exceeds that of the mapping many times
        f"{family.command} -top {top}",
        f'tee -q -o "{report}" stat -json',
    )
    script = write_text(folder / f"synthesis-{part}.ys", "\n".join(commands) + "\n")
    run = run_tool(
        YOSYS,
        ["-c", RUNNER, script],
        cwd=folder,
        timeout_s=timeout_s,
        log=folder / f"synthesis-{part}.log",
    )
    return _measurement(_cells(report), family, run.seconds)


def _cells(report: Path) -> dict[str, int]:
    try:
        cells = json.loads(report.read_text())["design"]["num_cells_by_type"]
        return {
            str(kind): int(number)
            for kind, number in sorted(cells.items())
            if not kind.startswith("$")  # notes about the hierarchy
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BackendError(
            f"{report}: is not a report of Yosys that can be read",
            hint="the log beside it may say why",
        ) from None


def _measurement(cells: Mapping[str, int], family: Family, seconds: float) -> Measurement:
    source = f"yosys {version('pyosys')}, {family.command}, mapping only"

    def total(kinds: tuple[str, ...], unit: str) -> Quantity:
        return Quantity(sum(cells.get(kind, 0) for kind in kinds), unit, source, "modelled")

    return Measurement(
        lut=total(family.lut, "LUT"),
        carry=total(family.carry, family.carry[0]),
        ff=total(family.ff, "FF"),
        cells=MappingProxyType(dict(cells)),
        seconds=seconds,
    )
