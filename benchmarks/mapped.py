"""A mapped netlist executed on many rows at once: a wire is one integer with a bit for every clock.

A lookup table is a tree of choices between such integers, a flip-flop moves its integer on by one
clock, so a pipeline without feedback is executed by one walk over its cells. That takes seconds
where compiling a simulation takes minutes, and shares nothing with it. Feedback, enables and other
cells than those of a pipeline are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.simulate.simulators import Codes, execute
from netwright.ir import Graph
from netwright.ir.interpret import Values
from netwright.reading import read_json

MAX_BYTES = 1 << 30

Pins = Mapping[str, list[int]]
"""What is on every input pin of a cell, bit for bit, each an integer over all clocks."""


class UnknownCell(Exception):
    """A cell that no pipeline of lookup tables, carry chains and flip-flops has."""


@dataclass(frozen=True)
class MappedNetlist:
    """What synthesis made of a design, executed without a simulator.

    Attributes:
        graph: What it is said to compute.
        circuit: Its ports and its latency.
        file: The netlist, JSON of Yosys.
    """

    graph: Graph
    circuit: Circuit
    file: Path

    def run(self, inputs: Values, *, keep: object = ()) -> dict[str, object]:
        """Execute it on a batch of real inputs, as simulations are."""
        return dict(execute(self.graph, self.circuit, inputs, (), self._stream))

    def _stream(self, codes: Codes) -> Codes:
        (entering,), (leaving,) = self.circuit.inputs, self.circuit.outputs
        rows = codes[entering.tensor]
        clocks = len(rows) + self.circuit.latency_cycles
        module = read_json(self.file, most=MAX_BYTES)["modules"][self.circuit.name]
        mask = (1 << clocks) - 1
        values: dict[int | str, int] = {"0": 0, "1": mask, "x": 0, "z": 0}
        ports = {name: port["bits"] for name, port in module["ports"].items()}
        values |= {ports["clk"][0]: 0, ports["rst_n"][0]: mask}
        values[ports["x_valid"][0]] = (1 << len(rows)) - 1
        for place, bit in enumerate(ports[f"{entering.name}_data"]):
            element, digit = divmod(place, entering.bits)
            values[bit] = _packed((rows[:, element] >> digit) & 1)
        for cell, numbers in _ordered(module["cells"], values):
            _evaluate(cell, values, mask, numbers)
        expected = ((1 << len(rows)) - 1) << self.circuit.latency_cycles
        assert values[ports["y_valid"][0]] == expected, "rows come out at other clocks than said"
        bits = ports[f"{leaving.name}_data"]
        found = np.zeros((len(rows), leaving.num_elements), dtype=np.int64)
        for place, bit in enumerate(bits):
            element, digit = divmod(place, leaving.bits)
            column = _unpacked(values[bit] >> self.circuit.latency_cycles, len(rows))
            weight = 1 << digit
            if leaving.signed and digit == leaving.bits - 1:
                weight = -weight
            found[:, element] += column * weight
        return {leaving.tensor: found}


def _packed(column: NDArray[np.int64]) -> int:
    return int.from_bytes(
        np.packbits(column.astype(np.uint8), bitorder="little").tobytes(), "little"
    )


def _unpacked(value: int, rows: int) -> NDArray[np.int64]:
    held = (value & ((1 << rows) - 1)).to_bytes(-(-rows // 8), "little")
    bits = np.unpackbits(np.frombuffer(held, dtype=np.uint8), bitorder="little", count=rows)
    return bits.astype(np.int64)


def _ordered(
    cells: Mapping[str, Any], values: Mapping[int | str, int]
) -> Iterator[tuple[Mapping[str, Any], Pins]]:
    """The cells, each behind those it reads; flip-flops are cells like others."""
    cells = {name: cell for name, cell in cells.items() if cell["type"] != "$scopeinfo"}
    made: dict[int | str, str] = {}
    for name, cell in cells.items():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"][pin] == "output":
                made |= {bit: name for bit in bits}
    needs = {
        name: {
            made[bit]
            for pin, bits in cell["connections"].items()
            if cell["port_directions"][pin] == "input"
            for bit in bits
            if bit in made
        }
        for name, cell in cells.items()
    }
    try:
        order = tuple(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise UnknownCell(f"the netlist has feedback: {error.args[1][:3]}") from None
    for name in order:
        cell = cells[name]
        yield (
            cell,
            {
                pin: [values[bit] for bit in bits]
                for pin, bits in cell["connections"].items()
                if cell["port_directions"][pin] == "input"
            },
        )


def _evaluate(cell: Mapping[str, Any], values: dict[int | str, int], mask: int, pins: Pins) -> None:
    kind = cell["type"]
    find = KINDS.get("LUT" if kind.startswith("LUT") else kind)
    if find is None:
        raise UnknownCell(f"a cell {kind}")
    found = find(cell["parameters"], pins, mask)
    for pin, bits in cell["connections"].items():
        if cell["port_directions"][pin] == "output":
            for bit, value in zip(bits, found[pin], strict=True):
                values[bit] = value


Result = Mapping[str, list[int]]


def _table(init: int, inputs: list[int], mask: int) -> int:
    """A lookup table, the last input choosing between two halves of it."""
    size = 1 << len(inputs)
    if init == 0:
        return 0
    if init == (1 << size) - 1:
        return mask
    half = size >> 1
    low, high = init & ((1 << half) - 1), init >> half
    if low == high:
        return _table(low, inputs[:-1], mask)
    one, other = _table(low, inputs[:-1], mask), _table(high, inputs[:-1], mask)
    return one ^ ((one ^ other) & inputs[-1])


def _lut(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
    names = sorted(pins)  # I0.. or A..
    inputs = [pins[name][0] for name in names]
    init = int(str(parameters["INIT"]).strip(), 2)
    output = "O" if names[0].startswith("I") else "Z"
    return {output: [_table(init & ((1 << (1 << len(inputs))) - 1), inputs, mask)]}


def _inverter(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
    return {"O": [pins["I"][0] ^ mask]}


def _buffer(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
    return {"O": pins["I"]}


def _carry4(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
    carry = pins["CI"][0] | pins["CYINIT"][0]
    sums, carries = [], []
    for choose, data in zip(pins["S"], pins["DI"], strict=True):
        sums.append(choose ^ carry)
        carry = data ^ ((data ^ carry) & choose)
        carries.append(carry)
    return {"O": sums, "CO": carries}


def _ccu2c(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
    carry, found = pins["CIN"][0], {}
    for side in "01":
        inputs = [pins[f"{name}{side}"][0] for name in "ABCD"]
        init = int(str(parameters[f"INIT{side}"]).strip(), 2)
        whole, half = _table(init, inputs, mask), _table(init & 0xF, inputs[:2], mask)
        inject = str(parameters[f"INJECT1_{side}"]).strip() == "YES"
        found[f"S{side}"] = [whole ^ (0 if inject else carry)]
        carry = (whole & carry) | (0 if inject else ~whole & half & mask)
    return found | {"COUT": [carry]}


def _mux(chooser: str, one: str, other: str, output: str) -> Callable[..., Result]:
    def choose(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
        low, high = pins[one][0], pins[other][0]
        return {output: [low ^ ((low ^ high) & pins[chooser][0])]}

    return choose


def _fdre(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
    if pins["CE"][0] != mask:
        raise UnknownCell("a flip-flop with an enable")
    return {"Q": [((pins["D"][0] & ~pins["R"][0]) << 1) & mask]}


def _shift_register(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
    if pins["CE"][0] != mask:
        raise UnknownCell("a shift register with an enable")
    places = [pins[f"A{place}"][0] for place in range(4)]
    if any(place not in (0, mask) for place in places):
        raise UnknownCell("a shift register whose length varies")
    clocks = 1 + sum(1 << place for place, held in enumerate(places) if held)
    return {"Q": [(pins["D"][0] << clocks) & mask]}


def _fdse(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
    if pins["CE"][0] != mask:
        raise UnknownCell("a flip-flop with an enable")
    return {"Q": [((pins["D"][0] | pins["S"][0]) << 1) & mask]}


def _trellis_ff(parameters: Mapping[str, str], pins: Pins, mask: int) -> Result:
    if pins.get("CE", [mask])[0] != mask and str(parameters.get("CEMUX", "1")).strip() != "1":
        raise UnknownCell("a flip-flop with an enable")
    data = pins["DI"][0] if "DI" in pins else pins["M"][0]
    reset = pins.get("LSR", [0])[0]
    if str(parameters.get("LSRMUX", "LSR")).strip() == "INV":
        reset ^= mask
    is_set = str(parameters.get("REGSET", "RESET")).strip() == "SET"
    return {"Q": [((data | reset if is_set else data & ~reset) << 1) & mask]}


KINDS: Mapping[str, Callable[..., Result]] = {
    "LUT": _lut,
    "INV": _inverter,
    "BUFG": _buffer,
    "CARRY4": _carry4,
    "MUXF7": _mux("S", "I0", "I1", "O"),
    "MUXF8": _mux("S", "I0", "I1", "O"),
    "MUXF9": _mux("S", "I0", "I1", "O"),
    "FDRE": _fdre,
    "FDSE": _fdse,
    "SRL16E": _shift_register,
    "CCU2C": _ccu2c,
    "PFUMX": _mux("C0", "BLUT", "ALUT", "Z"),
    "L6MUX21": _mux("SD", "D0", "D1", "Z"),
    "TRELLIS_FF": _trellis_ff,
}
