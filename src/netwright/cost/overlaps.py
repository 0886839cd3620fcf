"""What overlapping windows save: exact, loop by loop, while a chain of tiles grows outward.

A tile of the input is fetched anew at every step that changes it, but for the elements that the
step before left there. How many these are depends, besides the tile, on how far the loops over
windows and taps have come when one more loop is added, and on nothing further out. So savings are
tables that a chain looks up; the most that all further loops can save bounds a chain from below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod

import numpy as np
from numpy.typing import NDArray

from netwright.cost.mapspace import Kind, Mapspace, Place, Tile
from netwright.cost.pieces import Pieces, compared
from netwright.cost.transitions import RankLoop, RankLoops, axis_visits, stepped
from netwright.mapping.operation import Operation
from netwright.workload import Affine

Table = NDArray[np.float64]
End = Mapping[str, int]
"""Iterations, inside the arrays next to a stage, of the ranks that slide along those arrays."""

OUTSIDE, ADVANCED, INSIDE, ALONG = range(4)


def sliding_axes(operation: Operation) -> tuple[tuple[Affine, int], ...]:
    """Axes of the input, with their sizes, along which tiles can overlap."""
    found = []
    shape = operation.tensors[operation.of("input")].shape
    for axis, extent in zip(operation.axes[operation.of("input")], shape, strict=True):
        values = np.zeros(1, np.int64)
        points = prod(operation.extents[rank] for rank, _ in axis.terms)
        for rank, step in axis.terms:
            values = np.unique(values[:, None] + step * np.arange(operation.extents[rank]))
        if len(values) < points:
            found.append((axis, extent))
    return tuple(found)


def lanes_next(space: Mapspace, place: Place) -> frozenset[str]:
    """Arrays that lie between the stage of a place and the stage around it."""
    outer = [other.below for other in space.places if other.stage == place.stage + 1]
    around = outer[0] if outer else frozenset(name for name, _, _ in space.spread.lanes)
    return around - place.below


def is_exact(space: Mapspace, place: Place) -> bool:
    """Whether tables say what windows share: ranks that slide run along the next arrays alone."""
    if place.role != "input" or not sliding_axes(space.operation):
        return False
    every = frozenset(name for name, _, _ in space.spread.lanes)
    others = every - place.below - lanes_next(space, place)
    return all(
        space.spread.copies(rank, others) == 1
        for axis, _ in sliding_axes(space.operation)
        for rank, _ in axis.terms
    )


def ends_of(space: Mapspace, stage: int) -> tuple[End, ...]:
    """How far a stage may go along ranks that both slide and run along the next arrays."""
    own = [p for p in space.places if p.stage == stage and is_exact(space, p)]
    if not own:
        return ({},)
    ranks = {
        rank: kind
        for axis, _ in sliding_axes(space.operation)
        for rank, _ in axis.terms
        if space.spread.copies(rank, lanes_next(space, own[0])) > 1
        and (kind := space.kinds[rank]) is not None
    }
    found: list[dict[str, int]] = [{}]
    for kind in dict.fromkeys(ranks.values()):
        mine = [rank for rank, its in ranks.items() if its == kind]
        parts = {tuple(tile[rank] for rank in mine): None for tile in space.tiles[kind]}
        found = [{**end, **dict(zip(mine, part, strict=True))} for end in found for part in parts]
    return tuple(found)


@dataclass(frozen=True)
class Overlaps:
    """Tables of one place of the input.

    Amounts are pairs: elements read from the parent, each once for all copies that want it, and
    elements that arrive at the copies. They count one pass, that is no loop over features. Tables
    start with the number of the stage's end; a *pair* stands for the tile of sums that is kept and
    the one that has been reached since.

    Attributes:
        space: The mapspace.
        place: An exact place, see :func:`is_exact`.
    """

    space: Mapspace
    place: Place

    @cached_property
    def ends(self) -> tuple[End, ...]:
        """Ends of the stage."""
        return ends_of(self.space, self.place.stage)

    @cached_property
    def axes(self) -> tuple[tuple[Affine, int], ...]:
        """Axes along which tiles overlap, with their sizes."""
        return sliding_axes(self.space.operation)

    @cached_property
    def slides(self) -> frozenset[str]:
        """Ranks of those axes."""
        return frozenset(rank for axis, _ in self.axes for rank, _ in axis.terms)

    @cached_property
    def apart(self) -> float:
        """Elements along all other axes together."""
        operation = self.space.operation
        shape = operation.tensors[operation.of("input")].shape
        return float(prod(
            axis_visits(axis, extent, tuple(
                RankLoops(rank, operation.extents[rank], ()) for rank, _ in axis.terms
            ))
            for axis, extent in zip(operation.axes[operation.of("input")], shape, strict=True)
            if (axis, extent) not in self.axes
        ))  # fmt: skip

    @cached_property
    def pairs(self) -> NDArray[np.intp]:
        """Number of each pair of tiles of sums, -1 where nothing is saved any more."""
        found = np.full((len(self.space.tiles["k"]),) * 2, -1, np.intp)
        for number, pair in enumerate(self._pairs("k")):
            found[pair] = number
        return found

    @cached_property
    def kept_sums(self) -> NDArray[np.intp]:
        """The tile of sums that is kept, by the number of the pair."""
        return np.array([kept for kept, _ in self._pairs("k")], np.intp)

    def _pairs(self, kind: Kind) -> list[tuple[int, int]]:
        """A tile and a larger one between which only ranks that slide have moved."""
        return self._all_pairs[kind]

    @cached_property
    def _all_pairs(self) -> dict[Kind, list[tuple[int, int]]]:
        return {
            kind: [
                (i, j)
                for i, small in enumerate(tiles)
                for j, big in enumerate(tiles)
                if self.space.divides(small, big)
                and all(rank in self.slides or big[rank] == n for rank, n in small.items())
            ]
            for kind, tiles in self.space.tiles.items()
            if kind != "m"
        }

    @cached_property
    def fetched(self) -> Table:
        """Elements of a pass in which every tile is fetched anew: ``(ends, x, k, 2)``."""
        xs, ks = self.space.tiles["x"], self.space.tiles["k"]
        found = np.zeros((len(self.ends), len(xs), len(ks), 2))
        for number, end in enumerate(self.ends):
            for i, x in enumerate(xs):
                for j, k in enumerate(ks):
                    tile = {**x, **k}
                    if self._inside(tile, end):
                        found[number, i, j] = self._anew(tile, end)
        return found

    def _anew(self, tile: Tile, end: End) -> tuple[float, float]:
        union = each = self.apart
        for axis, extent in self.axes:
            both = []
            for along in (True, False):
                loops = tuple(
                    self._loops(r, tile, tile, end, None, along=along) for r, _ in axis.terms
                )
                both.append(axis_visits(axis, extent, loops))
            union, each = union * both[0], each * both[1]
        return union, each

    @cached_property
    def over_features(self) -> Table:
        """What one more pass over the same tiles saves: ``(ends, pairs, kept x, x, 2)``."""
        sizes = len(self.ends), len(self._pairs("k")), *[len(self.space.tiles["x"])] * 2
        found = np.zeros((*sizes, 2))
        kept, reached = zip(*self._pairs("x"), strict=True)
        found[:, :, kept, reached] = self.apart
        return prod(self.resting, start=found)

    @cached_property
    def resting(self) -> tuple[Table, ...]:
        """For each axis, what is still there at all steps that advance a loop of no axis."""
        return tuple(self._still(axis, None) for axis in range(len(self.axes)))

    @cached_property
    def over_windows(self) -> Table:
        """What all loops over windows still save: ``(ends, pairs, kept x, x, 2)``.

        Loops up to a larger tile save the difference of the two entries.
        """
        return self._ahead("x")

    @cached_property
    def over_sums(self) -> Table:
        """What all loops over sums still save, likewise."""
        return self._ahead("k")

    def _ahead(self, kind: Kind) -> Table:
        """Savings of the loops over all ranks of a kind, run in order up to the last tile.

        The tiles right before and after a step over a multiple of the reached tile are the same
        for every larger tile: hence differences of such sums are savings of the loops between.
        """
        tiles = self.space.tiles[kind]
        found = np.zeros_like(self.over_features)
        before: list[str] = []
        reached = np.ones(len(tiles), bool)  # whether a tile is not cut along other elements
        for rank in self.space.ranks(kind):
            full = {r: self.space.rounds[r] for r in before}
            then = [tiles.index({**tile, **full}) for tile in tiles]
            if rank in self.slides:
                found += self._moved(rank, kind, then) * self._reach_mask(kind, reached)
            else:
                reached &= np.array([tile[rank] == self.space.rounds[rank] for tile in tiles])
            before.append(rank)
        return found

    def _moved(self, rank: str, kind: Kind, then: list[int]) -> Table:
        """Savings of all further loops over one rank, after those up to other tiles."""
        number = next(n for n, (axis, _) in enumerate(self.axes) if rank in dict(axis.terms))
        others = [table for n, table in enumerate(self.resting) if n != number]
        table = self.apart * self._still(number, rank) * prod(others)
        if kind == "x":
            return np.asarray(table[:, :, :, then])
        onward = [self.pairs[kept, then[reached]] for kept, reached in self._pairs("k")]
        return np.asarray(table[:, onward])

    def _reach_mask(self, kind: Kind, reached: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if kind == "x":
            return reached[:, None]
        return reached[[pair[1] for pair in self._pairs("k")]][:, None, None, None]

    def _still(self, number: int, advanced: str | None) -> Table:
        """Elements along an axis that are still there at all steps that advance other loops.

        Args:
            number: Which axis.
            advanced: The rank whose further loops are advanced; another axis's if not given.
        """
        xs, ks = self.space.tiles["x"], self.space.tiles["k"]
        ranks = [rank for rank, _ in self.axes[number][0].terms]
        of_sums, sums = _distinct([_parts(ks, pair, ranks) for pair in self._pairs("k")])
        of_windows, windows = _distinct([_parts(xs, pair, ranks) for pair in self._pairs("x")])
        known = np.zeros((len(self.ends), len(sums), len(windows), 2))
        where, loops = [], []
        for e, end in enumerate(self.ends):
            for i, part in enumerate(sums):
                for j, other in enumerate(windows):
                    tiles = {**part, **other}
                    kept, reached = ({r: tiles[r][which] for r in ranks} for which in (0, 1))
                    if self._agrees(kept, reached, end):
                        for step in self._steps(number, kept, reached, end, advanced):
                            where.append((e, i, j))
                            loops.append(step)
        if loops:
            held = still_there(*self.axes[number], loops)
            np.add.at(known, tuple(zip(*where, strict=True)), held)
        found = np.zeros((len(self.ends), len(of_sums), len(xs), len(xs), 2))
        inner, around = zip(*self._pairs("x"), strict=True)
        found[:, :, inner, around] = known[:, of_sums][:, :, of_windows]
        return found

    def _steps(
        self, number: int, kept: Tile, reached: Tile, end: End, advanced: str | None
    ) -> Iterator[tuple[RankLoops, ...]]:
        """The loops of an axis while one of them is advanced, or two around arrays."""
        (axis, _), now = self.axes[number], dict(reached)
        if advanced is None:
            yield tuple(self._loops(r, kept, now, end, None) for r, _ in axis.terms)
            return
        for upto in (end.get(advanced, 1), self.space.rounds[advanced]):
            if upto > now[advanced]:
                step = (advanced, upto)
                yield tuple(self._loops(r, kept, now, end, step) for r, _ in axis.terms)
                now[advanced] = upto

    def _inside(self, tile: Tile, end: Tile) -> bool:
        """Whether a tile can lie inside the end of a stage, as far as both know the same ranks."""
        common = {rank: size for rank, size in tile.items() if rank in end}
        return self.space.divides(common, {rank: end[rank] for rank in common})

    def _agrees(self, kept: Tile, reached: Tile, end: End) -> bool:
        """Whether a stage with this end can keep the one tile, and a chain reach the other."""
        own = {rank: end[rank] for rank in reached if rank in end}
        return self._inside(kept, end) and (
            self._inside(reached, end) or self._inside(own, reached)
        )

    @cached_property
    def _copies(self) -> dict[str, tuple[int, int]]:
        """Copies of every rank inside a tile, and between the memory and its parent."""
        place, spread = self.place, self.space.spread
        return {
            rank: (spread.copies(rank, place.below), spread.copies(rank, place.between))
            for rank in self.slides
        }

    def _loops(
        self,
        rank: str,
        kept: Tile,
        reached: Tile,
        end: End,
        advanced: tuple[str, int] | None,
        *,
        along: bool = True,
    ) -> RankLoops:
        """All loops of a rank outside the kept tile; without those along arrays if not `along`."""
        extent, rounds = self.space.operation.extents[rank], self.space.rounds[rank]
        inside, copies = self._copies[rank]
        if not along:
            size = min(extent, kept[rank] * inside)
            copies, rounds = 1, -(-extent // size) * kept[rank]
        target = advanced[1] if advanced and advanced[0] == rank else reached[rank]
        steps = (reached[rank], INSIDE), (target, ADVANCED), (rounds, OUTSIDE)
        return _grown(rank, extent, (inside, copies), kept[rank], end.get(rank, 1), steps)

    @cached_property
    def left(self) -> tuple[Table, Table]:
        """The most that further loops save: ``(ends, pairs, kept x, x, 2)``, twice.

        The first is for each pass but the last one, after which no other pass follows.
        """
        tiles, pairs = self.space.tiles["x"], self._pairs("k")
        windows, sums = self.over_windows, self.over_sums
        every, last = self.over_features.copy(), np.zeros_like(windows)
        for p in sorted(range(len(pairs)), key=lambda number: -pairs[number][1]):
            kept, reached = pairs[p]
            after = [q for q in self.pairs[kept, reached + 1 :] if q >= 0]
            for x in reversed(range(len(tiles))):
                up = [i for i in range(x + 1, len(tiles)) if self.space.divides(tiles[x], tiles[i])]
                for table in (every, last):
                    own = table[:, p, :, x, None]
                    further = (table[:, p] - windows[:, p])[:, :, up] + windows[:, p, :, x, None]
                    then = (
                        table[:, after][:, :, :, x]
                        - sums[:, after][:, :, :, x]
                        + sums[:, None, p, :, x]
                    )
                    table[:, p, :, x] = np.concatenate(
                        [own, further, then.swapaxes(1, 2),
                         sums[:, p, :, x, None]], axis=2
                    ).max(axis=2)  # fmt: skip
        return every, last


def shared(space: Mapspace, place: Place) -> Overlaps:
    """Tables of a place; ways to use the arrays that treat windows and taps alike share them."""
    found = Overlaps(space, place)
    arrays = sorted(space.problem.arrays)
    ranks = sorted({*found.slides, *space.ranks("x"), *space.ranks("k")})
    copies = tuple(space.spread.copies(rank, frozenset({a})) for rank in ranks for a in arrays)
    known = space.problem.overlaps
    return known.setdefault((place, space.coarse, copies), found)


@lru_cache(maxsize=1 << 12)
def _grown(
    rank: str,
    extent: int,
    copies: tuple[int, int],
    kept: int,
    stop: int,
    steps: tuple[tuple[int, int], ...],
) -> RankLoops:
    """Loops of a rank, grown outward from a tile.

    Args:
        rank: Its name.
        extent: Its size.
        copies: Copies inside the tile, and along arrays outside.
        kept: Iterations inside the tile.
        stop: Iterations inside the arrays, if the arrays do not lie right outside the tile.
        steps: Up to how many iterations loops run, with their order in the nest.
    """
    size, (inside, lanes), loops = min(extent, kept * copies[0]), copies, list[RankLoop]()
    for last, order in steps:
        for upto in (min(stop, last), last):
            if upto <= kept:
                continue
            if lanes > 1 and kept >= stop:
                loops.append(RankLoop(ALONG, size, "inner"))
                size, inside, lanes = min(extent, size * lanes), inside * lanes, 1
            loops.append(RankLoop(order, size, "time"))
            size, kept = min(extent, upto * inside), upto
    if lanes > 1:
        loops.append(RankLoop(ALONG, size, "inner"))
    return RankLoops(rank, extent, tuple(reversed(loops)))


@lru_cache(maxsize=64)
def _remembered(axis: Affine, extent: int) -> dict[tuple[RankLoops, ...], tuple[int, int]]:
    """What :func:`still_there` found along an axis before; many ways to use arrays share it."""
    return {}


def still_there(
    axis: Affine, extent: int, loops: Sequence[tuple[RankLoops, ...]]
) -> NDArray[np.int64]:
    """Elements of an axis that are still there at all steps of the loops marked as advanced.

    Args:
        axis: The affine index.
        extent: Size of the axis.
        loops: For each case the loops of all ranks of the axis.

    Returns:
        Elements that are still there, together and at each copy: ``(cases, 2)``.
    """
    known = _remembered(axis, extent)
    new: dict[int, list[tuple[RankLoops, ...]]] = {}
    for case in dict.fromkeys(loops):
        if case not in known:
            copies = prod(rank.num_lanes("inner") for rank in case)
            new.setdefault(copies, []).append(case)
    for cases in new.values():
        held = held_at([stepped(axis, extent, case, ADVANCED) for case in cases])
        known.update(zip(cases, ((int(a), int(b)) for a, b in held), strict=True))
    return np.array([known[case] for case in loops], np.int64)


def held_at(steps: Sequence[tuple[Pieces, Pieces]]) -> NDArray[np.int64]:
    """Elements that are still there at steps, together and at each copy, summed in each part."""
    found = compared(Pieces.joined([old for old, _ in steps]), Pieces.joined([n for _, n in steps]))
    counts = np.array([len(new.first) for _, new in steps])
    starts = np.cumsum(counts) - counts
    sums = np.zeros((len(steps), 2), np.int64)
    some = counts > 0
    if some.any():
        sums[some] = np.add.reduceat(found[:, 1::2], starts[some], axis=0)
    return sums


def _parts(
    tiles: Sequence[Tile], pair: tuple[int, int], ranks: list[str]
) -> tuple[tuple[str, tuple[int, int]], ...]:
    """What two tiles have of some ranks."""
    small, big = (tiles[index] for index in pair)
    return tuple((rank, (small[rank], big[rank])) for rank in ranks if rank in small)


def _distinct(
    parts: list[tuple[tuple[str, tuple[int, int]], ...]],
) -> tuple[list[int], list[dict[str, tuple[int, int]]]]:
    """The number of each part among the distinct ones, and those."""
    numbers = {part: number for number, part in enumerate(dict.fromkeys(parts))}
    return [numbers[part] for part in parts], [dict(part) for part in numbers]


def passes(space: Mapspace) -> Table:
    """Passes over all tiles of the input outside each m tile."""
    ranks = space.ranks("m")
    return np.array([space.pieces(tile, ranks) for tile in space.tiles["m"]], np.float64)
