"""Verilog that other generators wrote, measured as our own designs are.

Nothing of it is simulated or trusted: Yosys reads it in a process of its own, after a look into
every file. What neither the files nor the part define is kept as a box without contents, counted
by its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from netwright.backends.rtl.cells.harmless import FUNCTIONS
from netwright.backends.rtl.implement.contents import refuse_gaps
from netwright.backends.rtl.implement.depth import Depth, register_depth
from netwright.backends.rtl.implement.framing import clocked
from netwright.backends.rtl.implement.nextpnr import MAX_NETLIST_BYTES, Job
from netwright.backends.rtl.implement.placement import Routing, route
from netwright.backends.rtl.implement.synthesis import (
    Foreign,
    Measurement,
    mapped_files,
    run_script,
    synthesize,
)
from netwright.backends.rtl.parts import find_part
from netwright.errors import BackendError, DataError
from netwright.escape import visible
from netwright.files import write_text
from netwright.progress import Progress, silent
from netwright.reading import check_plain, read_json, read_text

VERILOG = (".v", ".sv")
MEMORIES = (".mem", ".hex", ".dat", ".init")
"""Files that hold contents of memories."""

MAX_FILES = 20_000
"""Most files below a folder that is looked through."""

READS = FUNCTIONS | {"$readmemh", "$readmemb", "$bits", "$floor", "$ceil", "$pow", "$display"}
"""System functions that other generators use; Yosys reads no more than a table of numbers."""

TIMEOUT_S = 1800.0

_MODULE = re.compile(r"^[ \t]*(?:\(\*.*?\*\)\s*)?module\s+(\\\S+|[^\s(#;\\]+)", re.M)
_PLAIN = re.compile(r"[\w$]+", re.A)
_STRING = re.compile(r'"((?:\\.|[^"\\\n])*)"')
_STRUCTURE = "structure.json"

LOGIC = frozenset(
    ("INV", "BUF", "BUFG", "IBUF", "OBUF", "MUXF7", "MUXF8", "MUXF9", "PFUMX", "L6MUX21")
)
"""Cells beside lookup tables, carry chains and registers that logic is made of."""

MAX_NAME = 255
"""Most characters of the name of a file; longer strings are something else."""


@dataclass(frozen=True, slots=True)
class Box:
    """A module that is instantiated and defined nowhere.

    Attributes:
        name: Its name.
        ports: Its ports and their widths, as far as instances connect them.
        parameters: Names of its parameters, as far as instances set them.
    """

    name: str
    ports: tuple[tuple[str, int], ...]
    parameters: tuple[str, ...]

    @property
    def verilog(self) -> str:
        """It without contents; every port goes both ways, since nobody says which."""
        ordered = any(port.startswith("$") for port, _ in self.ports)
        names = [f"p{n}" if ordered else port for n, (port, _) in enumerate(self.ports, 1)]
        ports = ", ".join(
            f"inout [{width - 1}:0] \\{name} "
            for name, (_, width) in zip(names, self.ports, strict=True)
        )
        parameters = "".join(f"  parameter \\{name} = 0;\n" for name in self.parameters)
        return f"(* blackbox *)\nmodule \\{self.name} ({ports});\n{parameters}endmodule\n"


@dataclass(frozen=True, slots=True)
class ForeignMeasurement:
    """What Verilog of another generator needs after mapping, before placement.

    Attributes:
        mapped: LUTs, carry cells and registers.
        open_cells: Cells that neither the files nor the part define, by their name: what they
            stand for is in no figure.
        blocks: Cells of the part that are no logic, multipliers and memories that the Verilog
            names, by their name: what they do is in no figure of logic.
        depth: Registers between inputs and outputs; ``None`` where that is not one number.
    """

    mapped: Measurement
    open_cells: Mapping[str, int]
    blocks: Mapping[str, int]
    depth: Depth | None


@dataclass(frozen=True, slots=True)
class ForeignDesign:
    """Verilog files of another generator, and where what is made of them goes.

    Attributes:
        files: The Verilog.
        memories: Contents of memories that it may name.
        named: Further files whose names are written in it.
        top: Name of the top module.
        folder: Folder for reports and netlists.
        undefined: What the files instantiate and do not define; cells of the part are among it.
    """

    files: tuple[Path, ...]
    memories: tuple[Path, ...]
    named: tuple[Path, ...]
    top: str
    folder: Path
    undefined: Mapping[str, Box]

    def measure(
        self, *, part: str = "xcup", timeout_s: float = TIMEOUT_S, progress: Progress = silent
    ) -> ForeignMeasurement:
        """Map the design to the cells of a part, as :meth:`RtlDesign.measure` does.

        Args:
            part: Its name.
            timeout_s: Wall-clock seconds the synthesizer gets.
            progress: Told what it does.

        Raises:
            MissingExtra: pyosys is not installed.
            ToolFailed: Yosys ended with an error, or ran past its time; the log is in the folder.
            BackendError: Its report cannot be read.
        """
        known = library_cells(part)
        boxes = [box for name, box in self.undefined.items() if name not in known]
        read = _as_read(self.files, self.memories, self.named)
        stubs = self.folder / f"boxes-{part}.v"
        if boxes:
            write_text(stubs, "".join(box.verilog for box in boxes))
            read = replace(read, boxes=stubs)
        mapped = synthesize(
            self.top,
            self.files,
            part=part,
            folder=self.folder,
            timeout_s=timeout_s,
            foreign=read,
            progress=progress,
        )
        names = [box.name for box in boxes]
        open_cells = {name: mapped.cells[name] for name in names if name in mapped.cells}
        family = find_part(part).family
        logic = {*LOGIC, *family.lut, *family.carry, *family.ff, *names}
        blocks = {
            kind: number
            for kind, number in mapped.cells.items()
            if kind not in logic and not kind.startswith("$")
        }
        depth = register_depth(self._mapped(part), family.ff)
        opened, hard = MappingProxyType(open_cells), MappingProxyType(blocks)
        return ForeignMeasurement(mapped, opened, hard, depth)

    def route(
        self,
        *,
        part: str = "ecp5-85k",
        clock_mhz: float = 200.0,
        speed_grade: int | None = None,
        seed: int = 1,
        timeout_s: float = TIMEOUT_S,
        progress: Progress = silent,
    ) -> Routing:
        """Place and route the design, with a register on every port bit but the clock.

        Args:
            part: Name of a part that open tools route.
            clock_mhz: The frequency asked for.
            speed_grade: Speed grade of the device; the slowest if not given.
            seed: Seed of the placer.
            timeout_s: Wall-clock seconds each program gets.
            progress: Told what the programs do.

        Raises:
            ConfigError: There is no such speed grade or seed.
            DoesNotFit: The device has too few of a resource.
            MissingExtra: pyosys or nextpnr is not installed.
            ToolFailed: One ended with an error, or ran past its time.
            BackendError: The part has no open place and route, cells are open, the way from inputs
                to outputs has no one number of registers, or a report cannot be read.
        """
        netlist = self.folder / f"clocked-{part}.json"
        job = Job(self.top, netlist, part, clock_mhz, speed_grade, self.folder)
        found = self.measure(part=part, timeout_s=timeout_s, progress=progress)
        if found.open_cells:
            raise BackendError(
                f"{self.top}: {_counted(found.open_cells)} cannot be placed, since no file and no "
                f"cell of {part} defines them",
                hint="add the Verilog that does",
            )
        if found.depth is None:
            raise BackendError(
                f"{self.top}: its latency is not one number of clocks: registers feed themselves",
                hint="only pipelines are routed",
            )
        self._clock(netlist, part)
        return route(
            job,
            latency_cycles=found.depth.most,
            seed=seed,
            timeout_s=timeout_s,
            progress=progress,
        )

    def _clock(self, path: Path, part: str) -> None:
        """Write the mapped netlist with its clock named as in our own designs."""
        try:
            module = clocked(self._mapped(part), find_part(part).family.ff)
        except ValueError as error:
            raise BackendError(
                f"{self.top}: {error}", hint="only designs of one clock are routed"
            ) from None
        write_text(path, json.dumps({"modules": {self.top: module}}))

    def _mapped(self, part: str) -> Mapping[str, Any]:
        netlist = read_json(mapped_files(self.folder, part)[0], most=MAX_NETLIST_BYTES)
        try:
            module = netlist["modules"][self.top]
            if isinstance(module, dict):
                return module
        except (KeyError, TypeError):
            pass
        raise BackendError(f"{self.folder}: its mapped netlist cannot be read")


def read_foreign(
    paths: Iterable[Path | str],
    *,
    folder: Path | str,
    top: str | None = None,
    timeout_s: float = TIMEOUT_S,
    progress: Progress = silent,
) -> ForeignDesign:
    """Verilog of another generator, ready to be measured.

    Args:
        paths: Verilog files, or folders that are looked through for them and for contents of
            memories. Test benches do not belong to it: leave them out.
        folder: Where everything that is made goes.
        top: Name of the top module; the one that no other instantiates, if not given.
        timeout_s: Wall-clock seconds that Yosys gets to read it.
        progress: Told what Yosys does.

    Raises:
        DataError: There is no Verilog, or there are too many files.
        BackendError: A file does more than compute, there is no such top module, or a memory that
            is only read has places without contents.
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys cannot read it; the log is in the folder.
    """
    folder = Path(folder)
    files, memories = _found([Path(path) for path in paths])
    texts = {path: read_text(path) for path in files}
    chosen, named = _top(list(texts.values()), top), _named(texts)
    run_script(
        files,
        [f"hierarchy -top {chosen}", "proc", f"write_json {_STRUCTURE}"],
        folder=folder,
        name="structure",
        outputs=(_STRUCTURE,),
        check=_structure,
        timeout_s=timeout_s,
        defines=(),
        foreign=_as_read(files, memories, named),
        progress=progress,
    )
    structure = _structure(folder)
    refuse_gaps(structure)
    if _is_box(structure.get(chosen)):
        raise BackendError(f"{chosen}: the module has no contents, so nothing can be measured")
    undefined = MappingProxyType(_undefined(structure))
    return ForeignDesign(tuple(files), tuple(memories), tuple(named), chosen, folder, undefined)


def _found(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """The Verilog and the contents of memories at some paths."""
    files: list[Path] = []
    beside: list[Path] = []
    for path in paths:
        if not path.exists():
            raise DataError("does not exist", source=str(path))
        entries = sorted(path.rglob("*")) if path.is_dir() else [path]
        if len(entries) > MAX_FILES:
            raise DataError(
                f"has more than {MAX_FILES} files", source=str(path), hint="name a folder inside"
            )
        files += [entry for entry in entries if entry.is_file()]
        if path.is_file():
            beside += [entry for entry in sorted(path.parent.iterdir()) if entry.is_file()]
    verilog = [path for path in files if path.suffix.lower() in VERILOG]
    if not verilog:
        vhdl = any(path.suffix.lower() in (".vhd", ".vhdl") for path in files)
        hint = "name a folder with .v or .sv files"
        if vhdl:
            hint = "Yosys reads no VHDL; ghdl --synth --out=verilog makes Verilog of it"
        raise DataError("has no Verilog", source=", ".join(map(str, paths)), hint=hint)
    contents = (path for path in (*files, *beside) if path.suffix.lower() in MEMORIES)
    return list(dict.fromkeys(verilog)), list(dict.fromkeys(contents))


def _named(texts: Mapping[Path, str]) -> list[Path]:
    """Files that a design may read contents of memories from, beside the Verilog that names them.

    Raises:
        BackendError: A design names a file outside the folder of its Verilog.
    """
    if not any("$readmem" in text for text in texts.values()):
        return []
    found = []
    for path, text in texts.items():
        for name in dict.fromkeys(_STRING.findall(text)):
            if "\0" in name or len(name) > MAX_NAME:
                continue
            if name.startswith("/") or ".." in Path(name).parts:
                raise BackendError(
                    f'{path}: names the file "{visible(name)}", which is not below its folder',
                    hint="put the file beside the Verilog, and let it be read by its name alone",
                )
            if (path.parent / name).is_file():
                found.append(path.parent / name)
    for path in found:
        check_plain(path)
    return list(dict.fromkeys(found))


def _as_read(files: Iterable[Path], memories: Iterable[Path], named: Iterable[Path]) -> Foreign:
    """Modules are made where they are instantiated: their defaults may name no file that is."""
    system = any(path.suffix.lower() == ".sv" for path in files)
    return Foreign(READS, tuple(memories), tuple(named), " -defer -sv" if system else " -defer")


def _structure(folder: Path) -> Mapping[str, Any]:
    """The modules as Yosys read them."""
    try:
        modules = read_json(folder / _STRUCTURE, most=MAX_NETLIST_BYTES)["modules"]
        if isinstance(modules, dict):
            return modules
    except (KeyError, TypeError):
        pass
    raise BackendError(f"{folder / _STRUCTURE}: is no netlist of Yosys that can be read")


def _top(texts: list[str], wanted: str | None) -> str:
    """The top module: the one that was named, or the only one that no other instantiates."""
    modules = list(dict.fromkeys(name for text in texts for name in _names(text)))
    if wanted is not None:
        if wanted in modules:
            return _plain(wanted)
        raise BackendError(f'no file has a module "{visible(wanted)}"', hint=_listed(modules))
    whole = "\n".join(texts)
    tops = [
        name
        for name in modules
        if not re.search(rf"(?<!module)\s\\?{re.escape(name)}\s+(?:#\s*\(|\\?[\w$]+\s*\()", whole)
    ]
    if len(tops) == 1:
        return _plain(tops[0])
    raise BackendError(
        f"{len(tops)} modules may be the top module", hint=f"name one; {_listed(tops or modules)}"
    )


def _names(text: str) -> list[str]:
    """Names of the modules that a text defines."""
    return [name.removeprefix("\\") for name in _MODULE.findall(text)]


def _plain(top: str) -> str:
    """The name of a top module, which is a word of commands."""
    if _PLAIN.fullmatch(top):
        return top
    raise BackendError(
        f'the top module "{visible(top)}" must have a name of letters, digits, _ and $',
        hint="write a module around it, or name another one",
    )


def _listed(modules: list[str]) -> str:
    shown = ", ".join(map(visible, modules[:8])) + (", …" if len(modules) > 8 else "")
    return f"modules: {shown or 'none'}"


def _undefined(modules: Mapping[str, Any]) -> dict[str, Box]:
    """What is instantiated, and not defined by the files or only without contents."""
    ports: dict[str, dict[str, int]] = {}
    parameters: dict[str, set[str]] = {}
    for module in modules.values():
        for cell in module["cells"].values():
            kind, set_here = cell["type"], set(cell["parameters"])
            declared = modules.get(kind)
            if declared is not None:
                if not _is_box(declared):
                    continue
                kind = str(declared["attributes"].get("hdlname", kind))
                set_here.update(declared.get("parameter_default_values", {}))
            elif kind.startswith("$"):
                continue
            widths = ports.setdefault(kind, {})
            parameters.setdefault(kind, set()).update(set_here)
            for port, bits in cell["connections"].items():
                widths[port] = max(widths.get(port, 1), len(bits))
    return {
        kind: Box(kind, tuple(ports[kind].items()), tuple(sorted(parameters[kind])))
        for kind in sorted(ports)
    }


def _is_box(module: Any) -> bool:
    """Whether Yosys takes a module for one whose contents are elsewhere."""
    return isinstance(module, dict) and "blackbox" in module.get("attributes", {})


def library_cells(part: str) -> frozenset[str]:
    """Names of the cells that Yosys knows of a part's family.

    Raises:
        ConfigError: There is no such part.
    """
    models = Path(find_part(part).family.models)
    found = find_spec("pyosys")
    places = found.submodule_search_locations if found else None
    share = Path(places[0] if places else "pyosys") / "share" / models.parent
    family = models.stem.removeprefix("cells_sim")
    paths = sorted((*share.glob(f"cells_*{family}.v"), *share.glob("*.vh")))
    return frozenset(name for path in paths for name in _names(read_text(path)))


def _counted(cells: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {visible(name)}" for name, number in cells.items())
