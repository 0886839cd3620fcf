"""Parts of tensors: products with zeros and ones, for hls4ml has no layer that only leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netwright.backends.hls.layers import View, channels_last
from netwright.backends.hls.linear import lower_conv, lower_matmul
from netwright.backends.hls.lowering import Lowering
from netwright.formats import Int
from netwright.ir import AttrValue, Node, TensorType
from netwright.ir.ops.shape import chosen, window_of_slice


def lower_slice(lowering: Lowering, node: Node) -> View:
    """A dense layer, or a convolution whose windows have one element that counts."""
    extents, axis = lowering.extents(node.inputs[0]), node.integer("axis")
    view = lowering.views[node.inputs[0]]
    pixels = len(extents) in (2, 3) and view.is_laid_out(*channels_last(extents))
    if axis == len(extents) and not pixels:
        columns = np.eye(extents[-1], dtype=np.int64)[:, chosen(node)[-1]]
        return lower_matmul(lowering, _product(lowering, node, "MatMul", columns, {}))
    if len(extents) not in (2, 3):
        raise lowering.refuse(node, "take parts of the last axis, or of tensors of 2 or 3 axes")
    channels, rank = extents[0], len(extents) - 1
    kept, strides = np.eye(channels, dtype=np.int64), [1] * rank
    weights = kept.reshape(channels, channels, *(1,) * rank)
    if axis == 1:
        weights = weights[chosen(node)[-1]]
    else:
        width, strides[axis - 2], place = window_of_slice(node, extents[axis - 1])
        tap = np.eye(width, dtype=np.int64)[place]
        weights = weights * tap.reshape([-1 if i == axis else 1 for i in range(2 + rank)])
    attrs: dict[str, AttrValue] = {
        "strides": tuple(strides), "pads": (0,) * (2 * rank), "dilations": (1,) * rank, "group": 1,
    }  # fmt: skip
    return lower_conv(lowering, _product(lowering, node, "Conv", weights, attrs))


def _product(
    lowering: Lowering,
    node: Node,
    op: str,
    weights: NDArray[np.int64],
    attrs: Mapping[str, AttrValue],
) -> Node:
    """The node as a product; its weights join the constants that layers are made with."""
    name = f"{node.name}.chosen"
    while name in lowering.graph.types:
        name += "_"
    graph = lowering.graph
    lowering.graph = replace(
        graph,
        constants={**graph.constants, name: weights},
        types={**graph.types, name: TensorType(weights.shape, Int(2), (1.0,))},
    )
    return replace(node, op=op, inputs=(node.inputs[0], name), attrs=attrs)
