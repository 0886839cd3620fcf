"""Ways to use the arrays of a machine, those that leave the least work in time first.

Along every axis of every array any ranks may run that are allowed there, each over as few copies as
keep some number of rounds; a rank may run along several axes. Axes may be used in part or not at
all. So whatever a smaller array can do, a larger one can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from math import prod
from operator import mul

from netwright.arch import Architecture, Array
from netwright.mapping.operation import Operation

Lanes = tuple[tuple[str, int, tuple[tuple[str, int], ...]], ...]

_Pairs = tuple[tuple[int, int], ...]
"""Numbers of ranks with their copies along an axis."""

_Copies = tuple[frozenset[tuple[str, int, int]], frozenset[tuple[int, int]]]
"""Copies of ranks along other arrays, and of ranks that the axis at hand does not take."""

_Filled = tuple[float, int, int, tuple[int, ...], tuple[_Pairs, ...]]
"""Least steps, minus the axes that are filled, a number that breaks ties, what is left of every
rank, and the filled axes."""


@dataclass(frozen=True)
class Spread:
    """How the arrays of a machine are used.

    Attributes:
        lanes: For each array and axis, rank names with the number of copies.
    """

    lanes: Lanes

    @cached_property
    def counts(self) -> tuple[tuple[str, str, int], ...]:
        """Array, rank and copies of everything that is spread."""
        return tuple((array, rank, count) for array, _, own in self.lanes for rank, count in own)

    def copies(self, rank: str, arrays: frozenset[str] | None = None) -> int:
        """Copies along which a rank is spread, in some arrays or in all."""
        copies = 1
        for array, name, count in self.counts:
            if name == rank and (arrays is None or array in arrays):
                copies *= count
        return copies

    def copies_besides(self, ranks: Collection[str], arrays: frozenset[str]) -> int:
        """Copies in some arrays along all but some ranks."""
        copies = 1
        for array, name, count in self.counts:
            if name not in ranks and array in arrays:
                copies *= count
        return copies

    def num_steps(self, operation: Operation) -> int:
        """Fewest time steps of the compute units."""
        return prod(-(-size // self.copies(r)) for r, size in operation.extents.items())


def spreads(operation: Operation, architecture: Architecture) -> Iterator[Spread]:
    """All ways to use the arrays, one by one, fewest time steps first.

    Axes are filled from the outside in. What is filled is continued in the order of the steps that
    are needed at least, with all further axes full.
    """
    axes = [
        (node, axis)
        for node in architecture.path
        if isinstance(node, Array)
        for axis in range(len(node.fanout))
    ]
    names = tuple(operation.extents)
    ranks = [
        [n for n, rank in enumerate(names) if _is_allowed(operation, node, axis, rank)]
        for node, axis in axes
    ]
    fanouts = [node.fanout[axis] for node, axis in axes]

    def least(left: Sequence[int], depth: int) -> float:
        """Steps if all further axes are as full as they can be."""
        room = 1
        for allowed, size in zip(ranks[depth:], fanouts[depth:], strict=True):
            room *= min(size, prod(left[n] for n in allowed))
        return max(1.0, prod(left) / room)

    waiting: list[_Filled] = [(0.0, 0, 0, tuple(operation.extents.values()), ())]
    seen: set[tuple[int, _Copies, tuple[int, ...]]] = set()
    number = 0
    while waiting:
        _, depth, _, left, filled = heappop(waiting)
        if -depth == len(axes):
            yield Spread(tuple(
                (node.name, axis, tuple((names[n], count) for n, count in pairs))
                for (node, axis), pairs in zip(axes, filled, strict=True)
            ))  # fmt: skip
            continue
        allowed = ranks[-depth]
        outer, inside = _meaning(axes, filled, axes[-depth][0].name)
        copies = [inside.get(n, 1) for n in allowed]
        others = frozenset((n, count) for n, count in inside.items() if n not in allowed)
        for counts in fillings(tuple(left[n] for n in allowed), fanouts[-depth]):
            key = 1 - depth, (outer, others), tuple(map(mul, copies, counts))
            if key in seen:
                continue
            seen.add(key)
            number += 1
            pairs = tuple((n, c) for n, c in zip(allowed, counts, strict=True) if c > 1)
            further = (*filled, pairs)
            rest = list(left)
            for n, count in pairs:
                rest[n] = -(-rest[n] // count)
            heappush(waiting, (least(rest, 1 - depth), depth - 1, number, tuple(rest), further))


def _meaning(
    axes: Sequence[tuple[Array, int]], filled: tuple[_Pairs, ...], array: str
) -> tuple[frozenset[tuple[str, int, int]], dict[int, int]]:
    """Copies of ranks along other arrays, and along one; which axis is used does not matter."""
    found: dict[tuple[str, int], int] = {}
    for (node, _), pairs in zip(axes, filled, strict=False):
        for rank, count in pairs:
            found[node.name, rank] = found.get((node.name, rank), 1) * count
    outer = ((name, rank, count) for (name, rank), count in found.items() if name != array)
    inside = {rank: count for (name, rank), count in found.items() if name == array}
    return frozenset(outer), inside


def _is_allowed(operation: Operation, array: Array, axis: int, rank: str) -> bool:
    allowed = array.takes(axis, operation.directions[rank], operation.known_to(rank))
    return allowed and (array.reduces or rank not in operation.reduced)


@lru_cache(maxsize=1 << 12)
def fillings(left: tuple[int, ...], size: int) -> tuple[tuple[int, ...], ...]:
    """Copies of each rank along an axis: all that fit, most copies of the first rank first."""
    if not left:
        return ((),)
    return tuple(
        (count, *rest)
        for count in balanced(left[0], size)
        for rest in fillings(left[1:], size // count)
    )


@lru_cache(maxsize=1 << 12)
def balanced(extent: int, size: int) -> tuple[int, ...]:
    """Numbers of copies up to a size: for each number of rounds as few as give it; most first.

    Example:
        >>> balanced(37, 32)
        (19, 13, 10, 8, 7, 6, 5, 4, 3, 2, 1)
    """
    found: dict[int, None] = {}
    rounds = -(-extent // size)
    while True:
        count = -(-extent // rounds)
        found[count] = None
        if count == 1:
            return tuple(found)
        rounds = -(-extent // (count - 1))  # the fewest rounds of any smaller number
