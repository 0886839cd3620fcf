"""Regularized evolution: tournaments, mutations, and death by age (Real et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from netwright.errors import ConfigError
from netwright.explore.parameter import Parameter, Point, Real, Value, Whole, at_share
from netwright.explore.proposers.base import stream
from netwright.explore.proposers.memory import Memory
from netwright.explore.ranking import order
from netwright.explore.space import Space, canonical
from netwright.explore.trial import Trial

MOST_TRIED = 100
"""Mutations that are tried until one meets the rules of the space."""

MOST_WALKED = 20
"""Mutations one after the other until a point is new; then a known one is proposed again."""

NEAR = 0.5
"""Share of the mutations of a number that go to a neighbour."""

WIDTH = 0.1
"""Standard deviation of a small mutation of a real number, as a share of its range."""


@dataclass(frozen=True, slots=True)
class Evolution:
    """The best of a random sample of the youngest trials is mutated in one parameter.

    A child that was proposed before is mutated again, since equal points are evaluated once: where
    the neighbors of a good point are known, children go further.

    Attributes:
        population: How many of the youngest trials live.
        sample: How many of them enter a tournament.
    """

    population: int = 24
    sample: int = 6
    packages: ClassVar[tuple[str, ...]] = ()
    _memory: Memory[set[str]] = field(
        default_factory=lambda: Memory[set[str]](), compare=False, repr=False
    )

    def __post_init__(self) -> None:
        faults = [
            f"{name} must be {least} or more, not {value}"
            for name, value, least in (
                ("population", self.population, 2),
                ("sample", self.sample, 1),
            )
            if value < least
        ]
        if faults:
            raise ConfigError(faults)

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        """Random points for the first population, then children."""
        points: list[Point] = []
        known = set(self._memory.after(history, space, seed, lambda: set[str](), _learn))
        alive = history[-self.population :]
        places = order(alive, space)
        for number in range(len(history), len(history) + count):
            random = stream(seed, number)
            if number < self.population or not alive:
                points.append(space.draw(random))
                known.add(canonical(points[-1]))
                continue
            entered = random.choice(len(alive), size=min(self.sample, len(alive)), replace=False)
            parent = alive[min(entered, key=places.index)]
            point = mutated(parent.parameters, space, random)
            for _ in range(MOST_WALKED - 1):
                if canonical(point) not in known:
                    break
                point = mutated(point, space, random)
            known.add(canonical(point))
            points.append(point)
        return points


def _learn(known: set[str], batch: Sequence[Trial], before: Sequence[Trial], space: Space) -> None:
    known.update(canonical(trial.parameters) for trial in batch)


def mutated(parent: Point, space: Space, random: np.random.Generator) -> Point:
    """A point that differs from another one in one parameter, and in what depends on it."""
    for _ in range(MOST_TRIED):
        active = [p for p in space.parameters if p.name in parent and p.num_levels != 1]
        if not active:
            return dict(parent)
        changed = active[int(random.integers(len(active)))]
        point: dict[str, Value] = {}
        for parameter in space.parameters:
            if not parameter.is_active(point):
                continue
            if parameter is changed:
                point[parameter.name] = _other(parameter, parent[parameter.name], random)
            elif parameter.name in parent:
                point[parameter.name] = parent[parameter.name]
            else:
                point[parameter.name] = at_share(parameter, float(random.random()))
        if space.broken_rule(point) is None:
            return point
    return space.draw(random)


def _other(parameter: Parameter, value: Value, random: np.random.Generator) -> Value:
    """Another value of a parameter: often a neighbour, where it has some."""
    near = random.random() < NEAR
    if isinstance(parameter, Real):
        if near:
            share = parameter.share(value) + WIDTH * float(random.normal())
            return parameter.at(min(max(share, 0.0), 1.0))
        return at_share(parameter, float(random.random()))
    place = parameter.index(value) or 0
    count = parameter.num_levels
    if near and (isinstance(parameter, Whole) or parameter.ordered):
        step = 1 if random.random() < 0.5 else -1
        reach = max(1, count // 10)
        moved = place + step * int(random.integers(1, reach + 1))
        if 0 <= moved < count:
            return parameter.level(moved)
    other = int(random.integers(count - 1))
    return parameter.level(other if other < place else other + 1)
