"""A space as a sequence of decisions among few options, for policies that learn probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.explore.parameter import Parameter, Point, Real, Value
from netwright.explore.space import Space

MOST_TRIED = 100
"""Draws until one meets the rules of the space."""

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Decision:
    """A parameter as one of a few options; many values share an option.

    Attributes:
        parameter: The parameter.
        num_options: Number of options.
    """

    parameter: Parameter
    num_options: int

    def option(self, value: Value) -> int:
        """The option of a value."""
        if isinstance(self.parameter, Real):
            return min(int(self.parameter.share(value) * self.num_options), self.num_options - 1)
        place, count = self.parameter.index(value) or 0, self.parameter.num_levels
        return place * self.num_options // count

    def value(self, option: int, random: np.random.Generator) -> Value:
        """A value of an option, drawn evenly where there are several."""
        share = (option + float(random.random())) / self.num_options
        if isinstance(self.parameter, Real):
            return self.parameter.at(share)
        count = self.parameter.num_levels
        first = -(-option * count // self.num_options)
        last = -(-(option + 1) * count // self.num_options) - 1
        return self.parameter.level(first + int(random.integers(last - first + 1)))


def decisions(space: Space, *, most: int) -> tuple[Decision, ...]:
    """The decisions of a space, each with at most `most` options."""
    return tuple(
        Decision(p, most if p.num_levels is None else min(most, p.num_levels))
        for p in space.parameters
    )


def draw(
    steps: Sequence[Decision],
    space: Space,
    random: np.random.Generator,
    start: Callable[[], Callable[[int, int | None], Probabilities]],
) -> Point:
    """A point, decision by decision, of a policy.

    Args:
        steps: The decisions.
        space: Their space.
        random: Random numbers.
        start: Begins a sequence; what it returns is given the place of a decision and the option
            that was taken at the one before, and gives the probabilities of its options.
    """
    for _ in range(MOST_TRIED):
        policy = start()
        point: dict[str, Value] = {}
        last: int | None = None
        for place, step in enumerate(steps):
            if not step.parameter.is_active(point):
                continue
            shares = np.cumsum(policy(place, last))
            last = min(int(np.searchsorted(shares, random.random() * shares[-1])), len(shares) - 1)
            point[step.parameter.name] = step.value(last, random)
        if space.broken_rule(point) is None:
            return point
    return space.draw(random)


def taken(steps: Sequence[Decision], point: Point) -> list[tuple[int, int]]:
    """Place and option of every decision that led to a point."""
    return [
        (place, step.option(point[step.parameter.name]))
        for place, step in enumerate(steps)
        if step.parameter.name in point
    ]
