"""Likely causes of a difference: hypotheses that explain every row seen, wrong and right ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.formats import Int, Rounding
from netwright.ir import Array, Graph, Node, operators, spec_of
from netwright.ir.ops.conv import windows
from netwright.ir.ops.filters import channel_axis
from netwright.ir.ops.transposed import correlation, stretched

Values = Mapping[str, Array]
Codes = NDArray[np.int64]

_UNKNOWN = "no single change of rounding, overflow, accumulator width, weight or bias explains it"
_SUMS = operators("product") | {"SumPool", "Add"}
_QUANTIZERS = operators("quantizer")
_HIDING = ("Requantize", "Relu", "Sign")
"""Operators behind which a sum may be invisible."""


def diagnose(
    graph: Graph, node: Node, expected: Values, got: Values, index: tuple[int, ...]
) -> str:
    """Explain why the value at `index` of the node's output differs.

    Every hypothesis is recomputed on all given rows and kept only if it gives the candidate's value
    on each of them. Where the candidate does not show the sums that a quantizer reads, changes of
    the sums are followed through the quantizer.

    Args:
        graph: The reference.
        node: The first node whose result differs.
        expected: The reference's tensors for some rows: those of :func:`lineage` at least.
        got: The candidate's visible tensors for the same rows.
        index: Index of the value within a row.

    Returns:
        One sentence.
    """
    wanted = _at(got[node.output], index)
    if node.op in _QUANTIZERS:
        for cause, values in _quantizer_changes(node, expected):
            if np.array_equal(_at(values, index), wanted):
                return cause
    place = _Place.of(graph, node, expected, got, index)
    if place is not None:
        for cause, sums in place.accumulator_changes():
            if np.array_equal(place.result(sums), wanted):
                return cause
        explained = place.parameter_change(wanted)
        if explained is not None:
            return explained
    hidden = [name for name in _read_before(graph, node, place) if name not in got]
    return f'{_UNKNOWN}; "{hidden[0]}", which it reads, could not be seen' if hidden else _UNKNOWN


def lineage(graph: Graph, node: Node) -> tuple[str, ...]:
    """The tensors that :func:`diagnose` may look at for this node."""
    names = [node.output, *node.inputs]
    while node.op in _HIDING and node.inputs[0] in graph.producers:
        node = graph.producers[node.inputs[0]]
        names += node.inputs
    return tuple(names)


def _at(values: Array, index: tuple[int, ...]) -> Array:
    """The value at `index` of every row."""
    where: tuple[slice | int, ...] = (slice(None), *index)
    return np.asarray(values[where])


def _execute(node: Node, values: Values) -> Array:
    return np.asarray(spec_of(node).execute(node, [values[name] for name in node.inputs]))


def _read_before(graph: Graph, node: Node, place: _Place | None) -> list[str]:
    """The tensors that decide the differing value, constants and graph inputs left out."""
    first = node if place is None else place.producer
    return [name for name in first.inputs if name in graph.producers]


def _quantizer_changes(node: Node, expected: Values) -> Iterator[tuple[str, Array]]:
    given = node.text("rounding")
    for mode in Rounding:
        if mode != given:
            changed = replace(node, attrs={**node.attrs, "rounding": str(mode)})
            yield f"rounding: {mode} instead of {given}", _execute(changed, expected)
    low, high, zero = (node.integer(key, 0) for key in ("low", "high", "zero_point"))
    limits = {"low": -(1 << 52), "high": 1 << 52, "zero_point": 0}
    wide = _execute(replace(node, attrs={**node.attrs, **limits}), expected)
    for bits in (bits for bits in range(1, 33) if 1 << bits > high - low):
        for dtype in (Int(bits), Int(bits, signed=False)):
            wrapped = (wide - dtype.min) % (1 << bits) + dtype.min
            yield "saturation: the value wraps around instead of saturating", wrapped - zero
    for bits in range(1, 33):
        for dtype in (Int(bits), Int(bits, signed=False)):
            clipped = np.clip(wide, dtype.min, dtype.max)
            yield f"saturation: limited to {dtype} instead of [{low}, {high}]", clipped - zero


@dataclass(frozen=True)
class _Place:
    """One sum on its way to the differing value.

    Attributes:
        graph: The reference.
        producer: The node that makes the sum.
        through: Nodes behind it that are hidden, and the quantizer that is not; maybe none.
        expected: The reference's tensors.
        index: Index of the value within a row.
    """

    graph: Graph
    producer: Node
    through: tuple[Node, ...]
    expected: Values
    index: tuple[int, ...]

    @classmethod
    def of(
        cls, graph: Graph, node: Node, expected: Values, got: Values, index: tuple[int, ...]
    ) -> _Place | None:
        through: list[Node] = []
        while node.op in _HIDING:
            producer = graph.producers.get(node.inputs[0])
            if producer is None or producer.output in got:
                return None
            through.insert(0, node)
            node = producer
        if node.op not in _SUMS:
            return None
        return cls(graph, node, tuple(through), expected, index)

    @property
    def sums(self) -> Codes:
        """The reference's sums, one for each row."""
        return np.asarray(_at(self.expected[self.producer.output], self.index), dtype=np.int64)

    def result(self, sums: Array) -> Array:
        """What the visible node makes of changed sums, whatever their shape."""
        values: Array = sums
        for node in self.through:
            values = spec_of(node).execute(_for_one_value(node, self.index), [values])
        return values

    def accumulator_changes(self) -> Iterator[tuple[str, Codes]]:
        dtype, sums = self.graph.types[self.producer.output].dtype, self.sums
        for bits in range(min(dtype.bits, 62), 1, -1):
            low = -(1 << (bits - 1)) if dtype.signed else 0
            high = low + (1 << bits) - 1
            ending = f"at {bits} bits, the graph has {dtype.bits}"
            yield f"accumulator width: sums wrap {ending}", (sums - low) % (1 << bits) + low
            yield f"accumulator width: sums saturate {ending}", np.clip(sums, low, high)

    def parameter_change(self, wanted: Array) -> str | None:
        """The one weight, or the bias, whose change explains every row."""
        if spec_of(self.producer).category != "product":
            return None
        channel = self.index[channel_axis(self.producer, len(self.index) + 1) - 1]
        found = [f"weights: weight {text}" for text in self._weight_changes(wanted, channel)]
        found += [f"bias: bias [{channel}] {text}" for text in self._bias_changes(wanted)]
        if len(found) > 1:
            return f"{found[0]}; {len(found) - 1} other weights would explain it as well"
        return found[0] if found else None

    def _weight_changes(self, wanted: Array, channel: int) -> Iterator[str]:
        weights = self.graph.types[self.producer.inputs[1]]
        width = weights.dtype.bits
        for position, terms in self._terms(channel):
            if not np.any(terms):
                continue
            for step in self._steps(wanted, terms, width):
                yield f"{list(position)} is off by {step:+d}{_one_bit(step)}"

    def _bias_changes(self, wanted: Array) -> Iterator[str]:
        width = 32
        if len(self.producer.inputs) == 3:
            width = self.graph.types[self.producer.inputs[2]].dtype.bits
        for step in self._steps(wanted, np.ones(len(wanted), dtype=np.int64), width):
            yield f"is off by {step:+d}{_one_bit(step)}"

    def _steps(self, wanted: Array, terms: Codes, width: int) -> list[int]:
        """Changes of a parameter that give the wanted values; `terms` is what it multiplies."""
        if not self.through:  # the sums are visible: one division decides
            delta = np.asarray(wanted, dtype=np.int64) - self.sums
            row = int(np.argmax(np.abs(terms)))
            step = int(delta[row]) // int(terms[row])
            return [step] if step and np.array_equal(terms * step, delta) else []
        steps = np.array([sign << bit for bit in range(min(width, 40)) for sign in (1, -1)])
        values = self.result(self.sums + steps[:, None] * terms)
        return [int(step) for step in steps[(values == wanted).all(axis=1)]]

    def _terms(self, channel: int) -> Iterator[tuple[tuple[int, ...], Codes]]:
        """Every weight of the channel with the values that it multiplies, one for each row."""
        source = np.asarray(self.expected[self.producer.inputs[0]], dtype=np.int64)
        node = self.producer
        shape = self.graph.types[node.inputs[1]].shape
        if node.op == "MatMul":
            rows = _at(source, self.index[:-1])
            for position in range(shape[0]):
                yield (position, channel), rows[:, position]
            return
        numbers = np.arange(1, 1 + int(np.prod(shape))).reshape(shape)
        found = correlation(node, numbers)  # 0 where a kernel was filled up
        view = windows(
            stretched(source, found.steps), found.kernel, strides=found.strides, pads=found.pads,
            dilations=found.dilations,
        )  # fmt: skip
        own = found.weights[channel]
        first = channel // (len(found.weights) // found.group) * len(own)
        for channel_in, *tap in np.argwhere(own).tolist():
            place = np.unravel_index(int(own[(channel_in, *tap)]) - 1, shape)
            where = (first + channel_in, *self.index[1:], *tap)
            yield tuple(map(int, place)), np.asarray(_at(view, where))


def _one_bit(step: int) -> str:
    return " (one bit)" if abs(step) & (abs(step) - 1) == 0 else ""


def _for_one_value(node: Node, index: tuple[int, ...]) -> Node:
    """The node with the attributes of one value, so that arrays of any shape fit."""
    axis = node.axis()
    if axis is None:
        return node
    attrs = dict(node.attrs)
    for name in ("multiplier", "offset"):
        values = attrs.get(name)
        if isinstance(values, tuple) and len(values) > 1:
            attrs[name] = (int(values[index[axis - 1]]),)
    return replace(node, attrs={**attrs, "axis": None})
