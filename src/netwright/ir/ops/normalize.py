"""Normalizations whose statistics are those of the values themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.blocks import layer_norm, rms_norm
from netwright.ir.einsums.einsum import Access, Einsum, Rank
from netwright.ir.einsums.lower import Operand, plain
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, OpSpec, Shape
from netwright.ir.tolerance import Tolerance


def _axes(node: Node, rank: int) -> tuple[int, ...]:
    """The axes that are normalized: from the attribute ``axis`` to the last."""
    return tuple(range(node.integer("axis", -1) % rank, rank))


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    source, first = shapes[0], node.integer("axis", -1)
    rank = len(source)
    if not -rank < first < rank or first % max(rank, 1) == 0:
        raise GraphError(
            f"axis must be from 1 to {rank - 1}, or from -1 to {1 - rank}, not {first}",
            node=node.name,
        )
    epsilon = node.reals("epsilon")[0]
    if not 0 <= epsilon < 1e30:
        raise GraphError(f"epsilon must be 0 or more and finite, not {epsilon}", node=node.name)
    own = source[first % rank :]
    for what, shape in zip(("gain", "offset"), shapes[1:], strict=False):
        if shape != own:
            raise GraphError(f"{what} must have shape {own}, not {shape}", node=node.name)
    return source


def _statistics(node: Node, source: Array, *, centered: bool) -> tuple[Array, Array]:
    """What is scaled, and the factor: one over the deviation."""
    axes = _axes(node, source.ndim)
    moved = source - source.mean(axis=axes, keepdims=True) if centered else source
    square = np.mean(moved * moved, axis=axes, keepdims=True)
    with np.errstate(divide="ignore"):
        return moved, 1.0 / np.sqrt(square + node.reals("epsilon")[0])


def _normalized(node: Node, inputs: Sequence[Array], *, centered: bool) -> Array:
    moved, factor = _statistics(node, inputs[0], centered=centered)
    with np.errstate(invalid="ignore"):
        made = moved * factor
    if len(inputs) > 1:
        made = made * inputs[1]
    return made + inputs[2] if len(inputs) > 2 else made


def _magnitude(node: Node, inputs: Sequence[Array], result: Array) -> Array:
    """Subtracting the mean loses digits of the values, which the deviation then divides."""
    source = inputs[0]
    axes = _axes(node, source.ndim)
    _, factor = _statistics(node, source, centered=node.op == "LayerNormalization")
    largest = np.abs(source).max(axis=axes, keepdims=True) * factor
    gained = largest * np.abs(inputs[1]) if len(inputs) > 1 else largest
    return gained + np.abs(inputs[2]) if len(inputs) > 2 else gained


def _along(
    node: Node, source: Operand, output: Operand
) -> tuple[Access, Access, list[Rank], list[str]]:
    names = [f"B{i}" for i in range(len(source.shape))]
    ranks = [Rank(name, extent) for name, extent in zip(names, source.shape, strict=True)]
    index = tuple(map(plain, names))
    over = [names[axis] for axis in _axes(node, len(names))]
    return source.at(*index), output.at(*index), ranks, over


def _einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    reads, writes, ranks, over = _along(node, sources[0], output)
    vectors = [operand.at(*map(plain, over)) for operand in sources[1:]]
    scale = vectors[0] if vectors else None
    epsilon = node.reals("epsilon")[0]
    if node.op == "RMSNormalization":
        return rms_norm(node.name, reads, writes, ranks, over, scale=scale, epsilon=epsilon)
    bias = vectors[1] if len(vectors) > 1 else None
    return layer_norm(
        node.name, reads, writes, ranks, over, scale=scale, bias=bias, epsilon=epsilon
    )


_ATTRIBUTES = {
    "epsilon": Attribute("reals"),
    "axis": Attribute("int", default=-1, required=False),
}

SPECS = (
    OpSpec(
        name="LayerNormalization",
        category="normalization",
        einsums=_einsums,
        form="quantized",
        num_inputs=(1, 3),
        shape=_shape,
        execute=lambda node, inputs: _normalized(node, inputs, centered=True),
        attributes=_ATTRIBUTES,
        tolerance=Tolerance(magnitude=_magnitude),
    ),
    OpSpec(
        name="RMSNormalization",
        category="normalization",
        einsums=_einsums,
        form="quantized",
        num_inputs=(1, 2),
        shape=_shape,
        execute=lambda node, inputs: _normalized(node, inputs, centered=False),
        attributes=_ATTRIBUTES,
        tolerance=Tolerance(magnitude=_magnitude),
    ),
)
"""Over the axes from ``axis`` to the last; then times a gain and, for the first, plus an offset."""
