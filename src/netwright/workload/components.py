"""Einsums that need each other: what runs together along iterative ranks."""

from __future__ import annotations

from collections.abc import Sequence

from netwright.workload.einsum import Einsum, Workload


def components(workload: Workload) -> tuple[tuple[Einsum, ...], ...]:
    """Einsums in an order of execution, in groups that depend on each other.

    A group of several Einsums, or one that reads its own output, runs point by point of an
    iterative rank; inside a group the order of the workload holds.
    """
    place = {einsum.output.tensor: index for index, einsum in enumerate(workload.einsums)}
    reads = [[place[name] for name in einsum.reads if name in place] for einsum in workload.einsums]
    groups = strongly_connected(reads)
    return tuple(tuple(workload.einsums[index] for index in sorted(group)) for group in groups)


def strongly_connected(reads: Sequence[Sequence[int]]) -> list[list[int]]:
    """Strongly connected components, each after those that it reads (Tarjan 1972).

    Args:
        reads: For every node those that it depends on.
    """
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    waiting: set[int] = set()
    found: list[list[int]] = []
    work = list(reversed(range(len(reads))))
    while work:
        node = work[-1]
        if node not in index:
            index[node] = low[node] = len(index)
            stack.append(node)
            waiting.add(node)
            work += [other for other in reversed(reads[node]) if other not in index]
            continue
        work.pop()
        if node not in waiting:
            continue
        low[node] = min([low[node], *(low[other] for other in reads[node] if other in waiting)])
        if low[node] == index[node]:
            group: list[int] = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            waiting.difference_update(group)
            found.append(group)
    return found
