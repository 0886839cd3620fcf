"""Repetition of values, and values that are set apart by zeros."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.backends.hls.layers import Shape, View, channels_last
from netwright.backends.hls.lowering import Lowering
from netwright.backends.hls.quantizers import masked
from netwright.ir import Node
from netwright.ir.ops.transposed import Correlation

_PLACES = 16
"""Bits behind the point with which hls4ml's arrays find the value that is repeated."""


def lower_resize(lowering: Lowering, node: Node) -> View:
    """The nearest-neighbor layer of hls4ml."""
    extents = lowering.extents(node.inputs[0])
    view = lowering.arranged(node, node.inputs[0], *channels_last(extents))
    return _repeated(lowering, node, view, node.integers("factors"))


def set_apart(
    lowering: Lowering, node: Node, view: View, found: Correlation
) -> tuple[View, Correlation]:
    """What the windows of a transposed convolution slide over: values with zeros in between.

    Every value is repeated, and all copies but the first are multiplied by zero. So there are
    zeros behind the last value, too; where they are more than the padding there, the kernel gets
    as many zeros.

    Args:
        lowering: The lowering.
        node: The node.
        view: Its input, channels last.
        found: Its windows.
    """
    if max(found.steps) == 1:
        return view, found
    rank = len(found.steps)
    larger = _repeated(lowering, node, view, found.steps, suffix="_repeat")
    mask = np.zeros(larger.shape, dtype=np.int64)
    mask[tuple(slice(None, None, step) for step in found.steps)] = 1
    apart = masked(lowering, node, larger, mask, suffix="_apart")
    rest = [after - step + 1 for after, step in zip(found.pads[rank:], found.steps, strict=True)]
    margins = [(0, 0), (0, 0), *((0, max(-more, 0)) for more in rest)]
    weights, dilations = found.weights, found.dilations
    if min(rest) < 0:
        if max(dilations) > 1:
            weights, dilations = found.undilated(), (1,) * rank
        weights = np.pad(weights, margins)
    pads = (*found.pads[:rank], *(max(more, 0) for more in rest))
    return apart, replace(found, weights=weights, steps=(1,) * rank, pads=pads, dilations=dilations)


def _repeated(
    lowering: Lowering, node: Node, view: View, factors: Shape, *, suffix: str = ""
) -> View:
    """Values that are kept channels last, repeated along the axes before."""
    if max(factors) == 1:
        return view
    *extents, channels = view.shape
    larger = tuple(extent * factor for extent, factor in zip(extents, factors, strict=True))
    for extent, many in zip(extents, larger, strict=True):
        ratio = (extent << _PLACES) // many + 1
        places = np.arange(many)
        if many >> (31 - _PLACES) or np.any(places * ratio >> _PLACES != places * extent // many):
            raise lowering.refuse(node, "make fewer positions: hls4ml would repeat others")
    height, width = (1, *extents)[-2:]
    new_height, new_width = (1, *larger)[-2:]
    layer = lowering.add(
        f"UpSampling{len(factors)}D",
        node,
        (view.layer,),
        {"result": view.register},
        attributes={
            "in_height": height, "in_width": width, "out_height": new_height,
            "out_width": new_width, "n_chan": channels, "algorithm": "nearest",
            "data_format": "channels_last",
        },
        suffix=suffix,
    )  # fmt: skip
    shape, index = channels_last((channels, *larger))
    return View(layer, shape, index, view.exponent, view.register)
