"""Policy gradient with independent logits: one distribution for each parameter (as in TuNAS)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from netwright.explore.parameter import Point
from netwright.explore.proposers.base import stream
from netwright.explore.proposers.decisions import Decision, decisions, draw, taken
from netwright.explore.proposers.memory import Memory, check_gradient
from netwright.explore.rewards import rewards
from netwright.explore.space import Space
from netwright.explore.trial import Trial

MOST_OPTIONS = 16
"""Options of a decision; a parameter with more values has several in each."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Every parameter has logits of its own, which follow the gradient of the reward.

    Attributes:
        rate: Step of the logits.
        momentum: Share of the old baseline in the new one.
        penalty: Weight of a violated constraint in the reward.
    """

    rate: float = 0.3
    momentum: float = 0.9
    penalty: float = 1.0
    packages: ClassVar[tuple[str, ...]] = ()
    _memory: Memory[_Logits] = field(
        default_factory=lambda: Memory[_Logits](), compare=False, repr=False
    )

    def __post_init__(self) -> None:
        check_gradient(self.rate, self.momentum, self.penalty)

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        """Points of the policy that the history has taught."""
        state = self._memory.after(history, space, seed, lambda: _Logits.fresh(space), self._learn)
        shares = [_softmax(logits) for logits in state.logits]
        first = len(history)
        return [
            draw(state.steps, space, stream(seed, number), lambda: lambda place, _: shares[place])
            for number in range(first, first + count)
        ]

    def _learn(
        self, state: _Logits, batch: Sequence[Trial], known: Sequence[Trial], space: Space
    ) -> None:
        found = rewards(batch, known, space, penalty=self.penalty)
        if state.baseline is None:
            state.baseline = float(found.mean())
        shares = [_softmax(logits) for logits in state.logits]
        steps = [np.zeros_like(logits) for logits in state.logits]
        for trial, reward in zip(batch, found, strict=True):
            for place, option in taken(state.steps, trial.parameters):
                gradient = -shares[place]
                gradient[option] += 1.0
                steps[place] += (reward - state.baseline) * gradient / len(batch)
        for logits, step in zip(state.logits, steps, strict=True):
            logits += self.rate * step
        state.baseline += (1 - self.momentum) * (float(found.mean()) - state.baseline)


@dataclass(slots=True)
class _Logits:
    """What the policy has learned."""

    steps: tuple[Decision, ...]
    logits: list[NDArray[np.float64]]
    baseline: float | None = None

    @classmethod
    def fresh(cls, space: Space) -> _Logits:
        steps = decisions(space, most=MOST_OPTIONS)
        return cls(steps, [np.zeros(step.num_options) for step in steps])


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = np.exp(logits - logits.max())
    return np.asarray(shares / shares.sum())
