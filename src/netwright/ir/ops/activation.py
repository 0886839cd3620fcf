"""Activation functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand, every, softmax_over
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape
from netwright.ir.tolerance import Tolerance


def _relu_bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    return Bounds(max(limits[0].low, 0), max(limits[0].high, 0), limits[0].magnitude)


def _softmax(node: Node, inputs: Sequence[Array]) -> Array:
    axis = node.integer("axis", -1)
    shifted = np.exp(inputs[0] - inputs[0].max(axis=axis, keepdims=True))
    return shifted / shifted.sum(axis=axis, keepdims=True)


def _softmax_magnitude(node: Node, inputs: Sequence[Array], result: Array) -> Array:
    """A power loses as many digits as its exponent has."""
    return result * (1 + 2 * np.abs(inputs[0]).max(axis=node.integer("axis", -1), keepdims=True))


def _clip(node: Node, inputs: Sequence[Array]) -> Array:
    return np.clip(inputs[0], node.reals("low")[0], node.reals("high")[0])


def _softmax_einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    axis = node.attrs.get("axis", -1)
    assert isinstance(axis, int)  # the operator's own check
    return softmax_over(node.name, sources[0], output, (axis % len(output.shape),))


def _softmax_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    rank, axis = len(shapes[0]), node.integer("axis", -1)
    if not axis % rank >= 1 or not -rank <= axis < rank:
        raise GraphError(
            f"axis must be from 1 to {rank - 1}, or from {1 - rank} to -1, not {axis}",
            node=node.name,
            hint="axis 0 holds the rows of a batch, which are independent of each other",
        )
    return shapes[0]


SPECS = (
    OpSpec(
        name="Relu",
        category="elementwise",
        einsums=every("copy", "relu"),
        form="both",
        num_inputs=(1, 1),
        shape=lambda node, shapes: shapes[0],
        execute=lambda node, inputs: np.maximum(inputs[0], 0),
        bounds=_relu_bounds,
    ),
    OpSpec(
        name="Clip",
        category="elementwise",
        einsums=every("copy", "clip"),
        form="quantized",
        num_inputs=(1, 1),
        shape=lambda node, shapes: shapes[0],
        execute=_clip,
        attributes={"low": Attribute("reals"), "high": Attribute("reals")},
    ),
    OpSpec(
        name="Softmax",
        category="normalization",
        einsums=_softmax_einsums,
        form="quantized",
        num_inputs=(1, 1),
        shape=_softmax_shape,
        execute=_softmax,
        tolerance=Tolerance(magnitude=_softmax_magnitude),
        attributes={"axis": Attribute("int", default=-1, required=False)},
    ),
)
