"""Energy of a clock: every net of a mapped netlist is computed, and what changes is priced.

Nets carry the values of many clocks at once, a bit for each, so that a change is one exclusive or.
Logic settles without glitches, and there are no wires: the figure is a lower bound of what a chip
takes. Registers that hold a configuration change nothing but their clocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from netwright.backends.rtl.implement.asic import LIBRARIES
from netwright.backends.rtl.implement.liberty import CellKind, CellLibrary, compiled
from netwright.backends.rtl.radiation.elaboration import BitName, CellRecord, ModuleRecord
from netwright.backends.rtl.radiation.standard_cells import MappedCells
from netwright.backends.rtl.radiation.triplication import COPY, PLAIN, VOTED
from netwright.errors import BackendError
from netwright.quantities import Quantity

MAX_ROUNDS = 8
"""Registers one behind the other that may carry data."""


@dataclass(frozen=True, slots=True)
class ClockEnergy:
    """What a clock takes, without wires and glitches.

    Attributes:
        total: Everything together.
        logic: Changes of combinational cells and of the nets.
        registers: Clocks and changes of flip-flops.
        leakage: At rest, for the length of a clock.
        activity: Changes of a net in a clock, on average over all nets.
        flip_flops: Flip-flops that are clocked.
    """

    total: Quantity
    logic: Quantity
    registers: Quantity
    leakage: Quantity
    activity: float
    flip_flops: int


def clock_energy(
    mapped: MappedCells,
    inputs: Mapping[str, list[int]],
    state: Mapping[str, int],
    *,
    clock_ns: float = 25.0,
) -> ClockEnergy:
    """The energy of a clock, on average over the clocks of some inputs.

    Args:
        mapped: The design.
        inputs: Numbers by input, one a clock; two clocks or more. Others are 0.
        state: Value of every register in the first clock, by instance.
        clock_ns: Length of a clock, for what leaks.

    Raises:
        BackendError: A cell is not known, or the design has a loop.
    """
    clocks = len(next(iter(inputs.values())))
    meter = _Meter(mapped.modules(), mapped.cells(), clocks)
    top = meter.modules[mapped.hardened.top]
    nets = _input_nets(top, inputs, clocks)
    stored = {
        flop.instance: [
            meter.mask if state[flop.instance] >> place & 1 else 0 for place in range(flop.bits)
        ]
        for flop in mapped.hardened.flops
    }
    for _ in range(MAX_ROUNDS):
        values = meter.values(mapped.hardened.top, nets, stored)
        following = {
            name: _following(top["cells"][name], values, old, meter.mask)
            for name, old in stored.items()
        }
        if following == stored:
            break
        stored = following
    meter.measure(mapped.hardened.top, nets, stored)
    return _figures(mapped, meter, clocks, clock_ns)


def _following(
    cell: CellRecord, values: Mapping[BitName, int], old: list[int], mask: int
) -> list[int]:
    """Values of a register from what it takes; where nothing is written it keeps what it has."""
    pins = cell["connections"]
    written = pins.get("write", ["1"] * len(old))
    found = []
    for bit, when, now in zip(pins["d"], written, old, strict=True):
        write, new = values[when], values.get(bit, now)
        found.append(((new & write | now & ~write) << 1 | (now & 1)) & mask)
    return found


def _figures(mapped: MappedCells, meter: _Meter, clocks: int, clock_ns: float) -> ClockEnergy:
    steps = clocks - 1
    activity = meter.changes / max(meter.nets * steps, 1)
    source = (
        f"cells of {LIBRARIES[mapped.library].about}, changes counted over {steps} clocks without "
        f"glitches, {activity:.3g} changes of a net in a clock, no wires"
    )

    def quantity(femtojoule: float) -> Quantity:
        return Quantity(femtojoule / 1e6, "nJ", source, "modelled")

    logic = meter.logic_fj / steps
    registers = meter.register_fj / steps + meter.clock_fj
    leakage = meter.leakage_w * clock_ns * 1e-9 * 1e15
    return ClockEnergy(
        quantity(logic + registers + leakage),
        quantity(logic),
        quantity(registers),
        quantity(leakage),
        activity,
        meter.flip_flops,
    )


def _input_nets(
    top: ModuleRecord, inputs: Mapping[str, list[int]], clocks: int
) -> dict[BitName, int]:
    nets: dict[BitName, int] = {}
    for name, port in top["ports"].items():
        if port["direction"] == "input":
            numbers = inputs.get(name, [0] * clocks)
            for place, bit in enumerate(port["bits"]):
                nets[bit] = sum((number >> place & 1) << t for t, number in enumerate(numbers))
    return nets


@dataclass
class _Meter:
    """Computes a netlist for many clocks at once, and adds up what changes cost."""

    modules: Mapping[str, ModuleRecord]
    library: CellLibrary
    clocks: int
    logic_fj: float = 0.0
    register_fj: float = 0.0
    clock_fj: float = 0.0
    leakage_w: float = 0.0
    changes: int = 0
    nets: int = 0
    flip_flops: int = 0
    _orders: dict[str, list[str]] = field(default_factory=dict)
    _loads: dict[str, dict[BitName, float]] = field(default_factory=dict)

    @property
    def mask(self) -> int:
        """All clocks."""
        return (1 << self.clocks) - 1

    @cached_property
    def half_v2(self) -> float:
        """Half the square of the supply: femtojoule for a femtofarad and a change."""
        return self.library.volt**2 / 2

    def changed(self, value: int) -> int:
        """How often a net changes."""
        return ((value ^ (value >> 1)) & (self.mask >> 1)).bit_count()

    def is_register(self, kind: str) -> bool:
        """Whether a module is a register or a copy of one."""
        return kind in self.modules and (f"\\{PLAIN}\\" in kind or f"\\{COPY}\\" in kind)

    def stores(self, kind: str) -> bool:
        """Whether what comes out of a cell does not come from what enters in the same clock."""
        if kind in self.modules:
            return self.is_register(kind) or f"\\{VOTED}\\" in kind
        return self._kind(kind).stored is not None

    def values(
        self, name: str, nets: Mapping[BitName, int], stored: Mapping[str, list[int]]
    ) -> dict[BitName, int]:
        """Values of all nets of a module, from those of its inputs and registers."""
        found: dict[BitName, int] = {"0": 0, "1": self.mask, "x": 0, "z": 0, **nets}
        cells = self.modules[name]["cells"]
        for instance, lanes in stored.items():
            for pin in ("q", "vote"):  # a copy is what it votes for: nothing is upset
                found |= zip(cells[instance]["connections"].get(pin, ()), lanes, strict=False)
        for instance in self._order(name):
            if instance not in stored:
                self._compute(instance, cells[instance], found, stored)
        return found

    def _compute(
        self,
        instance: str,
        cell: CellRecord,
        found: dict[BitName, int],
        stored: Mapping[str, list[int]],
    ) -> None:
        kind, connections = cell["type"], cell["connections"]
        if kind in self.modules:
            inner = self.modules[kind]
            nets = {
                bit: found[outer]
                for port, record in inner["ports"].items()
                if record["direction"] == "input"
                for bit, outer in zip(record["bits"], connections[port], strict=True)
            }
            values = self.values(kind, nets, {})
            for port, record in inner["ports"].items():
                if record["direction"] == "output" and port in connections:
                    for bit, outer in zip(record["bits"], connections[port], strict=False):
                        found[outer] = values[bit]
            return
        known = self._kind(kind)
        pins = {pin: found[bits[0]] for pin, bits in connections.items()
                if pin not in known.functions}  # fmt: skip
        for pin, expression in known.functions.items():
            if connections.get(pin):
                found[connections[pin][0]] = compiled(expression)(pins) & self.mask

    def _kind(self, kind: str) -> CellKind:
        if kind not in self.library.cells:
            raise BackendError(f'"{kind}" is not a cell of the library')
        return self.library.cells[kind]

    def _order(self, name: str) -> list[str]:
        """Cells of a module, each behind those that it reads; registers first."""
        if name not in self._orders:
            self._orders[name] = list(_ordered(self, name))
        return self._orders[name]

    def measure(
        self, name: str, nets: Mapping[BitName, int], stored: Mapping[str, list[int]]
    ) -> None:
        """Add the energy of a module and of all below it."""
        values = self.values(name, nets, stored)
        loads = self._load(name)
        cells = self.modules[name]["cells"]
        driven = 0
        for bit, value in values.items():
            if isinstance(bit, int):
                changes = self.changed(value)
                self.changes += changes
                driven += 1
                self.logic_fj += changes * loads.get(bit, 0.0) * self.half_v2
        self.nets += driven
        for cell in cells.values():
            if self.is_register(cell["type"]):
                self._register(cell, values)
            elif cell["type"] in self.modules:
                self._below(cell, values)
            else:
                self._cell(self._kind(cell["type"]), cell, values, loads)

    def _cell(
        self,
        kind: CellKind,
        cell: CellRecord,
        values: Mapping[BitName, int],
        loads: Mapping[BitName, float],
    ) -> None:
        self.leakage_w += kind.leakage_w
        for pin, tables in kind.energy.items():
            bits = cell["connections"].get(pin)
            if tables and bits:
                load = loads.get(bits[0], 0.0) / self.library.units_ff
                mean = sum(table.at(load) for table in tables) / len(tables)
                self.logic_fj += self.changed(values[bits[0]]) * mean

    def _below(self, cell: CellRecord, values: Mapping[BitName, int]) -> None:
        """A module inside: voters with their copies, or logic."""
        inner, connections = self.modules[cell["type"]], cell["connections"]
        nets = {
            bit: values[outer]
            for port, record in inner["ports"].items()
            if record["direction"] == "input"
            for bit, outer in zip(record["bits"], connections[port], strict=True)
        }
        copies = [n for n, c in inner["cells"].items() if self.is_register(c["type"])]
        held = [values[bit] for bit in connections["q"]] if copies else []
        self.measure(cell["type"], nets, dict.fromkeys(copies, held))

    def _register(self, cell: CellRecord, values: Mapping[BitName, int]) -> None:
        """The flip-flops of a register with their voters: clocks, and what they take and give."""
        kind = cell["type"]
        ports, pins = self.modules[kind]["ports"], cell["connections"]
        nets = {
            bit: values[outer]
            for port, record in ports.items()
            if record["direction"] == "input" or port == "q"
            for bit, outer in zip(record["bits"], pins[port], strict=True)
        }
        inner, loads = self.values(kind, nets, {}), self._load(kind)
        outside = {bit for record in ports.values() for bit in record["bits"]}
        for bit in inner.keys() - outside:
            self.logic_fj += self.changed(inner[bit]) * loads.get(bit, 0.0) * self.half_v2
        for part in self.modules[kind]["cells"].values():
            known = self._kind(part["type"])
            if known.stored is None:
                self._cell(known, part, inner, loads)
            else:
                self._flip_flop(known, known.stored, part, inner)

    def _flip_flop(
        self,
        kind: CellKind,
        stored: tuple[str, str, tuple[str, ...]],
        cell: CellRecord,
        values: Mapping[BitName, int],
    ) -> None:
        self.flip_flops += 1
        self.leakage_w += kind.leakage_w
        data, clock, outputs = stored
        tables = kind.energy.get(clock, ())
        mean = sum(table.at(0.0) for table in tables) / max(len(tables), 1)
        self.clock_fj += 2 * (mean + kind.capacitance.get(clock, 0.0) * self.half_v2)
        out = next(b for pin in outputs for b in cell["connections"].get(pin, ()) if b in values)
        for pin, bit in ((data, cell["connections"][data][0]), (outputs[0], out)):
            if rows := kind.energy.get(pin, ()):
                cost = sum(table.at(0.0) for table in rows) / len(rows)
                self.register_fj += self.changed(values[bit]) * cost

    def _load(self, name: str) -> dict[BitName, float]:
        """Femtofarad of the pins on every net of a module, those of the modules inside too."""
        if name not in self._loads:
            loads: dict[BitName, float] = {}
            for cell in self.modules[name]["cells"].values():
                for pin, bits in cell["connections"].items():
                    for place, bit in enumerate(bits):
                        loads[bit] = loads.get(bit, 0.0) + self._pin(cell["type"], pin, place)
            self._loads[name] = loads
        return self._loads[name]

    def _pin(self, kind: str, pin: str, place: int) -> float:
        if kind not in self.modules:
            return self._kind(kind).capacitance.get(pin, 0.0)
        port = self.modules[kind]["ports"][pin]
        if port["direction"] != "input" or pin == "clk":
            return 0.0
        return self._load(kind).get(port["bits"][place], 0.0)


def _ordered(meter: _Meter, name: str) -> Iterator[str]:
    cells = meter.modules[name]["cells"]
    ports = meter.modules[name]["ports"].values()
    known: set[BitName] = {"0", "1", "x", "z"}
    known |= {bit for port in ports if port["direction"] == "input" for bit in port["bits"]}
    waiting: dict[str, tuple[set[BitName], list[BitName]]] = {}
    readers: dict[BitName, list[str]] = {}
    ready = []
    for instance, cell in cells.items():
        reads, makes = _directions(meter, cell)
        if meter.stores(cell["type"]):
            known |= set(makes)
            continue
        waiting[instance] = (reads, makes)
        for bit in reads:
            readers.setdefault(bit, []).append(instance)
    for instance, (reads, _) in waiting.items():
        reads -= known
        if not reads:
            ready.append(instance)
    done = 0
    while ready:
        instance = ready.pop()
        done += 1
        yield instance
        for bit in waiting[instance][1]:
            for reader in readers.get(bit, ()):
                left = waiting[reader][0]
                if bit in left:
                    left.discard(bit)
                    if not left:
                        ready.append(reader)
    if done != len(waiting):
        raise BackendError(f"{name}: has a loop of logic, or a net that nothing drives")


def _directions(meter: _Meter, cell: CellRecord) -> tuple[set[BitName], list[BitName]]:
    """The nets that a cell reads, and those that it makes."""
    kind = cell["type"]
    if kind in meter.modules:
        ports = meter.modules[kind]["ports"]
        makes = [p for p, record in ports.items() if record["direction"] == "output"]
    else:
        known = meter._kind(kind)
        makes = [*known.functions, *(known.stored[2] if known.stored else ())]
    reads = {b for pin, bits in cell["connections"].items() if pin not in makes for b in bits}
    return reads, [b for pin in makes for b in cell["connections"].get(pin, ())]
