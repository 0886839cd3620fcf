"""Ways to use the arrays of a machine, those that leave the least work in time first.

Along every axis of every array any ranks may run that are allowed there, each over as few copies as
keep some number of rounds; a rank may run along several axes. Axes may be used in part or not at
all. So whatever a smaller array can do, a larger one can.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from math import prod
from operator import mul

import numpy as np
from numpy.typing import NDArray

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


MAX_EXPANDED = 64
"""Partly filled axes that are continued before ways are told."""

MAX_NEW = 1 << 15
"""Ways that are found before some are told."""


WORD_BITS = 63


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


@dataclass(frozen=True, eq=False)
class SpreadTable:
    """Many ways to use the arrays of a machine, one a row.

    Attributes:
        axes: Array and axis of each column.
        ranks: Rank names.
        counts: Copies along each axis of each rank, as rows by axes by ranks.
        steps: Fewest time steps of the compute units, by row.
    """

    axes: tuple[tuple[str, int], ...]
    ranks: tuple[str, ...]
    counts: NDArray[np.int64]
    steps: NDArray[np.float64]

    @classmethod
    def of(cls, spread: Spread, operation: Operation) -> SpreadTable:
        """One way as a table."""
        names = tuple(operation.extents)
        axes = tuple((array, axis) for array, axis, _ in spread.lanes)
        own = [[dict(pairs).get(name, 1) for name in names] for _, _, pairs in spread.lanes]
        counts = np.array(own, np.int64).reshape(1, len(axes), len(names))
        return cls(axes, names, counts, np.array([float(spread.num_steps(operation))]))

    def __len__(self) -> int:
        return len(self.steps)

    def copies(self, rank: str, arrays: frozenset[str] | None = None) -> int | NDArray[np.float64]:
        """Copies along which a rank is spread, in some arrays or in all, by row; 1 in none."""
        return self._product(
            (n, self.ranks.index(rank))
            for n, (array, _) in enumerate(self.axes)
            if arrays is None or array in arrays
        )

    def copies_besides(
        self, ranks: Collection[str], arrays: frozenset[str]
    ) -> int | NDArray[np.float64]:
        """Copies in some arrays along all but some ranks, by row; 1 in none."""
        return self._product(
            (n, m)
            for n, (array, _) in enumerate(self.axes)
            for m, rank in enumerate(self.ranks)
            if array in arrays and rank not in ranks
        )

    def _product(self, columns: Iterable[tuple[int, int]]) -> int | NDArray[np.float64]:
        found: int | NDArray[np.float64] = 1
        for axis, rank in columns:
            found = found * self.counts[:, axis, rank].astype(np.float64)
        return found

    def take(self, rows: NDArray[np.intp] | slice) -> SpreadTable:
        """Some of the rows."""
        return SpreadTable(self.axes, self.ranks, self.counts[rows], self.steps[rows])

    def row(self, number: int) -> Spread:
        """One way."""
        return Spread(tuple(
            (array, axis, tuple((r, c) for r, c in zip(self.ranks, own, strict=True) if c > 1))
            for (array, axis), own in zip(self.axes, self.counts[number].tolist(), strict=True)
        ))  # fmt: skip


def spreads(operation: Operation, architecture: Architecture) -> Iterator[Spread]:
    """All ways to use the arrays, one by one, fewest time steps first."""
    for table in spread_tables(operation, architecture):
        yield from map(table.row, range(len(table)))


def spread_tables(operation: Operation, architecture: Architecture) -> Iterator[SpreadTable]:
    """All ways to use the arrays, in tables: fewest time steps first, the first way alone.

    Axes are filled from the outside in. What is filled is continued in the order of the steps that
    are needed at least, with all further axes full; the last axis is filled in all ways at once.
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
    titles = tuple((node.name, axis) for node, axis in axes)
    extents = tuple(operation.extents.values())
    if not axes:
        steps = np.array([float(prod(extents))])
        yield SpreadTable((), names, np.ones((1, 0, len(names)), np.int64), steps)
        return

    def least(left: Sequence[int], depth: int) -> float:
        """Steps if all further axes are as full as they can be."""
        room = 1
        for allowed, size in zip(ranks[depth:], fanouts[depth:], strict=True):
            room *= min(size, prod(left[n] for n in allowed))
        return max(1.0, prod(left) / room)

    waiting: list[_Filled] = [(least(extents, 0), 0, 0, extents, ())]
    seen: set[tuple[int, _Copies, tuple[int, ...]]] = set()
    whole = _Whole(titles, names, extents, ranks[-1], fanouts[-1])
    number, most, is_first = 0, 1, True
    while waiting:
        expanded = 0
        while waiting and expanded < most and whole.num_new < MAX_NEW:
            _, depth, _, left, filled = heappop(waiting)
            expanded += 1
            if 1 - depth == len(axes):
                whole.fill(left, filled)
                continue
            allowed = ranks[-depth]
            outer, inside = _meaning(axes, filled, axes[-depth][0].name)
            copies = [inside.get(n, 1) for n in allowed]
            others = frozenset((n, count) for n, count in inside.items() if n not in allowed)
            for counts in fillings(tuple(left[n] for n in allowed), fanouts[-depth]).tolist():
                key = 1 - depth, (outer, others), tuple(map(mul, copies, counts))
                if key in seen:
                    continue
                seen.add(key)
                number += 1
                pairs = tuple((n, c) for n, c in zip(allowed, counts, strict=True) if c > 1)
                rest = list(left)
                for n, count in pairs:
                    rest[n] = -(-rest[n] // count)
                further = (*filled, pairs)
                heappush(waiting, (least(rest, 1 - depth), depth - 1, number, tuple(rest), further))
        table = whole.upto(waiting[0][0] if waiting else np.inf)
        if not len(table):
            continue
        most = min(2 * most, MAX_EXPANDED)
        if is_first:
            is_first = False
            yield table.take(slice(1))
            table = table.take(slice(1, None))
        if len(table):
            yield table


class _Whole:
    """Ways in which all axes are filled and that were not told yet; each way once.

    Args:
        axes: Array and axis of each column.
        names: Rank names.
        extents: Their sizes.
        allowed: Numbers of the ranks that the last axis takes.
        fanout: Its copies.
    """

    def __init__(
        self,
        axes: tuple[tuple[str, int], ...],
        names: tuple[str, ...],
        extents: tuple[int, ...],
        allowed: Sequence[int],
        fanout: int,
    ) -> None:
        self.axes, self.names, self.extents = axes, names, np.array(extents, np.float64)
        self.allowed, self.fanout = list(allowed), fanout
        # Rounded up along every axis, copies are fewer than twice the points for each axis.
        self.bits = [extents[n].bit_length() + len(axes) for n in self.allowed]
        self.is_near = np.array([array == axes[-1][0] for array, _ in axes])
        self.seen: dict[bytes, set[int]] = {}
        self.found: list[SpreadTable] = []
        self.pending: list[SpreadTable] = []  # sorted

    @property
    def num_new(self) -> int:
        """Ways that were found since some were told."""
        return sum(map(len, self.found))

    def fill(self, left: tuple[int, ...], filled: tuple[_Pairs, ...]) -> None:
        """All ways to fill the last axis, where the others are filled."""
        before = np.ones((len(self.axes), len(self.names)), np.int64)
        for axis, pairs in enumerate(filled):
            for rank, count in pairs:
                before[axis, rank] = count
        own = fillings(tuple(left[n] for n in self.allowed), self.fanout)
        near, far = before[self.is_near].prod(axis=0), before[~self.is_near].prod(axis=0)
        # Which axis of an array is used does not matter, so a way is known by all its copies there.
        keys = _packed(near[self.allowed] * own, self.bits)
        others = np.delete(near, self.allowed)
        seen = self.seen.setdefault(before[~self.is_near].tobytes() + others.tobytes(), set())
        fresh = set(keys.tolist()).difference(seen)
        if not fresh:
            return
        seen |= fresh
        new = np.flatnonzero(np.isin(keys, np.array([*fresh], keys.dtype)))
        counts = np.broadcast_to(before, (len(new), *before.shape)).copy()
        counts[:, -1, self.allowed] = own[new]
        copies = far * near * counts[:, -1]
        steps = np.ceil(self.extents / copies).prod(axis=1)
        self.found.append(SpreadTable(self.axes, self.names, counts, steps))

    def upto(self, steps: float) -> SpreadTable:
        """The ways that take so many steps or fewer, sorted; the others stay."""
        new = self._joined(self.found)
        self.pending.append(new.take(np.argsort(new.steps, kind="stable")))
        self.found = []
        told, left = [], []
        for table in self.pending:
            place = int(np.searchsorted(table.steps, steps, side="right"))
            told.append(table.take(slice(place)))
            left.append(table.take(slice(place, None)))
        self.pending = [table for table in left if len(table)]
        every = self._joined(told)
        return every.take(np.argsort(every.steps, kind="stable"))

    def _joined(self, tables: Sequence[SpreadTable]) -> SpreadTable:
        counts = [np.ones((0, len(self.axes), len(self.names)), np.int64)]
        steps = [np.ones(0)]
        for table in tables:
            counts.append(table.counts)
            steps.append(table.steps)
        return SpreadTable(self.axes, self.names, np.concatenate(counts), np.concatenate(steps))


def _packed(copies: NDArray[np.int64], bits: Sequence[int]) -> NDArray[np.generic]:
    """Each row as one number, of so many bits for each column."""
    kind = np.int64 if sum(bits) < WORD_BITS else np.object_
    found = np.zeros(len(copies), kind)
    for column, width in zip(copies.T.astype(kind), bits, strict=True):
        found = found * (1 << width) + column
    return found


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


def fillings(left: tuple[int, ...], size: int) -> NDArray[np.int64]:
    """Copies of each rank along an axis: all that fit, most copies of the first rank first."""
    rows, room = np.ones((1, 0), np.int64), np.array([size], np.int64)
    for extent in left:
        copies = np.array(balanced(extent, size), np.int64)
        fits = copies <= room[:, None]
        row, own = np.nonzero(fits)
        rows = np.column_stack([rows[row], copies[own]])
        room = room[row] // copies[own]
    return rows


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
