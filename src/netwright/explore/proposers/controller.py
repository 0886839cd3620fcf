"""Policy gradient with a recurrent controller: an LSTM decides parameter after parameter.

The controller of NASAIC (Yang et al. 2020), after Zoph and Le (2017): every decision is a softmax
of the state, and the embedding of what was chosen is the next input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from netwright.errors import ConfigError
from netwright.explore.parameter import Point
from netwright.explore.proposers.base import stream
from netwright.explore.proposers.decisions import (
    Decision,
    Probabilities,
    decisions,
    draw,
    taken,
)
from netwright.explore.proposers.memory import Memory, check_gradient
from netwright.explore.proposers.policy import MOST_OPTIONS
from netwright.explore.rewards import rewards
from netwright.explore.space import Space
from netwright.explore.trial import Trial
from netwright.train import single_threaded


@dataclass(frozen=True, slots=True)
class Controller:
    """An LSTM that learns by REINFORCE with a moving average of rewards as its baseline.

    Attributes:
        hidden: Width of its state.
        rate: Step of the optimizer (Adam).
        momentum: Share of the old baseline in the new one.
        discount: Weight of a decision for every decision behind it.
        entropy: Weight of the entropy of the decisions.
        penalty: Weight of a violated constraint in the reward.
    """

    hidden: int = 64
    rate: float = 0.01
    momentum: float = 0.9
    discount: float = 1.0
    entropy: float = 0.0
    penalty: float = 1.0
    packages: ClassVar[tuple[str, ...]] = ("torch",)
    _memory: Memory[_State] = field(
        default_factory=lambda: Memory[_State](), compare=False, repr=False
    )

    def __post_init__(self) -> None:
        check_gradient(self.rate, self.momentum, self.penalty)
        if self.hidden < 1:
            raise ConfigError(f"hidden must be 1 or more, not {self.hidden}")

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        """Points of the controller that the history has taught."""
        with single_threaded():
            state = self._memory.after(
                history, space, seed, lambda: self._fresh(space, seed), self._learn
            )
            first = len(history)
            with torch.no_grad():
                return [
                    draw(state.steps, space, stream(seed, number), state.network.start)
                    for number in range(first, first + count)
                ]

    def _fresh(self, space: Space, seed: int) -> _State:
        steps = decisions(space, most=MOST_OPTIONS)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = _Network(steps, self.hidden)
        return _State(steps, network, torch.optim.Adam(network.parameters(), lr=self.rate))

    def _learn(
        self, state: _State, batch: Sequence[Trial], known: Sequence[Trial], space: Space
    ) -> None:
        found = rewards(batch, known, space, penalty=self.penalty)
        if state.baseline is None:
            state.baseline = float(found.mean())
        losses = []
        for trial, reward in zip(batch, found, strict=True):
            logs, entropy = state.network.judge(taken(state.steps, trial.parameters))
            behind = torch.arange(len(logs) - 1, -1, -1)
            weighted = (self.discount**behind * logs).sum()
            losses.append(-(float(reward) - state.baseline) * weighted - self.entropy * entropy)
        state.optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        state.optimizer.step()
        state.baseline += (1 - self.momentum) * (float(found.mean()) - state.baseline)


class _Network(nn.Module):
    """One cell for all decisions, an embedding and a layer of logits for each."""

    def __init__(self, steps: Sequence[Decision], hidden: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(hidden, hidden)
        self.first = nn.Parameter(torch.zeros(1, hidden))
        self.embeddings = nn.ModuleList(nn.Embedding(s.num_options, hidden) for s in steps)
        self.heads = nn.ModuleList(nn.Linear(hidden, s.num_options) for s in steps)

    def logits(
        self, place: int, before: tuple[int, int] | None, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Logits of a decision from the place and option of the one before."""
        given = self.first
        if before is not None:
            given = self.embeddings[before[0]](torch.tensor([before[1]]))
        state = self.cell(given, state)
        return self.heads[place](state[0])[0], state

    def start(self) -> Callable[[int, int | None], Probabilities]:
        """Begin a sequence of decisions."""
        state: tuple[Tensor, Tensor] | None = None
        places: list[int] = []

        def decide(place: int, last: int | None) -> Probabilities:
            nonlocal state
            before = None if last is None else (places[-1], last)
            logits, state = self.logits(place, before, state)
            places.append(place)
            return np.asarray(torch.softmax(logits.double(), 0).numpy())

        return decide

    def judge(self, chosen: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
        """Logarithms of the probabilities of decisions, and the sum of their entropies."""
        state: tuple[Tensor, Tensor] | None = None
        before: tuple[int, int] | None = None
        logs, entropy = [], torch.zeros(())
        for place, option in chosen:
            logits, state = self.logits(place, before, state)
            log = torch.log_softmax(logits, 0)
            logs.append(log[option])
            entropy = entropy - (log.exp() * log).sum()
            before = (place, option)
        return torch.stack(logs), entropy


@dataclass(slots=True)
class _State:
    """What the controller has learned."""

    steps: tuple[Decision, ...]
    network: _Network
    optimizer: torch.optim.Adam
    baseline: float | None = None
