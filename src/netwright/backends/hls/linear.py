"""Matrix products, convolutions and sums over windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from netwright.backends.hls.enlarging import set_apart
from netwright.backends.hls.layers import Shape, View, channels_last, plain_index
from netwright.backends.hls.lowering import Lowering
from netwright.backends.hls.registers import exponent_of_scale, reals, wrapping
from netwright.formats import Fixed
from netwright.ir import Node
from netwright.ir.ops.transposed import correlation

_AXES = ("height", "width")
_EDGES = (("pad_top", "pad_bottom"), ("pad_left", "pad_right"))


def lower_matmul(lowering: Lowering, node: Node) -> View:
    """A dense layer, or a convolution of one pixel when there are axes before the last.

    A tensor that was reshaped or transposed is read in the order in which it is kept: the rows of
    the weight matrix are permuted instead.
    """
    source, extents = node.inputs[0], lowering.extents(node.inputs[0])
    weights = lowering.graph.constants[node.inputs[1]].astype(np.int64)
    if len(extents) > 3:
        raise lowering.refuse(node, "reshape its input to at most 3 axes besides the batch")
    if len(extents) > 1:
        view = lowering.arranged(node, source, extents, plain_index(extents))
        kernel = weights.reshape((1,) * (len(extents) - 1) + weights.shape)
        ones = (1,) * (len(extents) - 1)
        window = _Window(extents[:-1], extents[:-1], ones, ones, (0,) * (2 * len(ones)))
        return _convolution(lowering, node, view, kernel, window, plain_index)
    view = lowering.views[source]
    flat = lowering.arranged(node, source, (view.size,), view.index)
    rows = np.empty_like(weights)
    rows[view.index] = weights
    exponent, registers, arrays = _operands(lowering, node, view)
    layer = lowering.add(
        "Dense",
        node,
        (flat.layer,),
        registers,
        attributes={"n_in": weights.shape[0], "n_out": weights.shape[1]},
        arrays={"weight_data": reals(rows, exponent - view.exponent), **arrays},
        products=(weights.shape[0], weights.shape[1]),
    )
    shape = (weights.shape[1],)
    return View(layer, shape, plain_index(shape), exponent, registers["result"])


def lower_conv(lowering: Lowering, node: Node) -> View:
    """A convolution; grouped and dilated kernels are filled up with zeros.

    A transposed one is a convolution of values that are set apart.
    """
    found = correlation(node, lowering.graph.constants[node.inputs[1]].astype(np.int64))
    extents = lowering.extents(node.inputs[0])
    view = lowering.arranged(node, node.inputs[0], *channels_last(extents))
    view, found = set_apart(lowering, node, view, found)
    weights, groups = found.undilated(), found.group
    depthwise = groups == extents[0] == weights.shape[0] and groups > 1
    if not depthwise:
        weights = _ungrouped(weights, groups)
    kernel = np.moveaxis(weights, (0, 1), (-1, -2))
    window = _Window(
        view.shape[:-1],
        lowering.extents(node.output)[1:],
        kernel.shape[:-2],
        found.strides,
        found.pads,
    )
    if depthwise:
        return _depthwise(lowering, node, view, np.swapaxes(kernel, -1, -2), window)
    return _convolution(lowering, node, view, kernel, window, _last_to_first)


def lower_sum_pool(lowering: Lowering, node: Node) -> View:
    """A depthwise convolution with ones: the only sum over windows that hls4ml never divides."""
    extents = lowering.extents(node.inputs[0])
    view = lowering.arranged(node, node.inputs[0], *channels_last(extents))
    ones = np.ones((*node.integers("kernel"), extents[0], 1), dtype=np.int64)
    return _depthwise(lowering, node, view, ones, _pool(lowering, node))


def pooling_window(lowering: Lowering, node: Node) -> dict[str, int | str]:
    """The window of a pooling node, in the words of hls4ml."""
    window = _pool(lowering, node)
    result: dict[str, int | str] = {"data_format": "channels_last"}
    result |= {key.replace("filt_", "pool_"): value for key, value in window.attributes().items()}
    result["n_filt"] = lowering.extents(node.output)[0]
    if window.rank == 1:
        result |= {"n_in": window.source[0], "n_out": window.result[0]}
    return result


def _pool(lowering: Lowering, node: Node) -> _Window:
    return _Window(
        lowering.extents(node.inputs[0])[1:],
        lowering.extents(node.output)[1:],
        node.integers("kernel"),
        node.integers("strides"),
        node.integers("pads"),
    )


class _Window:
    """Extents, kernel, strides and pads of a window, in the words of hls4ml."""

    def __init__(
        self, source: Shape, result: Shape, kernel: Shape, strides: Shape, pads: Shape
    ) -> None:
        self.source, self.result = source, result
        self.kernel, self.strides, self.pads = kernel, strides, pads
        self.rank = len(kernel)

    def padded(self) -> _Window:
        extents = tuple(
            extent + self.pads[i] + self.pads[self.rank + i] for i, extent in enumerate(self.source)
        )
        return _Window(extents, self.result, self.kernel, self.strides, (0,) * (2 * self.rank))

    def pad_attributes(self) -> dict[str, int]:
        edges = _EDGES[-self.rank :]
        return {
            name: self.pads[side * self.rank + i]
            for i, pair in enumerate(edges)
            for side, name in enumerate(pair)
        }

    def attributes(self) -> dict[str, int]:
        result = self.pad_attributes()
        for i, axis in enumerate(_AXES[-self.rank :]):
            result |= {
                f"in_{axis}": self.source[i],
                f"out_{axis}": self.result[i],
                f"filt_{axis}": self.kernel[i],
                f"stride_{axis}": self.strides[i],
            }
        return result


def _last_to_first(shape: Shape) -> NDArray[np.int64]:
    return np.moveaxis(plain_index(shape), -1, 0)


def _operands(
    lowering: Lowering, node: Node, view: View
) -> tuple[int, dict[str, Fixed], dict[str, NDArray[np.float64]]]:
    """Binary point of the sum, the registers of the layer, and its bias if there is one."""
    graph = lowering.graph
    exponent = exponent_of_scale(graph.types[node.output].scale)
    accumulator = lowering.register(node.output, exponent)
    registers = {"result": accumulator, "accum": accumulator}
    if node.op == "SumPool":
        registers["weight"] = Fixed(1, 1 + exponent - view.exponent, False)
    else:
        registers["weight"] = wrapping(graph, node.inputs[1], exponent - view.exponent)
    if len(node.inputs) < 3:
        return exponent, registers, {}
    registers["bias"] = wrapping(graph, node.inputs[2], exponent)
    return exponent, registers, {"bias_data": reals(graph.constants[node.inputs[2]], exponent)}


def _convolution(
    lowering: Lowering,
    node: Node,
    view: View,
    kernel: NDArray[np.int64],
    window: _Window,
    index: Callable[[Shape], NDArray[np.int64]],
) -> View:
    exponent, registers, arrays = _operands(lowering, node, view)
    kernel, window = _without_gaps(lowering, kernel, window)
    source, window = _zero_padded(lowering, node, view, window)
    channels, filters = kernel.shape[-2:]
    attributes: Mapping[str, int | str] = {
        **window.attributes(),
        "n_chan": channels,
        "n_filt": filters,
        "data_format": "channels_last",
    }
    layer = lowering.add(
        f"Conv{window.rank}D",
        node,
        (source,),
        registers,
        attributes=attributes,
        arrays={"weight_data": reals(kernel, exponent - view.exponent), **arrays},
        products=(kernel.size // filters, filters),
    )
    shape = (*window.result, filters)
    return View(layer, shape, index(shape), exponent, registers["result"])


def _depthwise(
    lowering: Lowering, node: Node, view: View, kernel: NDArray[np.int64], window: _Window
) -> View:
    exponent, registers, arrays = _operands(lowering, node, view)
    kernel, window = _without_gaps(lowering, kernel, window)
    source, window = _zero_padded(lowering, node, view, window)
    channels = view.shape[-1]
    attributes: Mapping[str, int | str] = {
        **window.attributes(),
        "n_chan": channels,
        "n_filt": channels,
        "depth_multiplier": 1,
        "data_format": "channels_last",
    }
    layer = lowering.add(
        f"DepthwiseConv{window.rank}D",
        node,
        (source,),
        registers,
        attributes=attributes,
        arrays={"depthwise_data": reals(kernel, exponent - view.exponent), **arrays},
    )
    shape = (*window.result, channels)
    return View(layer, shape, _last_to_first(shape), exponent, registers["result"])


def _without_gaps(
    lowering: Lowering, kernel: NDArray[np.int64], window: _Window
) -> tuple[NDArray[np.int64], _Window]:
    """On streams, a window smaller than its stride gets zeros until nothing lies between windows.

    hls4ml's line buffers count strides wrongly where elements belong to no window.
    """
    gaps = [max(s - k, 0) for s, k in zip(window.strides, window.kernel, strict=True)]
    if not (lowering.streams and any(gaps)):
        return kernel, window
    rank = window.rank
    extents = tuple(k + gap for k, gap in zip(window.kernel, gaps, strict=True))
    pads = list(window.pads)
    for i in range(rank):
        needed = (window.result[i] - 1) * window.strides[i] + extents[i]
        pads[rank + i] += max(needed - window.source[i] - pads[i] - pads[rank + i], 0)
    filled = np.pad(kernel, [*((0, gap) for gap in gaps), (0, 0), (0, 0)])
    return filled, _Window(window.source, window.result, extents, window.strides, tuple(pads))


def _zero_padded(
    lowering: Lowering, node: Node, view: View, window: _Window
) -> tuple[str, _Window]:
    """Streams are padded by a layer of their own; arrays by the convolution itself."""
    if not (lowering.streams and any(window.pads)):
        return view.layer, window
    padded = window.padded()
    attributes: dict[str, int | str] = {**window.pad_attributes(), "n_chan": view.shape[-1]}
    for i, axis in enumerate(_AXES[-window.rank :]):
        attributes |= {f"in_{axis}": window.source[i], f"out_{axis}": padded.source[i]}
    layer = lowering.add(
        f"ZeroPadding{window.rank}D",
        node,
        (view.layer,),
        {"result": view.register},
        attributes={**attributes, "data_format": "channels_last"},
        suffix="_pad",
    )
    return layer, padded


def _ungrouped(weights: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    if groups == 1:
        return weights
    filters, channels = weights.shape[:2]
    full = np.zeros((filters, channels * groups, *weights.shape[2:]), dtype=np.int64)
    for group in range(groups):
        rows = slice(group * filters // groups, (group + 1) * filters // groups)
        full[rows, group * channels : (group + 1) * channels] = weights[rows]
    return full
