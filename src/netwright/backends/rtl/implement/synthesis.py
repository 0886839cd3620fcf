"""Synthesis: the design mapped to FPGA cells by Yosys, in a process of its own.

An error inside Yosys ends the process it runs in, so it never runs in this one. Nothing is placed
or routed here: the figures rank designs and are no vendor's figures. What was mapped once is kept
and read again as long as the sources, the command and the version stay the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from netwright.backends.rtl.cells.harmless import FUNCTIONS, plain_sources
from netwright.backends.rtl.implement.caching import check_whole, digest_of, made_once
from netwright.backends.rtl.parts import Family, find_part
from netwright.backends.tool_lines import telling
from netwright.backends.tools import YOSYS, run_tool
from netwright.errors import BackendError, DataError, MissingExtra, ToolFailed
from netwright.escape import visible, yosys_word
from netwright.files import write_text
from netwright.progress import Progress, silent
from netwright.quantities import Quantity
from netwright.reading import read_json

RUNNER = """\
import sys
if len(sys.argv) > 2:
    import resource
    most, wanted = resource.getrlimit(resource.RLIMIT_AS)[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (wanted if most < 0 else min(wanted, most), most))
from pyosys import libyosys
design = libyosys.Design()
for line in open(sys.argv[1]).read().splitlines():
    design.run_pass(line)
"""
"""Executes a script of Yosys commands, one a line, in so many bytes of memory if that is given."""

FOREIGN_BYTES = 8 << 30
"""Most memory of Yosys while it reads and maps what was not generated here."""

KEEP_MACRO = "KEEP_ADDERS"
"""Verilog macro that keeps every carry chain whole; without it the mapping is far larger."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """What is different for Verilog that was not generated here.

    Tables become lookup tables wherever their maker wanted them, never block memory.

    Attributes:
        functions: System functions that it may use.
        memories: Contents of memories that it may name, by the names of their files. Of several
            of one name each is found only beside the Verilog that names it.
        named: Further files that it names, by their places beside it.
        options: Options of Yosys' reader, each after a space.
        boxes: Modules without contents, in place of those that nothing defines.
    """

    functions: frozenset[str]
    memories: tuple[Path, ...] = ()
    named: tuple[Path, ...] = ()
    options: str = ""
    boxes: Path | None = None


@dataclass(frozen=True, slots=True)
class CellCount:
    """Cells of one module, or of several.

    Attributes:
        lut: Lookup tables.
        carry: Carry cells (``CARRY4`` of 4 bits, or ``CCU2C`` of 2 bits with their own LUTs).
        ff: Registers.
        cells: Every kind of cell with its number.
    """

    lut: Quantity
    carry: Quantity
    ff: Quantity
    cells: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Measurement(CellCount):
    """What a design needs after mapping, before placement.

    Attributes:
        seconds: Wall-clock time of the synthesis.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class LayerMeasurements:
    """What every layer needs, mapped with the boundaries of the layers kept.

    Logic is not shared or simplified across a kept boundary, so the sum differs a little from the
    figures of the flattened design.

    Attributes:
        layers: The cells of every layer, by module, in the order of the design.
        rest: Cells outside the layers.
        total: All of them.
        flattened: The same design mapped without boundaries, which is what is built.
    """

    layers: Mapping[str, CellCount]
    rest: CellCount
    total: CellCount
    flattened: Measurement


def synthesize(
    top: str,
    sources: Iterable[Path],
    *,
    part: str,
    folder: Path,
    timeout_s: float,
    defines: tuple[str, ...] = (KEEP_MACRO,),
    multipliers: bool = False,
    foreign: Foreign | None = None,
    progress: Progress = silent,
) -> Measurement:
    """Map Verilog to the cells of a part, or read what was mapped before.

    Args:
        top: Name of the top module.
        sources: Verilog files.
        part: Its name.
        folder: Where the log, the report and the mapped netlists go; see :func:`mapped_files`.
        timeout_s: Wall-clock seconds it may take.
        defines: Macros that are defined.
        multipliers: Whether products may take the multipliers of the device; else they are made of
            lookup tables, as products with fixed weights are.
        foreign: What is different for Verilog that was not generated here.
        progress: Told what Yosys does.

    Raises:
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        BackendError: Its report cannot be read.
        RunError: A file cannot be read or written.
    """
    family = find_part(part).family
    command = family.command.replace(" -nodsp", "") if multipliers else family.command
    before: list[str] = []
    if foreign:
        command += " -nobram"
        boxes = [f"read_verilog -lib -overwrite {foreign.boxes.name}"] if foreign.boxes else []
        before = [
            *boxes,
            f"hierarchy -top {top}",
            "setattr -unset rom_style -unset ram_style */m:*",
        ]
    netlist, verilog = mapped_files(folder, part)
    report = f"synthesis-{part}.json"
    seconds = run_script(
        sources,
        [
            *before,
            f"{command} -top {top}",
            f"tee -q -o {report} stat -json",
            f"write_verilog -noattr {verilog.name}",
            f"select {top}",
            f"write_json -selected {netlist.name}",
        ],
        folder=folder,
        name=f"synthesis-{part}",
        outputs=(report, netlist.name, verilog.name),
        check=lambda made: _cells(made / report),
        timeout_s=timeout_s,
        defines=defines,
        foreign=foreign,
        progress=progress,
    )
    counts = _counts(_cells(folder / report), replace(family, command=command), "mapping only")
    return Measurement(counts.lut, counts.carry, counts.ff, counts.cells, seconds)


def mapped_files(folder: Path, part: str) -> tuple[Path, Path]:
    """The mapped netlist as JSON of Yosys and as Verilog, in the folder of :func:`synthesize`."""
    return folder / f"mapped-{part}.json", folder / f"mapped-{part}.v"


def synthesize_layers(
    top: str,
    layers: Sequence[str],
    sources: Iterable[Path],
    *,
    part: str,
    folder: Path,
    timeout_s: float,
    progress: Progress = silent,
) -> LayerMeasurements:
    """Map Verilog twice: as :func:`synthesize` does, and with the boundaries of layers kept.

    Args:
        top: Name of the top module.
        layers: Names of modules without parameters, each instantiated once.
        sources: Verilog files.
        part: Its name.
        folder: Where the logs and reports go.
        timeout_s: Wall-clock seconds each of the two may take.
        progress: Told what Yosys does.

    Raises:
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        BackendError: Its report cannot be read.
        RunError: A file cannot be read or written.
    """
    files, family = list(sources), find_part(part).family
    flattened = synthesize(
        top, files, part=part, folder=folder, timeout_s=timeout_s, progress=progress
    )
    report = f"layers-{part}.json"
    kept = [f"setattr -mod -set keep_hierarchy 1 {' '.join(layers)}"] if layers else []
    run_script(
        files,
        [
            *kept,
            f"{family.command} -top {top}",
            f"tee -q -o {report} stat -json",
        ],
        folder=folder,
        name=f"layers-{part}",
        outputs=(report,),
        check=lambda made: _layer_cells(_modules(made / report), top, layers, made / report),
        timeout_s=timeout_s,
        defines=(KEEP_MACRO,),
        progress=progress,
    )
    modules = _modules(folder / report)
    parts = _layer_cells(modules, top, layers, folder / report)
    rest = {kind: number for kind, number in modules[top].items() if kind not in modules}
    how = "mapping only, boundaries of layers kept"
    return LayerMeasurements(
        layers=MappingProxyType({name: _counts(parts[name], family, how) for name in layers}),
        rest=_counts(rest, family, how),
        total=_counts(_total((rest, *parts.values())), family, how),
        flattened=flattened,
    )


def run_script(
    sources: Iterable[Path],
    commands: Sequence[str],
    *,
    folder: Path,
    name: str,
    outputs: tuple[str, ...],
    check: Callable[[Path], object],
    timeout_s: float,
    defines: tuple[str, ...],
    progress: Progress,
    foreign: Foreign | None = None,
) -> float:
    """Run commands of Yosys on some sources, unless that was done before.

    Args:
        sources: Verilog files, read first.
        commands: What to do with them; files are named in the folder of the outputs.
        folder: Where the log and the outputs go.
        name: Name of the step and its log.
        outputs: Names of the files that the commands write.
        check: Refuses outputs that cannot be read, in the folder it gets.
        timeout_s: Wall-clock seconds it may take.
        defines: Macros that are defined.
        progress: Told what Yosys does.
        foreign: What is different for Verilog that was not generated here.

    Returns:
        The seconds it took when it was done.

    Raises:
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        RunError: A file cannot be read or written.
    """
    if find_spec("pyosys") is None:
        raise MissingExtra("rtl", package="pyosys", purpose="synthesis")
    files = [path.resolve() for path in sources]
    memories = _by_name(foreign.memories) if foreign else []
    contents = [*memories, *foreign.named] if foreign else []
    if foreign and foreign.boxes:
        memories.append(foreign.boxes.resolve())
        contents.append(foreign.boxes)
    functions = foreign.functions if foreign else FUNCTIONS
    options = foreign.options if foreign else ""
    macros = "".join(f" -D{macro}" for macro in defines)
    folder = folder.resolve()

    def make(made: Path) -> float:
        plain = plain_sources(files, made, functions=functions)
        for path in memories:
            shutil.copyfile(path, made / path.name)
        read = f"read_verilog{options}{macros} {' '.join(map(yosys_word, plain))}"
        lines = (
            *([read] if plain else []),
            "scratchpad -set abc9.verify false",  # its time exceeds that of the mapping many times
            *commands,
        )
        script = write_text(made / "script.ys", "\n".join(lines) + "\n")
        try:
            run = run_tool(
                YOSYS,
                ["-c", RUNNER, script, *([str(FOREIGN_BYTES)] if foreign else [])],
                cwd=made,
                timeout_s=timeout_s,
                log=folder / f"{name}.log",
                on_line=telling(progress),
            )
        except ToolFailed as error:
            told = _refusal(error.log_tail, dict(zip(plain, files, strict=True)))
            if foreign is None or told is None:
                raise
            raise BackendError(told, hint=error.hint) from error
        check(made)
        for output in outputs:
            check_whole(made / output)
        return run.seconds

    return made_once(
        folder,
        name,
        key={
            "sources": digest_of(files),
            **({"memories": digest_of(contents), "options": options} if foreign else {}),
            "commands": list(commands),
            "defines": list(defines),
            "version": version("pyosys"),
        },
        outputs=outputs,
        make=make,
    )


def _by_name(memories: Iterable[Path]) -> list[Path]:
    """Files that a name alone tells apart."""
    named: dict[str, list[Path]] = {}
    for path in memories:
        named.setdefault(path.name, []).append(path.resolve())
    return [paths[0] for paths in named.values() if len({digest_of([p]) for p in paths}) == 1]


def _refusal(output: str, files: Mapping[str, Path]) -> str | None:
    """What Yosys says of a file that it does not take; its own line where it names no file."""
    if "MemoryError" in output or "bad_alloc" in output:
        return f"Yosys needs more than {FOREIGN_BYTES >> 30} GiB of memory for it"
    found = [line.strip() for line in output.splitlines() if "ERROR" in line]
    if not found:
        return None
    place, _, said = found[-1].partition("ERROR")
    said = visible(said.lstrip(": "))
    name, _, line = place.strip(": ").rpartition(":")
    if name in files:
        return f"{files[name]}: line {line}: Yosys cannot read it: {said}"
    return f"Yosys cannot read it: {said}"


def _cells(report: Path) -> dict[str, int]:
    """Cells by kind of the whole design."""
    try:
        return _by_kind(read_json(report)["design"])
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        raise _unreadable(report) from None


def _modules(report: Path) -> dict[str, dict[str, int]]:
    """Cells by kind of every module, those of other modules left out."""
    try:
        modules = read_json(report)["modules"]
        return {name.removeprefix("\\"): _by_kind(module) for name, module in modules.items()}
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        raise _unreadable(report) from None


def _by_kind(module: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {
        str(kind): int(number)
        for kind, number in sorted(module["num_cells_by_type"].items())
        if not kind.startswith("$")  # notes about the hierarchy
    }


def _unreadable(report: Path) -> BackendError:
    return BackendError(
        f"{report.name}: is not a report of Yosys that can be read",
        hint="the log in the build folder may say why",
    )


def _layer_cells(
    modules: Mapping[str, dict[str, int]], top: str, layers: Sequence[str], report: Path
) -> dict[str, dict[str, int]]:
    """The cells of layers; one whose results are constants is left out by Yosys and has none."""
    used = {top, *(kind for cells in modules.values() for kind in cells)}
    missing = [name for name in (top, *layers) if name in used and name not in modules]
    if missing:
        raise BackendError(
            f"{report}: has no figures of the module {missing[0]}",
            hint="the log beside it may say why",
        )
    return {name: modules.get(name, {}) for name in layers}


def _total(modules: Iterable[Mapping[str, int]]) -> dict[str, int]:
    cells: dict[str, int] = {}
    for module in modules:
        for kind, number in module.items():
            cells[kind] = cells.get(kind, 0) + number
    return dict(sorted(cells.items()))


def _counts(cells: Mapping[str, int], family: Family, how: str) -> CellCount:
    source = f"yosys {version('pyosys')}, {family.command}, {how}"

    def total(kinds: tuple[str, ...], unit: str) -> Quantity:
        return Quantity(sum(cells.get(kind, 0) for kind in kinds), unit, source, "modelled")

    return CellCount(
        lut=total(family.lut, "LUT"),
        carry=total(family.carry, family.carry[0]),
        ff=total(family.ff, "FF"),
        cells=MappingProxyType(dict(cells)),
    )
