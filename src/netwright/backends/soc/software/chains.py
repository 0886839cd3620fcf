"""What happens to single elements: requantizers, limits, signs, in the order of the graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from netwright.backends.soc.software.c_values import (
    c_type,
    interval_of,
    limited,
    number,
    rounded,
    table,
    type_bytes,
)
from netwright.formats import holds_integers
from netwright.ir import Graph, Interpreter, Node
from netwright.ir.ops.limit import intervals, wraps
from netwright.ir.ops.quant import rounding_of

UNARY = ("Requantize", "Limit", "Relu", "Sign")
"""Operators that work element by element on one tensor."""


class Tables:
    """The constants of a routine: every one has a name, and equal ones share it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.bytes = 0
        self._names: dict[tuple[str, bytes], str] = {}

    def add(self, values: np.ndarray | Sequence[int], kind: str | None = None) -> str:
        """The name of a constant array, in the narrowest type unless one is given."""
        array = np.asarray(values, dtype=np.int64)
        kind = kind or c_type(interval_of(array))
        key = (kind, array.tobytes())
        if key not in self._names:
            name = self._names[key] = f"table_{len(self._names)}"
            self.lines += table(name, array, kind)
            self.bytes += array.size * type_bytes(kind)
        return self._names[key]


def chain(
    nodes: Sequence[Node], graph: Graph, interpreter: Interpreter, tables: Tables, channel: str
) -> Iterator[str]:
    """Statements that take variable ``v`` through nodes, the channel being in a variable.

    Args:
        nodes: The nodes, each reading the one before.
        graph: The graph.
        interpreter: The graph, checked.
        tables: Gets constants that differ by channel.
        channel: Expression of the channel's number along every node's axis.
    """
    for node in nodes:
        yield from _STATEMENTS[node.op](node, tables, channel)
        yield from wrapping(node.output, graph, interpreter)


def wrapping(tensor: str, graph: Graph, interpreter: Interpreter) -> Iterator[str]:
    """Statements that wrap variable ``v`` to the declared format of a tensor, if need be."""
    if tensor in interpreter.wrapped:
        dtype = graph.types[tensor].dtype
        assert holds_integers(dtype)
        yield _wrapped(number(int(dtype.min)), number((1 << dtype.bits) - 1))


def _wrapped(low: str, mask: str) -> str:
    return f"v = ((v - ({low})) & {mask}) + ({low});"


def _channel(values: Sequence[int], tables: Tables, channel: str) -> str:
    """An expression for the value of a channel."""
    if len(set(values)) == 1:
        return number(values[0])
    return f"{tables.add(values)}[{channel}]"


def _requantize(node: Node, tables: Tables, channel: str) -> Iterator[str]:
    if node.integers("multiplier") != (1,):
        yield f"v *= {_channel(node.integers('multiplier'), tables, channel)};"
    if node.integers("offset") != (0,):
        yield f"v += {_channel(node.integers('offset'), tables, channel)};"
    if node.integer("shift"):
        yield f"v = {rounded('v', node.integer('shift'), rounding_of(node))};"
    yield from limited("v", number(node.integer("low")), number(node.integer("high")))
    if node.integer("zero_point", 0):
        yield f"v -= {number(node.integer('zero_point', 0))};"


def _limit(node: Node, tables: Tables, channel: str) -> Iterator[str]:
    found = intervals(node)
    low = _channel([end[0] for end in found], tables, channel)
    if wraps(node):
        yield _wrapped(low, _channel([end[1] - end[0] for end in found], tables, channel))
    else:
        yield from limited("v", low, _channel([end[1] for end in found], tables, channel))


def _relu(node: Node, tables: Tables, channel: str) -> Iterator[str]:
    yield "if (v < 0) v = 0;"


def _sign(node: Node, tables: Tables, channel: str) -> Iterator[str]:
    offset = _channel(node.integers("offset"), tables, channel)
    yield f"v = v + ({offset}) >= 0 ? 1 : -1;"


_STATEMENTS = {"Requantize": _requantize, "Limit": _limit, "Relu": _relu, "Sign": _sign}
