"""Sums and products, element by element."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand, every, rescaled
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape
from netwright.ir.tolerance import Tolerance, of_terms


def broadcast_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    """The shape of an element-by-element result.

    Raises:
        GraphError: The shapes do not broadcast.
    """
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        raise GraphError(
            f"shapes {' and '.join(map(str, shapes))} do not broadcast", node=node.name
        ) from None


def _add_bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    low, high = limits[0].low + limits[1].low, limits[0].high + limits[1].high
    return Bounds(low, high, max(abs(low), abs(high)))


def _divide(node: Node, inputs: Sequence[Array]) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return inputs[0] / inputs[1]


def _normalize(node: Node, inputs: Sequence[Array]) -> Array:
    source = inputs[0]
    shape = (1, -1, *(1,) * (source.ndim - 2))
    gamma, beta, mean, variance = (value.reshape(shape) for value in inputs[1:])
    deviation = np.sqrt(variance + node.reals("epsilon")[0])
    return (source - mean) / deviation * gamma + beta


def _normalized_terms(node: Node, inputs: Sequence[Array], result: Array) -> Array:
    """The terms in front of subtracting the mean and adding the offset."""
    source, gamma, beta, mean, variance = inputs
    terms = [np.abs(source), np.abs(gamma), np.abs(beta), -np.abs(mean), variance]
    return _normalize(node, terms)


def _normalize_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    channels = shapes[0][1] if len(shapes[0]) > 1 else 0
    for shape in shapes[1:]:
        if shape != (channels,):
            raise GraphError(
                f"parameters must have shape ({channels},), not {shape}", node=node.name
            )
    return shapes[0]


def _normalize_einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    return rescaled(node.name, sources[0], output, sources[1], sources[2])


SPECS = (
    OpSpec(
        name="Add",
        category="elementwise",
        einsums=every("add"),
        form="both",
        num_inputs=(2, 2),
        shape=broadcast_shape,
        execute=lambda node, inputs: inputs[0] + inputs[1],
        bounds=_add_bounds,
        tolerance=Tolerance(magnitude=of_terms),
    ),
    OpSpec(
        name="Mul",
        category="elementwise",
        einsums=every("multiply"),
        form="quantized",
        num_inputs=(2, 2),
        shape=broadcast_shape,
        execute=lambda node, inputs: inputs[0] * inputs[1],
    ),
    OpSpec(
        name="Div",
        category="elementwise",
        einsums=every("divide"),
        form="quantized",
        num_inputs=(2, 2),
        shape=broadcast_shape,
        execute=_divide,
    ),
    OpSpec(
        name="BatchNormalization",
        category="normalization",
        einsums=_normalize_einsums,
        form="quantized",
        num_inputs=(5, 5),
        shape=_normalize_shape,
        execute=_normalize,
        attributes={"epsilon": Attribute("reals")},
        tolerance=Tolerance(magnitude=_normalized_terms),
    ),
)
