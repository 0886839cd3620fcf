"""Trees of buffers in a mapped netlist, also where a net enters many modules.

Yosys maps one module after the other; a net that thousands of registers read, each in a module of
its own, is one output for it. Before layout somebody has to divide it, or no delay means anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netwright.backends.rtl.implement.liberty import CellKind, compiled
from netwright.backends.rtl.radiation.elaboration import BitName, CellRecord, ModuleRecord
from netwright.errors import BackendError

MAX_FANOUT = 16
"""Pins that a net drives, those inside of modules counted."""

CLOCK = "clk"
"""The pin of modules that is the clock, as the clock pins of flip-flops are; its tree is another
step of a layout, so that it is divided only for who asks for it."""

Pin = tuple[CellRecord, str, int, int]
"""A cell, its pin, the bit of it, and how many pins of cells that is."""


@dataclass
class Divider:
    """Divides nets of modules, the inner ones first.

    Args:
        modules: The modules of a netlist; they are changed.
        kinds: The cells of its library.
        most: Pins that a net may drive.
        clock: Divide the clock, and nothing else.

    Attributes:
        added: Buffers that were added.

    Raises:
        BackendError: The library has no buffer.
    """

    modules: Mapping[str, ModuleRecord]
    kinds: Mapping[str, CellKind]
    most: int = MAX_FANOUT
    clock: bool = False
    added: int = 0
    _loads: dict[str, dict[BitName, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        buffers = [kind for kind in self.kinds.values() if _is_buffer(kind)]
        if not buffers:
            raise BackendError("the library has no buffer")
        smallest = min(buffers, key=lambda kind: (kind.area, kind.name))
        (out,) = smallest.functions
        (entry,) = smallest.capacitance
        self._buffer, self._in, self._out = smallest.name, entry, out

    def divide(self, name: str) -> dict[BitName, int]:
        """Divide the nets of a module and of all below it; pins that each net drives then."""
        if name not in self._loads:
            module = self.modules[name]
            sinks: dict[BitName, list[Pin]] = {}
            last = 0
            for cell in module["cells"].values():
                for pin, bits in cell["connections"].items():
                    last = max(last, *(bit for bit in bits if isinstance(bit, int)), 0)
                    for place, count in self._read(cell["type"], pin, len(bits)):
                        sinks.setdefault(bits[place], []).append((cell, pin, place, count))
            for record in (*module["ports"].values(), *module["netnames"].values()):
                last = max(last, *(bit for bit in record["bits"] if isinstance(bit, int)), 0)
            self._loads[name] = {net: sum(pin[3] for pin in read) for net, read in sinks.items()}
            for net, read in sinks.items():
                if isinstance(net, int) and self._loads[name][net] > self.most:
                    last = self._tree(module, net, read, last)
                    self._loads[name][net] = self.most
        return self._loads[name]

    def _read(self, kind: str, pin: str, width: int) -> list[tuple[int, int]]:
        """Bits of a pin that are read, and how many pins of cells each is."""
        if kind in self.modules:
            port = self.modules[kind]["ports"][pin]
            if port["direction"] != "input" or (pin == CLOCK) != self.clock:
                return []
            loads = self.divide(kind)
            return [(n, loads[b]) for n, b in enumerate(port["bits"][:width]) if loads.get(b)]
        known = self.kinds[kind]
        if self.clock:
            return [(0, 1)] if known.stored and pin == known.stored[1] else []
        outputs = {*known.functions, *(known.stored[1:2] if known.stored else ()),
                   *(known.stored[2] if known.stored else ())}  # fmt: skip
        return [] if pin in outputs else [(0, 1)]

    def _tree(self, module: ModuleRecord, net: BitName, pins: list[Pin], last: int) -> int:
        """Put buffers between a net and what reads it; the last net that there is then."""
        while sum(pin[3] for pin in pins) > self.most:
            groups: list[list[Pin]] = [[]]
            for pin in pins:
                if groups[-1] and sum(other[3] for other in groups[-1]) + pin[3] > self.most:
                    groups.append([])
                groups[-1].append(pin)
            pins = []
            for group in groups:
                last += 1
                for cell, name, place, _ in group:
                    cell["connections"][name][place] = last
                buffer: CellRecord = {
                    "type": self._buffer,
                    "parameters": {},
                    "attributes": {},
                    "port_directions": {self._in: "input", self._out: "output"},
                    "connections": {self._in: [net], self._out: [last]},
                }
                self.added += 1
                module["cells"][f"buffer{last}"] = buffer
                pins.append((buffer, self._in, 0, 1))
        return last


def _is_buffer(kind: CellKind) -> bool:
    """Whether a cell gives what enters it."""
    if kind.stored or len(kind.functions) != 1 or len(kind.capacitance) != 1:
        return False
    (pin,), (function,) = kind.capacitance, kind.functions.values()
    try:
        return compiled(function)({pin: 0b10}) & 0b11 == 0b10
    except KeyError:
        return False
