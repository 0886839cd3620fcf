"""Chains of points by dynamic programming, pruned by dominance; the best by exact counting.

Costs of a chain add up over its points, so inner stages are solved once for every point that outer
stages may start from. A tensor stays *open* until a loop that it knows follows outside its point;
so long, loops that it does not know cost nothing. What windows share comes from tables, see
:mod:`netwright.cost.overlaps`. At each point only those partial chains survive that no other one
surely beats in energy and in the load of every component that could still limit the time, whatever
savings are still to come, and that could still become better than the best value that is known.
Whole chains are then counted exactly, best bound first, until no bound is below the best exact
value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from math import prod

import numpy as np
from numpy.typing import NDArray

from netwright.cost.chains import Chain, Chains, Deadline, all_in, joined
from netwright.cost.mapspace import GAP_ORDER, KINDS, UNKNOWN_TO, Mapspace, Place, Tile
from netwright.cost.tables import Objective, Tables
from netwright.mapping.loopnest import LoopNest

MAX_ROUNDS = 64
"""Chains at one point that the others there are compared with; what is left after that is kept."""

ROUNDING = 1e-11
"""Relative difference below which one partial chain is taken to cost as much as another."""


class Solver(Tables):
    """Solves one mapspace.

    Args:
        space: The mapspace.
        step_seconds: Seconds of a step of the compute units.
        objective: What is minimized.
        shares: Whether windows share what they do share; else a pass fetches every element once,
            which takes less work and bounds the rest from below.
    """

    def __init__(
        self, space: Mapspace, step_seconds: float, objective: Objective, *, shares: bool = True
    ) -> None:
        super().__init__(space, step_seconds, objective, shares=shares)
        self.limit = float("inf")
        self.deadline = Deadline(None)
        self._reached: dict[int, tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]] = {}

    def is_hopeless(self, limit: float, deadline: Deadline) -> bool:
        """Whether all chains are above a limit even if windows share more than they can.

        Raises:
            TimeUp: The deadline passed before it was found.
        """
        if not self.bounds.overlaps or not np.isfinite(limit):
            return False
        least = Solver(self.space, self.step_seconds, self.objective, shares=False)
        least.bounds = self.bounds
        return next(least.chains(limit, deadline), None) is None

    def chains(self, limit: float, deadline: Deadline | None = None) -> Iterator[Chain]:
        """Whole chains whose bound is below a limit, lowest bound first.

        Raises:
            TimeUp: The deadline passed before they were found.
        """
        self.limit, self.deadline = limit, deadline or Deadline(None)
        found = self._crossed(self._start(), 0)
        for stage in range(self.space.num_stages):
            if stage:
                found = self._rise(found, stage)
            found = self._crossed(self._stage(found, stage), stage + 1)
            if not len(found):
                return
        for kind in GAP_ORDER:
            axis = KINDS.index(kind)
            found = self._gone(found, axis, np.full(len(found), self.shape[axis] - 1))
        found = found.take(self.value(found.costs) < limit)
        values = self.value(found.costs)
        for index in np.argsort(values, kind="stable"):
            yield Chain(float(values[index]), self._steps(found, int(index)))

    def _crossed(self, chains: Chains, stage: int) -> Chains:
        """Chains outside the arrays below a stage: ragged tiles right inside take longer."""
        every = self.space.problem.arrays
        below = [place.below for place in self.space.places if place.stage == stage - 1]
        outer = [place.below for place in self.space.places if place.stage == stage]
        arrays = (outer[0] if outer else every) - (below[0] if below else frozenset())
        costs, most = chains.costs.copy(), chains.most.copy()
        allowed = np.ones(len(chains), bool)
        for rank, kind in self.space.kinds.items():
            along = self.space.spread.copies(rank, arrays)
            if along == 1 or kind is None:
                continue
            rounds, tiles = self.space.rounds[rank], self.space.tiles[kind]
            points = chains.points[:, KINDS.index(kind)]
            if along < self.space.spread.copies(rank):
                whole = np.array([rounds % tile[rank] == 0 for tile in tiles])
                allowed &= whole[points]
                continue
            steps = np.array([self.space.num_steps_of(rank, t[rank], arrays) for t in tiles])
            for vectors in (costs, most):
                vectors[:, -1] *= (steps / rounds)[points]
        return replace(chains, costs=costs, most=most).take(allowed)

    def smallest(self) -> LoopNest:
        """The nest of the smallest tiles, which needs the least room."""
        least = dict.fromkeys(self.space.operation.extents, 1)
        return self.space.nest(tuple((place, least) for place in self.space.places))

    def _start(self) -> Chains:
        points = np.indices(self.shape, np.int32).reshape(3, -1).T
        count = len(points)
        return Chains(
            np.ascontiguousarray(points),
            np.broadcast_to(self.fixed, (count, self.bounds.width)).copy(),
            np.broadcast_to(self.fixed, (count, self.bounds.width)).copy(),
            np.full((count, len(self.space.places)), -1, np.int32),
            np.zeros((count, len(self.space.places)), bool),
            np.zeros((count, len(self.space.places))),
            np.zeros((count, self.space.num_stages), np.int16),
            np.zeros((count, self.space.num_stages), np.int16),
        )

    def _stage(self, start: Chains, stage: int) -> Chains:
        """Place all tensors of a stage in every order, with every end of the stage."""
        self.deadline.check()
        own = [place for place in self.space.places if place.stage == stage]
        last = stage == self.space.num_stages - 1
        reach, final = self._reach(stage)
        begin = []
        for end in range(len(self.ends[stage])):
            inside = all_in(start.points, [allowed[end] for allowed in reach])
            found = start.take(inside & self.roomy(stage)[self.flat(start.points)])
            ends = found.ends.copy()
            ends[:, stage] = end
            begin.append(replace(found, ends=ends))
        base = joined(begin)
        parts = []
        names = list(dict.fromkeys(place.memory.name for place in own))
        empty = np.zeros((len(base), len(names)), np.int64)
        begun: dict[tuple[Place, ...], tuple[Chains, NDArray[np.int64]]] = {(): (base, empty)}
        for number, order in enumerate(permutations(own)):
            for index, place in enumerate(order):
                if order[: index + 1] in begun:
                    continue
                self.deadline.check()
                found, filled = begun[order[:index]]
                whole = last and index == len(order) - 1
                if index or whole:
                    found, filled = self._raise(
                        found, filled, order[index:], stage, names, full=whole
                    )
                found, filled = self._place(found, filled, place, names)
                good = np.flatnonzero(self._is_promising(found))
                begun[order[: index + 1]] = found.take(good), filled[good]
            found, _ = begun[order]
            orders = found.orders.copy()
            orders[:, stage] = number
            found = replace(found, orders=orders)
            ends = found.ends[:, stage]
            stops = [allowed[ends, found.points[:, axis]] for axis, allowed in enumerate(final)]
            parts.append(found.take(np.all(stops, axis=0)))
        return self._pareto(joined(parts)) if not last else joined(parts)

    def _is_promising(self, chains: Chains) -> NDArray[np.bool_]:
        """Which chains could still become better than the limit."""
        if not np.isfinite(self.limit):
            return np.ones(len(chains), bool)
        if not len(chains):
            return np.ones(0, bool)
        placed = chains.used[0] >= 0
        to_come = [self.once[p] for n, p in enumerate(self.space.places) if not placed[n]]
        least = chains.costs + sum(to_come, start=np.zeros(self.bounds.width))
        flat = self.flat(chains.points)
        for number, place in enumerate(self.space.places):
            if placed[number] and place not in self.overlaps:
                share = chains.partly[:, number, None]
                if share.any():
                    least += share * self.further[place].take(flat, axis=0)
        for _, saved in self._hopes(chains):
            least -= saved
        return np.asarray(self.value(least) < self.limit * (1 + ROUNDING))

    def _reach(self, stage: int) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
        """For each kind: tiles that a stage may use, and may stop at: ``(ends, tiles)``."""
        if stage not in self._reached:
            tiles = [self.space.tiles[kind] for kind in KINDS]
            ends = self.ends[stage]
            rounds = self.space.rounds
            self._reached[stage] = (
                [np.array([[all(n % tile.get(r, 1) == 0 or n == rounds[r] for r, n in end.items())
                            for tile in own] for end in ends]) for own in tiles],
                [np.array([[all(tile.get(r, n) == n for r, n in end.items())
                            for tile in own] for end in ends]) for own in tiles],
            )  # fmt: skip
        return self._reached[stage]

    def _place(
        self, chains: Chains, filled: NDArray[np.int64], place: Place, names: list[str]
    ) -> tuple[Chains, NDArray[np.int64]]:
        flat, number = self.flat(chains.points), self.space.places.index(place)
        column, capacity = names.index(place.memory.name), place.memory.capacity_bytes
        need = filled[:, column] + self.rooms[place].ravel()[flat]
        if capacity is not None and (need > capacity).any():
            fits = np.flatnonzero(need <= capacity)
            chains, filled, flat, need = chains.take(fits), filled[fits], flat[fits], need[fits]
        filled = filled.copy()
        filled[:, column] = need
        where = flat
        if place in self.overlaps:
            where = flat + chains.ends[:, place.stage].astype(np.intp) * prod(self.shape)
        used, still_open, partly = chains.used.copy(), chains.open.copy(), chains.partly.copy()
        used[:, number], still_open[:, number], partly[:, number] = flat, True, 1.0
        placed = replace(
            chains,
            costs=chains.costs + self.prices[place].reshape(-1, self.bounds.width).take(where, 0),
            most=chains.most + self.most[place].reshape(-1, self.bounds.width).take(where, 0),
            used=used,
            open=still_open,
            partly=partly,
        )
        return placed, filled

    def _raise(
        self,
        chains: Chains,
        filled: NDArray[np.int64],
        places: tuple[Place, ...],
        stage: int,
        names: list[str],
        *,
        full: bool,
    ) -> tuple[Chains, NDArray[np.int64]]:
        """Run more of the loops that a tensor does not know, as far as all to come have room.

        Args:
            chains: Partial chains.
            filled: Bytes that each memory of the stage holds already.
            places: What is still to be placed in the stage, in order.
            stage: The stage.
            names: The memories of the stage.
            full: Whether the loops run to their end.
        """
        axis = KINDS.index(UNKNOWN_TO[places[0].role])
        if full:
            return self._gone(chains, axis, np.full(len(chains), self.shape[axis] - 1)), filled
        reach, _ = self._reach(stage)
        allowed = self.above[axis].take(chains.points[:, axis], axis=0)
        if len(self.ends[stage]) > 1:
            allowed &= reach[axis][chains.ends[:, stage]]
        source, target = np.nonzero(allowed)
        flat = self.flat(chains.points)[source] + self._steps_along(axis, chains, source, target)
        fits = self.roomy(stage + 1)[flat]
        for column, name in enumerate(names):
            own = [place for place in places if place.memory.name == name]
            if own and (capacity := own[0].memory.capacity_bytes) is not None:
                need = sum((self.least_rooms[p] for p in own[1:]), start=self.least_rooms[own[0]])
                fits &= filled[source, column] + need.take(flat) <= capacity
        source, target = source[fits], target[fits]
        return self._gone(chains.take(source), axis, target), filled[source]

    def _steps_along(
        self, axis: int, chains: Chains, source: NDArray[np.intp], target: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """How much further points in flat form lie if some chains go to other tiles of a kind."""
        further = target - chains.points[source, axis]
        return np.asarray(further * prod(self.shape[axis + 1 :]), np.intp)

    def _gone(self, chains: Chains, axis: int, target: NDArray[np.intp]) -> Chains:
        """Chains after loops of one kind: tensors that do not know it move less, others close."""
        points = chains.points.copy()
        points[:, axis] = target
        moved = points[:, axis] > chains.points[:, axis]
        before, after = tuple(chains.points.T), tuple(points.T)
        costs, most = chains.costs.copy(), chains.most.copy()
        still_open, partly = chains.open.copy(), chains.partly.copy()
        lone = self.lone[axis][chains.points[:, axis], points[:, axis]]
        for number, place in enumerate(self.space.places):
            if not len(chains) or chains.used[0, number] < 0:
                continue
            if place in self.overlaps:
                rows, saved = self._saved(chains, number, axis, points)
                costs[rows] -= saved
                most[rows] -= saved
                continue
            rows = np.flatnonzero(moved & (partly[:, number] > 0))
            if not len(rows):
                continue
            if KINDS[axis] != UNKNOWN_TO[place.role]:
                still_open[rows, number] = False
                partly[rows, number] = np.minimum(partly[rows, number], lone[rows])
                continue
            old, new = (tuple(part[rows] for part in at) for at in (before, after))
            share, whole = partly[rows, number, None], still_open[rows, number, None]
            costs[rows] += share * (self.prices[place][0][new] - self.prices[place][0][old])
            most[rows] += whole * (self.most[place][0][new] - self.most[place][0][old])
        return Chains(
            points, costs, most, chains.used, still_open, partly, chains.orders, chains.ends
        )

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
            if place not in self.overlaps or not len(chains) or chains.used[0, number] < 0:
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

    def _rise(self, chains: Chains, stage: int) -> Chains:
        """Let every chain go on from any larger point; keep those that no other one beats."""
        for kind in GAP_ORDER:
            axis = KINDS.index(kind)
            source, target = np.nonzero(self.above[axis][chains.points[:, axis]])
            flat = self.flat(chains.points)[source]
            fits = self.roomy(stage)[flat + self._steps_along(axis, chains, source, target)]
            source, target = source[fits], target[fits]
            moved = self._gone(chains.take(source), axis, target)
            chains = self._pareto(moved.take(self._is_promising(moved)))
        return chains

    def _pareto(self, chains: Chains) -> Chains:
        """Chains that no other one at the same point surely beats in all parts that count.

        The other one's bounds from above must not exceed this one's bounds from below.
        """
        self.deadline.check()
        flat = self.flat(chains.points)
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
            beaten &= (chains.open[leader] >= chains.partly[undecided]).all(axis=1)
            undecided = undecided[~beaten & ~leads]
        kept[undecided] = True
        return chains.take(kept)

    def _limiting(
        self, chains: Chains, hopes: list[tuple[NDArray[np.int64], NDArray[np.float64]]]
    ) -> list[int]:
        """Columns of components that could still limit the time."""
        if not len(chains):
            return []
        most = chains.most.max(axis=0)
        count = len(self.bounds.memories)
        undecidedplaces = [p for i, p in enumerate(self.space.places) if chains.used[0, i] < 0]
        for place in undecidedplaces:
            most = most + self.most[place].reshape(-1, self.bounds.width).max(axis=0)
        least = float(chains.costs[:, -1].min())
        columns = [1 + i for i in range(count) if most[1 + i] > least]
        waits = [1 + count + i for i in range(count) if most[1 + count + i] > 0]
        parts = [chains.costs, chains.most, *(saved for _, saved in hopes)]
        every = [*columns, *waits, self.bounds.width - 1]
        return [c for c in every if any(np.ptp(part[:, c]) > 0 for part in parts)]

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
