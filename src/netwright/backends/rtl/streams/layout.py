"""How tensors travel: which elements make one beat of a stream, and in which order."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from netwright.ir import Graph, Node

WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "SumPool", "Resize")
POINTWISE = ("Requantize", "Limit", "Relu", "Sign", "Add", "Concat", "Slice")


class Layout(StrEnum):
    """What one beat of a tensor holds."""

    ROW = "row"
    """All elements."""
    CHANNELS = "channels"
    """The channels of one position; positions in raster order."""
    LAST = "last"
    """The elements along the last axis."""


def order(layout: Layout, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Which element (in row-major order) every lane of every beat holds: (beats, lanes).

    >>> order(Layout.CHANNELS, (2, 3)).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    numbers = np.arange(int(np.prod(shape)), dtype=np.int64)
    if layout is Layout.CHANNELS:
        return numbers.reshape(shape[0], -1).T
    return numbers.reshape(-1, shape[-1]) if layout is Layout.LAST else numbers.reshape(1, -1)


def beat_shape(layout: Layout, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the tensor's part in one beat: the axes of the beats have extent 1."""
    if layout is Layout.CHANNELS:
        return (shape[0], *(1,) * (len(shape) - 1))
    return (*(1,) * (len(shape) - 1), shape[-1]) if layout is Layout.LAST else shape


def is_windowed(node: Node, layout: Layout) -> bool:
    """Whether a node makes windows of positions that come in a layout."""
    skips = node.op == "Slice" and layout is Layout.CHANNELS and node.integer("axis") > 1
    return node.op in WINDOWED or skips


def layouts(graph: Graph) -> dict[str, Layout]:
    """The layout that every node reads and writes, by its name.

    Convolutions and pooling go position by position, products vector by vector, moves need whole
    rows; what works element by element takes what it gets, where its constants allow that.
    """
    found: dict[str, Layout] = {}
    made: dict[str, Layout] = {}
    for node in graph.nodes:
        shape = graph.types[node.output].shape[1:]
        if node.op == "Quantize":
            layout = _wanted(node.output, graph)
        elif node.op in POINTWISE:
            first = next((made[name] for name in node.inputs if name in made), Layout.ROW)
            layout = first if _suits(node, first, graph) else Layout.ROW
        else:
            layout = _own(node.op)
        found[node.name] = layout
        made[node.output] = plain(layout, shape)
    return found


def plain(layout: Layout, shape: tuple[int, ...]) -> Layout:
    """The layout, or :attr:`Layout.ROW` where one beat holds everything anyway."""
    return Layout.ROW if len(order(layout, shape)) == 1 else layout


def _own(op: str) -> Layout:
    if op in WINDOWED:
        return Layout.CHANNELS
    return Layout.LAST if op == "MatMul" else Layout.ROW


def _wanted(tensor: str, graph: Graph) -> Layout:
    """What the first node that cares reads."""
    shape = graph.types[tensor].shape[1:]
    for node in graph.consumers[tensor]:
        layout = _own(node.op) if node.op not in POINTWISE else _wanted(node.output, graph)
        if node.op not in POINTWISE or _suits(node, layout, graph):
            return plain(layout, shape)
    return Layout.ROW


def _suits(node: Node, layout: Layout, graph: Graph) -> bool:
    """Whether an element-by-element node means the same in every beat."""
    if layout is Layout.ROW:
        return True
    shape = graph.types[node.output].shape
    lanes = 1 if layout is Layout.CHANNELS else len(shape) - 1
    if node.op in ("Concat", "Slice"):
        return node.integer("axis") == lanes or is_windowed(node, layout)
    if node.op == "Add":
        for name in node.inputs:
            other = graph.types[name].shape
            extents = (1,) * (len(shape) - len(other)) + other
            if name not in graph.constants and other != shape:
                return False
            beats = [extents[axis] for axis in range(1, len(shape)) if axis != lanes]
            if name in graph.constants and max(beats, default=1) > 1:
                return False
        return True
    return node.axis() in (None, lanes) if "axis" in node.attrs else True
