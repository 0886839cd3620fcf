"""Which float format holds every value of a quantized graph exactly.

Real values on a power-of-two grid are integers times the grid step; a float format is exact for
them if its significand is at least as wide as the largest of these integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.formats import holds_integers
from netwright.ir import Graph, Node
from netwright.ir.ops.filters import channel_axis, filters_first, num_filters
from netwright.ir.ops.format_quant import format_of
from netwright.ir.ops.quant import code_type
from netwright.ir.types import along_axis, is_power_of_two
from netwright.passes.carried import step_of

Reals = NDArray[np.float64]

ON_THE_HOST = frozenset({
    "Add", "BatchNormalization", "Clip", "Mul", "Relu", "Reshape", "Resize", "Slice", "Transpose",
})  # fmt: skip
"""What an input may go through and still be a real value of its float format."""

FLOAT32_BITS = 24
FLOAT64_BITS = 53


@dataclass(frozen=True, slots=True)
class Span:
    """Values of a tensor: multiples of `step`, up to `magnitude`.

    Attributes:
        step: Power of two, or one for each channel (axis 1); 0 where there is no such grid.
        magnitude: Largest absolute value, likewise.
    """

    step: Reals
    magnitude: Reals

    @property
    def bits(self) -> int | None:
        """Significand bits that hold every value; ``None`` without a grid."""
        if np.any(self.step == 0) or not np.all(np.isfinite(self.magnitude)):
            return None
        largest = float(np.max(self.magnitude / self.step))
        return int(np.frexp(largest)[1]) if largest else 1


def is_float32(values: NDArray[np.floating]) -> bool:
    """Whether float32 holds every value."""
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and differs
        return bool(np.array_equal(values.astype(np.float32), values))


_NO_GRID = Span(np.zeros(()), np.array(np.inf))


def significand_bits(graph: Graph) -> dict[str, int | None]:
    """For each tensor of a quantized graph, the significand bits that its values need.

    ``None`` where values do not lie on a power-of-two grid, so that no width is exact.
    """
    spans: dict[str, Span] = {name: _NO_GRID for name in graph.inputs}
    for name, value in graph.constants.items():
        spans[name] = Span(np.array(step_of(value)), np.array(np.abs(value).max(initial=0.0)))
    known = dict(graph.constants)
    bits = {name: span.bits for name, span in spans.items()}
    for node in graph.nodes:
        rule = _RULES.get(node.op)
        sources = [spans[name] for name in node.inputs]
        span = rule(graph, node, sources, known) if rule else _NO_GRID
        if node.op == "FormatQuant" and node.inputs[0] in known:
            known[node.output] = format_of(node).nearest(known[node.inputs[0]])
        elif node.op in {"Quant", "BipolarQuant"} and node.inputs[0] in known:
            known[node.output] = known[node.inputs[0]]
        spans[node.output] = span
        bits[node.output] = span.bits
    return bits


def _whole(span: Span) -> Span:
    """The span of all channels together."""
    return Span(np.array(span.step.min()), np.array(span.magnitude.max()))


_Known = Mapping[str, NDArray[np.float64] | NDArray[np.int64]]


def _quant(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    rank = len(graph.types[node.output].shape)
    scale = along_axis(node.reals("scale"), node.axis(), rank)
    if not all(is_power_of_two(value) for value in node.reals("scale")):
        return _NO_GRID
    magnitude = 1
    if node.op == "Quant":
        dtype, zero_point = code_type(node), node.integer("zero_point", 0)
        magnitude = max(abs(dtype.min - zero_point), abs(dtype.max - zero_point))
    if node.inputs[0] in known:
        magnitude = min(magnitude, int(np.ceil(np.max(np.abs(known[node.inputs[0]]) / scale))) + 1)
    span = Span(scale, scale * magnitude)
    return span if node.axis() in (None, 1) else _whole(span)


def _format_quant(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    number = format_of(node).number
    if not holds_integers(number) or not all(map(is_power_of_two, node.reals("scale"))):
        return _NO_GRID
    scale = along_axis(node.reals("scale"), node.axis(), len(graph.types[node.output].shape))
    span = Span(scale, scale * max(abs(number.min), abs(number.max)))
    return span if node.axis() in (None, 1) else _whole(span)


def _product(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    weights = known.get(node.inputs[1])
    if weights is None or sources[1].bits is None:
        return _NO_GRID
    source = _whole(sources[0])
    channels = num_filters(node, weights.shape)
    rows = filters_first(node, weights, weights.shape).reshape(channels, -1)
    weight_step = np.broadcast_to(np.ravel(sources[1].step), (channels,))
    if sources[1].step.size not in (1, channels):
        weight_step = np.full(channels, sources[1].step.min())
    step, magnitude = source.step * weight_step, source.magnitude * np.abs(rows).sum(axis=1)
    if len(node.inputs) == 3 and node.inputs[2] in known:
        bias = known[node.inputs[2]].reshape(-1)
        step = np.minimum(step, np.min(sources[2].step))
        magnitude = magnitude + np.abs(bias)
    rank = len(graph.types[node.output].shape)
    span = Span(along_axis(tuple(step), 1, rank), along_axis(tuple(magnitude), 1, rank))
    return span if channel_axis(node, rank) == 1 else _whole(span)


def _add(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    first, second = sources
    return Span(np.minimum(first.step, second.step), first.magnitude + second.magnitude)


def _mul(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    first, second = sources
    factor = known.get(node.inputs[1])
    if factor is not None and factor.size > 1:
        values = factor.astype(np.float64).reshape(-1, 1)
        steps = np.array([step_of(value) for value in values])
        second = Span(steps.reshape(factor.shape), np.abs(factor).astype(np.float64))
    with np.errstate(invalid="ignore"):  # 0 times a value without bounds: no width is known
        return Span(first.step * second.step, first.magnitude * second.magnitude)


def _keep(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    return sources[0]


def _merge(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    spans = [_whole(span) for span in sources]
    return Span(
        np.min([span.step for span in spans], axis=0),
        np.max([span.magnitude for span in spans], axis=0),
    )


def _clip(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    limits = np.array([*node.reals("low"), *node.reals("high")])
    finite = limits[np.isfinite(limits)]
    return Span(np.minimum(sources[0].step, step_of(finite)), sources[0].magnitude)


def _average(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    terms = int(np.prod(node.integers("kernel")))
    if terms & (terms - 1):
        return _NO_GRID
    return Span(sources[0].step / terms, sources[0].magnitude)


def _entries(graph: Graph, node: Node, sources: list[Span], known: _Known) -> Span:
    return _whole(sources[1])


_RULES: dict[str, Callable[[Graph, Node, list[Span], _Known], Span]] = {
    "Quant": _quant,
    "BipolarQuant": _quant,
    "FormatQuant": _format_quant,
    "MatMul": _product,
    "Conv": _product,
    "ConvTranspose": _product,
    "Add": _add,
    "Mul": _mul,
    "Relu": _keep,
    "MaxPool": _keep,
    "Resize": _keep,
    "Reshape": _merge,
    "Transpose": _merge,
    "Slice": _merge,
    "Concat": _merge,
    "Clip": _clip,
    "AveragePool": _average,
    "Lookup": _entries,
}
