"""How many values a row of inputs needs on its way through a graph, and how many rows fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from math import prod
from typing import TypeVar

from netwright.ir.check import spec_of
from netwright.ir.graph import Graph

T = TypeVar("T")

VALUES_TOGETHER = 1 << 24
"""Values that the rows of one step hold together at most: 128 MiB in float64."""

VALUES_PASSED = 1 << 32
"""Values that the rows of one set of inputs go through together: minutes for an executor."""

STEPS_TOGETHER = 1 << 40
"""Multiplications of the rows of one set of inputs: the same."""


def rows_together(row_values: int, most: int) -> int:
    """How many rows are dealt with in one step, 1 at least, so that they fit the memory.

    Args:
        row_values: What one row holds, by one of the functions below.
        most: Rows of a step where they are small.
    """
    return max(1, min(most, VALUES_TOGETHER // max(row_values, 1)))


def in_groups(items: Iterable[T], size: Callable[[T], int]) -> Iterator[tuple[T, ...]]:
    """Items in order, as many at a time as fit the memory together, 1 at least."""
    group: list[T] = []
    held = 0
    for item in items:
        needs = size(item)
        if group and held + needs > VALUES_TOGETHER:
            yield tuple(group)
            group, held = [], 0
        group.append(item)
        held += needs
    if group:
        yield tuple(group)


def affordable_rows(graph: Graph, wanted: int) -> int:
    """As many of the wanted rows as can be made and executed in reasonable memory and time."""
    rows = min(wanted, VALUES_PASSED // max(passed_values(graph), 1))
    rows = min(rows, STEPS_TOGETHER // max(multiplications(graph), 1))
    return rows_together(_total(graph, graph.inputs), rows)


def interface_values(graph: Graph) -> int:
    """Values of the inputs and outputs of one row."""
    return _total(graph, {*graph.inputs, *graph.outputs})


def passed_values(graph: Graph) -> int:
    """Values of all tensors that one row goes through."""
    return _total(graph, (*graph.inputs, *graph.producers))


def multiplications(graph: Graph) -> int:
    """Multiplications with weights that one row takes."""
    return sum(
        spec_of(node).macs(node, [graph.types[name].shape for name in node.inputs])
        for node in graph.nodes
    )


def held_values(graph: Graph, keep: Collection[str] = ()) -> int:
    """Values of one row that are held at once, where a tensor goes behind its last reader.

    Args:
        graph: The graph.
        keep: Tensors that are held to the end, beside the inputs and outputs.
    """
    finished = last_reads(graph, {*graph.inputs, *graph.outputs, *keep})
    held = most = _total(graph, graph.inputs)
    for node in graph.nodes:
        held += _total(graph, (node.output,))
        most = max(most, held)
        held -= _total(graph, finished[node.name])
    return most


def last_reads(graph: Graph, kept: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """By node, the tensors that nothing needs behind it, but for kept ones and constants."""
    finished: dict[str, tuple[str, ...]] = {}
    seen = {*kept, *graph.constants}
    for node in reversed(graph.nodes):
        last = dict.fromkeys(name for name in (node.output, *node.inputs) if name not in seen)
        finished[node.name] = tuple(last)
        seen.update(last)
    return finished


def _total(graph: Graph, names: Collection[str]) -> int:
    return sum(prod(graph.types[name].shape[1:]) for name in names)
