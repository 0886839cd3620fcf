"""Objectives that other processes find by name."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netwright.explore import Choice, Goal, Real, Space, Whole
from netwright.explore.executors.ray_driver import Fault
from netwright.explore.objective import attempt

SPACE = Space(
    parameters=(
        Whole(name="x", low=-9, high=9),
        Real(name="r", low=1e-3, high=10.0, logarithmic=True),
        Choice(name="c", values=("a", "b", (1, 2))),
    ),
    goals=(Goal(value="y"),),
)


def bowl(settings: Mapping[str, Any]) -> dict[str, float]:
    """A bowl with its bottom at 0."""
    return {"y": settings["x"] ** 2 + settings["r"]}


def slow_bowl(settings: Mapping[str, Any]) -> dict[str, float]:
    """The same, after a moment."""
    time.sleep(0.03)
    return bowl(settings)


def faulty(settings: Mapping[str, Any]) -> dict[str, float]:
    """Everything that can go wrong, by x."""
    x = settings["x"]
    if x == 1:
        raise ValueError("no such thing\nmore")
    if x == 2:
        time.sleep(60)
    if x == 3:
        return {"y": float("nan")}
    if x == 4:
        return {"y": float(len(np.zeros(1 << 40)))}
    if x == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    if x == 6:
        return {"z": 1.0}
    if x == 7:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        time.sleep(60)
    if x == 8:
        ctypes.string_at(0)
    if x == -1:
        sys.stdout.write("neither a result nor lost\n")
        os.write(1, b"of compiled code\n")
        raise KeyboardInterrupt
    return {"y": float(x)}


class MuteError(Exception):
    """An error that fails when it is told."""

    def __str__(self) -> str:
        raise RuntimeError


def mute(settings: Mapping[str, Any]) -> dict[str, float]:
    """Fail without a word."""
    raise MuteError


@dataclass(frozen=True)
class Killed:
    """An objective whose process is killed at the first try of some points."""

    folder: Path

    digest = "killed"

    def check(self, space: Space) -> None:
        """Any space will do."""

    def evaluate(self, settings, *, fidelity, tell):
        """Die once, then go on."""
        mark = self.folder / f"{settings['x']}-{settings['r']}"
        if settings["x"] % 3 == 0 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return bowl(settings)


@dataclass(frozen=True)
class Placed:
    """An objective that notes on which node of a cluster it runs."""

    folder: Path

    digest = "placed"

    def check(self, space: Space) -> None:
        """Any space will do."""

    def evaluate(self, settings, *, fidelity, tell):
        """Note the node, and wait until another one has work too."""
        import ray

        (self.folder / ray.get_runtime_context().get_node_id()).touch()
        until = time.monotonic() + 90.0
        while len(list(self.folder.iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        return slow_bowl(settings)


def serve_here(pipe, order):
    """What talks to a cluster, without one: evaluates here, where some objectives end it."""
    try:
        pipe.send(None)
        while True:
            _, jobs = pipe.recv()
            work = pickle.loads(order.payload)  # noqa: S301 (made by the test)
            for place, job in enumerate(jobs):
                pipe.send((place, attempt(work, job)))
    except EOFError:
        return


def serve_nothing(pipe, order):
    """What talks to a cluster that ends whoever is connected to it."""
    pipe.send(None)
    pipe.recv()
    os._exit(1)


def serve_killed_once(pipe, order):
    """What talks to a cluster, killed before it is connected for the first time."""
    mark = Path(order.address)
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    serve_here(pipe, order)


def serve_killed(pipe, order):
    """What talks to a cluster, killed whenever it is started."""
    os.kill(os.getpid(), signal.SIGKILL)


def serve_faults(pipe, order):
    """What talks to a cluster that cannot be used."""
    pipe.send(Fault("no room there", "make some"))
