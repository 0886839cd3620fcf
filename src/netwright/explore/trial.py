"""Trials: what was tried, and what became of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from netwright.explore.parameter import Point
from netwright.explore.space import Space

State = Literal["complete", "pruned", "stopped", "failed"]
"""``complete``: all values are there. ``pruned``: it broke a constraint before all of them were.
``stopped``: others of its batch were better with little effort. ``failed``: see its reason."""

STATES: tuple[State, ...] = ("complete", "pruned", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished trial.

    Attributes:
        number: Its place among the proposals, from 0.
        batch: The batch of proposals that it belongs to.
        parameters: Value of every active parameter.
        state: What became of it.
        values: What was measured, by name; ``NAME_deviation`` is the standard deviation of
            ``NAME``.
        margins: By how much each constraint is met; negative where it is not.
        reason: Why it failed or was pruned.
        seconds: How long it took, measured where it ran.
        fidelity: Effort of its last evaluation on a ladder; 0 without one.
        same_as: What its values were taken from, where nothing was evaluated.
    """

    number: int
    batch: int
    parameters: Point
    state: State
    values: Mapping[str, float] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0
    fidelity: float = 0.0
    same_as: str = ""

    @property
    def is_feasible(self) -> bool:
        """Whether it is complete and breaks no constraint."""
        return self.state == "complete" and all(m >= 0 for m in self.margins.values())

    @property
    def violation(self) -> float:
        """Sum of the margins that are missing; 0 where none is."""
        return -sum(min(margin, 0.0) for margin in self.margins.values())

    def costs(self, space: Space) -> tuple[float, ...]:
        """The goals, each with the sign with which less is better; infinite without values."""
        if self.state == "failed" or any(goal.value not in self.values for goal in space.goals):
            return (math.inf,) * len(space.goals)
        return tuple(goal.cost(self.values) for goal in space.goals)
