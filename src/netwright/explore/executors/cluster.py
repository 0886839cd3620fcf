"""The executor of a Ray cluster: one that runs already, or one that is started on this machine."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from netwright import python_file
from netwright.errors import ConfigError, RunError
from netwright.explore.executors.base import ATTEMPTS, ended, unsendable
from netwright.explore.executors.ray_driver import (
    TOKEN_HINT,
    TOKEN_MODE,
    Fault,
    Order,
    answers,
    imported,
    place_of,
    serve,
    understands,
    unusable,
)
from netwright.explore.objective import Job, Outcome, Work

END_S = 20.0
"""How long the process that talks to Ray may take to take its leave."""


@dataclass(frozen=True, slots=True)
class Ray:
    """Tasks on a Ray cluster; the study stays in this process, so that no node can lose it.

    A process of its own talks to Ray, so that this one is there to say what became of the cluster.

    Attributes:
        workers: Evaluations at the same time; the processors of the cluster, or of this machine, if
            not given.
        address: Where the cluster is, ``HOST:PORT`` or ``ray://HOST:PORT``; none starts one here,
            or uses the one to which this process is connected.
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
        ray = imported()
        try:
            payload = ray.cloudpickle.dumps(work)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise unsendable(error) from None
        address = self.address
        if not address and ray.is_initialized():
            address = ray.get_runtime_context().gcs_address
        if address:
            _check(ray, address)
        session = _Session(Order(payload, work.limits, address, self.workers))
        try:
            session.start()
            yield session
        finally:
            session.close()


def _check(ray: Any, address: str) -> None:
    """Refuse what is no address, and clusters that do not answer or want a token."""
    where = place_of(address)
    if where is None:
        raise ConfigError(
            f'--address "{address}": is no address of a Ray cluster',
            hint="HOST:PORT or ray://HOST:PORT, such as 10.0.0.1:6379",
        )
    if not answers(where):
        raise unusable(ray, address, "nobody answers there")
    if not understands(where):
        raise unusable(ray, address, "what answers there is no Ray")
    _show_token(ray, address, where[0])


def _show_token(ray: Any, address: str, host: str) -> None:
    """Let a cluster of this machine have the user's token if it asks for one.

    Ray does so for a cluster that it finds itself (``auto``), never for an address: no other
    machine shall get a token that the user did not mean it to have.

    Raises:
        RunError: It asks for a token and gets none, or refuses it.
    """
    if address.startswith("ray://"):  # asks, but says nothing to who shows none
        if TOKEN_MODE not in os.environ and _is_here(host) and _has_token(ray):
            _set_mode(ray, "token")
        return
    if not _asks_for_token(ray, address):
        return
    if TOKEN_MODE not in os.environ and _is_here(host):
        _set_mode(ray, "token")
        if not _asks_for_token(ray, address):
            return
        _set_mode(ray, None)
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


def _set_mode(ray: Any, mode: str | None) -> None:
    if mode is None:
        del os.environ[TOKEN_MODE]
    else:
        os.environ[TOKEN_MODE] = mode
    ray._raylet.Config.initialize("")  # the mode is read once only


def _has_token(ray: Any) -> bool:
    if not hasattr(ray.exceptions, "AuthenticationError"):
        return False
    place = os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token"
    return "RAY_AUTH_TOKEN" in os.environ or Path(place).expanduser().is_file()


def _is_here(host: str) -> bool:
    """Whether an address is one of this machine: only such a one can be listened on."""
    with suppress(OSError), socket.socket() as own:
        own.bind((host, 0))
        return True
    return False


class _Gone(Exception):
    """The process that talks to Ray has ended; the message says how.

    Attributes:
        is_killed: Whether a signal ended it.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(ended(code))
        self.is_killed = code is not None and code < 0


@dataclass(slots=True)
class _Session:
    order: Order
    process: SpawnProcess | None = None
    pipe: Connection | None = None

    def start(self) -> None:
        """Start the process that talks to Ray, and wait until it is connected.

        Raises:
            RunError: It cannot be, or is killed with every attempt.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._launch()
                return
            except _Gone as gone:
                if attempt < ATTEMPTS and gone.is_killed:
                    self.close()
                    continue
                raise RunError(
                    f"{self._name}: the process that talks to it ends before it is connected "
                    f"({gone})",
                    hint='a script that searches needs `if __name__ == "__main__":`; on a busy or '
                    "small machine --workers needs less",
                ) from None

    def _launch(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.order), daemon=True)
        self.process.start()
        theirs.close()
        self._told()

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Have all jobs evaluated; if the process that talks to Ray ends, another goes on."""
        left = list(jobs)
        ends = 0
        while left:
            sent = tuple(left)
            try:
                self._send((tuple(python_file.loaded()), sent))
                for _ in sent:
                    place, outcome = self._told()
                    ends = 0
                    left.remove(sent[place])
                    yield sent[place], outcome
            except _Gone as gone:
                ends += 1
                self._again(gone, ends)

    def _again(self, gone: _Gone, ends: int) -> None:
        """Connect again, unless the cluster is gone too.

        Raises:
            RunError: It is, or ends every process that is connected to it.
        """
        self.close()
        kept = "finished trials are kept; the same command goes on"
        where = place_of(self.order.address)
        if ends >= ATTEMPTS or (where is not None and not answers(where)):
            raise RunError(
                f"{self._name} is gone; it ended the process that was connected to it ({gone})",
                hint=kept,
            )
        try:
            self.start()
        except RunError as error:
            raise RunError(f"{self._name} is gone: {error.message}", hint=kept) from None

    @property
    def _name(self) -> str:
        return f"the Ray cluster {f'at {self.order.address}' if self.order.address else 'here'}"

    def _send(self, what: object) -> None:
        assert self.pipe is not None
        try:
            self.pipe.send(what)
        except OSError:
            raise self._gone() from None

    def _told(self) -> Any:
        assert self.pipe is not None
        try:
            told = self.pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            raise self._gone() from None
        if isinstance(told, Fault):
            raise RunError(told.message, hint=told.hint)
        return told

    def _gone(self) -> _Gone:
        assert self.process is not None
        self.process.join(END_S)
        return _Gone(self.process.exitcode)

    def close(self) -> None:
        """End the process: by closing its pipe, or else by force."""
        if self.process is None or self.pipe is None:
            return
        self.pipe.close()
        self.process.join(END_S)
        with suppress(OSError):
            self.process.kill()
        self.process.join()
        self.process = self.pipe = None
