"""In which order the elements of a tensor are stored, so that every window is one run of words.

A convolution reads and writes the channels of a position side by side, positions in a row. What a
dense layer reads or makes may have any order, so it takes that of its neighbor. Reshaping and
transposing move nothing: they only change what an element in memory is called.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.ir import Graph, Node

Order = NDArray[np.int64]
"""The element, in row-major order, that is stored in every place."""

MOVES = ("Reshape", "Transpose")
POINTWISE = ("Requantize", "Relu", "Limit", "Add")


def row_major(shape: tuple[int, ...]) -> Order:
    """The last axis side by side."""
    return np.arange(int(np.prod(shape)), dtype=np.int64)


def channels_last(shape: tuple[int, ...]) -> Order:
    """The first axis side by side.

    >>> channels_last((2, 3)).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    return row_major(shape).reshape(shape[0], -1).T.reshape(-1)


def moved(node: Node, graph: Graph, order: Order) -> Order:
    """What the places of a moved tensor hold, from what they hold before."""
    if node.op == "Reshape":
        return order
    shape = graph.types[node.inputs[0]].shape[1:]
    axes = [axis - 1 for axis in node.integers("order")[1:]]
    number = np.empty(order.size, dtype=np.int64)
    number[row_major(shape).reshape(shape).transpose(axes).reshape(-1)] = row_major(shape)
    return number[order]


def fixed(tensor: str, graph: Graph) -> Order | None:
    """The order in which a tensor is made, or ``None`` where its maker takes any."""
    node = graph.producers[tensor]
    shape = graph.types[tensor].shape[1:]
    if node.op in ("Conv", "ConvTranspose"):
        return channels_last(shape)
    if node.op == "MatMul":
        return None if len(shape) == 1 else row_major(shape)
    if node.op in MOVES:
        source = fixed(node.inputs[0], graph)
        return None if source is None else moved(node, graph, source)
    if node.op in POINTWISE:
        own = [name for name in node.inputs if name not in graph.constants]
        found = (fixed(name, graph) for name in own)
        return next((order for order in found if order is not None), None)
    return None


def wanted(tensor: str, graph: Graph) -> Order | None:
    """The order in which a tensor is read, or ``None`` where its readers take any."""
    shape = graph.types[tensor].shape[1:]
    for node in graph.consumers[tensor]:
        found: Order | None = None
        if node.op in ("Conv", "ConvTranspose"):
            found = channels_last(shape)
        elif node.op == "MatMul":
            found = None if len(shape) == 1 else row_major(shape)
        elif node.op in POINTWISE:
            others = [n for n in node.inputs if n != tensor and n not in graph.constants]
            known = (fixed(name, graph) for name in others)
            found = next((order for order in known if order is not None), None)
            found = wanted(node.output, graph) if found is None else found
        elif node.op in MOVES:
            behind = wanted(node.output, graph)
            if behind is not None:
                names = moved(node, graph, row_major(shape))  # of every element, behind the move
                back = np.empty(names.size, dtype=np.int64)
                back[names] = row_major(shape)
                found = back[behind]
        if found is not None:
            return found
    return None


def chosen(tensor: str, graph: Graph) -> Order:
    """The order in which a tensor of a maker that takes any is stored."""
    order = wanted(tensor, graph)
    return row_major(graph.types[tensor].shape[1:]) if order is None else order
