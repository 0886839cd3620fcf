"""What a group keeps where, for the least time, energy or both; exact.

Units, arrays, loops and lags of the group are given. What the pipeline engine counts for a tensor
depends on where that tensor is kept and on no other one. So each way to treat each tensor is
counted once, and branch and bound over the tensors finds the best of all combinations that fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from netwright.arch import Architecture, Compute, Memory
from netwright.cost import pipeline
from netwright.cost.counts import Action
from netwright.cost.fronts import Front, fronts
from netwright.cost.mapper import Goal
from netwright.cost.price import joules_of, seconds_of
from netwright.mapping.group_legality import rooms
from netwright.mapping.loopnest import Keep
from netwright.mapping.mapping import Group
from netwright.mapping.mapping import Mapping as Decided
from netwright.workload import Workload

MAX_NODES = 100
"""Partial choices that are looked at for one group unless all are wanted."""

SAME = 1e-9
"""Relative difference below which two costs count as equal."""

Value = tuple[float, float]
"""What is minimized, and what decides among equals."""

NOTHING: Value = (float("inf"), float("inf"))
"""More than anything costs."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """One way to treat a tensor of a group.

    Attributes:
        tensor: Its name.
        keep: Where it is kept; ``None`` if it streams.
        misses: Numbers of Einsums in which it streams though it does not know one of their ranks:
            at most one tensor may in each.
    """

    tensor: str
    keep: Keep | None
    misses: frozenset[int]


def value_of(goal: Goal, seconds: float, joules: float) -> Value:
    """What is minimized, and what decides among equals."""
    if goal == "latency":
        return seconds, joules
    return (joules, seconds) if goal == "energy" else (seconds * joules, seconds)


def is_less(one: Value, other: Value) -> bool:
    """Whether a value is less by more than rounding."""
    if abs(one[0] - other[0]) <= SAME * abs(other[0]):
        return one[1] < other[1] * (1 - SAME)
    return one[0] < other[0]


@dataclass(frozen=True, slots=True)
class _Cost:
    """What one treatment adds.

    Attributes:
        treatment: The treatment.
        joules: Energy of all accesses.
        times: Seconds, ``(busy or waiting, memory, phase)``; the last phase is beside the others.
        room: Bytes in each memory of limited capacity.
    """

    treatment: Treatment
    joules: float
    times: npt.NDArray[np.float64]
    room: tuple[int, ...]

    def beats(self, other: _Cost) -> bool:
        """Whether it is never worse than another one."""
        return (
            self.joules <= other.joules
            and self.treatment.misses <= other.treatment.misses
            and all(a <= b for a, b in zip(self.room, other.room, strict=True))
            and bool((self.times <= other.times).all())
        )


@dataclass
class Keeping:
    """The choice of what to keep for one group.

    Attributes:
        part: The Einsums of the group as a workload.
        architecture: The machine.
        bindings: Their units.
        group: The group; its keeps are not looked at.
        goal: What is minimized.
        most: Partial choices that are looked at; ``None`` for all.
    """

    part: Workload
    architecture: Architecture
    bindings: Mapping[str, str]
    group: Group
    goal: Goal
    most: int | None = MAX_NODES
    _nodes: int = field(default=0, init=False)

    def best(
        self, treatments: Sequence[Sequence[Treatment]], limit: Value | None
    ) -> tuple[Keep, ...] | None:
        """What to keep where; ``None`` if nothing fits or is below a limit.

        Args:
            treatments: For each tensor the ways to treat it.
            limit: A value that is known already.
        """
        self._nodes = 0
        self._limit = NOTHING if limit is None else limit
        self._found: list[tuple[_Cost, ...]] = []
        self._costs = self._counted(treatments)
        self._rest = self._least()
        self._fronts = self._within_room()
        none = np.zeros((2, len(self._memories), self._num_phases + 1))
        self._walk((), self._fixed_joules, none, (0,) * len(self._bounded), frozenset())
        if not self._found:
            return None
        kept = (cost.treatment.keep for cost in self._found[-1])
        return tuple(keep for keep in kept if keep is not None)

    @property
    def value(self) -> Value:
        """What the best keeps cost; infinite where there are none."""
        return self._limit if self._found else NOTHING

    @property
    def is_whole(self) -> bool:
        """Whether more partial choices may be looked at."""
        return self.most is None or self._nodes <= self.most

    @cached_property
    def _memories(self) -> list[Memory]:
        return list(self.architecture.memories)

    @cached_property
    def _root(self) -> int:
        return [memory.name for memory in self._memories].index(self.architecture.root.name)

    @cached_property
    def _bounded(self) -> list[tuple[str, int]]:
        sizes = [(memory.name, memory.capacity_bytes) for memory in self._memories]
        return [(name, size) for name, size in sizes if size is not None]

    def _counted(self, treatments: Sequence[Sequence[Treatment]]) -> list[list[_Cost]]:
        """What each treatment costs, without those that others beat; tensors with fewest first."""
        trial = pipeline.Trial(self.part, self.architecture, self._decided(), self.group)
        self._set_fixed(trial)
        taken = self._rooms(treatments)
        costs = [
            [self._cost(way, trial.actions(way.tensor, way.keep), taken) for way in own]
            for own in treatments
        ]
        kept = [
            [c for n, c in enumerate(own) if not any(
                o.beats(c) and (not c.beats(o) or m < n) for m, o in enumerate(own) if m != n
            )]
            for own in costs
        ]  # fmt: skip
        return sorted(kept, key=len)

    def _decided(self) -> Decided:
        names = self.group.einsums
        return Decided(self.part.granularity, names, bindings=self.bindings, groups=(self.group,))

    def _rooms(self, treatments: Sequence[Sequence[Treatment]]) -> dict[Keep, int]:
        keeps = [own.keep for ways in treatments for own in ways if own.keep is not None]
        sizes = rooms(self.part, self.architecture, self._decided(), self.group, keeps)
        return dict(zip(keeps, sizes, strict=True))

    def _set_fixed(self, trial: pipeline.Trial) -> None:
        """Time and energy of the units, which no keep changes."""
        nodes = {node.name: node for node in self.architecture.nodes}
        self._num_phases = max(1, len(trial.steps))
        self._units = np.zeros(self._num_phases)
        for number, steps in enumerate(trial.steps):
            for name, cycles in steps.items():
                unit = nodes[name]
                assert isinstance(unit, Compute)
                assert unit.rate is not None
                self._units[number] = max(self._units[number], cycles / unit.rate.value)
        self._fixed_joules = sum(joules_of(a, nodes[a.component]) for a in trial.operations)
        self._leaks = sum(self.architecture.leakage_w.values())
        self._is_timeless = self.goal == "energy" and not self._leaks

    def _cost(
        self, treatment: Treatment, actions: Sequence[Action], taken: Mapping[Keep, int]
    ) -> _Cost:
        place = {memory.name: number for number, memory in enumerate(self._memories)}
        times = np.zeros((2, len(place), self._num_phases + 1))
        joules = 0.0
        for action in actions:
            number = place[action.component]
            memory = self._memories[number]
            joules += joules_of(action, memory)
            phase = self._num_phases if action.phase is None else action.phase
            times[int(action.waits), number, phase] += seconds_of(action, memory)
        keep = treatment.keep
        room = tuple(
            taken[keep] if keep is not None and keep.memory == name else 0
            for name, _ in self._bounded
        )
        return _Cost(treatment, joules, times, room)

    def _least(self) -> list[tuple[float, npt.NDArray[np.float64], tuple[int, ...]]]:
        """For each number of tensors that are decided, the least that the others add."""
        none = np.zeros((2, len(self._memories), self._num_phases + 1))
        found = [(0.0, none, (0,) * len(self._bounded))]
        for own in reversed(self._costs):
            joules, times, room = found[-1]
            found.append((
                joules + min(cost.joules for cost in own),
                times + np.min([cost.times for cost in own], axis=0),
                tuple(r + min(c.room[n] for c in own) for n, r in enumerate(room)),
            ))  # fmt: skip
        return found[::-1]

    def _within_room(self) -> list[tuple[int, list[Front], list[Front]]]:
        """For each memory that may be too small, its number and fronts of energy and of time."""
        root = self._root
        found = []
        for number, (_, size) in enumerate(self._bounded):
            rooms = [[cost.room[number] for cost in own] for own in self._costs]
            if not all(rooms) or sum(map(max, rooms)) <= size:
                continue
            spent = [[cost.joules for cost in own] for own in self._costs]
            joules = fronts(rooms, spent) if self.goal != "latency" else []
            spent = [[float(cost.times[0, root, -1]) for cost in own] for own in self._costs]
            times = fronts(rooms, spent) if self.goal != "energy" else []
            found.append((number, joules, times))
        return found

    def _beside(self, number: int, taken: Sequence[int]) -> tuple[float, float]:
        """Joules, and seconds of the outermost memory, that undecided tensors add at least.

        Args:
            number: How many are decided.
            taken: Bytes of each memory that these take.
        """
        joules, times, _ = self._rest[number]
        seconds = float(times[0, self._root, -1])
        for place, energy, busy in self._fronts:
            left = self._bounded[place][1] - taken[place]
            if energy:
                joules = max(joules, energy[number].least(left))
            if busy:
                seconds = max(seconds, busy[number].least(left))
        return joules, seconds

    def _value(self, joules: float, times: npt.NDArray[Any], least: float = 0.0) -> Value:
        """What a group costs, as :func:`netwright.cost.price.price` says.

        Args:
            joules: Energy of all accesses and operations.
            times: Seconds of the memories.
            least: Seconds below which it does not get.
        """
        busy, waits = times
        inside = np.maximum(busy[:, :-1].max(axis=0), self._units) + waits[:, :-1].max(axis=0)
        together = max(float(inside.sum()), least)
        beside = busy[:, -1] > 0
        if beside.any():
            together = max(together, float(times.sum(axis=(0, 2))[beside].max()))
        seconds = together + float(waits[:, -1].max())
        return value_of(self.goal, seconds, joules + self._leaks * seconds)

    def _walk(
        self,
        chosen: tuple[_Cost, ...],
        joules: float,
        times: npt.NDArray[Any],
        room: tuple[int, ...],
        busy: frozenset[int],
    ) -> None:
        """Decide the next tensor, most promising treatment first."""
        if len(chosen) == len(self._costs):
            self._found.append(chosen)
            self._limit = self._value(joules, times)
            return
        after = len(chosen) + 1
        _, rest_times, rest_room = self._rest[after]
        options = []
        for number, cost in enumerate(self._costs[len(chosen)]):
            taken = tuple(a + b for a, b in zip(room, cost.room, strict=True))
            if cost.treatment.misses & busy or not self._fits(taken, rest_room):
                continue
            energy, seconds = self._beside(after, taken)
            spent = joules + cost.joules, times + cost.times
            if self._is_too_much(spent[0] + energy):
                continue
            if self._is_timeless and spent[0] + energy < self._limit[0] * (1 - SAME):
                least = spent[0] + energy, 0.0
            else:
                seconds += float(spent[1][0, self._root, -1])
                least = self._value(spent[0] + energy, spent[1] + rest_times, seconds)
            options.append((least, number, cost, spent, taken))
        for least, _, cost, spent, taken in sorted(options, key=lambda option: option[:2]):
            self._nodes += 1
            if not is_less(least, self._limit) or (self._found and not self.is_whole):
                return
            self._walk((*chosen, cost), *spent, taken, busy | cost.treatment.misses)

    def _is_too_much(self, joules: float) -> bool:
        """Whether energy alone says that a choice is no better than what is known."""
        return self.goal == "energy" and joules > self._limit[0] * (1 + SAME)

    def _fits(self, taken: Sequence[int], rest: Sequence[int]) -> bool:
        pairs = zip(self._bounded, taken, rest, strict=True)
        return all(own + more <= size for (_, size), own, more in pairs)
