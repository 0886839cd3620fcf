"""The weights of products in one order: outputs first, then the terms of each sum.

``MatMul`` holds them as (inputs, outputs), ``Conv`` as (outputs, inputs of a group, *kernel) and
``ConvTranspose`` as (inputs, outputs of a group, *kernel), as in ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.ir.graph import Array, Node
from netwright.ir.spec import Shape


def channel_axis(node: Node, rank: int) -> int:
    """The axis of a product's data, of `rank` axes, that its sums run over and its outputs fill."""
    return rank - 1 if node.op == "MatMul" else 1


def num_filters(node: Node, shape: Shape) -> int:
    """How many outputs a product with weights of `shape` has at each position."""
    if node.op == "ConvTranspose":
        return shape[1] * node.integer("group")
    return shape[1 if node.op == "MatMul" else 0]


def filters_first(node: Node, values: Array, shape: Shape) -> Array:
    """What is stored like a product's weights, in the order (outputs, inputs of a group, *kernel).

    Args:
        node: The product.
        values: An array that broadcasts against the weights; one value stays as it is.
        shape: The shape of the weights.
    """
    if values.size == 1:
        return values
    full = values.reshape((1,) * (len(shape) - values.ndim) + values.shape)
    groups = node.integer("group") if node.op == "ConvTranspose" else 1
    if node.op == "Conv":
        return full
    if groups == 1:
        return np.swapaxes(full, 0, 1)
    full = np.broadcast_to(full, (*shape[:2], *full.shape[2:]))
    parts = full.reshape(groups, shape[0] // groups, *full.shape[1:])
    return np.swapaxes(parts, 1, 2).reshape(groups * shape[1], -1, *full.shape[2:])


def filters_as_stored(node: Node, values: Array) -> Array:
    """The inverse of :func:`filters_first` for whole weights."""
    groups = node.integer("group") if node.op == "ConvTranspose" else 1
    if node.op == "Conv":
        return values
    if groups == 1:
        return np.swapaxes(values, 0, 1)
    parts = values.reshape(groups, len(values) // groups, *values.shape[1:])
    return np.swapaxes(parts, 1, 2).reshape(groups * values.shape[1], -1, *values.shape[2:])


def filter_axis(node: Node, shape: Shape) -> int:
    """The axis of the stored weights along which outputs have scales of their own.

    Groups of a ``ConvTranspose`` share theirs, unless each group has one input and one output.
    """
    if node.op == "ConvTranspose":
        return 0 if node.integer("group") == shape[0] and shape[1] == 1 else 1
    return 1 if node.op == "MatMul" else 0


def along_filters(
    node: Node, values: Sequence[float], shape: Shape
) -> tuple[tuple[float, ...], int | None] | None:
    """One value for each output as values along one axis of the stored weights.

    Returns:
        The values and their axis (``None`` for one value); ``None`` where no axis says it: outputs
        of a ``ConvTranspose`` that differ within groups and between them.
    """
    line = tuple(values)
    if len(set(line)) == 1:
        return line[:1], None
    if node.op != "ConvTranspose":
        return line, filter_axis(node, shape)
    groups, each = node.integer("group"), shape[1]
    if line == line[:each] * groups:
        return line[:each], 1
    if all(len(set(line[first : first + each])) == 1 for first in range(0, len(line), each)):
        return tuple(value for value in line[::each] for _ in range(shape[0] // groups)), 0
    return None
