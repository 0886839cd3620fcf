"""What a learning proposer remembers of a history, so that a longer one costs only what is new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Generic, TypeVar

from netwright.errors import ConfigError
from netwright.explore.space import Space
from netwright.explore.trial import Trial

State = TypeVar("State")

Learn = Callable[[State, Sequence[Trial], Sequence[Trial], Space], None]
"""Changes a state by a batch of trials, knowing these and all before them."""


@dataclass(slots=True)
class Memory(Generic[State]):
    """The state after a history; it is learned again if another history, space or seed comes."""

    _state: State | None = None
    _learned: list[Trial] = field(default_factory=list)
    _key: tuple[str, int] = ("", 0)

    def after(
        self,
        history: Sequence[Trial],
        space: Space,
        seed: int,
        fresh: Callable[[], State],
        learn: Learn[State],
    ) -> State:
        """The state that a history leads to, batch after batch.

        Args:
            history: The trials of all finished batches by number.
            space: Their space.
            seed: Of the search.
            fresh: Makes the state before any trial.
            learn: Changes a state by a batch.
        """
        key = (space.digest, seed)
        count = len(self._learned)
        state = self._state
        if state is None or key != self._key or list(history[:count]) != self._learned:
            state, count, self._key = fresh(), 0, key
            self._learned = []
        for _, batch in groupby(history[count:], key=lambda trial: trial.batch):
            found = list(batch)
            count += len(found)
            learn(state, found, history[:count], space)
            self._learned += found
        self._state = state
        return state

    def __reduce__(self) -> tuple[type[Memory[State]], tuple[()]]:
        """A copy elsewhere remembers nothing, and learns for itself."""
        return type(self), ()


def check_gradient(rate: float, momentum: float, penalty: float) -> None:
    """Refuse options with which nothing is learned.

    Raises:
        ConfigError: The message lists all faults.
    """
    faults = []
    if not rate > 0:
        faults.append(f"rate must be above 0, not {rate:g}")
    if not 0 <= momentum < 1:
        faults.append(f"momentum must be at least 0 and below 1, not {momentum:g}")
    if not penalty >= 0:
        faults.append(f"penalty must be 0 or more, not {penalty:g}")
    if faults:
        raise ConfigError(faults)
