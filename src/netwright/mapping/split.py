"""Which unit runs which step, and when: assignment and schedule on unlike units, greedily."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from netwright.errors import ConfigError, Infeasible


@dataclass(frozen=True, slots=True)
class Step:
    """Something that one unit does without a break.

    Attributes:
        name: Unique in its problem.
        needs: Places of the steps that must be done before.
        cycles: On each unit; ``None`` where it cannot run.
        energy: On each unit, in whole units of energy; ``None`` where it cannot run.
    """

    name: str
    needs: tuple[int, ...]
    cycles: tuple[int | None, ...]
    energy: tuple[int | None, ...]


@dataclass(frozen=True)
class SplitProblem:
    """Steps and the units that share them.

    Attributes:
        units: Names of the units.
        steps: Each after those that it needs.

    Raises:
        ConfigError: A step needs a later one, or has not a figure for each unit, or runs nowhere.
    """

    units: tuple[str, ...]
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        for place, step in enumerate(self.steps):
            if any(not 0 <= need < place for need in step.needs):
                raise ConfigError(f'step "{step.name}" needs a step that is not before it')
            known = [c is not None for c in step.cycles]
            if len(known) != len(self.units) or known != [e is not None for e in step.energy]:
                raise ConfigError(f'step "{step.name}" must have cycles and energy of each unit')
            if not any(known):
                raise Infeasible(f'step "{step.name}" runs on no unit', smallest=0)

    @cached_property
    def able(self) -> tuple[tuple[int, ...], ...]:
        """The units on which each step can run."""
        return tuple(
            tuple(unit for unit, cycles in enumerate(step.cycles) if cycles is not None)
            for step in self.steps
        )

    @cached_property
    def readers(self) -> tuple[tuple[int, ...], ...]:
        """The steps that need each step."""
        found: list[list[int]] = [[] for _ in self.steps]
        for place, step in enumerate(self.steps):
            for need in step.needs:
                found[need].append(place)
        return tuple(map(tuple, found))

    @cached_property
    def least_makespan(self) -> int:
        """Cycles below which no split ends: those of the longest way, or of all work shared."""
        least = [min(c for c in step.cycles if c is not None) for step in self.steps]
        ends: list[int] = []
        for step, cycles in zip(self.steps, least, strict=True):
            ends.append(cycles + max((ends[need] for need in step.needs), default=0))
        return max([*ends, -(-sum(least) // len(self.units))])

    def energy_of(self, units: Sequence[int]) -> int:
        """Energy of an assignment."""
        return sum(_known(s.energy[u]) for s, u in zip(self.steps, units, strict=True))

    def starts_of(self, units: Sequence[int]) -> tuple[tuple[int, ...], int]:
        """Starts of all steps, and the cycles until the last one ends.

        The step that can start first runs next; of equal ones that with the longest way to the end,
        then the first one.
        """
        steps, readers = self.steps, self.readers
        cycles = [_known(step.cycles[unit]) for step, unit in zip(steps, units, strict=True)]
        way = cycles[:]
        for place in range(len(steps) - 1, -1, -1):
            longest = 0
            for reader in readers[place]:
                longest = max(longest, way[reader])
            way[place] += longest
        left = [len(step.needs) for step in steps]
        ready = [place for place, number in enumerate(left) if not number]
        free = [0] * len(self.units)
        known = [0] * len(steps)
        starts = [0] * len(steps)
        while ready:
            start, _, best = min((max(known[p], free[units[p]]), -way[p], p) for p in ready)
            ready.remove(best)
            starts[best] = start
            end = free[units[best]] = start + cycles[best]
            for reader in readers[best]:
                known[reader] = max(known[reader], end)
                left[reader] -= 1
                if not left[reader]:
                    ready.append(reader)
        return tuple(starts), max(free)


@dataclass(frozen=True, slots=True)
class Split:
    """An assignment with its schedule.

    Attributes:
        units: The unit of each step.
        starts: Cycle in which each step starts.
        makespan: Cycles until the last step ends.
        energy: Sum over all steps.
        method: How it was found.
        is_optimal: Whether nothing better exists, by proof.
        bound: No split is better than this in what was minimized.
    """

    units: tuple[int, ...]
    starts: tuple[int, ...]
    makespan: int
    energy: int
    method: str
    is_optimal: bool = False
    bound: int = 0


def cheapest(problem: SplitProblem) -> tuple[int, ...]:
    """Each step on the unit that takes the least energy for it, of equal ones the fastest."""
    return tuple(
        min((_known(step.energy[unit]), _known(step.cycles[unit]), unit) for unit in able)[2]
        for step, able in zip(problem.steps, problem.able, strict=True)
    )


def split_greedily(problem: SplitProblem, limit: int) -> Split | None:
    """A cheap split that ends in time; ``None`` if none was found, though there may be one.

    It starts from the least energy. While it takes too long, the step is moved whose move costs the
    least energy for each cycle that it saves.

    Args:
        problem: Steps and units.
        limit: Cycles in which all must be done.
    """
    found = split_towards(problem, limit)
    return found if found.makespan <= limit else None


def split_towards(problem: SplitProblem, limit: int) -> Split:
    """The last of the splits of :func:`split_greedily`, whether it ends in time or not."""
    units = list(cheapest(problem))
    starts, makespan = problem.starts_of(units)
    while makespan > limit:
        best: tuple[float, int, int] | None = None
        for place, step in enumerate(problem.steps):
            own = units[place]
            for unit in problem.able[place]:
                if unit == own:
                    continue
                units[place] = unit
                saved = makespan - problem.starts_of(units)[1]
                if saved > 0:
                    cost = (_known(step.energy[unit]) - _known(step.energy[own])) / saved
                    best = min(best, (cost, place, unit)) if best else (cost, place, unit)
            units[place] = own
        if best is None:
            break
        units[best[1]] = best[2]
        starts, makespan = problem.starts_of(units)
    energy = problem.energy_of(units)
    return Split(tuple(units), starts, makespan, energy, "greedy")


def _known(value: int | None) -> int:
    assert value is not None
    return value
