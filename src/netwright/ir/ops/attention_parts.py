"""What attention is made of, one by one: products of activations, and shares with a mask."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand, pointwise, product, softmax_over
from netwright.ir.graph import Array, Node
from netwright.ir.ops.elementwise import broadcast_shape
from netwright.ir.spec import Attribute, OpSpec, Shape
from netwright.ir.tolerance import Tolerance, absolute_terms


def _product_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    left, right = shapes
    if min(len(left), len(right)) < 2 or len(left) < 3 or left[-1] != right[-2]:
        raise GraphError(
            f"matrices {left} and {right} cannot be multiplied: the first must be (batch, ..., "
            "rows, depth), the second (..., depth, columns)",
            node=node.name,
        )
    return (*broadcast_shape(node, (left[:-2], right[:-2])), left[-2], right[-1])


def _macs(node: Node, shapes: Sequence[Shape]) -> int:
    return prod(_product_shape(node, shapes)[1:]) * shapes[0][-1]


def _multiply(node: Node, inputs: Sequence[Array]) -> Array:
    return np.asarray(np.matmul(inputs[0], inputs[1]))


def _product_einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    return product(node.name, sources[0], sources[1], output)


def _masked_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    scores, mask = shapes
    if not -len(scores) < node.integer("axis", -1) < len(scores):
        raise GraphError(f"axis must be one of {scores}", node=node.name)
    if broadcast_shape(node, shapes) != scores:
        raise GraphError(f"the mask must broadcast to {scores}, not be {mask}", node=node.name)
    return scores


def _masked(node: Node, inputs: Sequence[Array]) -> Array:
    scores, mask = inputs
    axis = node.integer("axis", -1)
    kept = np.where(mask != 0, scores, -np.inf)
    largest = kept.max(axis=axis, keepdims=True)
    powers = np.exp(kept - np.where(np.isfinite(largest), largest, 0).astype(scores.dtype))
    total = powers.sum(axis=axis, keepdims=True)
    return np.asarray(powers / np.where(total > 0, total, 1))


def _masked_magnitude(node: Node, inputs: Sequence[Array], result: Array) -> Array:
    """A power loses as many digits as its exponent has."""
    kept = np.where(inputs[1] != 0, np.abs(inputs[0]), 0)
    return np.asarray(result * (1 + 2 * kept.max(axis=node.integer("axis", -1), keepdims=True)))


def _masked_einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    kept = Operand(f"{node.name}.masked", output.shape)
    first = pointwise(kept.tensor, sources, kept, "add")
    over = (node.integer("axis", -1) % len(output.shape),)
    return [first, *softmax_over(node.name, kept, output, over)]


SPECS = (
    OpSpec(
        name="BatchMatMul",
        category="attention",
        einsums=_product_einsums,
        form="quantized",
        num_inputs=(2, 2),
        shape=_product_shape,
        execute=_multiply,
        macs=_macs,
        tolerance=Tolerance(
            magnitude=absolute_terms(_multiply, lambda node, inputs: inputs[0].shape[-1])
        ),
    ),
    OpSpec(
        name="MaskedSoftmax",
        category="normalization",
        einsums=_masked_einsums,
        form="quantized",
        num_inputs=(2, 2),
        shape=_masked_shape,
        execute=_masked,
        tolerance=Tolerance(magnitude=_masked_magnitude),
        attributes={"axis": Attribute("int", default=-1, required=False)},
    ),
)
"""The second operand of ``MaskedSoftmax`` says with 0 what is left out; where nothing is left, all
shares are 0. :class:`netwright.passes.FuseAttention` makes ``Attention`` of both."""
