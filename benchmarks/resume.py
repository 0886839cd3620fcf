"""Kill a training of every kind at random steps: does it end like one that is not disturbed?

Usage: ``python -m benchmarks.resume [--kills 20] [--seed 1] [NAME ...]``

Each training runs in a process of its own and tells every step. It gets SIGKILL at a random time
after a random step, and is started again with its checkpoint. The weights, buffers and epochs of
the resumed training must equal those of the undisturbed one bit for bit; the exit code is 1 if any
does not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from tests.train.trainings import TRAININGS

from netwright.train import Callback, Checkpoint, Moment
from netwright.train.digests import bytes_of

LATEST_S = 0.02
"""Longest time between the word of a step and the signal."""


class Tell(Callback):
    """Tells a pipe every step."""

    settings = ""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def after_step(self, moment: Moment) -> None:
        os.write(self.pipe, f"{moment.step}\n".encode())


def run(name: str, checkpoint: Checkpoint | None, pipe: int) -> None:
    """Train, and tell the digest of what was made."""
    model, history = TRAININGS[name][0](checkpoint, [Tell(pipe)])
    state = hashlib.sha256(repr(history).encode())
    for key, value in sorted(model.state_dict().items()):
        state.update(key.encode())
        state.update(bytes_of(value).data)
    os.write(pipe, f"= {state.hexdigest()}\n".encode())


def started(
    name: str, checkpoint: Checkpoint | None, *, kill_at: int | None = None, wait_s: float = 0.0
) -> str:
    """The digest of a training in a process of its own; empty if it was killed before its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reading)
            run(name, checkpoint, writing)
        finally:
            os._exit(0)
    os.close(writing)
    digest = ""
    with os.fdopen(reading) as lines:
        for line in lines:
            if line.startswith("="):
                digest = line.split()[1]
            elif kill_at is not None and int(line) == kill_at:
                time.sleep(wait_s)
                os.kill(child, signal.SIGKILL)
                kill_at = None
    os.waitpid(child, 0)
    return digest


def tried(name: str, kills: int, seed: int) -> tuple[int, int, int]:
    """How many killed trainings ended alike, how many were tried, and how many left no file."""
    draws, steps = random.Random(f"{name} {seed}"), TRAININGS[name][1]
    expected = started(name, None)
    if not expected:
        raise SystemExit(f"{name} does not end")
    same = early = 0
    for _ in range(kills):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "checkpoint"
            checkpoint = Checkpoint(path, every_steps=draws.randint(1, 4))
            at, wait_s = draws.randrange(1, steps), draws.uniform(0, LATEST_S)
            started(name, checkpoint, kill_at=at, wait_s=wait_s)
            early += not path.exists()
            same += started(name, checkpoint) == expected
            same -= [item.name for item in Path(folder).iterdir()] != ["checkpoint"]
    return same, kills, early


def main() -> int:
    """Print a line for every training."""
    parser = argparse.ArgumentParser(description="kill trainings at random steps")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TRAININGS))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # imports what every child would import
    table = Table(title="killed at random steps and resumed")
    for column in ("training", "steps", "kills", "equal bit for bit", "before the first file"):
        table.add_column(column, justify="left" if column == "training" else "right")
    failed = False
    for name in given.names or TRAININGS:
        same, kills, early = tried(name, given.kills, given.seed)
        failed |= same < kills
        print(f"{name}: {same} of {kills} equal bit for bit", flush=True)
        table.add_row(name, str(TRAININGS[name][1]), str(kills), str(same), str(early))
    Console().print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
