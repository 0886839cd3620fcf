"""Where evaluations run: one protocol for this process, a pool of processes and a cluster."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from netwright.errors import ConfigError
from netwright.explore.objective import Job, Outcome, Work

ATTEMPTS = 3
"""How often an evaluation is started whose process dies; then the trial has failed."""


class Session(Protocol):
    """Processes at work."""

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Evaluate jobs and yield each as soon as it is finished, in any order."""


class Executor(Protocol):
    """Where evaluations run.

    All executors give the same outcomes for the same jobs: an evaluation that raises, takes too
    long or needs too much memory has failed; one whose process is killed is started again, at most
    :data:`ATTEMPTS` times.
    """

    def open(self, work: Work) -> AbstractContextManager[Session]:
        """Start what is needed for some work; it ends with the block.

        Raises:
            ConfigError: The work cannot be sent to other processes.
            RunError: There is no cluster, or it cannot be used.
        """


def packed(work: Work) -> bytes:
    """Work as bytes for other processes.

    Raises:
        ConfigError: The objective is a function inside another one, or holds what cannot travel.
    """
    try:
        return pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise unsendable(error) from None


def unsendable(error: Exception) -> ConfigError:
    """The error of work that cannot travel."""
    return ConfigError(
        f"the objective cannot be sent to another process ({error})",
        hint="use a function of a module, or the executor of this process",
    )


def died(how: str) -> str:
    """The reason of a trial whose process died with every attempt."""
    return f"its process died {ATTEMPTS} times ({how})"


def ended(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
