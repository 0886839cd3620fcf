"""Matrix products with constant weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand, opaque, product
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Bounds, OpSpec, Shape
from netwright.ir.tolerance import Tolerance, absolute_terms


def weighted_sum_bounds(
    node: Node,
    weights: Array,
    bias: Array | None,
    source: Bounds,
    *,
    may_be_absent: bool = False,
) -> Bounds:
    """Exact limits of ``weights · x + bias`` for x anywhere in `source`.

    Args:
        node: The node concerned, for messages.
        weights: One row for each output; columns are the terms of its sum.
        bias: One value for each output, or ``None``.
        source: Limits of every x.
        may_be_absent: Terms may also be zero (padding).
    """
    if weights.size == 0:
        raise GraphError("weights hold no value", node=node.name)
    rows = weights.reshape(len(weights), -1)
    largest = max(abs(int(weights.min())), abs(int(weights.max())))
    fits = largest * rows.shape[1] < 1 << 62
    rows = rows.astype(np.int64 if fits else object)  # Python's integers are exact but slow
    low, high = source.low, source.high
    if may_be_absent:
        low, high = min(low, 0), max(high, 0)
    positive = np.maximum(rows, 0).sum(axis=1).astype(object)
    negative = np.minimum(rows, 0).sum(axis=1).astype(object)
    offset = np.zeros(len(rows), dtype=object) if bias is None else bias.astype(object).reshape(-1)
    lows = positive * low + negative * high + offset
    highs = positive * high + negative * low + offset
    peaks = (positive - negative) * max(abs(low), abs(high)) + np.abs(offset)
    return Bounds(int(lows.min()), int(highs.max()), int(peaks.max()))


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    source, weights = shapes[0], shapes[1]
    if len(source) < 2:
        raise GraphError(
            f"a product must read (batch, ..., features), not {source}", node=node.name
        )
    if len(weights) != 2 or source[-1] != weights[0]:
        raise GraphError(
            f"weights must be a ({source[-1]}, n) matrix, not {weights}",
            node=node.name,
        )
    if len(shapes) == 3 and shapes[2] != (weights[1],):
        raise GraphError(f"bias must have shape ({weights[1]},), not {shapes[2]}", node=node.name)
    return (*source[:-1], weights[1])


def _execute(node: Node, inputs: Sequence[Array]) -> Array:
    product = np.matmul(inputs[0], inputs[1])
    if len(inputs) == 3:
        product += inputs[2]
    return product


def constant_weights(node: Node, values: Sequence[Array | None]) -> tuple[Array, Array | None]:
    """Weights and bias of a product, from the values of its constant inputs.

    Raises:
        GraphError: The weights are not constant.
    """
    weights = values[1]
    if weights is None:
        raise GraphError("weights must be a constant", node=node.name)
    return weights, values[2] if len(values) == 3 else None


def _bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    weights, bias = constant_weights(node, values)
    return weighted_sum_bounds(node, weights.T, bias, limits[0])


def _macs(node: Node, shapes: Sequence[Shape]) -> int:
    return int(np.prod(shapes[0][1:])) * shapes[1][1]


def _einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    if min(len(source.shape) for source in sources[:2]) < 2:
        return [opaque(node.name, sources, output, "multiply")]
    bias = sources[2] if len(sources) > 2 else None
    return product(node.name, sources[0], sources[1], output, bias=bias)


SPECS = (
    OpSpec(
        name="MatMul",
        category="product",
        einsums=_einsums,
        form="both",
        num_inputs=(2, 3),
        shape=_shape,
        execute=_execute,
        bounds=_bounds,
        macs=_macs,
        tolerance=Tolerance(
            magnitude=absolute_terms(_execute, lambda node, inputs: len(inputs[1]))
        ),
    ),
)
