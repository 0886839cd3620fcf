"""Chains of points by dynamic programming, pruned by dominance; the best by exact counting.

Costs of a chain add up over its points, so inner stages are solved once for every point that outer
stages may start from. A tensor stays *open* until a loop that it knows follows outside its point;
so long, loops that it does not know cost nothing. At each point only those partial chains survive
that no other one surely beats in energy and in the load of every memory that could still limit the
time. Whole chains are then counted exactly, best bound first, until no bound is below the best
exact value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from netwright.cost.bounds import Bounds
from netwright.cost.mapspace import GAP_ORDER, KINDS, UNKNOWN_TO, Mapspace, Place, Tile

Objective = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""From joules and seconds to what is minimized; it grows with both."""

MAX_ROUNDS = 64
"""Chains at one point that the others there are compared with; what is left after that is kept."""


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
    """

    points: NDArray[np.int32]
    costs: NDArray[np.float64]
    most: NDArray[np.float64]
    used: NDArray[np.int32]
    open: NDArray[np.bool_]
    orders: NDArray[np.int16]

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
        self.prices = {place: self.bounds.cost(place) for place in space.places}
        self.most = {place: self.bounds.cost(place, most=True) for place in space.places}
        self.above = tuple(_above(space, number) for number in range(3))

    def value(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The objective of cost vectors."""
        count = len(self.bounds.memories)
        busy = np.maximum(costs[:, 1 : 1 + count].max(axis=1), self.compute_seconds)
        alone = costs[:, 1 + count :].max(axis=1)
        return self.objective(costs[:, 0], busy + alone)

    def floor(self) -> float:
        """A bound for all chains: every tensor moves once, every memory is large enough."""
        least = self.fixed + sum(
            price.reshape(-1, price.shape[-1]).min(axis=0) for price in self.prices.values()
        )
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
        )

    def _stage(self, start: Chains, stage: int) -> Chains:
        """Place all tensors of a stage in every order."""
        own = [place for place in self.space.places if place.stage == stage]
        last = stage == self.space.num_stages - 1
        parts = []
        for number, order in enumerate(permutations(own)):
            found, room = start, {place.memory.name: 0 for place in own}
            found.orders[:, stage] = number
            filled = np.zeros((len(found), len(room)), np.int64)
            names = list(room)
            for index, place in enumerate(order):
                if index:
                    found, filled = self._raise(found, filled, place, full=last and
                                                index == len(order) - 1)  # fmt: skip
                elif last and len(order) == 1:
                    found, filled = self._raise(found, filled, place, full=True)
                found, filled = self._place(found, filled, place, names)
                if not len(found):
                    break
            if len(found):
                parts.append(found)
        if not parts:
            return start.take(np.zeros(0, np.intp))
        return self._pareto(_joined(parts)) if not last else _joined(parts)

    def _place(
        self, chains: Chains, filled: NDArray[np.int64], place: Place, names: list[str]
    ) -> tuple[Chains, NDArray[np.int64]]:  # fmt: skip
        at = tuple(chains.points.T)
        filled = filled.copy()
        column = names.index(place.memory.name)
        filled[:, column] += self.rooms[place][at]
        capacity = place.memory.capacity_bytes
        fits = np.ones(len(chains), bool)
        if capacity is not None:
            fits = filled[:, column] <= capacity
        costs = chains.costs + self.prices[place][at]
        used = chains.used.copy()
        used[:, self.space.places.index(place)] = np.ravel_multi_index(at, self.shape)
        most = chains.most + self.most[place][at]
        still_open = chains.open.copy()
        still_open[:, self.space.places.index(place)] = True
        placed = Chains(chains.points, costs, most, used, still_open, chains.orders.copy())
        return placed.take(fits), filled[fits]

    def _raise(
        self, chains: Chains, filled: NDArray[np.int64], place: Place, *, full: bool
    ) -> tuple[Chains, NDArray[np.int64]]:
        """Run more of the loops that a tensor does not know."""
        axis = KINDS.index(UNKNOWN_TO[place.role])
        if full:
            return self._gone(chains, axis, np.full(len(chains), self.shape[axis] - 1)), filled
        source, target = np.nonzero(self.above[axis][chains.points[:, axis]])
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
            rows = np.flatnonzero(moved & still_open[:, number])
            if not len(rows):
                continue
            if KINDS[axis] != UNKNOWN_TO[place.role]:
                still_open[rows, number] = False
                continue
            old, new = (tuple(part[rows] for part in at) for at in (before, after))
            costs[rows] += self.prices[place][new] - self.prices[place][old]
            most[rows] += self.most[place][new] - self.most[place][old]
        return Chains(points, costs, most, chains.used, still_open, chains.orders)

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
        _, first = np.unique(
            np.hstack([chains.points, chains.used]), axis=0, return_index=True
        )  # one of those that differ only in the order of equal points
        chains = chains.take(np.sort(first))
        flat = np.ravel_multi_index(tuple(chains.points.T), self.shape)
        columns = [0, *self._limiting(chains)]
        keys = [chains.costs[:, column] for column in reversed(columns)]
        order = np.lexsort([*keys, flat])
        chains, flat = chains.take(order), flat[order]
        kept = np.zeros(len(chains), bool)
        costs, most = chains.costs[:, columns], chains.most[:, columns]
        undecided = np.arange(len(chains))  # neither kept nor beaten yet
        for _ in range(MAX_ROUNDS):
            if not len(undecided):
                break
            places = flat[undecided]
            leads = np.r_[True, places[1:] != places[:-1]]
            leader = undecided[leads][np.cumsum(leads) - 1]
            kept[undecided[leads]] = True
            beaten = (most[leader] <= costs[undecided]).all(axis=1)
            beaten &= (chains.open[leader] >= chains.open[undecided]).all(axis=1)
            undecided = undecided[~beaten & ~leads]
        kept[undecided] = True
        return chains.take(kept)

    def _limiting(self, chains: Chains) -> list[int]:
        """Columns of memories that could still take longer than the compute units."""
        most = chains.costs.max(axis=0)
        count = len(self.bounds.memories)
        undecidedplaces = [p for i, p in enumerate(self.space.places) if chains.used[0, i] < 0]
        for place in undecidedplaces:
            most = most + self.prices[place].reshape(-1, self.bounds.width).max(axis=0)
        columns = [1 + i for i in range(count) if most[1 + i] > self.compute_seconds]
        waits = [1 + count + i for i in range(count) if most[1 + count + i] > 0]
        varying = [c for c in columns + waits if np.ptp(chains.costs[:, c]) > 0]
        return varying

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


def _above(space: Mapspace, axis: int) -> NDArray[np.bool_]:
    """Which tile of a kind may follow which: every rank's size must divide."""
    tiles = space.tiles[KINDS[axis]]
    return np.array(
        [[all(big[r] % small[r] == 0 for r in small) for big in tiles] for small in tiles], bool
    )
