"""What the parts of a design take: one synthesis with the boundaries of these parts kept.

A part is mapped once, whatever is inside it dissolved, and counted as often as the design has it,
so that an array of a thousand elements takes seconds. Nothing is shared or simplified across a
boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from netwright.backends.rtl.implement.asic import LIBRARIES
from netwright.backends.rtl.implement.synthesis import run_script
from netwright.errors import BackendError, ConfigError, DataError
from netwright.escape import yosys_word
from netwright.files import sha256
from netwright.progress import Progress, silent
from netwright.quantities import Quantity
from netwright.reading import read_json

Cells = Literal["nangate45", "osu018", "ecp5", "gates"]
"""Cells that parts are counted in: open standard cells by area, LUTs of ECP5, or generic gates."""

CLOCK_MHZ = 500.0
"""What the mapping to standard cells aims at."""

_NOTE = "$scopeinfo"
"""What Yosys notes about the boundaries that it dissolved, no cell."""

_LUTS = {"LUT4": 1, "CCU2C": 2}
"""Lookup tables in cells of ECP5; the carry cell has two."""


@dataclass(frozen=True, slots=True)
class PartCount:
    """A module of a design.

    Attributes:
        instances: How often the design has it.
        each: What one takes: square micrometers, lookup tables or gates.
        registers: The part of it that registers take; in lookup tables, none.
        cells: Cells of one by kind.
    """

    instances: int
    each: Quantity
    registers: Quantity
    cells: Mapping[str, int]

    @property
    def all(self) -> float:
        """What all of them take, in the unit of `each`."""
        return self.instances * self.each.value


@dataclass(frozen=True, slots=True)
class PartCounts:
    """A design in its parts.

    Attributes:
        parts: Every part by the name of its module.
        rest: What is outside the parts.
        total: All of it.
    """

    parts: Mapping[str, PartCount]
    rest: Quantity
    total: Quantity

    def share(self, module: str) -> float:
        """The share of the total that the instances of a module take, from 0 to 1."""
        return self.parts[module].all / self.total.value


def count_parts(
    top: str,
    parts: Sequence[str],
    sources: Iterable[Path],
    *,
    cells: Cells,
    folder: Path,
    timeout_s: float,
    progress: Progress = silent,
) -> PartCounts:
    """Map Verilog with the boundaries of some modules kept, or read what was counted before.

    Args:
        top: Name of the top module.
        parts: Names of modules, each with one set of parameters in the design; none in another.
        sources: Verilog files.
        cells: What to count in.
        folder: Where the log and the report go.
        timeout_s: Wall-clock seconds the synthesizer may take.
        progress: Told what it does.

    Raises:
        ConfigError: There are no such cells.
        ToolMissing: The library is not installed.
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        BackendError: Its report cannot be read, or lacks a part.
    """
    if cells not in (*LIBRARIES, "ecp5", "gates"):
        choices = ", ".join(f'"{name}"' for name in (*LIBRARIES, "ecp5", "gates"))
        raise ConfigError(f"cells must be one of {choices}, not {cells!r}")
    report = f"parts-{cells}.json"
    kept = " ".join(f"{part} *\\{part} *\\{part}\\*" for part in parts)
    run_script(
        sources,
        [
            f"hierarchy -top {top}",
            f"setattr -mod -set keep_hierarchy 1 {kept}",
            *_mapping(top, cells),
            f"tee -q -o {report} stat {_liberty(cells)} -json",
        ],
        folder=folder,
        name=f"parts-{cells}",
        outputs=(report,),
        check=lambda made: _read(made / report, top, parts, cells),
        timeout_s=timeout_s,
        defines=(),
        progress=progress,
    )
    return _read(folder / report, top, parts, cells)


def _liberty(cells: Cells) -> str:
    return f"-liberty {yosys_word(str(LIBRARIES[cells].liberty))}" if cells in LIBRARIES else ""


def _mapping(top: str, cells: Cells) -> list[str]:
    if cells == "ecp5":
        return [f"synth_ecp5 -nodsp -noiopad -top {top}"]
    if cells == "gates":
        return [f"synth -flatten -top {top}", "opt_clean -purge"]
    return [
        f"log {sha256(LIBRARIES[cells].liberty)}",  # other cells under this name are mapped again
        f"synth -flatten -top {top}",
        f"dfflibmap {_liberty(cells)}",
        f"abc {_liberty(cells)} -D {1e6 / CLOCK_MHZ:.0f}",
        "setundef -zero",
        "opt_clean -purge",
    ]


def _read(report: Path, top: str, parts: Sequence[str], cells: Cells) -> PartCounts:
    try:
        modules = read_json(report)["modules"]
        names = {_module_name(name): name for name in modules}
        found = {short: _sizes(modules[name], parts, cells) for short, name in names.items()}
        missing = [
            part for part in parts if not {part, top} <= {*found} or part not in found[top].inside
        ]
        if missing or len(found) != len(modules) or set(found) != {top, *parts}:
            raise ValueError(f"has no figures of {', '.join(missing) or 'the parts alone'}")
    except (DataError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackendError(
            f"{report.name}: is not a report of parts that can be read ({error})",
            hint="the log in the build folder may say why",
        ) from error
    source = _source(cells)
    unit = {"ecp5": "LUT4", "gates": "gates"}.get(cells, "µm²")
    counts = {
        part: PartCount(
            found[top].inside[part],
            Quantity(found[part].size, unit, source, "modelled"),
            Quantity(found[part].registers, unit, source, "modelled"),
            MappingProxyType(found[part].own),
        )
        for part in parts
    }
    spread = sum(count.all for count in counts.values())
    whole = found[top].size if cells in LIBRARIES else found[top].size + spread
    return PartCounts(
        MappingProxyType(counts),
        Quantity(whole - spread, unit, source, "modelled"),
        Quantity(whole, unit, source, "modelled"),
    )


@dataclass(frozen=True, slots=True)
class _Sizes:
    """What a report says of a module.

    Attributes:
        size: An area with that of the parts inside; other cells without.
        registers: The part of it that registers take.
        own: Its own cells by kind.
        inside: How often it has every part.
    """

    size: float
    registers: float
    own: dict[str, int]
    inside: dict[str, int]


def _sizes(module: Mapping[str, Any], parts: Sequence[str], cells: Cells) -> _Sizes:
    kinds = {_module_name(kind): int(n) for kind, n in module["num_cells_by_type"].items()}
    inside = {kind: n for kind, n in kinds.items() if kind in parts}
    own = {kind: n for kind, n in sorted(kinds.items()) if kind not in parts and kind != _NOTE}
    if cells == "ecp5":
        return _Sizes(sum(_LUTS.get(kind, 0) * n for kind, n in own.items()), 0.0, own, inside)
    if cells == "gates":
        flip_flops = sum(n for kind, n in own.items() if "DFF" in kind)
        return _Sizes(sum(own.values()), flip_flops, own, inside)
    area, registers = float(module["area"]), float(module["sequential_area"])
    if not (isfinite(area) and 0 <= registers <= area):
        raise ValueError(f"areas of {area} and {registers}")
    return _Sizes(area, registers, own, inside)


def _module_name(name: str) -> str:
    r"""The name in the source of ``$paramod$HASH\NAME``, ``$paramod\NAME\P=1``, ``\NAME``."""
    pieces = name.split("\\")
    return (pieces[1] if len(pieces) > 1 else pieces[0]) or name


def _source(cells: Cells) -> str:
    about = {"ecp5": "synth_ecp5", "gates": "generic gates"}.get(cells)
    about = about or f"abc, {LIBRARIES[cells].about}"
    return f"yosys {version('pyosys')}, {about}, before layout, boundaries of parts kept"
