"""Whether triplication survived synthesis: looked up in the mapped netlist, cell by cell.

Every protected bit must still be three flip-flops with three outputs. Each must take what is
written or its own vote, which is the majority for all eight values of the three; the votes have no
cell in common.
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
        voters: Voters that are the majority of three distinct flip-flops, one for each copy.
        faults: What is not as it must be; empty when all is well.
    """

    protected_bits: int
    flip_flops: int
    expected_flip_flops: int
    voters: int
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every protected bit is three flip-flops and voters, and there is one."""
        complete = 0 < self.voters == len(COPIES) * self.protected_bits
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
        voters += 0 if cache[key] else len(COPIES) * flop.bits
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
    """What is wrong with a module that shall be three registers, each with a voter."""
    cells, ports = modules[name]["cells"], modules[name]["ports"]
    outputs: list[list[BitName]] = []
    for copy in COPIES:
        cell = cells.get(copy)
        inner = modules.get(cell["type"]) if cell else None
        if cell is None or inner is None:
            yield f"the copy {copy} is not there any more"
            return
        faults = list(_copy_faults(inner, flop, kinds))
        if any(cell["connections"][pin] != ports[pin]["bits"] for pin in ("clk", "write", "d")):
            faults.append("does not take the input as it is")
        if faults:
            yield f"the copy {copy} {faults[0]}"
            return
        outputs.append(cell["connections"]["q"])
    nets = [bit for copy in outputs for bit in copy]
    if len(set(nets)) != len(nets):
        yield "two copies share a net"
        return
    for number, copy in enumerate(COPIES):
        others = [outputs[(number + step) % len(COPIES)] for step in (1, 2)]
        pins = cells[copy]["connections"]
        if sorted(map(str, (pins["left"], pins["right"]))) != sorted(map(str, others)):
            yield f"the copy {copy} does not see both others"
    if ports["q"]["bits"] != cells[COPIES[0]]["connections"].get("vote"):
        yield "what is read is not the vote"


def _copy_faults(copy: ModuleRecord, flop: Flop, kinds: Mapping[str, CellKind]) -> Iterator[str]:
    """What is wrong with a module that shall be one register and its voter."""
    ports, cells = copy["ports"], copy["cells"]
    stored = {
        bit: cell["connections"][pins[0]][0]
        for cell in cells.values()
        if cell["type"] in kinds and (pins := kinds[cell["type"]].stored) is not None
        for pin in pins[2]
        for bit in cell["connections"].get(pin, [])
    }
    count = sum(_stores(cell["type"], kinds) for cell in cells.values())
    if count != flop.bits or not set(ports["q"]["bits"]) <= stored.keys():
        yield f"has {count} flip-flops, not {flop.bits}"
        return
    nets = [ports[pin]["bits"] for pin in ("write", "d", "q", "left", "right", "vote")]
    cases = list(product((0, 1), repeat=5))
    writes, values, *held = (sum(case[i] << n for n, case in enumerate(cases)) for i in range(5))
    majority = sum((sum(case[2:]) >= 2) << n for n, case in enumerate(cases))
    taken = writes & values | ~writes & majority
    drivers = _drivers(cells, kinds)
    mask = (1 << len(cases)) - 1
    for place, (write, d, q, left, right, vote) in enumerate(zip(*nets, strict=True)):
        known = {write: writes, d: values, **dict(zip((q, left, right), held, strict=True))}
        if _computed(vote, known, drivers, kinds, mask) != majority:
            yield f"has another vote than the majority in bit {place}"
        elif _computed(stored[q], known, drivers, kinds, mask) != taken & mask:
            yield f"does not take the input as it is in bit {place}"


def _stores(kind: str, kinds: Mapping[str, CellKind]) -> bool:
    return kind in kinds and kinds[kind].stored is not None


def _drivers(
    cells: Mapping[str, CellRecord], kinds: Mapping[str, CellKind]
) -> dict[BitName, tuple[CellRecord, str]]:
    """The cell and the pin that drive each net, of cells that only compute."""
    return {
        cell["connections"][pin][0]: (cell, pin)
        for cell in cells.values()
        if cell["type"] in kinds and not _stores(cell["type"], kinds)
        for pin in kinds[cell["type"]].functions
        if cell["connections"].get(pin)
    }


def _computed(
    net: BitName,
    known: dict[BitName, int],
    drivers: Mapping[BitName, tuple[CellRecord, str]],
    kinds: Mapping[str, CellKind],
    mask: int,
) -> int | None:
    """Values of a net for all cases at once; ``None`` if it depends on something else.

    What was found is added to `known`.
    """
    waiting = [net]
    while waiting:
        now = waiting[-1]
        if now in known or now in ("0", "1"):
            waiting.pop()
            continue
        if now not in drivers or len(waiting) > len(drivers) + 1:
            return None
        cell, pin = drivers[now]
        kind = kinds[cell["type"]]
        inputs = {p: bits[0] for p, bits in cell["connections"].items() if p not in kind.functions}
        if missing := [
            bit for bit in inputs.values() if bit not in known and bit not in ("0", "1")
        ]:
            waiting.append(missing[0])
            continue
        pins = {p: _value(bit, known, mask) for p, bit in inputs.items()}
        known[now] = compiled(kind.functions[pin])(pins) & mask
        waiting.pop()
    return _value(net, known, mask)


def _value(bit: BitName, values: Mapping[BitName, int], mask: int) -> int:
    return values[bit] if bit in values else mask * (bit == "1")
