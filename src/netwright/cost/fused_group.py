"""One run of Einsums as a group that runs on units and arrays at the same time.

For loops that a group may have, this says which unit does what, what runs along the arrays, how far
Einsums run behind each other, and what is kept where. Either everything in the mapspace is looked
at that could be better than the best so far, or what promises most.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from math import prod
from typing import TYPE_CHECKING

from netwright.arch import Compute
from netwright.cost.group_arrays import GroupArrays
from netwright.cost.keeps import MAX_NODES, NOTHING, SAME, Keeping, Treatment, Value, is_less
from netwright.cost.least_moves import Moved, OpenLoops
from netwright.cost.plans import (
    Assigned,
    Plan,
    assignments,
    every_assignment,
    least_time,
    pipelined,
)
from netwright.mapping.binding import able_units
from netwright.mapping.group_legality import group_faults
from netwright.mapping.homes import inner_memory
from netwright.mapping.loopnest import Keep, Loop
from netwright.mapping.mapping import Group, Phase
from netwright.mapping.mapping import Mapping as Decided
from netwright.mapping.tiles import num_tiles

if TYPE_CHECKING:
    from netwright.cost.fused_run import RunMapper, Way

MAX_PLANS = 2
"""Ways to share Einsums among units that are counted for given tiles, unless all are."""

MAX_TRIED = 8
"""Loops of a run whose groups are counted without a better one, unless all are."""


class GroupSearch:
    """The search for one run.

    Args:
        mapper: What the run is part of.
        begin: Its first Einsum.
        end: The Einsum after its last one.
        able: For each Einsum the units that may run it.
        given: What is given of the group.
        is_whole: Whether all is looked at that could be better.
        best: A way that is known already.
    """

    def __init__(
        self,
        mapper: RunMapper,
        begin: int,
        end: int,
        able: Sequence[tuple[Compute, ...]],
        given: Group | None,
        *,
        is_whole: bool = False,
        best: Way | None = None,
    ) -> None:
        self.looks_at_all = is_whole
        self.mapper = mapper
        self.place = begin, end
        self.architecture = mapper.architecture
        self.able = able
        self.given = given
        self.part = mapper.part(begin, end)
        self.einsums = self.part.einsums
        self.name = given.name if given is not None else self.einsums[-1].name
        self.kept = {keep.tensor: keep for keep in given.keeps} if given is not None else {}
        self.run = mapper.runs.free(begin, end)
        self.known: dict[tuple[object, ...], list[Assigned]] = {}
        self.legal: dict[frozenset[tuple[str, bool]], bool] = {}
        self.best = best
        self.is_whole = is_whole
        points_of = [prod(rank.extent for rank in e.ranks) for e in self.einsums]
        work = [
            {unit.name: mapper.work(self.part, einsum, unit) for unit in own}
            for einsum, own in zip(self.einsums, able, strict=True)
        ]
        self.joules = [{name: joules for name, (_, joules) in own.items()} for own in work]
        self.least_joules = sum(min(own.values()) for own in self.joules)
        cycles = [
            {
                name: seconds / points * self.architecture.copies(name)
                for name, (seconds, _) in own.items()
            }
            for own, points in zip(work, points_of, strict=True)
        ]
        along = () if given is None else given.loops[len(given.temporal) :]
        self.arrays = GroupArrays(
            self.run, self.part, able, mapper.arrays, mapper.units, cycles, along
        )
        self.times: dict[tuple[tuple[str, int], ...], float] = {}

    def solved(self) -> Way | None:
        """The best way with any loops, most promising loops first."""
        tried, is_any = 0, False
        for loops, moved in self._in_order():
            if self.best is not None and (self._is_late() or self._is_enough(tried)):
                self.is_whole = False
                break
            tried, is_any = 0 if self._try(loops, moved) else tried + 1, True
        if self.best is None:
            if is_any and not self.looks_at_all:
                self.mapper.undecided.add(self.place)
            return None
        least = self.best.value(self.mapper.goal)[0]
        return replace(self.best, bound=least if self.is_whole else 0.0)

    def _in_order(self) -> Iterator[tuple[tuple[Loop, ...], Moved]]:
        """Legal loops with what they move at least, until they cannot beat the best so far.

        What is kept is only decided for those whose turn it is.
        """
        heap: list[tuple[float, float, int, OpenLoops, Moved | None]] = []
        for loops in self._loops():
            ranks = frozenset((loop.rank, loop.tile == 1) for loop in loops)
            if ranks not in self.legal:
                self.legal[ranks] = self.run.is_legal(loops)
            if self.legal[ranks] and self._is_promising(loops):
                own, busy = self._open(loops), self._busy(loops)
                heap.append((self._least(own.floor(), busy), busy, len(heap), own, None))
        heapify(heap)
        while heap:
            least, busy, number, own, moved = heappop(heap)
            if self.best is not None and least >= self._limit():
                return
            if moved is not None:
                yield own.loops, moved
                continue
            moved = own.fitting(self.run.uses, self.mapper.runs.capacity)
            if moved is not None:
                heappush(heap, (self._least(moved, busy), busy, number, own, moved))

    def _is_enough(self, tried: int) -> bool:
        return not self.looks_at_all and tried == MAX_TRIED

    def _is_late(self) -> bool:
        return time.perf_counter() > self.mapper.deadline

    def _open(self, loops: tuple[Loop, ...]) -> OpenLoops:
        """Loops with what each treatment of each tensor moves at least."""
        moves, goal = self.mapper.moves, self.mapper.goal
        every = self.run.options(loops)
        options = [moves.relaxed(self.run, *own) for own in zip(self.run.uses, every, strict=True)]
        streamed = [own[0].traffic for own in every]
        pairs = zip(self.run.uses, options, streamed, strict=True)
        priced = [moves.priced(*own) for own in pairs] if goal != "latency" else []
        return OpenLoops(loops, options if goal != "energy" else [], priced, moves.bandwidth)

    def _busy(self, loops: Sequence[Loop]) -> float:
        """Seconds that units take at least with tiles of these sizes."""
        sizes = tuple(sorted({loop.rank: loop.tile for loop in loops}.items()))
        if sizes not in self.times:
            self.times[sizes] = least_time(self.arrays.least_steps(loops), self.mapper.speeds)
        return self.times[sizes]

    def _is_promising(self, loops: tuple[Loop, ...]) -> bool:
        """Whether tiles along ranks where nothing is shared are points, or use more copies."""
        is_given = self.given is not None and self.given.temporal
        if is_given or self.looks_at_all or not self.run.is_disjoint:
            return True
        points = tuple(Loop(rank, 1) for rank in self.run.common)
        return set(points) <= set(loops) or self._busy(loops) < self._busy((*loops, *points))

    def _least(self, moved: Moved, busy: float) -> float:
        """The least value of a group whose accesses and units take at least so much."""
        seconds = max(moved[0], busy)
        joules = moved[1] + self.least_joules
        if self.mapper.goal == "latency":
            return seconds
        return joules if self.mapper.goal == "energy" else joules * seconds

    def _limit(self) -> float:
        assert self.best is not None
        return self.best.value(self.mapper.goal)[0] * (1 - SAME)

    def _loops(self) -> Iterator[tuple[Loop, ...]]:
        """Loops of the mapspace of fusion, and each with one more that fits an axis of an array."""
        if self.given is not None and self.given.temporal:
            yield self.given.temporal
            return
        fanouts = sorted({f for own in self.mapper.arrays.values() for a in own for f in a.fanout})
        first = self.run.shapes[0]
        for loops in self.mapper.runs.loops(self.run):
            yield loops
            if first.is_whole or not fanouts:
                continue
            tiles = {**first.extents, **{loop.rank: loop.tile for loop in loops}}
            more = {
                Loop(rank, size)
                for rank, tile in tiles.items()
                if tile > 1
                for size in self._fitting(tile, fanouts)
            }
            yield from ((*loops, own) for own in sorted(more, key=lambda x: (x.rank, x.tile)))

    def _fitting(self, tile: int, fanouts: Sequence[int]) -> Iterator[int]:
        """Parts of a tile that fit axes of arrays: the largest of each, or all."""
        parts = [size for size in range(2, min(tile, fanouts[-1] + 1)) if tile % size == 0]
        if self.looks_at_all:
            yield from parts
            return
        for fanout in fanouts:
            yield from [size for size in parts if size <= fanout][-1:]

    def _assigned(self, loops: Sequence[Loop]) -> Iterable[Assigned]:
        """Units and arrays for tiles of these sizes: the best ones first, or all."""
        share = self._share(loops)
        own: dict[str, tuple[int, ...]] = {}
        for loop in loops:
            own[loop.rank] = (*own.get(loop.rank, ()), loop.tile)
        always = [own.keys() <= shape.ranks for shape in self.run.shapes]
        if self.looks_at_all:
            for spread in self.arrays.every_spread(loops):
                times = self.arrays.steps(loops, spread)
                yield from every_assignment(times, self.joules, always, spread)
            return
        key = tuple(sorted(own.items()))
        if key not in self.known:
            self.known[key] = self._promising(loops, always, share)
        yield from self.known[key]

    def _promising(
        self, loops: Sequence[Loop], always: Sequence[bool], share: float
    ) -> list[Assigned]:
        """The best few ways to share Einsums and to use arrays."""
        goal = self.mapper.goal
        steps = [
            (self.arrays.steps(loops, spread), spread) for spread in self.arrays.spreads(loops)
        ]
        bounds = [least_time(times, self.mapper.speeds) for times, _ in steps]
        found: list[Assigned] = []
        for least, (times, spread) in sorted(zip(bounds, steps, strict=True), key=lambda x: x[0]):
            found.sort(key=lambda state: state.key(goal, share))
            del found[MAX_PLANS:]
            is_full = len(found) == MAX_PLANS and least >= found[-1].longest(share)
            if is_full and (goal != "energy" or found[-1].joules <= self.least_joules):
                break
            found += assignments(times, self.joules, always, goal, share=share, spread=spread)
        found.sort(key=lambda state: state.key(goal, share))
        return found[:MAX_PLANS]

    def _share(self, loops: Sequence[Loop]) -> float:
        """Of all tiles, those in which every Einsum runs: the last along ranks that some lack."""
        ranks = frozenset(loop.rank for loop in loops)
        sets = {ranks - shape.ranks for shape in self.run.shapes} - {frozenset()}
        if len(sets) > 1:
            return 1.0  # they run in unlike tiles: no more is said than that units are busy
        lacking = frozenset[str]().union(*sets)
        tiles = prod(
            num_tiles(self.run.extents[rank], [x.tile for x in loops if x.rank == rank])
            for rank in lacking
        )
        return 1.0 / tiles

    def _try(self, loops: tuple[Loop, ...], moved: Moved) -> bool:
        """Count the groups of these loops; whether one of them is the best so far."""
        before = self.best
        for state in self._assigned(loops):
            if self.best is not None and self._is_late():
                self.is_whole = False
                break
            for plan in self._plans(loops, state):
                if self.best is not None and plan.least(self.mapper.goal, moved) >= self._limit():
                    continue
                group, bindings = self._group(loops, state, plan)
                keeps, value = self._kept(loops, state, plan, group, bindings)
                if keeps is None and self._is_last(plan):
                    break
                if keeps is not None and self._is_better(value):
                    group = replace(group, keeps=keeps)
                    self.best = self.mapper.counted(self.part, group, bindings) or self.best
        return self.best is not before

    def _is_better(self, value: Value) -> bool:
        return self.best is None or is_less(value, self.best.value(self.mapper.goal))

    def _plans(self, loops: Sequence[Loop], state: Assigned) -> Iterable[Plan]:
        """All units at the same time, each a tile behind who makes what it needs; or in turn."""
        in_turn = Plan(state.seconds, state.joules)
        if self._is_timeless:
            yield in_turn
        summed = frozenset(
            n for n, shape in enumerate(self.run.shapes)
            if any(x.rank in shape.summed and self._is_above(x, state.units[n])
                   for x in state.spread)
        )  # fmt: skip
        share = self._share(loops)
        found = pipelined(self.einsums, state, loops, self.run.extents, summed, share)
        if found is not None:
            yield found
        if not self._is_timeless:
            yield in_turn

    @property
    def _is_timeless(self) -> bool:
        """Whether time decides among equals only."""
        return self.mapper.goal == "energy" and not self.architecture.leakage_w

    def _is_last(self, plan: Plan) -> bool:
        """Whether no plan of the same units is better if this one is not.

        Units that work at the same time access as much as in turn, and keep as much or more.
        """
        return self._is_timeless and not plan.is_at_once

    def _is_above(self, loop: Loop, unit: str) -> bool:
        return loop.array in {array.name for array in self.mapper.arrays[unit]}

    def _group(
        self, loops: tuple[Loop, ...], state: Assigned, plan: Plan
    ) -> tuple[Group, dict[str, str]]:
        """A group that keeps nothing yet, and its units."""
        names = tuple(einsum.name for einsum in self.einsums)
        bindings = {
            name: unit
            for name, unit, einsum in zip(names, state.units, self.einsums, strict=True)
            if any(own.name == unit for own in able_units(einsum, self.architecture))
        }
        phases: tuple[Phase, ...] = ()
        if plan.is_at_once:
            units = dict.fromkeys(state.units)
            lists = {
                u: tuple(n for n, own in zip(names, state.units, strict=True) if own == u)
                for u in units
            }
            phases = (Phase(lists),)
        lags = {name: lag for name, lag in zip(names, plan.lags or (), strict=False) if lag}
        return Group(self.name, names, (*loops, *state.spread), phases, (), lags), bindings

    def _kept(
        self,
        loops: tuple[Loop, ...],
        state: Assigned,
        plan: Plan,
        group: Group,
        bindings: Mapping[str, str],
    ) -> tuple[tuple[Keep, ...] | None, Value]:
        """The best keeps of a group and what it costs, if it may beat the best so far."""
        names, goal = group.einsums, self.mapper.goal
        decided = Decided(self.part.granularity, names, bindings=bindings, groups=(group,))
        if group_faults(self.part, self.architecture, decided, group):
            return None, NOTHING
        most = None if self.looks_at_all else MAX_NODES
        search = Keeping(self.part, self.architecture, bindings, group, goal, most)
        limit = None if self.best is None else self.best.value(goal)
        if limit is not None and self._is_last(plan):
            limit = limit[0], NOTHING[1]
        return search.best(self._treatments(loops, state), limit), search.value

    def _treatments(self, loops: tuple[Loop, ...], state: Assigned) -> list[list[Treatment]]:
        """For each tensor: it streams, or it is kept in the scratchpad or in registers."""
        memory = self.mapper.runs.memory.name
        found = []
        for use, options in zip(self.run.uses, self.run.options(loops), strict=True):
            name = use.tensor.name
            if name in self.kept:
                found.append([Treatment(name, self.kept[name], frozenset())])
                continue
            own = [
                Treatment(
                    name,
                    None if option.position is None else Keep(memory, name, option.position),
                    option.misses,
                )
                for option in options
            ]
            units = {state.units[number] for number, _ in use.readers}
            if use.maker is not None and not use.leaves and len(units) == 1:
                inner = inner_memory(self.architecture, units.pop(), memory)
                near = [x.keep for x in own if x.keep is not None] if inner is not None else []
                own += [
                    Treatment(name, replace(keep, memory=inner.name), frozenset())
                    for keep in near
                    if inner is not None
                ]
            found.append(own)
        return found
