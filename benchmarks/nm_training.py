"""A training step with N:M weights against the dense step, epochs in turn, one thread."""

from __future__ import annotations

import statistics

import numpy as np
import torch
from torch import nn

import netwright as nw
from benchmarks.training import STEPS, Clock, _Residual
from netwright.formats import NM
from netwright.train import Callback, KeepNM, Recipe, fit

ROUNDS = 4
WANTED = "≤ 1.15"


def run() -> list[dict[str, str | float]]:
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    images = nw.tasks.from_arrays(
        random.normal(size=(STEPS * 100, 3, 16, 16)), random.integers(0, 10, STEPS * 100),
        classes=tuple("abcdefghij"),
    )  # fmt: skip
    cases = {
        "dense layers of 512, batch 512": _dense((512, 512, 512), 512),
        "residual convolutions, batch 64": _case(_Residual(), images, 64),
        "jet tagger, batch 1024": _dense((64, 32, 32), 1024),
    }
    return [
        {
            "what": f"BDWP step, 2:8, {name}",
            "ours": f"{1e3 * sparse:.2f} ms",
            "peer": f"dense: {1e3 * dense:.2f} ms",
            "ratio": sparse / dense,
            "wanted": WANTED,
        }
        for name, (dense, sparse) in cases.items()
    ]


def _dense(hidden: tuple[int, ...], batch: int) -> tuple[float, float]:
    task = nw.tasks.jets().subset(STEPS * batch)
    return _case(nw.models.mlp(task, hidden=hidden), task, batch)


def _case(model: nn.Module, task: nw.tasks.Task, batch: int) -> tuple[float, float]:
    """Median CPU seconds of a dense step and of one of BDWP."""
    clocks = {"dense": Clock(), "bdwp": Clock()}
    for number in range(ROUNDS + 1):
        for name, clock in clocks.items():
            callbacks: list[Callback] = [] if name == "dense" else [KeepNM(NM(2, 8))]
            besides = [*callbacks, *([clock] if number else [])]  # the first is for warming up
            fit(model, task, None, Recipe(epochs=1, batch_size=batch, keep="last"), besides)
    dense, sparse = (statistics.median(clock.seconds) for clock in clocks.values())
    return dense, sparse
