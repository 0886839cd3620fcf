"""Chains of points by dynamic programming, pruned by dominance; the best by exact counting.

Costs of a chain add up over its points, so inner stages are solved once for every point that outer
stages may start from. A tensor stays *open* until a loop that it knows follows outside its point;
so long, loops that it does not know cost nothing. What windows share comes from tables, see
:mod:`netwright.cost.overlaps`. At each point only those partial chains survive that no other one
surely beats in energy and in the load of every memory that could still limit the time, whatever
savings are still to come. Whole chains are then counted exactly, best bound first, until no bound
is below the best exact value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from netwright.cost.bounds import Bounds
from netwright.cost.mapspace import GAP_ORDER, KINDS, UNKNOWN_TO, Mapspace, Place, Tile
from netwright.cost.overlaps import ends_of, passes

Objective = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""From joules and seconds to what is minimized; it grows with both."""

MAX_ROUNDS = 64
"""Chains at one point that the others there are compared with; what is left after that is kept."""

ROUNDING = 1e-11
"""Relative difference below which one partial chain is taken to cost as much as another."""


@dataclass(frozen=True)
class Chains:
    """Partial chains.

    Attributes:
        points: Numbers of the m, x and k tiles of the outermost point, ``(chains, 3)``.
        costs: Cost vectors, bounds from below, ``(chains, width)``.
        most: Cost vectors, bounds from above, ``(chains, width)``.
        used: Point of every place in flat form, -1 where it is not placed yet, ``(chains,
            places)``.
        open: Whether only loops that the tensor of a place does not know lie outside its point so
            far, ``(chains, places)``.
        orders: For every stage, which order of places was taken, ``(chains, stages)``.
        ends: For every stage, how far it goes along arrays, ``(chains, stages)``.
    """

    points: NDArray[np.int32]
    costs: NDArray[np.float64]
    most: NDArray[np.float64]
    used: NDArray[np.int32]
    open: NDArray[np.bool_]
    orders: NDArray[np.int16]
    ends: NDArray[np.int16]

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Chains:
        """Some of the chains."""
        return Chains(*(getattr(self, name)[index] for name in NAMES))

    def __len__(self) -> int:
        return len(self.points)


NAMES = tuple(field.name for field in fields(Chains))


def _joined(parts: list[Chains]) -> Chains:
    return Chains(*(np.concatenate([getattr(part, name) for part in parts]) for name in NAMES))


@dataclass(frozen=True)
class Chain:
    """A whole chain with its bound."""

    bound: float
    steps: tuple[tuple[Place, Tile], ...]


class Solver:
    """Solves one mapspace."""

    def __init__(self, space: Mapspace, step_seconds: float, objective: Objective) -> None:
        self.space = space
        self.bounds = Bounds(space)
        self.shape = tuple(len(space.tiles[kind]) for kind in KINDS)
        self.objective = objective
        self.compute_seconds = space.num_steps * step_seconds
        self.fixed = self.bounds.fixed()
        self.rooms = {place: self.bounds.room(place) for place in space.places}
        self.above = tuple(_above(space, number) for number in range(3))
        self.ends = [ends_of(space, stage) for stage in range(space.num_stages)]
        self.passes = passes(space)
        self.overlaps = self.bounds.overlaps
        self.units = {place: self.bounds.priced(place) for place in self.overlaps}

    @cached_property
    def prices(self) -> dict[Place, NDArray[np.float64]]:
        """Bounds from below for each end of a stage and point; exact but for savings."""
        return {place: np.stack(self.bounds.cost(place)) for place in self.space.places}

    @cached_property
    def most(self) -> dict[Place, NDArray[np.float64]]:
        """Bounds from above, likewise."""
        return {
            place: np.stack(self.bounds.cost(place, most=True))
            if place.role == "input" and place not in self.overlaps
            else prices
            for place, prices in self.prices.items()
        }

    def value(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The objective of cost vectors."""
        count = len(self.bounds.memories)
        busy = np.maximum(costs[:, 1 : 1 + count].max(axis=1), self.compute_seconds)
        alone = costs[:, 1 + count :].max(axis=1)
        return self.objective(costs[:, 0], busy + alone)

    def floor(self) -> float:
        """A bound for all chains: every tensor moves once, every memory is large enough."""
        least = self.fixed + sum(self.bounds.once(place) for place in self.space.places)
        return float(self.value(np.asarray(least)[None])[0])

    def chains(self, limit: float) -> Iterator[Chain]:
        """Whole chains whose bound is below a limit, lowest bound first."""
        found = self._start()
        for stage in range(self.space.num_stages):
            if stage:
                found = self._rise(found)
            found = self._stage(found, stage)
            if not len(found):
                return
        for kind in GAP_ORDER:
            axis = KINDS.index(kind)
            found = self._gone(found, axis, np.full(len(found), self.shape[axis] - 1))
        found = found.take(self.value(found.costs) < limit)
        values = self.value(found.costs)
        for index in np.argsort(values, kind="stable"):
            yield Chain(float(values[index]), self._steps(found, int(index)))

    def _start(self) -> Chains:
        points = np.indices(self.shape, np.int32).reshape(3, -1).T
        count = len(points)
        return Chains(
            np.ascontiguousarray(points),
            np.broadcast_to(self.fixed, (count, self.bounds.width)).copy(),
            np.broadcast_to(self.fixed, (count, self.bounds.width)).copy(),
            np.full((count, len(self.space.places)), -1, np.int32),
            np.zeros((count, len(self.space.places)), bool),
            np.zeros((count, self.space.num_stages), np.int16),
            np.zeros((count, self.space.num_stages), np.int16),
        )

    def _stage(self, start: Chains, stage: int) -> Chains:
        """Place all tensors of a stage in every order, with every end of the stage."""
        own = [place for place in self.space.places if place.stage == stage]
        last = stage == self.space.num_stages - 1
        parts = []
        for end, (number, order) in product(
            range(len(self.ends[stage])), enumerate(permutations(own))
        ):
            room, reach, final = {place.memory.name: 0 for place in own}, *self._reach(stage, end)
            found = start.take(_all_in(start.points, reach))
            found.orders[:, stage], found.ends[:, stage] = number, end
            filled = np.zeros((len(found), len(room)), np.int64)
            names = list(room)
            for index, place in enumerate(order):
                whole = last and index == len(order) - 1
                if index or whole:
                    found, filled = self._raise(found, filled, place, reach, full=whole)
                found, filled = self._place(found, filled, place, names)
            found = found.take(_all_in(found.points, final))
            if len(found):
                parts.append(found)
        if not parts:
            return start.take(np.zeros(0, np.intp))
        return self._pareto(_joined(parts)) if not last else _joined(parts)

    def _reach(
        self, stage: int, end: int
    ) -> tuple[tuple[NDArray[np.bool_], ...], tuple[NDArray[np.bool_], ...]]:
        """For each kind, which tiles a stage with an end may use, and which it may stop at."""
        sizes = self.ends[stage][end]
        tiles = [self.space.tiles[kind] for kind in KINDS]
        return (
            tuple(np.array([all(n % tile.get(r, 1) == 0 for r, n in sizes.items()) for tile in own])
                  for own in tiles),
            tuple(np.array([all(tile.get(r, n) == n for r, n in sizes.items()) for tile in own])
                  for own in tiles),
        )  # fmt: skip

    def _place(
        self, chains: Chains, filled: NDArray[np.int64], place: Place, names: list[str]
    ) -> tuple[Chains, NDArray[np.int64]]:
        at = tuple(chains.points.T)
        filled = filled.copy()
        column = names.index(place.memory.name)
        filled[:, column] += self.rooms[place][at]
        capacity = place.memory.capacity_bytes
        fits = np.ones(len(chains), bool)
        if capacity is not None:
            fits = filled[:, column] <= capacity
        stage_ends = chains.ends[:, place.stage] if place in self.overlaps else 0
        costs = chains.costs + self.prices[place][stage_ends, *at]
        used = chains.used.copy()
        used[:, self.space.places.index(place)] = np.ravel_multi_index(at, self.shape)
        most = chains.most + self.most[place][stage_ends, *at]
        still_open = chains.open.copy()
        still_open[:, self.space.places.index(place)] = True
        placed = Chains(chains.points, costs, most, used, still_open, chains.orders, chains.ends)
        return placed.take(fits), filled[fits]

    def _raise(
        self,
        chains: Chains,
        filled: NDArray[np.int64],
        place: Place,
        reach: tuple[NDArray[np.bool_], ...],
        *,
        full: bool,
    ) -> tuple[Chains, NDArray[np.int64]]:
        """Run more of the loops that a tensor does not know."""
        axis = KINDS.index(UNKNOWN_TO[place.role])
        if full:
            return self._gone(chains, axis, np.full(len(chains), self.shape[axis] - 1)), filled
        source, target = np.nonzero((self.above[axis] & reach[axis])[chains.points[:, axis]])
        return self._gone(chains.take(source), axis, target), filled[source]

    def _gone(self, chains: Chains, axis: int, target: NDArray[np.intp]) -> Chains:
        """Chains after loops of one kind: tensors that do not know it move less, others close."""
        points = chains.points.copy()
        points[:, axis] = target
        moved = points[:, axis] > chains.points[:, axis]
        before, after = tuple(chains.points.T), tuple(points.T)
        costs, most = chains.costs.copy(), chains.most.copy()
        still_open = chains.open.copy()
        for number, place in enumerate(self.space.places):
            if place in self.overlaps:
                rows, saved = self._saved(chains, number, axis, points)
                costs[rows] -= saved
                most[rows] -= saved
                continue
            rows = np.flatnonzero(moved & still_open[:, number])
            if not len(rows):
                continue
            if KINDS[axis] != UNKNOWN_TO[place.role]:
                still_open[rows, number] = False
                continue
            old, new = (tuple(part[rows] for part in at) for at in (before, after))
            costs[rows] += self.prices[place][0][new] - self.prices[place][0][old]
            most[rows] += self.most[place][0][new] - self.most[place][0][old]
        return Chains(points, costs, most, chains.used, still_open, chains.orders, chains.ends)

    def _live(
        self, chains: Chains, number: int
    ) -> tuple[NDArray[np.intp], tuple[NDArray[np.intp], ...]]:
        """Chains in which an input may still save, and where they are in tables of savings."""
        place = self.space.places[number]
        flat = chains.used[:, number]
        _, x, k = np.unravel_index(np.maximum(flat, 0), self.shape)
        pair = np.where(flat >= 0, self.overlaps[place].pairs[k, chains.points[:, 2]], -1)
        rows = np.flatnonzero(pair >= 0)
        ends = chains.ends[rows, place.stage].astype(np.intp)
        return rows, (ends, pair[rows], x[rows], chains.points[rows, 1])

    def _saved(
        self, chains: Chains, number: int, axis: int, points: NDArray[np.int32]
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """What the loops up to other points save of an input."""
        place = self.space.places[number]
        overlaps, (rows, at) = self.overlaps[place], self._live(chains, number)
        ends, _, kept, now = at
        times = self.passes[chains.points[rows, 0]]
        if KINDS[axis] == "m":
            amounts = overlaps.over_features[at]
            times = times - self.passes[points[rows, 0]]
        elif KINDS[axis] == "x":
            table, moved = overlaps.over_windows, points[rows, 1]
            amounts = table[at] - table[*at[:3], moved]
        else:
            table = overlaps.over_sums
            pair = overlaps.pairs[overlaps.kept_sums[at[1]], points[rows, 2]]
            amounts = table[at] - (pair >= 0)[:, None] * table[ends, pair, kept, now]
        return rows, (times[:, None] * amounts) @ self.units[place]

    def _hopes(self, chains: Chains) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """For each input: what its savings depend on, and the most that it may still save."""
        found = []
        for number, place in enumerate(self.space.places):
            if place not in self.overlaps:
                continue
            rows, at = self._live(chains, number)
            if not len(rows):
                continue
            every, last = (table[at] for table in self.overlaps[place].left)
            passes = self.passes[chains.points[rows, 0]][:, None]
            saved = np.zeros((len(chains), self.bounds.width))
            saved[rows] = ((passes - 1) * every + last) @ self.units[place]
            state = np.full(len(chains), -1, np.int64)
            sizes = len(self.ends[place.stage]), self.overlaps[place].pairs.size, self.shape[1]
            state[rows] = np.ravel_multi_index(at[:3], sizes)
            state[~saved.any(axis=1)] = -1
            found.append((state, saved))
        return found

    def _rise(self, chains: Chains) -> Chains:
        """Let every chain go on from any larger point; keep those that no other one beats."""
        for kind in GAP_ORDER:
            axis = KINDS.index(kind)
            source, target = np.nonzero(self.above[axis][chains.points[:, axis]])
            chains = self._pareto(self._gone(chains.take(source), axis, target))
        return chains

    def _pareto(self, chains: Chains) -> Chains:
        """Chains that no other one at the same point surely beats in all parts that count.

        The other one's bounds from above must not exceed this one's bounds from below.
        """
        flat = np.ravel_multi_index(tuple(chains.points.T), self.shape)
        hopes = self._hopes(chains)
        columns = [0, *self._limiting(chains, hopes)]
        keys = [chains.costs[:, column] for column in reversed(columns)]
        order = np.lexsort([*keys, flat])
        chains, flat = chains.take(order), flat[order]
        hopes = [(state[order], saved[order][:, columns]) for state, saved in hopes]
        kept = np.zeros(len(chains), bool)
        costs = chains.costs[:, columns] * (1 + ROUNDING)
        most = chains.most[:, columns]
        undecided = np.arange(len(chains))  # neither kept nor beaten yet
        for _ in range(MAX_ROUNDS):
            if not len(undecided):
                break
            places = flat[undecided]
            leads = np.r_[True, places[1:] != places[:-1]]
            leader = undecided[leads][np.cumsum(leads) - 1]
            kept[undecided[leads]] = True
            least = costs[undecided]
            for state, saved in hopes:
                other = state[leader] != state[undecided]
                least = least - other[:, None] * saved[undecided]
            beaten = (most[leader] <= least).all(axis=1)
            beaten &= (chains.open[leader] >= chains.open[undecided]).all(axis=1)
            undecided = undecided[~beaten & ~leads]
        kept[undecided] = True
        return chains.take(kept)

    def _limiting(
        self, chains: Chains, hopes: list[tuple[NDArray[np.int64], NDArray[np.float64]]]
    ) -> list[int]:
        """Columns of memories that could still take longer than the compute units."""
        most = chains.most.max(axis=0)
        count = len(self.bounds.memories)
        undecidedplaces = [p for i, p in enumerate(self.space.places) if chains.used[0, i] < 0]
        for place in undecidedplaces:
            most = most + self.most[place].reshape(-1, self.bounds.width).max(axis=0)
        columns = [1 + i for i in range(count) if most[1 + i] > self.compute_seconds]
        waits = [1 + count + i for i in range(count) if most[1 + count + i] > 0]
        parts = [chains.costs, chains.most, *(saved for _, saved in hopes)]
        return [c for c in columns + waits if any(np.ptp(part[:, c]) > 0 for part in parts)]

    def _steps(self, chains: Chains, index: int) -> tuple[tuple[Place, Tile], ...]:
        steps = []
        for stage in range(self.space.num_stages):
            own = [place for place in self.space.places if place.stage == stage]
            for place in list(permutations(own))[chains.orders[index, stage]]:
                flat = chains.used[index, self.space.places.index(place)]
                numbers = np.unravel_index(flat, self.shape)
                tile: dict[str, int] = {}
                for kind, number in zip(KINDS, numbers, strict=True):
                    tile.update(self.space.tiles[kind][int(number)])
                steps.append((place, tile))
        return tuple(steps)


def _all_in(points: NDArray[np.int32], tiles: tuple[NDArray[np.bool_], ...]) -> NDArray[np.bool_]:
    """Which points consist of some tiles only."""
    return np.all([own[points[:, axis]] for axis, own in enumerate(tiles)], axis=0)


def _above(space: Mapspace, axis: int) -> NDArray[np.bool_]:
    """Which tile of a kind may follow which: every rank's size must divide."""
    tiles = space.tiles[KINDS[axis]]
    return np.array(
        [[all(big[r] % small[r] == 0 for r in small) for big in tiles] for small in tiles], bool
    )
