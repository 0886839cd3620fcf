"""Operators that join tensors, choose among values, or move them."""

from __future__ import annotations

import numpy as np

from netwright.backends.hls.layers import View, channels_last, plain_index
from netwright.backends.hls.linear import pooling_window
from netwright.backends.hls.lowering import Lowering
from netwright.backends.hls.quantizers import add_constant, recast
from netwright.formats import Fixed
from netwright.ir import Node


def lower_add(lowering: Lowering, node: Node) -> View:
    """A sum of two tensors, or of a tensor and a constant; both in the same units."""
    extents = lowering.extents(node.output)
    made = [name for name in node.inputs if name not in lowering.graph.constants]
    if any(lowering.extents(name) != extents for name in made) or not made:
        raise lowering.refuse(node, "tensors of one shape, or one tensor and a constant")
    first = lowering.views[made[0]]
    register = lowering.register(node.output, first.exponent)
    if len(made) == 1:
        constant = next(name for name in node.inputs if name in lowering.graph.constants)
        values = np.broadcast_to(lowering.graph.constants[constant], (1, *extents))[0]
        return add_constant(lowering, node, first, values.astype(np.int64), register)
    second = lowering.arranged(node, made[1], first.shape, first.index)
    second = lowering.at_exponent(node, second, first.exponent)
    layer = lowering.add(
        "Merge", node, (first.layer, second.layer), {"result": register}, attributes={"op": "add"}
    )
    return View(layer, first.shape, first.index, first.exponent, register)


def lower_concat(lowering: Lowering, node: Node) -> View:
    """Tensors joined pair by pair: along the channels, or end to end where arrays are flat."""
    for name in node.inputs:
        if name in lowering.graph.constants:
            raise lowering.refuse(node, "only computed tensors can be joined, not constants")
    axis, rank = node.integer("axis"), len(lowering.extents(node.output))
    if rank == 1:
        result = _joined_flat(lowering, node, axis)
    elif axis == 1 and rank <= 3:
        result = _joined_channels(lowering, node)
    elif lowering.streams:
        raise lowering.refuse(node, 'join along axis 1, or use io_type "io_parallel"')
    else:
        result = _joined_flat(lowering, node, axis)
    return recast(lowering, node, result, lowering.register(node.output, result.exponent))


def _joined_channels(lowering: Lowering, node: Node) -> View:
    result: View | None = None
    channels = 0
    for name in node.inputs:
        extents = lowering.extents(name)
        part = lowering.arranged(node, name, *channels_last(extents))
        channels += extents[0]
        if result is None:
            result = part
            continue
        result = _pair(lowering, node, result, part, (*part.shape[:-1], channels))
    assert result is not None
    shape, index = channels_last((channels, *result.shape[:-1]))
    return View(result.layer, shape, index, result.exponent, result.register)


def _joined_flat(lowering: Lowering, node: Node, axis: int) -> View:
    result: View | None = None
    for name in node.inputs:
        view = lowering.views[name]
        part = lowering.arranged(node, name, (view.size,), view.index)
        if result is None:
            result = part
            continue
        index = np.concatenate([result.index, part.index + result.size], axis=axis - 1)
        joined = _pair(lowering, node, result, part, (result.size + part.size,))
        result = View(joined.layer, joined.shape, index, joined.exponent, joined.register)
    assert result is not None
    return result


def _pair(
    lowering: Lowering, node: Node, first: View, second: View, shape: tuple[int, ...]
) -> View:
    second = lowering.at_exponent(node, second, first.exponent)
    register = _common(first.register, second.register)
    layer = lowering.add(
        "Concatenate",
        node,
        (first.layer, second.layer),
        {"result": register},
        attributes={"op": f"concatenate{len(shape)}d", "axis": -1},
    )
    return View(layer, shape, plain_index(shape), first.exponent, register)


def _common(first: Fixed, second: Fixed) -> Fixed:
    """The narrowest wrapping register for the codes of both, which share a binary point."""
    signed = first.signed or second.signed
    bits = max(reg.bits + (signed and not reg.signed) for reg in (first, second))
    return Fixed(bits, bits + first.integer_bits - first.bits, signed)


def lower_max_pool(lowering: Lowering, node: Node) -> View:
    """The largest value of every window."""
    extents = lowering.extents(node.inputs[0])
    strides, pads, kernel = node.integers("strides"), node.integers("pads"), node.integers("kernel")
    if any(pad >= kernel[i % len(kernel)] for i, pad in enumerate(pads)):
        raise lowering.refuse(node, "pads must be smaller than the kernel")
    if lowering.streams and (any(pads) or strides != kernel):
        raise lowering.refuse(
            node,
            "on streams, windows must not overlap, skip or be padded: strides equal to the kernel "
            'and pads of 0; else use io_type "io_parallel"',
        )
    view = lowering.arranged(node, node.inputs[0], *channels_last(extents))
    if any(pads) and not view.register.signed:
        old = view.register
        view = recast(lowering, node, view, Fixed(old.bits + 1, old.integer_bits + 1), "_signed")
    register = lowering.register(node.output, view.exponent)
    layer = lowering.add(
        f"MaxPooling{len(kernel)}D",
        node,
        (view.layer,),
        {"result": register, "accum": view.register},
        attributes=pooling_window(lowering, node),
    )
    shape, index = channels_last(lowering.extents(node.output))
    return View(layer, shape, index, view.exponent, register)


def lower_reshape(lowering: Lowering, node: Node) -> View:
    """Nothing to compute: the same values under another index."""
    view = lowering.views[node.inputs[0]]
    index = view.index.reshape(lowering.extents(node.output))
    return View(view.layer, view.shape, index, view.exponent, view.register)


def lower_transpose(lowering: Lowering, node: Node) -> View:
    """Nothing to compute: the same values under another index."""
    view = lowering.views[node.inputs[0]]
    index = view.index.transpose([axis - 1 for axis in node.integers("order")[1:]])
    return View(view.layer, view.shape, index, view.exponent, view.register)
