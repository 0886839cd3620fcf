"""One run of Einsums as a group that runs on units and arrays at the same time.

For loops that a group may have, this says which unit does what, what runs along the arrays, how far
Einsums run behind each other, and what is kept where. Either everything in the mapspace is looked
at that could be better than the best so far, or what promises most.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from netwright.arch import Array, Compute
from netwright.cost.group_arrays import GroupArrays
from netwright.cost.keeps import MAX_NODES, SAME, Keeping, Treatment, is_less
from netwright.cost.plans import (
    Assigned,
    Plan,
    assignments,
    every_assignment,
    least_time,
    pipelined,
)
from netwright.mapping.binding import able_units
from netwright.mapping.group_choice import Option, Run, Use, chosen
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
        self.run: Run = replace(mapper.runs.run(begin, end), given={}, cache={})
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
        cycles = [
            {
                name: seconds / points * self.architecture.copies(name)
                for name, (seconds, _) in own.items()
            }
            for own, points in zip(work, points_of, strict=True)
        ]
        self.arrays = GroupArrays(self.run, self.part, able, mapper.arrays, mapper.units, cycles)
        self.busy = least_time(
            [{name: spent for name, (spent, _) in own.items()} for own in work], mapper.speeds
        )

    def solved(self) -> Way | None:
        """The best way with any loops, most promising loops first."""
        order: list[tuple[float, int, tuple[Loop, ...], tuple[float, float]]] = []
        for loops in self._loops():
            ranks = frozenset((loop.rank, loop.tile == 1) for loop in loops)
            if ranks not in self.legal:
                self.legal[ranks] = self.run.is_legal(loops)
            if not self.legal[ranks]:
                continue
            options = self.run.options(loops)
            relaxed = [self._relaxed(*pair) for pair in zip(self.run.uses, options, strict=True)]
            choice = chosen(self.run.uses, relaxed, self.mapper.runs.capacity, None)
            if choice is None:
                continue
            value, moved = self._least(choice.traffic)
            order.append((value, len(order), loops, moved))
        tried = 0
        for least, _, loops, moved in sorted(order):
            if self.best is not None and least >= self._limit():
                break
            if self.best is not None and (self._is_late() or self._is_enough(tried)):
                self.is_whole = False
                break
            tried = 0 if self._try(loops, moved) else tried + 1
        if self.best is None:
            if order and not self.looks_at_all:
                self.mapper.undecided.add(self.place)
            return None
        least = self.best.value(self.mapper.goal)[0]
        return replace(self.best, bound=least if self.is_whole else 0.0)

    def _is_enough(self, tried: int) -> bool:
        return not self.looks_at_all and tried == MAX_TRIED

    def _is_late(self) -> bool:
        return time.perf_counter() > self.mapper.deadline

    @cached_property
    def _elsewhere(self) -> dict[str, int]:
        """Bytes that all copies of a memory inside of the scratchpad hold, where there is one."""
        outside = self.mapper.runs.memory.name
        found = {}
        for unit in self.mapper.units:
            memory = inner_memory(self.architecture, unit.name, outside)
            if memory is not None:
                size = memory.capacity_bytes
                copies = self.architecture.copies(memory.name)
                found[memory.name] = 1 << 62 if size is None else size * copies
        return found

    def _relaxed(self, use: Use, options: Sequence[Option]) -> list[Option]:
        """Options that take no more room than with any units, arrays and lags."""
        lines = self.mapper.runs.memory.line_bytes
        above = self.architecture.path_to(self.mapper.units[0].name)
        names = [node.name for node in above]
        outside = above[: names.index(self.mapper.runs.memory.name)]
        is_free = any(isinstance(node, Array) for node in outside)
        if use.maker is not None:
            is_free |= bool(self.run.shapes[use.maker].iterative)
        inside = 0 if use.maker is None or use.leaves else max(self._elsewhere.values(), default=0)
        steps = [
            step
            for number, own in use.readers
            for axis in own.index
            for rank, step in axis.terms
        ]  # fmt: skip
        if inside and any(abs(step) > 1 for step in steps):
            is_free = True
        return [
            replace(option, room=0) if is_free or option.room - lines < inside else option
            for option in options
        ]

    def _least(self, bits: int) -> tuple[float, tuple[float, float]]:
        """The least value of a group that moves so many bits past the root; what these take."""
        seconds, energy = self.mapper.moved(bits)
        joules = energy + sum(min(own.values()) for own in self.joules)
        least = max(seconds, self.busy)
        if self.mapper.goal == "latency":
            return least, (seconds, energy)
        return (joules if self.mapper.goal == "energy" else joules * least), (seconds, energy)

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
                if rank not in self.run.common
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
            worst = found[-1].longest(share) if len(found) == MAX_PLANS else float("inf")
            if goal != "energy" and least >= worst:
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

    def _try(self, loops: tuple[Loop, ...], moved: tuple[float, float]) -> bool:
        """Count the groups of these loops; whether one of them is the best so far."""
        before = self.best
        for state in self._assigned(loops):
            if self.best is not None and self._is_late():
                self.is_whole = False
                break
            for plan in self._plans(loops, state):
                if self.best is not None and plan.least(self.mapper.goal, moved) >= self._limit():
                    continue
                self.best = self._way(loops, state, plan) or self.best
        return self.best is not before

    def _plans(self, loops: Sequence[Loop], state: Assigned) -> Iterable[Plan]:
        """All units at the same time, each a tile behind who makes what it needs; or in turn."""
        summed = frozenset(
            n for n, shape in enumerate(self.run.shapes)
            if any(x.rank in shape.summed and self._is_above(x, state.units[n])
                   for x in state.spread)
        )  # fmt: skip
        share = self._share(loops)
        found = pipelined(self.einsums, state, loops, self.run.extents, summed, share)
        if found is not None:
            yield found
        yield Plan(state.seconds, state.joules)

    def _is_above(self, loop: Loop, unit: str) -> bool:
        return loop.array in {array.name for array in self.mapper.arrays[unit]}

    def _way(self, loops: tuple[Loop, ...], state: Assigned, plan: Plan) -> Way | None:
        """The best keeps with these loops and this plan, if they beat the best so far."""
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
        group = Group(self.name, names, (*loops, *state.spread), phases, (), lags)
        decided = Decided(self.part.granularity, names, bindings=bindings, groups=(group,))
        if group_faults(self.part, self.architecture, decided, group):
            return None
        goal = self.mapper.goal
        most = None if self.looks_at_all else MAX_NODES
        search = Keeping(self.part, self.architecture, bindings, group, goal, most)
        limit = None if self.best is None else self.best.value(goal)
        keeps = search.best(self._treatments(loops, state), limit)
        if keeps is None:
            return None
        way = self.mapper.counted(self.part, replace(group, keeps=keeps), bindings)
        is_better = way is not None and (limit is None or is_less(way.value(goal), limit))
        return way if is_better else None

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
