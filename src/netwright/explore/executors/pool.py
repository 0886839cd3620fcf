"""The executor of several processes on this machine; any of them may die at any time."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from netwright import python_file
from netwright.errors import RunError
from netwright.explore.executors.base import ATTEMPTS, died, ended, packed
from netwright.explore.objective import Job, Outcome, Work, attempt
from netwright.processes import default_threads, follow_parent

GRACE_S = 2.0
"""How long a worker may take to end what it was told to by the clock, before it is killed."""

LOOK_S = 3600.0
"""Longest wait at a stretch; the system's own is limited to some days."""

MOST_STILLBORN = 20
"""Workers of a session that may die while they start, as those do that something kills."""

_SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Pool:
    """Processes of one thread each, started once for all trials.

    Attributes:
        workers: Number of processes; what the machine has free if not given.
    """

    workers: int | None = None

    @contextmanager
    def open(self, work: Work) -> Iterator[_Session]:
        """Start the processes."""
        session = _Session(work, packed(work), self.workers or default_threads())
        try:
            yield session
        finally:
            session.close()


@dataclass(slots=True)
class _Worker:
    """A process, its end of a pipe, and what it is doing."""

    process: SpawnProcess
    pipe: Connection
    is_ready: bool = False
    job: Job | None = None
    tries: int = 0
    started: float = 0.0


@dataclass(slots=True)
class _Session:
    work: Work
    payload: bytes
    count: int
    workers: list[_Worker] = field(default_factory=list)
    stillborn: int = 0

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Keep every process busy until all jobs are finished."""
        waiting = deque((job, 1) for job in jobs)
        while len(self.workers) < min(self.count, len(jobs)):
            self.workers.append(_start(self.payload))
        left = len(jobs)
        while left:
            free = [worker for worker in self.workers if worker.is_ready and worker.job is None]
            for worker in free[: len(waiting)]:
                _give(worker, *waiting.popleft())
            for worker in self._told():
                job, tries = worker.job, worker.tries
                outcome = self._outcome(worker)
                if outcome is not None and job is not None:
                    left -= 1
                    yield job, outcome
                elif job is not None:
                    waiting.appendleft((job, tries + 1))

    def _told(self) -> list[_Worker]:
        """Workers that have something to say, have died, or are late."""
        waited = [
            worker for worker in self.workers if worker.job is not None or not worker.is_ready
        ]
        limit = self.work.limits.seconds
        timeout = None
        if limit is not None:
            now = time.monotonic()
            busy = [worker.started for worker in waited if worker.job is not None]
            timeout = min(max(0.0, min(busy, default=now) + limit + GRACE_S - now), LOOK_S)
        found = set(connection.wait([worker.pipe for worker in waited], timeout))
        return [worker for worker in waited if worker.pipe in found or self._is_late(worker)]

    def _is_late(self, worker: _Worker) -> bool:
        limit = self.work.limits.seconds
        if limit is None or worker.job is None:
            return False
        return time.monotonic() - worker.started >= limit + GRACE_S

    def _outcome(self, worker: _Worker) -> Outcome | None:
        """What a worker says; none if it has started, or died and its job is to be tried again."""
        if worker.pipe.poll():
            try:
                outcome: Outcome | None = worker.pipe.recv()
            except (EOFError, OSError, pickle.UnpicklingError):
                worker.process.join()
                return self._died(worker, ended(worker.process.exitcode))
            worker.is_ready, worker.job = True, None
            return outcome
        seconds = time.monotonic() - worker.started
        self._replace(worker)
        late = f"took longer than {self.work.limits.seconds:g} s"
        return Outcome("failed", reason=late, seconds=seconds)

    def _died(self, worker: _Worker, how: str) -> Outcome | None:
        tries, seconds = worker.tries, time.monotonic() - worker.started
        if not worker.is_ready:
            self.stillborn += 1
            if self.stillborn >= MOST_STILLBORN:
                raise RunError(
                    f"worker processes end before they can work ({how})",
                    hint='a script that searches needs `if __name__ == "__main__":`; '
                    "fewer workers need less memory",
                )
        self._replace(worker)
        if tries < ATTEMPTS:
            return None
        return Outcome("failed", reason=died(how), seconds=seconds)

    def _replace(self, worker: _Worker) -> None:
        _stop(worker)
        self.workers[self.workers.index(worker)] = _start(self.payload)

    def close(self) -> None:
        """End all processes, whatever they do."""
        for worker in self.workers:
            _stop(worker)


def _give(worker: _Worker, job: Job, tries: int) -> None:
    worker.job, worker.tries, worker.started = job, tries, time.monotonic()
    with suppress(OSError):  # it has died since; that is seen when its outcome is read
        worker.pipe.send(job)


def _start(payload: bytes) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_serve, args=(theirs, payload, tuple(python_file.loaded())), daemon=True
    )
    before = {name: os.environ.get(name) for name in _SINGLE}
    os.environ.update({name: "1" for name in _SINGLE})
    try:
        process.start()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    theirs.close()
    return _Worker(process, ours)


def _stop(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.pipe.close()


def _serve(pipe: Connection, payload: bytes, files: Sequence[Path]) -> None:
    """Evaluate what comes through the pipe until it is closed."""
    follow_parent()
    signal.signal(signal.SIGINT, _go_on)
    os.dup2(2, 1)  # so that what compiled code prints is no result
    for file in files:  # classes of the user's own are found in the modules that these make
        python_file.load(file)
    work: Work = pickle.loads(payload)  # noqa: S301 (made by the parent process)
    with suppress(EOFError, OSError):
        pipe.send(None)  # ready
        while True:
            pipe.send(attempt(work, pipe.recv(), apart=True))


def _go_on(*_: object) -> None:
    """A terminal interrupts every process; the one that owns the study ends the others.

    Programs that an evaluation has started are interrupted: they inherit no function.
    """
