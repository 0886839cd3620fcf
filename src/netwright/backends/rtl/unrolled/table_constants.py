"""Constants of a sum of tables, moved into the tables, where they cost nothing.

A table holds its function less the smallest entry, so that its bits are few and never negative; the
sum then lacks a constant, and an adder of its own would add it. But a table whose largest entry is
below the next power of two may hold something more in the same bits. Together the tables of a sum
mostly have room for so much that the constant becomes minus a power of two, which is the sign bit
inverted: no adder, and one less on the longest way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.cells.rescaling import addends
from netwright.ir import Graph, Node
from netwright.ir.ops.quant import rounding_of

Lifts = NDArray[np.int64]
"""What is added to every function of a ``Lookup``, (elements, functions of an element)."""


def table_lifts(node: Node, graph: Graph, codes: Sequence[Interval]) -> Lifts:
    """What the tables of a ``Lookup`` hold beyond their function less its smallest entry.

    It is zero unless all that reads them is one product, in which every function has a weight of
    one in a single sum.

    Args:
        node: The ``Lookup``.
        graph: Its graph.
        codes: Interval of every element that it reads.
    """
    tables = graph.constants[node.inputs[1]].astype(np.int64)
    lifts = np.zeros(tables.shape[:2], dtype=np.int64)
    readers = graph.consumers[node.output]
    if len(readers) != 1 or node.output in graph.outputs or readers[0].op != "MatMul":
        return lifts
    weights = graph.constants.get(readers[0].inputs[1])
    if weights is None or len(weights) != lifts.size or not _selects(weights):
        return lifts
    if len(codes) != len(tables):  # the same tables for several rows of elements
        return lifts
    first = node.integer("first")
    later = constants_behind(readers[0], graph, weights.shape[1])
    reached = [
        own[:, low - first : high - first + 1]
        for own, (low, high) in zip(tables, codes, strict=True)
    ]
    smallest = np.concatenate([own.min(axis=1) for own in reached])
    moved = [own - own.min(axis=1, keepdims=True) for own in reached]
    unions = np.concatenate([np.bitwise_or.reduce(own, axis=1) for own in moved])
    steps, largest = unions & -unions, np.concatenate([own.max(axis=1) for own in moved])
    for column, constant in enumerate(later):
        members = np.flatnonzero(weights[:, column])
        whole = int(smallest[members].sum()) + constant
        wanted = _wanted(whole, int(largest[members].sum()))
        given = _spread(wanted, largest[members].tolist(), steps[members].tolist())
        if given is not None:
            lifts.reshape(-1)[members] = given
    return lifts


def chain_bases(tables: Sequence[Sequence[int]], begins: int, constant: int) -> list[int]:
    """What the functions of a chain are more than what their tables give.

    All tables but the one that begins the chain give the function less its smallest entry, and as
    much more as they have room for. The one that begins gives its function beyond a multiple of a
    power of two above it, so that none of its upper bits depend on the code.

    Args:
        tables: Entries of the functions, by code.
        begins: Which of them begins the chain.
        constant: What the chain adds to the sum of the functions.
    """
    lows = [min(table) for table in tables]
    moved = [[entry - low for entry in table] for table, low in zip(tables, lows, strict=True)]
    unions = [int(np.bitwise_or.reduce(table)) for table in moved]
    largest = [max(table) for table in moved]
    whole = sum(lows) + constant
    rest = whole & ((1 << largest[begins].bit_length()) - 1)
    given = _spread(rest, largest, [union & -union for union in unions])
    if given is None:
        given, rest = [0] * len(tables), 0
    given[begins] += whole - rest
    return [low - more for low, more in zip(lows, given, strict=True)]


def _selects(weights: NDArray[np.integer]) -> bool:
    """Whether a matrix puts every input into one sum at most, as it is."""
    is_one_or_zero = bool(np.all((weights == 0) | (weights == 1)))
    return is_one_or_zero and bool(np.all(weights.sum(axis=1) <= 1))


def constants_behind(product: Node, graph: Graph, sums: int) -> list[int]:
    """What is added to every sum before anything else happens to it."""
    found = [0] * sums
    if len(product.inputs) == 3:
        bias = graph.constants.get(product.inputs[2])
        if bias is None:
            return found
        found = [int(value) for value in bias.reshape(-1)]
    readers = graph.consumers[product.output]
    if len(readers) != 1 or readers[0].op != "Requantize" or product.output in graph.outputs:
        return found
    node, more = readers[0], 0
    if set(node.integers("multiplier")) != {1}:
        return found
    offsets = node.integers("offset")
    shift = node.integer("shift")
    if shift:
        below, above = addends(rounding_of(node), shift)
        more = above if below == above else 0
    if len(offsets) not in (1, sums):
        return found
    own = offsets * sums if len(offsets) == 1 else offsets
    return [one + other + more for one, other in zip(found, own, strict=True)]


def _wanted(constant: int, largest: int) -> int:
    """What the tables of a sum must take of its constant, so that no adder adds the rest.

    Args:
        constant: What is added to the sum of the tables.
        largest: The largest sum of the tables.
    """
    if constant >= 0:
        return constant
    return constant + (1 << (width((constant, largest + constant)) - 1))


def _spread(wanted: int, largest: list[int], steps: list[int]) -> list[int] | None:
    """As much as is wanted, spread over tables that have room for it; ``None`` if they do not."""
    given = [0] * len(largest)
    order = sorted(range(len(largest)), key=lambda place: -largest[place])
    for place in order:
        if steps[place] == 0:  # a constant, which is no table
            continue
        room = (1 << largest[place].bit_length()) - 1 - largest[place]
        given[place] = min(wanted, room) // steps[place] * steps[place]
        wanted -= given[place]
    return given if wanted == 0 else None
