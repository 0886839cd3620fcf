"""Rotary positions: pairs of features are turned by an angle of their token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand, turned
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, OpSpec, Shape
from netwright.ir.tolerance import Tolerance


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    source, cosines, sines = shapes
    if len(source) < 3 or len(cosines) != 2 or cosines[0] != source[-2]:
        raise GraphError(
            f"cosines must have shape ({source[-2] if len(source) > 1 else '?'}, pairs) for values "
            f"of shape {source}, not {cosines}",
            node=node.name,
        )
    if sines != cosines or not 1 <= 2 * cosines[1] <= source[-1]:
        raise GraphError(
            f"cosines and sines must have the same shape with at most {source[-1] // 2} pairs, "
            f"not {cosines} and {sines}",
            node=node.name,
        )
    return source


def pairs_of(node: Node, source: Array, num_pairs: int) -> tuple[Array, Array]:
    """The first and the second of every pair, as views (..., tokens, pairs)."""
    turned = source[..., : 2 * num_pairs]
    if node.text("pairs") == "neighbors":
        return turned[..., 0::2], turned[..., 1::2]
    return turned[..., :num_pairs], turned[..., num_pairs:]


def _execute(node: Node, inputs: Sequence[Array]) -> Array:
    source, cosines, sines = inputs
    made = np.array(source)
    first, second = pairs_of(node, source, cosines.shape[1])
    left, right = pairs_of(node, made, cosines.shape[1])
    left[...] = first * cosines - second * sines
    right[...] = second * cosines + first * sines
    return made


def _magnitude(node: Node, inputs: Sequence[Array], result: Array) -> Array:
    source, cosines, sines = (np.abs(values) for values in inputs)
    found = np.array(source)
    first, second = pairs_of(node, source, cosines.shape[1])
    left, right = pairs_of(node, found, cosines.shape[1])
    left[...] = first * cosines + second * sines
    right[...] = second * cosines + first * sines
    return found


def _einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    return [turned(node.name, sources[0], sources[1:], output)]


SPECS = (
    OpSpec(
        name="RotaryEmbedding",
        category="elementwise",
        einsums=_einsums,
        form="quantized",
        num_inputs=(3, 3),
        shape=_shape,
        execute=_execute,
        attributes={"pairs": Attribute("text", choices=("halves", "neighbors"))},
        tolerance=Tolerance(magnitude=_magnitude),
    ),
)
"""``pairs`` says which features are turned together: those half a width apart, or neighbors."""
