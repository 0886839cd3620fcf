"""The fronts of units: what they make of the streams they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval
from netwright.backends.rtl.streams.network import Front, Gather, Product, Stream, Window
from netwright.ir import AttrValue, Graph, Node
from netwright.ir.ops.shape import window_of_slice
from netwright.ir.ops.transposed import correlation


def window_front(node: Node, graph: Graph, source: Interval) -> Window:
    """The windows of a convolution or pooling; a signal in time is an image of one row.

    Args:
        node: A convolution, a pooling, a repetition, or a part along an axis of positions.
        graph: Its graph.
        source: Interval of its input; the padding of a maximum is the smallest value.
    """
    extents = graph.types[node.inputs[0]].shape[2:]
    rank = len(extents)
    strides = dilations = steps = (1,) * rank
    fill = source[0] if node.op in ("MaxPool", "Resize") else 0
    if node.op in ("Conv", "ConvTranspose"):
        found = correlation(node, graph.constants[node.inputs[1]])
        kernel, pads, steps = found.kernel, found.pads, found.steps
        strides, dilations = found.strides, found.dilations
    elif node.op == "Resize":
        kernel = steps = node.integers("factors")
        pads = tuple(factor - 1 for factor in steps) * 2
    elif node.op == "Slice":
        width, step, _ = window_of_slice(node, extents[node.integer("axis") - 2])
        kernel, strides = (_at(node, value, rank) for value in (width, step))
        pads = (0,) * (2 * rank)
    else:
        kernel, pads, strides = (node.integers(key) for key in ("kernel", "pads", "strides"))
    return Window(
        extents=_pair(extents),
        before=_pair(pads[:rank], 0),
        after=_pair(pads[rank:], 0),
        kernel=_pair(kernel),
        strides=_pair(strides),
        dilations=_pair(dilations),
        fill=fill,
        steps=_pair(steps),
    )


def one_window(node: Node, graph: Graph) -> tuple[Node, tuple[NDArray[np.int64], ...]]:
    """A node that computes one window of :func:`window_front`, and the constants that it reads.

    A window of a repetition holds one element of its input, and else the smallest value.
    """
    rank = len(graph.types[node.inputs[0]].shape) - 2
    alone: dict[str, AttrValue] = {"strides": (1,) * rank, "pads": (0,) * (2 * rank)}
    constants = tuple(graph.constants[name] for name in node.inputs[1:])
    if node.op in ("Conv", "ConvTranspose"):
        found = correlation(node, constants[0])
        attrs = {**alone, "dilations": (1,) * rank, "group": found.group}
        return replace(node, op="Conv", attrs=attrs), (found.weights, *constants[1:])
    if node.op == "Slice":
        extents = graph.types[node.inputs[0]].shape
        _, _, place = window_of_slice(node, extents[node.integer("axis")])
        return replace(node, attrs={**node.attrs, "start": place, "stop": place + 1}), ()
    kernel = node.integers("factors" if node.op == "Resize" else "kernel")
    op = "MaxPool" if node.op == "Resize" else node.op
    return replace(node, op=op, attrs={**alone, "kernel": kernel}), constants


def made_by(front: Front, source: Stream) -> tuple[int, Interval]:
    """Elements that a front makes of a stream, and their interval."""
    low, high = source.interval
    if isinstance(front, Product):
        tiling = front.tiling
        return tiling.groups * tiling.outputs, front.accumulator
    if isinstance(front, Window):
        if any(front.before + front.after) or max(front.steps) > 1:
            low, high = min(low, front.fill), max(high, front.fill)
        return source.lanes * front.kernel[0] * front.kernel[1], (low, high)
    return source.lanes * (front.beats if isinstance(front, Gather) else 1), (low, high)


def _at(node: Node, value: int, rank: int) -> tuple[int, ...]:
    """A value for the axis of a part, 1 for the others of the positions."""
    return tuple(value if i == node.integer("axis") - 2 else 1 for i in range(rank))


def _pair(values: Sequence[int], missing: int = 1) -> tuple[int, int]:
    """Height and width; a signal in time has no height."""
    return (missing, values[0]) if len(values) == 1 else (values[0], values[1])
