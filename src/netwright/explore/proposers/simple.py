"""Proposers that look at no outcome: random points, all points, given points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from netwright.explore.parameter import Point
from netwright.explore.proposers.base import stream
from netwright.explore.space import Space
from netwright.explore.trial import Trial


@dataclass(frozen=True, slots=True)
class Random:
    """Independent random points; the baseline of every comparison."""

    packages: ClassVar[tuple[str, ...]] = ()

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        """Points that depend on their numbers only."""
        first = len(history)
        return [space.draw(stream(seed, number)) for number in range(first, first + count)]


@dataclass(frozen=True, slots=True)
class Grid:
    """Every point once, the last parameter changing fastest.

    Attributes:
        levels: Values of a real parameter, its ends among them.
    """

    levels: int = 5
    packages: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.levels < 2:
            from netwright.errors import ConfigError

            raise ConfigError(f"levels must be 2 or more, not {self.levels}")

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        """The points after those of the history."""
        first = len(history)
        return list(islice(space.points(levels=self.levels), first, first + count))


@dataclass(frozen=True, slots=True)
class Listed:
    """Points that are given, in their order.

    Attributes:
        points: The points.
    """

    points: tuple[Point, ...]
    packages: ClassVar[tuple[str, ...]] = ()

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        """The points after those of the history."""
        return list(self.points[len(history) : len(history) + count])
