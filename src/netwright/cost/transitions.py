"""How the tiles of one axis change from step to step: the arithmetic of the loop-nest engine.

A step of a nest advances one loop and starts all loops inside it again. What a buffer must fetch is
what the new tile holds and the old one does not. For tensors whose axes use different ranks this
factors: the elements fetched over all steps of one kind are a product of sums over the axes, where
each sum runs over the positions of the ranks of its axis alone. All sums are exact, with ragged
last tiles and with padding clipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from netwright.cost.pieces import Numbers, Pieces, compared, together
from netwright.workload import Affine

CACHED = 1 << 13
"""Results that each function below remembers; searches ask for the same axes again and again."""


class RankLoop(NamedTuple):
    """A loop of one rank, as its axis sees it.

    Attributes:
        order: Position among all loops of the nest; what counts is which of two is further out.
        tile: Size of the piece handed inward.
        kind: ``"time"``, ``"outer"`` (along arrays above the parent) or ``"inner"`` (between parent
            and child).
    """

    order: int
    tile: int
    kind: str


@dataclass(frozen=True, slots=True)
class RankLoops:
    """All loops of one rank outside a child's tile, outermost first."""

    name: str
    extent: int
    loops: tuple[RankLoop, ...]

    def lanes(self, kind: str) -> tuple[tuple[int, ...], ...]:
        """Index tuples of the spatial loops of a kind."""
        size, counts = self.extent, []
        for loop in self.loops:
            if loop.kind == kind:
                counts.append(range(-(-size // loop.tile)))
            size = loop.tile
        return tuple(product(*counts))

    def num_lanes(self, kind: str) -> int:
        """Copies along the spatial loops of a kind."""
        return len(self.lanes(kind))

    def piece(
        self, time: tuple[int, ...], outer: tuple[int, ...], inner: tuple[int, ...]
    ) -> tuple[int, int]:
        """First element and size of a piece; the size is 0 for an idle copy."""
        indices = {"time": iter(time), "outer": iter(outer), "inner": iter(inner)}
        start, size = 0, self.extent
        for loop in self.loops:
            index = next(indices[loop.kind])
            start += index * loop.tile
            size = max(0, min(loop.tile, size - index * loop.tile))
        return start, size

    def pieces(self, times: Sequence[tuple[int, ...]]) -> tuple[Numbers, Numbers]:
        """First elements and sizes of the pieces of all copies: ``(times, outer, inner)``."""
        count = sum(loop.kind == "time" for loop in self.loops)
        given = np.array(times, np.int64).reshape(len(times), count)
        outer, inner = (np.array(self.lanes(kind), np.int64) for kind in ("outer", "inner"))
        indices = {
            "time": iter(given.T[:, :, None, None]),
            "outer": iter(outer.reshape(len(outer), -1).T[:, None, :, None]),
            "inner": iter(inner.reshape(len(inner), -1).T[:, None, None, :]),
        }
        start = np.zeros((len(times), len(outer), len(inner)), np.int64)
        size = np.full_like(start, self.extent)
        for loop in self.loops:
            moved = next(indices[loop.kind]) * loop.tile
            start = start + moved
            size = np.minimum(np.maximum(size - moved, 0), loop.tile)
        return start, size

    def times(self) -> tuple[tuple[int, ...], ...]:
        """Index tuples of the loops in time, in order; all copies follow the first one."""
        return _times(self.extent, self.loops)


@lru_cache(maxsize=CACHED)
def _times(extent: int, loops: tuple[RankLoop, ...]) -> tuple[tuple[int, ...], ...]:
    if not loops:
        return ((),)
    head, rest = loops[0], loops[1:]
    if head.kind != "time":
        return _times(min(head.tile, extent), rest)
    count = -(-extent // head.tile)
    whole = _times(head.tile, rest)
    found = [(index, *tail) for index in range(count - 1) for tail in whole]
    last = _times(extent - (count - 1) * head.tile, rest)
    return (*found, *((count - 1, *tail) for tail in last))


@lru_cache(maxsize=CACHED)
def moves(loops: RankLoops, advanced: int) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Old and new time indices of a rank at all steps that advance one loop of the nest.

    Args:
        loops: The rank's loops.
        advanced: Position of the advanced loop in the nest; -1 gives the first step, whose old
            index is the new one.
    """
    times = loops.times()
    if advanced < 0:
        return ((times[0], times[0]),)
    orders = [loop.order for loop in loops.loops if loop.kind == "time"]
    outside = sum(order < advanced for order in orders)
    own = advanced in orders
    width = outside + own
    groups: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for time in times:
        groups.setdefault(time[:width], []).append(time)
    if not own:
        return tuple((group[-1], group[0]) for group in groups.values())
    return tuple(
        (groups[prefix][-1], groups[nearby][0])
        for prefix in groups
        if (nearby := (*prefix[:-1], prefix[-1] + 1)) in groups
    )


class Sums(NamedTuple):
    """Sums over all steps of one kind and all parents.

    Attributes:
        wanted: Elements of all children's new tiles together, each once.
        held: Those of them that every child that wants them holds already.
        wanted_each: Elements of every child's new tile.
        held_each: Those of them that the same child holds already.
    """

    wanted: int
    held: int
    wanted_each: int
    held_each: int


@lru_cache(maxsize=CACHED)
def axis_sums(axis: Affine, extent: int, ranks: tuple[RankLoops, ...], advanced: int) -> Sums:
    """The sums of one axis of a tensor.

    Args:
        axis: The affine index, over the ranks in `ranks`.
        extent: Size of the axis; what lies outside is padding and has no elements.
        ranks: Loops of the ranks of the axis, outside the child's tile.
        advanced: See :func:`moves`.
    """
    if _is_plain(axis, extent, ranks):
        return _plain_sums(ranks[0], advanced)
    found = compared(*stepped(axis, extent, ranks, advanced)).sum(axis=0)
    return Sums(*(int(value) for value in found))


def stepped(
    axis: Affine, extent: int, ranks: tuple[RankLoops, ...], advanced: int
) -> tuple[Pieces, Pieces]:
    """Old and new pieces of an axis at all steps that advance one loop of the nest."""
    both = [_moved(rank, advanced) for rank in ranks]
    old, new = (Pieces.of(axis, extent, [rank[which] for rank in both]) for which in (0, 1))
    return old, new


@lru_cache(maxsize=CACHED)
def _moved(
    rank: RankLoops, advanced: int
) -> tuple[tuple[Numbers, Numbers], tuple[Numbers, Numbers]]:
    """Old and new pieces of a rank at all steps that advance one loop of the nest."""
    steps = moves(rank, advanced)
    return rank.pieces([old for old, _ in steps]), rank.pieces([new for _, new in steps])


def _is_plain(axis: Affine, extent: int, ranks: tuple[RankLoops, ...]) -> bool:
    """Whether an axis is one rank: pieces are disjoint, and nothing is padding."""
    return (
        len(ranks) == 1 and axis.terms[0][1] == 1 and axis.offset == 0 and ranks[0].extent <= extent
    )


def _plain_sums(rank: RankLoops, advanced: int) -> Sums:
    """Pieces of a plain axis are either the same before and after a step, or disjoint."""
    sizes = _sizes(rank)
    wanted = held = 0
    for old, new in moves(rank, advanced):
        wanted += sizes[new]
        held += sizes[new] if old == new else 0
    return Sums(wanted, held, wanted, held)


@lru_cache(maxsize=CACHED)
def _sizes(rank: RankLoops) -> dict[tuple[int, ...], int]:
    """Elements in the pieces of all copies together, by time index."""
    times = rank.times()
    numbers = np.array(times, np.int64).reshape(len(times), -1)
    sizes = np.full((len(times), 1), rank.extent, np.int64)
    column, enclosing = 0, rank.extent
    for loop in rank.loops:
        if loop.kind == "time":
            starts = numbers[:, column : column + 1] * loop.tile
            column += 1
        else:
            copies = -(-enclosing // loop.tile)
            sizes = np.repeat(sizes, copies, axis=1)
            starts = np.tile(np.arange(copies), sizes.shape[1] // copies)[None] * loop.tile
        sizes = np.clip(sizes - starts, 0, loop.tile)
        enclosing = loop.tile
    return {time: int(size) for time, size in zip(times, sizes.sum(axis=1), strict=True)}


@lru_cache(maxsize=CACHED)
def axis_visits(axis: Affine, extent: int, ranks: tuple[RankLoops, ...]) -> int:
    """Elements that the children touch, each once a step, summed over all steps and parents."""
    if _is_plain(axis, extent, ranks):
        return ranks[0].extent  # the pieces of all steps cover the rank once
    return together(Pieces.of(axis, extent, [rank.pieces(rank.times()) for rank in ranks]))


@lru_cache(maxsize=CACHED)
def working(rank: RankLoops) -> tuple[int, int]:
    """Parents of which some child ever works, and children that ever work."""
    children = {
        (outer, inner)
        for outer in rank.lanes("outer")
        for inner in rank.lanes("inner")
        if any(rank.piece(time, outer, inner)[1] for time in rank.times())
    }
    return len({outer for outer, _ in children}), len(children)


@lru_cache(maxsize=CACHED)
def busy(rank: RankLoops) -> int:
    """Steps of a rank, summed over the parents of which some child works."""
    if not any(loop.kind == "outer" for loop in rank.loops):
        return len(rank.times())
    if not any(loop.kind == "inner" for loop in rank.loops):
        sizes = _sizes(rank)
        if rank.loops[-1].tile == 1:
            return sum(sizes.values())  # pieces of one element
    none = (0,) * sum(loop.kind == "inner" for loop in rank.loops)
    return sum(
        rank.piece(time, outer, none)[1] > 0
        for time in rank.times()
        for outer in rank.lanes("outer")
    )
