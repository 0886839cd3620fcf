"""The executor of a Ray cluster: one that runs already, or one that is started on this machine."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from netwright import python_file
from netwright.errors import RunError, require
from netwright.explore.executors.base import ATTEMPTS, died, unsendable
from netwright.explore.objective import Job, Outcome, Work, attempt, out_of_memory
from netwright.processes import default_threads

GRACE_S = 60.0
"""How long a task may take beyond its time limit, and that of the one before it, until it is
cancelled; its worker ends most of them itself, by the clock."""

LOOK_S = 1.0
"""How often the cluster is looked at."""

CONNECT_S = 5.0
"""How long a cluster may take to accept a connection."""

MISSES = 3
"""Looks in a row without an answer after which the cluster is gone."""

STORE_BYTES = 200_000_000
"""Object store of a cluster that is started here; jobs and outcomes are small."""


@dataclass(frozen=True, slots=True)
class Ray:
    """Tasks on a Ray cluster; the study stays in this process, so that no node can lose it.

    Attributes:
        workers: Evaluations at the same time; the processors of the cluster, or of this machine, if
            not given.
        address: Where the cluster is, as ``ray.init`` takes it; none starts one for this search.
    """

    workers: int | None = None
    address: str = ""

    @contextmanager
    def open(self, work: Work) -> Iterator[_Session]:
        """Connect, or start a cluster.

        Raises:
            RunError: There is no cluster at the address, or it has another version.
        """
        ray = _ray()
        try:
            payload = ray.cloudpickle.dumps(work)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise unsendable(error) from None
        began = not ray.is_initialized()
        if began:
            _connect(ray, self.address, self.workers)
        try:
            processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
            count = min(self.workers or processors, processors)
            # Where all processors are ours, one task waits behind each, so that none is idle.
            yield _Session(ray, work, payload, 2 * count if count == processors else count)
        finally:
            if began:
                with suppress(Exception):
                    ray.shutdown()


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return require("ray", extra="ray", purpose="evaluating on a cluster")


def _connect(ray: Any, address: str, workers: int | None) -> None:
    if address and (where := _place(address)) is not None and not _answers(where):
        raise _unusable(ray, address, "nobody answers there")
    quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
    own = {
        "num_cpus": workers or default_threads(),
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(address=address or "local", **quiet, **({} if address else own))
    except Exception as error:  # whatever keeps it from starting, plain exceptions among them
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        why = " ".join(lines)[:300] or type(error).__name__
        raise _unusable(ray, address, why) from None


def _unusable(ray: Any, address: str, why: str) -> RunError:
    return RunError(
        f"{address or 'a Ray cluster on this machine'}: cannot be used ({why})",
        hint=f"start a cluster of Ray {ray.__version__} with `ray start --head`, "
        "or leave --address out",
    )


def _place(address: str) -> tuple[str, int] | None:
    """Host and port of an address; none where it is a word such as ``auto``."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    return (host, int(port)) if colon and port.isdigit() and int(port) < 1 << 16 else None


def _answers(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, timeout=CONNECT_S).close()
    except OSError:
        return False
    return True


@dataclass(slots=True)
class _Session:
    ray: Any
    work: Work
    payload: bytes
    count: int
    shared: Any = None
    misses: int = 0
    looked: float = 0.0
    late: set[Any] = field(default_factory=set)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Keep as many tasks on the cluster as it has room for, until all jobs are finished."""
        if self.shared is None:
            self.shared = self.ray.put(self.payload)
        task = self.ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1, scheduling_strategy="SPREAD")(
            _evaluate
        )
        files = tuple(python_file.loaded())
        waiting = deque(jobs)
        running: dict[Any, tuple[Job, float]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.count:
                    job = waiting.popleft()
                    running[task.remote(self.shared, files, job)] = (job, time.monotonic())
                ready, _ = self.ray.wait(list(running), num_returns=1, timeout=LOOK_S)
                for reference in ready:
                    job, started = running.pop(reference)
                    yield job, self._outcome(reference, started)
                self._look()
                self._cancel_late(running)
        finally:
            for reference in running:
                with suppress(Exception):
                    self.ray.cancel(reference, force=True)

    def _outcome(self, reference: Any, started: float) -> Outcome:
        exceptions = self.ray.exceptions
        seconds = time.monotonic() - started
        try:
            outcome: Outcome = self.ray.get(reference)
        except exceptions.OutOfMemoryError:
            return Outcome("failed", reason=out_of_memory(self.work.limits), seconds=seconds)
        except exceptions.RayError as error:
            if reference in self.late:
                limit = self.work.limits.seconds
                return Outcome("failed", reason=f"took longer than {limit:g} s", seconds=seconds)
            if isinstance(error, exceptions.WorkerCrashedError):
                return Outcome("failed", reason=died("worker crashed"), seconds=seconds)
            first = (str(error).strip().splitlines() or [""])[0]
            raise RunError(
                f"the Ray cluster failed: {type(error).__name__}: {first[:200]}",
                hint="finished trials are kept; the same command goes on",
            ) from None
        return outcome

    def _cancel_late(self, running: dict[Any, tuple[Job, float]]) -> None:
        limit = self.work.limits.seconds
        if limit is None:
            return
        now = time.monotonic()
        for reference, (_, started) in running.items():
            if now - started > 2 * limit + GRACE_S and reference not in self.late:
                self.late.add(reference)
                self.ray.cancel(reference, force=True)

    def _look(self) -> None:
        """End before Ray ends this process: it does so a minute after its cluster is gone."""
        now = time.monotonic()
        if now - self.looked < LOOK_S:
            return
        self.looked = now
        address = self.ray.get_runtime_context().gcs_address
        place = _place(address)
        self.misses = 0 if place is None or _answers(place) else self.misses + 1
        if self.misses >= MISSES:
            raise RunError(
                f"the Ray cluster at {address} is gone",
                hint="finished trials are kept; the same command goes on",
            )


def _evaluate(payload: bytes, files: Sequence[Path], job: Job) -> Outcome:
    """Evaluate one job in a worker of the cluster."""
    for file in files:
        python_file.load(file)
    return attempt(_work(payload), job)


@lru_cache(maxsize=4)
def _work(payload: bytes) -> Work:
    work: Work = pickle.loads(payload)  # noqa: S301 (made by the process that owns the study)
    return work
