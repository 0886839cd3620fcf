"""The executor of a Ray cluster: one that runs already, or one that is started on this machine."""

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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from netwright import python_file
from netwright.errors import ConfigError, RunError, require
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

TOKEN_MODE = "RAY_AUTH_MODE"
"""Variable by which Ray shows tokens to clusters that ask for them."""

TOKEN_HINT = (
    f"a cluster asks for a token if its head has ~/.ray/auth_token: copy that file to this machine "
    f"and to every node, and set {TOKEN_MODE}=token on each before `ray start` and here"
)

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")

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
        address: Where the cluster is, ``HOST:PORT`` or ``ray://HOST:PORT``; none starts one here.
    """

    workers: int | None = None
    address: str = ""

    @contextmanager
    def open(self, work: Work) -> Iterator[_Session]:
        """Connect, or start a cluster.

        Raises:
            ConfigError: The address is none.
            RunError: No cluster is at the address, it has another version, or wants a token.
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
    if address:
        where = _place(address)
        if where is None:
            raise ConfigError(
                f'--address "{address}": is no address of a Ray cluster',
                hint="HOST:PORT or ray://HOST:PORT, such as 10.0.0.1:6379",
            )
        if not _answers(where):
            raise _unusable(ray, address, "nobody answers there")
        if not address.startswith("ray://"):
            _show_token(ray, address, where[0])
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
    token = "" if os.environ.get(TOKEN_MODE) == "token" else f"; {TOKEN_HINT}" * bool(address)
    return RunError(
        f"{address or 'a Ray cluster on this machine'}: cannot be used ({why})",
        hint=f"start a cluster of Ray {ray.__version__} with `ray start --head`, "
        f"or leave --address out{token}",
    )


def _show_token(ray: Any, address: str, host: str) -> None:
    """Let a cluster of this machine have the user's token if it asks for one.

    Ray does so for a cluster that it finds itself (``auto``), never for an address: no other
    machine shall get a token that the user did not mean it to have.

    Raises:
        RunError: It asks for a token and gets none, or refuses it.
    """
    if not _asks_for_token(ray, address):
        return
    if TOKEN_MODE not in os.environ and _is_here(host):
        os.environ[TOKEN_MODE] = "token"
        ray._raylet.Config.initialize("")  # the mode is read once only
        if not _asks_for_token(ray, address):
            return
        del os.environ[TOKEN_MODE]
        ray._raylet.Config.initialize("")
    raise RunError(
        f"{address}: this Ray cluster asks for a token"
        + (", and refuses that of this machine" if os.environ.get(TOKEN_MODE) == "token" else ""),
        hint=TOKEN_HINT,
    )


def _asks_for_token(ray: Any, address: str) -> bool:
    asks = getattr(ray.exceptions, "AuthenticationError", None)  # of Ray 2.52 and later
    if asks is None:
        return False
    try:
        ray._raylet.GcsClient(address=address)
    except asks:
        return True
    except Exception:  # whatever else is wrong is what connecting says
        return False
    return False


def _is_here(host: str) -> bool:
    """Whether an address is one of this machine: only such a one can be listened on."""
    with suppress(OSError), socket.socket() as own:
        own.bind((host, 0))
        return True
    return False


def _place(address: str) -> tuple[str, int] | None:
    """Host and port of an address; none where it is something else."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 1 << 16
    return (host.strip("[]"), int(port)) if is_port and _HOST.fullmatch(host) else None


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
