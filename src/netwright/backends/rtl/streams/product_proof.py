"""Proof of a product whose multipliers are used again, from its emitted text.

The text says which weight every multiplier reads in every clock. Executed clock by clock on
coefficients instead of numbers, ``mac_array`` gives the matrix that it multiplies with, which must
be that of the graph; the width of the sums must hold every value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.proof.adder_proof import CounterExample, Proof
from netwright.backends.rtl.streams.module_text import CLOCK, stream_pins
from netwright.backends.rtl.streams.network import Product, Stream, Unit
from netwright.errors import BackendError
from netwright.ir import Graph, Node
from netwright.ir.ops.transposed import correlation

_INSTANCE = re.compile(r"^  (\w+) #\(\n(.*?)\n  \) u_(\w+) \(\n(.*?)  \);$", re.M | re.S)
_PIN = re.compile(r"^      \.(\w+)\((.*?)\),?$", re.M | re.S)
_WIRE = re.compile(r"^  wire \[(\d+):0\] (\w+);$", re.M)
_WORD = re.compile(r"(\d+)'h([0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class _Text:
    """What the text of a unit says of its product."""

    name: str
    parameters: Mapping[str, int]
    words: tuple[int, ...]

    @classmethod
    def of(cls, unit: Unit, source: Stream, text: str) -> _Text:
        """Read the text back.

        Raises:
            BackendError: Something is missing, has another width, or is connected otherwise.
        """
        found = {name: (module, parameters, pins)
                 for module, parameters, name, pins in _INSTANCE.findall(text)}  # fmt: skip
        widths = {name: int(top) + 1 for top, name in _WIRE.findall(text)}
        made = {
            name: (module, dict(_PIN.findall(parameters)), dict(_PIN.findall(pins)))
            for name, (module, parameters, pins) in found.items()
        }
        array, rom = made.get("front", ("", {}, {})), made.get("weights", ("", {}, {}))
        pins = CLOCK | stream_pins("x", source.name)
        pins |= {name: name for name in ("room", "take", "round", "count", "weights", "bias")}
        pins |= {"y_valid": "made_valid", "y_data": "made_data"}
        _require(unit.name, "the module of its sums", array[0], "mac_array")
        _require(unit.name, "the module of its weights", rom[0], "weight_rom")
        _require(unit.name, "the pins of its sums", array[2], pins)
        pins = {"clk": "clk", "address": "count", "word": "weights"}
        _require(unit.name, "the pins of its weights", rom[2], pins)
        contents = _WORD.findall(rom[1].pop("CONTENTS", ""))
        own = {key: int(value) for key, value in array[1].items()}
        memory = {key: int(value) for key, value in rom[1].items()}
        lanes, clocks = own["GROUPS"] * own["OUTPUTS"], own["STEPS"] * own["ROUNDS"]
        bits = lanes * own["INPUTS"] * own["W_BITS"]
        for what, got, expected in (
            ("words of its memory", memory.get("DEPTH"), len(contents)),
            ("bits of its memory", memory.get("BITS"), bits),
            ("widths of its words", {int(size) for size, _ in contents}, {bits}),
            ("clocks", clocks, len(contents)),
            ("bits of its weights", widths.get("weights"), bits),
            ("bits of its bias", widths.get("bias"), lanes * own["BIAS_BITS"]),
            ("bits of its sums", widths.get("made_data"), lanes * own["ROUNDS"] * own["ACC_BITS"]),
            ("bits of its rounds", widths.get("round"), own["ROUND_BITS"]),
            ("bits of its clocks", widths.get("count"), own["CLOCK_BITS"]),
            ("elements", own["GROUPS"] * own["INPUTS"] * own["STEPS"], source.lanes),
            ("bits of its elements", own["X_BITS"], source.bits),
            ("sign of its elements", own["X_SIGNED"], int(source.is_signed)),
        ):
            _require(unit.name, f"the {what}", got, expected)
        counted = max((clocks - 1).bit_length(), 1)
        rounds = max((own["ROUNDS"] - 1).bit_length(), 1)
        _require(unit.name, "the bits of its address", memory.get("ADDRESS_BITS"), counted)
        _require(unit.name, "the bits of its clocks", own["CLOCK_BITS"], counted)
        _require(unit.name, "the bits of its rounds", own["ROUND_BITS"], rounds)
        zero = f"assign bias = {{{lanes * own['BIAS_BITS']}{{1'b0}}}};"
        _require(unit.name, "whether its sums begin with zero", zero in text, True)
        return cls(unit.name, own, tuple(int(word, 16) for _, word in reversed(contents)))

    def matrix(self) -> NDArray[np.int64]:
        """What the sums are made of: (sums, elements of the beat)."""
        own = self.parameters
        groups, channels, inputs = own["GROUPS"], own["CHANNELS"], own["INPUTS"]
        steps, outputs, rounds, bits = own["STEPS"], own["OUTPUTS"], own["ROUNDS"], own["W_BITS"]
        matrix = np.zeros((groups * rounds * outputs, groups * inputs * steps), dtype=np.int64)
        for clock, word in enumerate(self.words):
            block, step = divmod(clock, steps)
            for place in range(groups * outputs * inputs):
                lane, number = divmod(place, inputs)
                group, output = divmod(lane, outputs)
                number += step * inputs
                element = (number // channels * groups + group) * channels + number % channels
                weight = word >> place * bits & ((1 << bits) - 1)
                weight -= weight >> (bits - 1) << bits
                matrix[(group * rounds + block) * outputs + output, element] += weight
        return matrix


def prove_product(unit: Unit, source: Stream, graph: Graph, text: str) -> Proof:
    """Prove the product in front of a unit.

    Args:
        unit: The unit.
        source: The stream it reads.
        graph: The graph.
        text: The Verilog of the unit.

    Raises:
        BackendError: The text is not that of a product with this shape and these widths.
    """
    front = unit.front
    assert isinstance(front, Product)
    try:
        read = _Text.of(unit, source, text)
    except (KeyError, ValueError) as error:
        raise BackendError(f"the text of {unit.name} cannot be read ({error})") from error
    expected, got = specified(graph.node(front.node), graph), read.matrix()
    _require(unit.name, "the sums and elements", got.shape, expected.shape)
    _require(unit.name, "the bits of a sum", read.parameters["ACC_BITS"], front.accumulator_bits)
    failures: list[CounterExample] = []
    for number, (own, made) in enumerate(zip(expected, got, strict=True)):
        failures += _differences(front, number, own, made, source.interval)
    lanes = read.parameters["GROUPS"] * read.parameters["OUTPUTS"]
    proven = len(expected) - len({failure.wire for failure in failures})
    return Proof(unit.name, proven, lanes, tuple(failures))


def specified(node: Node, graph: Graph) -> NDArray[np.int64]:
    """The matrix of a node: (outputs of one position, elements of one window).

    The elements of a window come position by position, all channels of one together.
    """
    weights = graph.constants[node.inputs[1]].astype(np.int64)
    if node.op == "MatMul":
        return weights.T
    weights, groups = correlation(node, weights).weights, node.integer("group")
    filters, channels = weights.shape[:2]
    taps = weights.reshape(filters, channels, -1)
    matrix = np.zeros((filters, taps.shape[2], groups, channels), dtype=np.int64)
    for filter_ in range(filters):
        matrix[filter_, :, filter_ // (filters // groups)] = taps[filter_].T
    return matrix.reshape(filters, -1)


def _differences(
    front: Product, number: int, own: NDArray[np.int64], made: NDArray[np.int64], limits: Interval
) -> Iterator[CounterExample]:
    """An input for which a sum is wrong, or too large for its width."""
    wrong = made - own
    if not np.any(wrong):
        ends = [_extreme(own, limits, largest=largest) for largest in (False, True)]
        interval = int(own @ ends[0]), int(own @ ends[1])
        if width(interval) <= front.accumulator_bits:
            return
        value, bits = interval[1], front.accumulator_bits
        rest = value & ((1 << bits) - 1)
        yield _example(front, number, ends[1], value, rest - (rest >> (bits - 1) << bits))
        return
    element = int(np.flatnonzero(wrong)[0])
    row = np.zeros_like(own)
    row[element] = max(limits, key=abs)
    yield _example(front, number, row, int(own @ row), int(made @ row))


def _extreme(weights: NDArray[np.int64], limits: Interval, *, largest: bool) -> NDArray[np.int64]:
    return np.where((weights > 0) == largest, limits[1], limits[0])


def _example(
    front: Product, number: int, row: NDArray[np.int64], expected: int, got: int
) -> CounterExample:
    inputs = {f"x[{place}]": int(value) for place, value in enumerate(row) if value}
    return CounterExample(front.node, f"sum {number}", inputs, expected, got)


def _require(unit: str, what: str, got: object, expected: object) -> None:
    if got != expected:
        raise BackendError(
            f"{unit}: {what} must be {expected}, not {got}", hint="generate the design again"
        )
