"""Fusion for time, energy, or both: groups that the pipeline engine counts.

Like :func:`netwright.mapping.fusion`, an order is cut into runs and each run is a group. What a
group costs is what the engine counts, with the best use of units, arrays and memories there is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import prod
from typing import get_args

from netwright.arch import Architecture
from netwright.cost.fused_run import RunMapper, Way
from netwright.cost.in_place import done_in_place
from netwright.cost.keeps import SAME, value_of
from netwright.cost.mapper import Goal
from netwright.cost.price import check_figures
from netwright.errors import ConfigError
from netwright.mapping.cosma import scratchpad_of
from netwright.mapping.fusion import given_to_fusion
from netwright.mapping.given import check_taken
from netwright.mapping.legality import check_legal
from netwright.mapping.mapping import Group, Mapping
from netwright.mapping.runs import MAX_EINSUMS, Runs, bindings_of
from netwright.progress import Progress, silent
from netwright.workload import Einsum, Workload


@dataclass(frozen=True, slots=True)
class Fused:
    """The best mapping that was found.

    Attributes:
        mapping: Groups with their units, arrays, phases, lags and keeps; it is legal.
        seconds: Time of all groups, one after the other, and of what is done in place.
        joules: Their energy.
        num_bytes: Bytes that cross the border of the chip.
        goal: What was minimized.
        bound: No mapping of the mapspace has less of what is minimized; of energy times time this
            is seldom close, since no mapping need have the least of both.
        num_solved: Distinct runs that were solved, and all runs there are.
        search_seconds: Wall-clock time.
    """

    mapping: Mapping
    seconds: float
    joules: float
    num_bytes: int
    goal: Goal
    bound: float
    num_solved: tuple[int, int]
    search_seconds: float

    @property
    def value(self) -> float:
        """What is minimized."""
        return value_of(self.goal, self.seconds, self.joules)[0]

    @property
    def gap(self) -> float:
        """By what share the best mapping of the mapspace may be better, at most."""
        return max(0.0, 1 - self.bound / self.value) if self.value else 0.0

    @property
    def is_optimal(self) -> bool:
        """Whether it is the proven best of the mapspace."""
        return self.bound > 0 and self.gap <= SAME


def fused(
    workload: Workload,
    architecture: Architecture,
    *,
    goal: Goal = "latency",
    max_einsums: int = MAX_EINSUMS,
    fixed: Mapping | None = None,
    is_whole: bool = False,
    time_limit_s: float = float("inf"),
    progress: Progress = silent,
) -> Fused:
    """Fuse a workload, in its own order or a given one, for the least time, energy or both.

    Args:
        workload: What is computed.
        architecture: The machine, with as many units and arrays as it has.
        goal: What is minimized; ``edp`` is joules times seconds of the whole.
        max_einsums: Most Einsums of a group.
        fixed: What is given: order and bindings, in whole or in part, and groups. A given group
            with phases or lags is taken as it is; of others, loops and keeps are.
        is_whole: Whether everything in the mapspace is looked at that could be better, which is for
            a few Einsums on small machines; otherwise what promises most.
        time_limit_s: When this time is over, what is left is not fused any more.
        progress: Told how many Einsums are done.

    Raises:
        ConfigError: The machine lacks a figure or has no memory of limited capacity, no unit does
            what must run point by point, an order cannot be followed, or stays or loop nests are
            given.
        MappingError: A given binding or group is not legal, or cannot be taken.
        Infeasible: Some Einsum fits in no way; the message says which.
    """
    started = time.perf_counter()
    check_figures(architecture)
    if goal not in get_args(Goal):
        raise ConfigError(f'goal must be {", ".join(get_args(Goal))}, not "{goal}"')
    shared, fixed = given_to_fusion(
        workload, architecture, fixed, max_einsums=max_einsums, time_limit_s=time_limit_s,
        decides_units=True,
    )  # fmt: skip
    _check_below(architecture)
    order = tuple(einsum.name for einsum in shared.einsums)
    bindings = bindings_of(shared, architecture, fixed)
    runs = Runs(shared, architecture, max_einsums, fixed.groups, bindings)
    mapper = RunMapper(
        shared, architecture, runs, goal, {**fixed.bindings}, is_whole=is_whole,
        deadline=started + time_limit_s,
    )  # fmt: skip
    inside = done_in_place(workload, architecture)
    spent = sum(own.seconds for own in inside), sum(own.joules for own in inside)
    solver = _Cuts(runs, mapper, spent)
    ways = solver.solved(progress)
    mapping = Mapping(
        workload.granularity,
        order,
        bindings={name: unit for way in ways for name, unit in way.bindings.items()},
        groups=tuple(way.group for way in ways),
    )
    check_legal(workload, architecture, mapping)
    check_taken(fixed, mapping)
    return Fused(
        mapping, spent[0] + sum(way.seconds for way in ways),
        spent[1] + sum(way.joules for way in ways),
        sum(way.num_bytes for way in ways), goal, solver.bound,
        (len(solver.known), solver.num_runs), time.perf_counter() - started,
    )  # fmt: skip


def _check_below(architecture: Architecture) -> None:
    """Refuse machines some unit of which lies outside of the memory that keeps tiles.

    Raises:
        ConfigError: With these units.
    """
    memory, _ = scratchpad_of(architecture)
    outside = [
        unit.name for unit in architecture.units if memory not in architecture.path_to(unit.name)
    ]
    if outside:
        raise ConfigError(
            f'groups keep their tiles in "{memory.name}", and {", ".join(outside)} '
            f"{'lies' if len(outside) == 1 else 'lie'} outside of it",
            hint="make that memory, or one below it, the parent",
        )


_Path = tuple[float, float, tuple[Way, ...]]
"""Seconds, joules and the ways of the groups so far."""


class _Cuts:
    """Cuts an order into groups; equal runs are solved once.

    Args:
        runs: The runs of the workload.
        mapper: Finds the best way for each.
        spent: Seconds and joules of what is done in place, whatever the groups are.
    """

    def __init__(
        self, runs: Runs, mapper: RunMapper, spent: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        self.runs = runs
        self.spent = spent
        self.goal: Goal = mapper.goal
        self.mapper = mapper
        self.bound = 0.0
        self.known: dict[int, tuple[int, Way | None]] = {}
        self.bounds: dict[int, tuple[float, float]] = {}
        self.num_runs = 0

    def solved(self, progress: Progress) -> tuple[Way, ...]:
        """The best cuts."""
        einsums = self.runs.workload.einsums
        best: dict[int, list[_Path]] = {0: [(*self.spent, ())]}
        bound = {0: value_of(self.goal, *self.spent)[0]}
        least_of_each = {0: self.spent}
        before = 0
        for end in range(1, len(einsums) + 1):
            progress(end - 1, len(einsums), einsums[end - 1].name)
            if end in self.runs.joined:
                continue
            found: list[_Path] = []
            least: list[float] = []
            each: list[tuple[float, float]] = []
            for begin in range(max(0, before + 1 - self.runs.most), before + 1):
                if begin not in best or self.runs.is_inside(begin, end):
                    continue
                is_left_out = self._is_left_out(begin, end, before, best[begin], found)
                way = None if is_left_out else self._way(begin, end)
                if way is None and not is_left_out:
                    self._check(begin, end, is_alone=begin == before and not found)
                    if not self._is_undecided(begin, end):
                        continue
                seconds, joules = self._spent(begin, end)
                each.append((least_of_each[begin][0] + seconds, least_of_each[begin][1] + joules))
                least.append(bound[begin] + (way.bound if way else self._least(begin, end)))
                if way is None:
                    continue
                found += [
                    (s + way.seconds, j + way.joules, (*ways, way)) for s, j, ways in best[begin]
                ]
            if not found:  # the end lies inside a given group
                continue
            best[end] = self._front(found)
            bound[end] = min(least)
            least_of_each[end] = min(s for s, _ in each), min(j for _, j in each)
            before = end
        self.bound = bound[len(einsums)]
        if self.goal == "edp":
            self.bound = max(self.bound, prod(least_of_each[len(einsums)]))
        return min(best[len(einsums)], key=lambda path: self._value(path))[2]

    def _is_undecided(self, begin: int, end: int) -> bool:
        """Whether no way was found, though there may be one."""
        first, _ = self.known.get(self.runs.name(begin, end), (begin, None))
        return (first, first + end - begin) in self.mapper.undecided

    def _least(self, begin: int, end: int) -> float:
        return value_of(self.goal, *self._spent(begin, end))[0]

    def _spent(self, begin: int, end: int) -> tuple[float, float]:
        """Seconds and joules that a group takes at least, as they were found for an equal run."""
        if self.mapper.bindings:
            return self.mapper.least(begin, end)
        name = self.runs.name(begin, end)
        if name not in self.bounds:
            self.bounds[name] = self.mapper.least(begin, end)
        return self.bounds[name]

    def _check(self, begin: int, end: int, *, is_alone: bool) -> None:
        """Refuse what must run as one group and cannot."""
        if (begin, end) in self.runs.given:
            raise self.runs.not_possible(begin, end)
        if is_alone:
            raise self.runs.nothing_fits(begin, end)

    def _is_left_out(
        self, begin: int, end: int, before: int, paths: list[_Path], found: list[_Path]
    ) -> bool:
        """Whether a group is not looked at: it is worse than what is known, or time is over."""
        if (begin, end) in self.runs.given:
            return False
        is_late = begin != before and time.perf_counter() > self.mapper.deadline
        return is_late or self._is_hopeless(begin, end, paths, found)

    def _is_hopeless(self, begin: int, end: int, before: list[_Path], found: list[_Path]) -> bool:
        """Whether what comes and goes alone makes a group worse than what is known."""
        if not found:
            return False
        seconds, joules = self._spent(begin, end)
        return all(self._is_worse(s + seconds, j + joules, found) for s, j, _ in before)

    def _is_worse(self, seconds: float, joules: float, found: list[_Path]) -> bool:
        """Whether something known is at least as good."""
        if self.goal == "edp":
            return any(s <= seconds and j <= joules for s, j, _ in found)
        return self._value((seconds, joules, ()))[0] >= min(map(self._value, found))[0]

    def _value(self, path: _Path) -> tuple[float, float]:
        return value_of(self.goal, path[0], path[1])

    def _front(self, found: list[_Path]) -> list[_Path]:
        """The best so far; for the product of both, all that no other one beats in both."""
        if self.goal != "edp":
            return [min(found, key=self._value)]
        kept: list[_Path] = []
        for path in sorted(found, key=lambda path: path[:2]):
            if not kept or path[1] < kept[-1][1]:
                kept.append(path)
        return kept

    def _way(self, begin: int, end: int) -> Way | None:
        """The best way to run Einsums as one group, as it was found for an equal run."""
        if (begin, end) in self.runs.given or self.mapper.bindings:
            return self.mapper.best(begin, end)
        name = self.runs.name(begin, end)
        self.num_runs += 1
        if name not in self.known:
            self.known[name] = begin, self.mapper.best(begin, end)
        first, way = self.known[name]
        if way is None or first == begin:
            return way
        einsums = self.runs.workload.einsums
        return _renamed(way, einsums[first : first + end - begin], einsums[begin:end])


def _renamed(way: Way, old: tuple[Einsum, ...], new: tuple[Einsum, ...]) -> Way:
    """A way of some Einsums for equal ones."""
    names: dict[str, str] = {}
    ranks: dict[str, str] = {}
    tensors: dict[str, str] = {}
    for one, other in zip(old, new, strict=True):
        names[one.name] = other.name
        pairs = zip((*one.inputs, one.output), (*other.inputs, other.output), strict=True)
        tensors |= {a.tensor: b.tensor for a, b in pairs}
        ranks |= {a.name: b.name for a, b in zip(one.ranks, other.ranks, strict=True)}
    group = way.group
    moved = Group(
        names[group.name],
        tuple(names[name] for name in group.einsums),
        tuple(replace(loop, rank=ranks[loop.rank]) for loop in group.loops),
        tuple(
            replace(
                phase, steps={u: tuple(names[n] for n in own) for u, own in phase.steps.items()}
            )
            for phase in group.phases
        ),
        tuple(replace(keep, tensor=tensors[keep.tensor]) for keep in group.keeps),
        {names[name]: lag for name, lag in group.lags.items()},
    )
    return replace(
        way, group=moved, bindings={names[name]: unit for name, unit in way.bindings.items()}
    )
