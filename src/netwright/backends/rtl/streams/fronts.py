"""The fronts of units: what they make of the streams they read."""

from __future__ import annotations

from collections.abc import Sequence

from netwright.backends.rtl.adders.adder_graph import Interval
from netwright.backends.rtl.streams.network import Front, Gather, Product, Stream, Window
from netwright.ir import Graph, Node


def window_front(node: Node, graph: Graph, source: Interval) -> Window:
    """The windows of a convolution or pooling; a signal in time is an image of one row.

    Args:
        node: A ``Conv``, ``MaxPool`` or ``SumPool``.
        graph: Its graph.
        source: Interval of its input; the padding of a maximum is the smallest value.
    """
    extents = graph.types[node.inputs[0]].shape[2:]
    rank, pads = len(extents), node.integers("pads")
    if node.op == "Conv":
        kernel = graph.types[node.inputs[1]].shape[2:]
        dilations = node.integers("dilations")
    else:
        kernel, dilations = node.integers("kernel"), (1,) * rank
    return Window(
        extents=_pair(extents),
        before=_pair(pads[:rank], 0),
        after=_pair(pads[rank:], 0),
        kernel=_pair(kernel),
        strides=_pair(node.integers("strides")),
        dilations=_pair(dilations),
        fill=source[0] if node.op == "MaxPool" else 0,
    )


def made_by(front: Front, source: Stream) -> tuple[int, Interval]:
    """Elements that a front makes of a stream, and their interval."""
    low, high = source.interval
    if isinstance(front, Product):
        tiling = front.tiling
        return tiling.groups * tiling.outputs, front.accumulator
    if isinstance(front, Window):
        if any(front.before + front.after):
            low, high = min(low, front.fill), max(high, front.fill)
        return source.lanes * front.kernel[0] * front.kernel[1], (low, high)
    return source.lanes * (front.beats if isinstance(front, Gather) else 1), (low, high)


def _pair(values: Sequence[int], missing: int = 1) -> tuple[int, int]:
    """Height and width; a signal in time has no height."""
    return (missing, values[0]) if len(values) == 1 else (values[0], values[1])
