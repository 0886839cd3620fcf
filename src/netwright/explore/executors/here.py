"""The executor of this process: no start-up, no protection from what kills a process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from netwright.explore.objective import Job, Outcome, Work, attempt


@dataclass(frozen=True, slots=True)
class Here:
    """Evaluates one point after the other in this process.

    It is right where an evaluation takes milliseconds and cannot crash; a time limit works in the
    main thread only.
    """

    @contextmanager
    def open(self, work: Work) -> Iterator[_Session]:
        """Nothing to start."""
        yield _Session(work)


@dataclass(frozen=True, slots=True)
class _Session:
    work: Work

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        for job in jobs:
            yield job, attempt(self.work, job)
