"""Whether triplication survived synthesis: looked up in the mapped netlist, cell by cell.

Every protected bit must still be three flip-flops with three outputs, and a voter that is the
majority for all eight values of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from netwright.backends.rtl.implement.liberty import GENERIC, CellKind, compiled
from netwright.backends.rtl.implement.synthesis import run_script
from netwright.backends.rtl.radiation.elaboration import (
    MAX_NETLIST_BYTES,
    BitName,
    CellRecord,
    ModuleRecord,
)
from netwright.backends.rtl.radiation.triplication import COPIES, Flop, Hardened
from netwright.errors import BackendError
from netwright.progress import Progress, silent
from netwright.reading import read_json


@dataclass(frozen=True, slots=True)
class Survival:
    """What was found in a mapped netlist.

    Attributes:
        protected_bits: Bits that the policy protects.
        flip_flops: Flip-flops in the whole netlist.
        expected_flip_flops: As many as there must be.
        voters: Voters that are the majority of three distinct flip-flops.
        faults: What is not as it must be; empty when all is well.
    """

    protected_bits: int
    flip_flops: int
    expected_flip_flops: int
    voters: int
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every protected bit is three flip-flops and a voter, and there is one."""
        complete = 0 < self.voters == self.protected_bits
        return complete and self.flip_flops == self.expected_flip_flops and not self.faults


def survival(
    hardened: Hardened,
    *,
    folder: Path,
    timeout_s: float = 1800.0,
    progress: Progress = silent,
) -> Survival:
    """Synthesize to gates and look whether triplication is still there.

    Args:
        hardened: The design.
        folder: Where the netlist and the log go.
        timeout_s: Wall-clock seconds Yosys may take.
        progress: Told what it does.

    Raises:
        MissingExtra: pyosys is not installed.
        ToolFailed: Yosys ended with an error, or ran past its time.
        DataError: The netlist cannot be read.
        BackendError: It is another design.
    """
    netlist = f"{hardened.top}-gates.json"
    run_script(
        hardened.sources,
        [
            f"synth -flatten -top {hardened.top}",
            "dfflegalize -cell $_DFF_P_ x",
            "opt_clean -purge",
            f"write_json {netlist}",
        ],
        folder=folder,
        name=f"{hardened.top}-gates",
        outputs=(netlist,),
        check=lambda made: (made / netlist).stat(),
        timeout_s=timeout_s,
        defines=(),
        progress=progress,
    )
    return examine(hardened, folder / netlist, GENERIC)


def examine(hardened: Hardened, netlist: Path, kinds: Mapping[str, CellKind]) -> Survival:
    """Look for the flip-flops and voters in a netlist whose register modules are kept.

    Args:
        hardened: The design.
        netlist: What Yosys wrote of it after mapping.
        kinds: The cells that it was mapped to.

    Raises:
        DataError: The netlist cannot be read.
        BackendError: It is another design.
    """
    found = read_json(netlist, most=MAX_NETLIST_BYTES)
    modules: Mapping[str, ModuleRecord] = found["modules"]
    top = modules.get(hardened.top)
    if top is None:
        raise BackendError(f'{netlist}: has no module "{hardened.top}"')
    faults: list[str] = []
    voters = 0
    cache: dict[tuple[str, int], list[str]] = {}
    for flop in hardened.flops:
        if not flop.voted:
            continue
        cell = top["cells"].get(flop.instance)
        kind = cell["type"] if cell else ""
        if kind not in modules:
            faults.append(f"{flop.names[0]}: its register is not there any more")
            continue
        key = (kind, flop.bits)
        if key not in cache:
            cache[key] = list(_faults(modules, kind, flop, kinds))
        faults += [f"{flop.names[0]}: {fault}" for fault in cache[key]]
        voters += 0 if cache[key] else flop.bits
    counted = _flip_flops(modules, hardened.top, kinds, {})
    return Survival(hardened.protected_bits, counted, hardened.flip_flops, voters, tuple(faults))


def _flip_flops(
    modules: Mapping[str, ModuleRecord],
    name: str,
    kinds: Mapping[str, CellKind],
    known: dict[str, int],
) -> int:
    """Flip-flops in a module and below it."""
    if name not in known:
        known[name] = 0
        for cell in modules[name]["cells"].values():
            if cell["type"] in modules:
                known[name] += _flip_flops(modules, cell["type"], kinds, known)
            elif cell["type"] in kinds:
                known[name] += kinds[cell["type"]].stored is not None
    return known[name]


def _faults(
    modules: Mapping[str, ModuleRecord], name: str, flop: Flop, kinds: Mapping[str, CellKind]
) -> Iterator[str]:
    """What is wrong with a module that shall be three registers and voters."""
    cells, ports = modules[name]["cells"], modules[name]["ports"]
    outputs: list[list[BitName]] = []
    for copy in COPIES:
        cell = cells.get(copy)
        inner = modules.get(cell["type"]) if cell else None
        if cell is None or inner is None:
            yield f"the copy {copy} is not there any more"
            return
        stored = [c for c in inner["cells"].values() if _stores(c["type"], kinds)]
        driven = {bit for c in stored for pin in _outputs(c["type"], kinds)
                  for bit in c["connections"].get(pin, [])}  # fmt: skip
        if len(stored) != flop.bits or not set(inner["ports"]["q"]["bits"]) <= driven:
            yield f"the copy {copy} has {len(stored)} flip-flops, not {flop.bits}"
            return
        if not _takes_input(inner, stored, kinds) or any(
            cell["connections"][pin] != ports[pin]["bits"] for pin in ("clk", "d")
        ):
            yield f"the copy {copy} does not take the input as it is"
            return
        outputs.append(cell["connections"]["q"])
    nets = [bit for copy in outputs for bit in copy]
    if len(set(nets)) != len(nets):
        yield "two copies share a net"
        return
    logic = {n: c for n, c in cells.items() if n not in COPIES}
    for place, voted in enumerate(ports["q"]["bits"]):
        copies = [copy[place] for copy in outputs]
        if not _is_majority(logic, voted, copies, kinds):
            yield f"bit {place} is not the majority of its copies"


def _takes_input(
    module: ModuleRecord, stored: list[CellRecord], kinds: Mapping[str, CellKind]
) -> bool:
    """Whether every flip-flop has its own bit of `d` before it."""
    pairs = set(zip(module["ports"]["d"]["bits"], module["ports"]["q"]["bits"], strict=True))
    for cell in stored:
        pins = kinds[cell["type"]].stored
        assert pins is not None
        source = cell["connections"][pins[0]][0]
        found = {(source, bit) for pin in pins[2] for bit in cell["connections"].get(pin, [])}
        pairs -= found
    return not pairs


def _stores(kind: str, kinds: Mapping[str, CellKind]) -> bool:
    return kind in kinds and kinds[kind].stored is not None


def _outputs(kind: str, kinds: Mapping[str, CellKind]) -> tuple[str, ...]:
    stored = kinds[kind].stored
    return stored[2] if stored else ()


def _is_majority(
    logic: Mapping[str, CellRecord],
    voted: BitName,
    copies: list[BitName],
    kinds: Mapping[str, CellKind],
) -> bool:
    """Whether a net is the majority of three others, tried with all their values."""
    cases = list(product((0, 1), repeat=3))
    values: dict[BitName, int] = {
        copy: sum(case[i] << n for n, case in enumerate(cases)) for i, copy in enumerate(copies)
    }
    expected = sum((sum(case) >= 2) << n for n, case in enumerate(cases))
    mask = (1 << len(cases)) - 1
    waiting = dict(logic)
    while waiting and voted not in values:
        ready = [n for n, c in waiting.items() if _ready(c, values, kinds)]
        if not ready:
            return False
        for name in ready:
            cell = waiting.pop(name)
            connections, kind = cell["connections"], kinds[cell["type"]]
            pins = {pin: _value(bits[0], values, mask) for pin, bits in connections.items()
                    if pin not in kind.functions}  # fmt: skip
            for pin, expression in kind.functions.items():
                if pin in connections:
                    values[connections[pin][0]] = compiled(expression)(pins) & mask
    return values.get(voted) == expected


def _ready(cell: CellRecord, values: Mapping[BitName, int], kinds: Mapping[str, CellKind]) -> bool:
    kind = kinds.get(cell["type"])
    if kind is None or kind.stored is not None:
        return False
    return all(
        bits[0] in values or bits[0] in ("0", "1")
        for pin, bits in cell["connections"].items()
        if pin not in kind.functions
    )


def _value(bit: BitName, values: Mapping[BitName, int], mask: int) -> int:
    return values[bit] if bit in values else mask * (bit == "1")
