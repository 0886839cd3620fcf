"""The process that talks to a Ray cluster, apart from the one that owns the study.

Ray ends the process that is connected to it, without a word, where the node dies to which it is
attached. So this one holds nothing but the connection, and its parent says what has happened.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import socket
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from netwright import python_file
from netwright.errors import RunError, require
from netwright.explore.executors.base import ATTEMPTS, died
from netwright.explore.objective import Job, Limits, Outcome, Work, attempt, out_of_memory
from netwright.processes import default_threads, follow_parent

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

TOKEN_MODE = "RAY_AUTH_MODE"
"""Variable by which Ray shows tokens to clusters that ask for them."""

TOKEN_HINT = (
    f"a cluster asks for a token if its head has ~/.ray/auth_token: copy that file to this machine "
    f"and to every node, and set {TOKEN_MODE}=token on each before `ray start` and here"
)

_SETTINGS = bytes(3) + b"\x04" + bytes(5)
"""The frame with which both sides of HTTP/2 begin: empty, of the type 4."""

_HTTP2_BEGIN = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps the cluster from being used, for the parent to raise."""

    message: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """What the parent wants: all that a task needs.

    Attributes:
        payload: The work, pickled.
        limits: What an evaluation may use.
        address: Where the cluster is; none starts one here.
        workers: Evaluations at the same time.
    """

    payload: bytes
    limits: Limits
    address: str
    workers: int | None


def serve(pipe: Connection, order: Order) -> None:
    """Connect, and evaluate the jobs that come through the pipe until it is closed."""
    follow_parent()
    ray = imported()
    try:
        connect(ray, order.address, order.workers)
    except RunError as error:
        pipe.send(Fault(error.message, error.hint))
        return
    processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    count = min(order.workers or processors, processors)
    # Where all processors are ours, one task waits behind each, so that none is idle.
    room = 2 * count if count == processors else count
    tasks = _Tasks(ray, order, pipe, room)
    with suppress(EOFError, OSError):
        try:
            pipe.send(None)  # ready
            while True:
                for told in tasks.run(*pipe.recv()):
                    pipe.send(told)
        except RunError as error:
            pipe.send(Fault(error.message, error.hint))
        finally:
            with suppress(Exception):
                ray.shutdown()


def imported() -> Any:
    """The package.

    Raises:
        MissingExtra: It is not installed.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return require("ray", extra="ray", purpose="evaluating on a cluster")


def connect(ray: Any, address: str, workers: int | None) -> None:
    """Connect to the cluster at an address, or start one here.

    Raises:
        RunError: There is none, or it cannot be used.
    """
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
        if any("Traceback (most recent call last)" in line for line in lines):
            lines = lines[-1:]
        why = " ".join(lines)[:300] or type(error).__name__
        raise unusable(ray, address, why) from None


def unusable(ray: Any, address: str, why: str) -> RunError:
    """The error of a cluster that cannot be used."""
    token = "" if os.environ.get(TOKEN_MODE) == "token" else f"; {TOKEN_HINT}" * bool(address)
    return RunError(
        f"{address or 'a Ray cluster on this machine'}: cannot be used ({why})",
        hint=f"start a cluster of Ray {ray.__version__} with `ray start --head`, "
        f"or leave --address out{token}",
    )


def place_of(address: str) -> tuple[str, int] | None:
    """Host and port of an address; none where it is something else."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 1 << 16
    return (host.strip("[]"), int(port)) if is_port and _HOST.fullmatch(host) else None


def answers(place: tuple[str, int]) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection(place, timeout=CONNECT_S).close()
    except OSError:
        return False
    return True


def understands(place: tuple[str, int]) -> bool:
    """Whether what listens there speaks HTTP/2, as every part of Ray does without TLS.

    Ray itself asks anything else for minutes.
    """
    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        return True
    told = b""
    try:
        with socket.create_connection(place, timeout=CONNECT_S) as link:
            link.sendall(_HTTP2_BEGIN)
            while len(told) < len(_SETTINGS) and (part := link.recv(len(_SETTINGS))):
                told += part
    except OSError:
        return False
    return told[3:4] == _SETTINGS[3:4]


@dataclass(slots=True)
class _Tasks:
    ray: Any
    order: Order
    pipe: Connection
    count: int
    shared: Any = None
    misses: int = 0
    looked: float = 0.0
    late: set[Any] = field(default_factory=set)

    def run(self, files: Sequence[Path], jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """Keep as many tasks on the cluster as it has room for, until all jobs are finished."""
        if self.shared is None:
            self.shared = self.ray.put(self.order.payload)
        task = self.ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1, scheduling_strategy="SPREAD")(
            _evaluate
        )
        waiting = deque(enumerate(jobs))
        running: dict[Any, tuple[int, float]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.count:
                    place, job = waiting.popleft()
                    running[task.remote(self.shared, files, job)] = (place, time.monotonic())
                ready, _ = self.ray.wait(list(running), num_returns=1, timeout=LOOK_S)
                for reference in ready:
                    place, started = running.pop(reference)
                    yield place, self._outcome(reference, started)
                if (waiting or running) and self.pipe.poll():  # nothing is asked yet: it is closed
                    raise EOFError
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
            return Outcome("failed", reason=out_of_memory(self.order.limits), seconds=seconds)
        except exceptions.RayError as error:
            if reference in self.late:
                limit = self.order.limits.seconds
                return Outcome("failed", reason=f"took longer than {limit:g} s", seconds=seconds)
            if isinstance(error, exceptions.WorkerCrashedError):
                return Outcome("failed", reason=died("worker crashed"), seconds=seconds)
            first = (str(error).strip().splitlines() or [""])[0]
            place = f" at {self.order.address}" if self.order.address else ""
            raise RunError(
                f"the Ray cluster{place} failed: {type(error).__name__}: {first[:200]}",
                hint="finished trials are kept; the same command goes on",
            ) from None
        return outcome

    def _cancel_late(self, running: dict[Any, tuple[int, float]]) -> None:
        limit = self.order.limits.seconds
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
        place = place_of(address)
        self.misses = 0 if place is None or answers(place) else self.misses + 1
        if self.misses >= MISSES:
            raise RunError(
                f"the Ray cluster at {address} is gone",
                hint="finished trials are kept; the same command goes on",
            )


def _evaluate(payload: bytes, files: Sequence[Path], job: Job) -> Outcome:
    """Evaluate one job in a worker of the cluster."""
    for file in files:
        python_file.load(file)
    return attempt(_work(payload), job, apart=True)


@lru_cache(maxsize=4)
def _work(payload: bytes) -> Work:
    work: Work = pickle.loads(payload)  # noqa: S301 (made by the process that owns the study)
    return work
