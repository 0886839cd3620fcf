"""The registers of a design, as the synthesizer finds them: names, bits, roles.

Verilog is read and flattened by Yosys; enables, resets and memories become multiplexers in front
of plain flip-flops, so that every flip-flop has a clock, a `d` and a `q` and nothing else. Modules
that only compute, in files of their own, stay as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, get_args

from netwright.backends.rtl.implement.synthesis import run_script
from netwright.errors import BackendError
from netwright.progress import Progress, silent
from netwright.reading import read_json

Role = Literal["configuration", "state", "pointer", "pipeline"]
"""What a register is for, as the attribute ``role`` of its Verilog says."""

ROLES: tuple[Role, ...] = get_args(Role)

OTHER = "other"
"""The role of a register whose Verilog gives none."""

MAX_NETLIST_BYTES = 1 << 30

BitName = int | str
"""A net of a netlist, or a constant ``"0"``, ``"1"`` or ``"x"``."""


class CellRecord(TypedDict):
    """A cell as Yosys writes it."""

    type: str
    parameters: dict[str, str]
    attributes: dict[str, str]
    port_directions: dict[str, str]
    connections: dict[str, list[BitName]]


class NetRecord(TypedDict):
    """A named net as Yosys writes it."""

    hide_name: int
    bits: list[BitName]
    attributes: dict[str, str]
    offset: int


class PortRecord(TypedDict):
    """A port as Yosys writes it."""

    direction: str
    bits: list[BitName]


class ModuleRecord(TypedDict):
    """A module as Yosys writes it."""

    parameter_default_values: NotRequired[dict[str, str]]
    ports: dict[str, PortRecord]
    cells: dict[str, CellRecord]
    netnames: dict[str, NetRecord]
    memories: dict[str, NetRecord]


@dataclass(frozen=True, slots=True)
class Register:
    """Flip-flops that one Verilog register or one word of a memory became.

    Attributes:
        cell: Name of the cell in the netlist.
        names: A name for every bit: the register and the place in it, ``"u_bank.weights[3][0]"``.
        role: One of :data:`ROLES`, or :data:`OTHER`.
    """

    cell: str
    names: tuple[str, ...]
    role: str


@dataclass(frozen=True)
class Elaboration:
    """A flattened design.

    Attributes:
        top: Name of the module.
        module: The netlist of the top module, with all registers.
        logic: Verilog files of the modules that only compute and are instances in it.
        registers: Its registers, in the order of their names.
        inputs: Width of every input, the clock included.
        outputs: Width of every output.
        clock: Name of the input that clocks every register.
    """

    top: str
    module: ModuleRecord
    logic: tuple[Path, ...]
    registers: tuple[Register, ...]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    clock: str

    @property
    def bits(self) -> dict[str, str]:
        """The role of every bit of a register, by name."""
        return {name: register.role for register in self.registers for name in register.names}


def elaborate(
    top: str,
    sources: Iterable[Path],
    *,
    folder: Path,
    timeout_s: float = 1800.0,
    progress: Progress = silent,
) -> Elaboration:
    """Read and flatten a design, or read what was found before.

    Args:
        top: Name of the top module.
        sources: Verilog files.
        folder: Where the netlist and the log go.
        timeout_s: Wall-clock seconds Yosys may take.
        progress: Told what it does.

    Raises:
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        BackendError: The design has latches, several clocks, asynchronous resets, registers with
            a value at power-up, or an unknown role.
    """
    before, named, flat = (f"{top}-{stage}.json" for stage in ("modules", "named", "flat"))
    files = tuple(sources)

    def run(name: str, commands: Sequence[str], *outputs: str) -> None:
        run_script(
            files,
            commands,
            folder=folder,
            name=f"{top}-{name}",
            outputs=outputs,
            check=lambda made: [_modules(made / output, top) for output in outputs],
            timeout_s=timeout_s,
            defines=(),
            progress=progress,
        )

    def written(output: str) -> list[str]:
        return [f"select {top}", f"write_json -selected {output}", "select -clear"]

    start = [f"hierarchy -check -top {top}", "proc"]
    run("modules", [*start, f"write_json {before}"], before)
    kept, logic = _kept(_modules(folder / before, top), top, files)
    boxes = [f"setattr -mod -set blackbox 1 -set dynports 1 {' '.join(kept)}"] if kept else []
    memory = ["memory -nomap", "memory_map", "opt_clean", "dffunmap", "opt_clean"]
    run(
        "elaboration",
        [*boxes, *start, "flatten", "opt_expr", "opt_clean",
         *written(named),  # memories have roles
         *memory, *written(flat)],
        named,
        flat,
    )  # fmt: skip
    memories = _modules(folder / named, top)[top].get("memories", {})
    module = _modules(folder / flat, top)[top]
    clock = _clock(module)
    registers = sorted(_registers(module, memories), key=lambda r: natural(r.names[0]))
    ports = module["ports"]

    def widths(direction: str) -> dict[str, int]:
        return {n: len(p["bits"]) for n, p in ports.items() if p["direction"] == direction}

    return Elaboration(
        top, module, logic, tuple(registers), widths("input"), widths("output"), clock
    )


_MODULE = re.compile(r"^\s*module\s+(\w+)", re.M)


def _kept(
    modules: Mapping[str, ModuleRecord], top: str, files: Sequence[Path]
) -> tuple[list[str], tuple[Path, ...]]:
    """Modules that only compute and stay instances, and the files of all that only compute."""
    computing = _computing(modules, top)
    storing = {_base(name) for name in modules if name not in computing}
    used = {_base(name) for name in computing}
    texts = {path: set(_MODULE.findall(path.read_text(encoding="utf-8"))) for path in files}
    logic = tuple(path for path, names in texts.items() if names & used and not names & storing)
    written = {name for path in logic for name in texts[path]}
    outer: dict[str, bool] = {}
    for name in modules:
        if name not in computing:
            for cell in modules[name]["cells"].values():
                if cell["type"] in computing:
                    base = _base(cell["type"])
                    outer[base] = outer.get(base, True) and _is_plain(modules[cell["type"]])
    return sorted(n for n, plain in outer.items() if plain and n in written), logic


def _base(name: str) -> str:
    """The name that a module has in Verilog, without what Yosys puts in front."""
    return name.split("\\")[1] if "\\" in name else name


def _is_plain(module: ModuleRecord) -> bool:
    """Whether no parameter is negative, whose sign a netlist does not hold."""
    values = module.get("parameter_default_values", {}).values()
    return not any(value.startswith("1") for value in values)


def _computing(modules: Mapping[str, ModuleRecord], top: str) -> set[str]:
    """Modules below the top one with no register or memory in them or below them."""

    @cache
    def stores(name: str) -> bool:
        module = modules[name]
        kinds = {cell["type"] for cell in module["cells"].values()}
        return bool(module.get("memories")) or any(
            stores(kind) if kind in modules else _is_storage(kind) for kind in kinds
        )

    return {name for name in modules if name != top and not stores(name)}


def natural(name: str) -> tuple[object, ...]:
    """A key that puts ``w[10]`` behind ``w[2]``."""
    parts = re.split(r"(\d+)", name)
    return tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts)


def _modules(path: Path, top: str) -> dict[str, ModuleRecord]:
    found = read_json(path, most=MAX_NETLIST_BYTES)
    try:
        modules: dict[str, ModuleRecord] = found["modules"]
        modules[top]["cells"]
    except (KeyError, TypeError):
        raise BackendError(f'{path}: has no module "{top}"') from None
    return modules


def _clock(module: ModuleRecord) -> str:
    """The input that clocks all registers."""
    clocks = set()
    for name, cell in module["cells"].items():
        if not _is_storage(cell["type"]):
            continue
        if cell["type"] != "$dff" or int(cell["parameters"]["CLK_POLARITY"], 2) != 1:
            raise BackendError(
                f"{name} is a {cell['type']} and cannot be triplicated",
                hint="registers must be set at the rising edge of one clock, with no asynchronous "
                "reset; there must be no latches",
            )
        clocks.add(cell["connections"]["CLK"][0])
    if not clocks:
        raise BackendError("the design has no register, so there is nothing to upset")
    for name, port in module["ports"].items():
        if clocks == set(port["bits"]) and port["direction"] == "input":
            return name
    raise BackendError("all registers must have one clock, which is an input of the design")


def _is_storage(kind: str) -> bool:
    return kind.startswith("$") and any(word in kind for word in ("ff", "latch", "$sr", "$mem"))


def _registers(module: ModuleRecord, memories: Mapping[str, NetRecord]) -> Iterator[Register]:
    places = _places(module)
    for cell_name, cell in module["cells"].items():
        if cell["type"] != "$dff":
            continue
        found = [places.get(bit, (f"{cell_name}[{i}]", "")) for i, bit in
                 enumerate(cell["connections"]["Q"])]  # fmt: skip
        roles = {role or _memory_role(name, memories) for name, role in found}
        roles = {role or OTHER for role in roles}
        if len(roles) > 1 or not roles <= {*ROLES, OTHER}:
            raise BackendError(
                f"{found[0][0]} has the role {' and '.join(sorted(roles))}",
                hint=f"roles are {', '.join(ROLES)}, one for all bits of a register",
            )
        yield Register(cell_name, tuple(name for name, _ in found), roles.pop())


def _places(module: ModuleRecord) -> dict[BitName, tuple[str, str]]:
    """The most telling name of every net that has one, and its role."""
    driven = {
        bit
        for cell in module["cells"].values()
        if cell["type"] == "$dff"
        for bit in cell["connections"]["Q"]
    }
    best: dict[BitName, tuple[tuple[object, ...], str, str]] = {}
    for net, record in module["netnames"].items():
        role, start = record["attributes"].get("role", ""), record.get("offset", 0)
        initial = record["attributes"].get("init", "")
        if set(initial) & {"0", "1"} and any(bit in driven for bit in record["bits"]):
            raise BackendError(
                f"{net} has a value at power-up, which hardware of standard cells has not",
                hint="set it by a reset",
            )
        if record["hide_name"]:
            continue
        rank = (not role, -net.count("."), len(net), net)  # the name inside a module says most
        for place, bit in enumerate(record["bits"]):
            if bit in driven and (bit not in best or rank < best[bit][0]):
                best[bit] = (rank, f"{net}[{place + start}]", role)
    return {bit: (name, role) for bit, (_, name, role) in best.items()}


def _memory_role(name: str, memories: Mapping[str, NetRecord]) -> str:
    """The role of the memory that a word belongs to: ``bank.weights[3][0]`` to ``bank.weights``."""
    memory = re.sub(r"\[\d+\]\[\d+\]$", "", name)
    return memories[memory]["attributes"].get("role", "") if memory in memories else ""
