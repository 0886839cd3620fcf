"""A quantization-aware step against the float step and against Brevitas: batch 256, one thread."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import netwright as nw
from netwright.train import Callback, Moment, Recipe, fit

BATCH = 256
STEPS = 20
ROUNDS = 15


class Clock(Callback):
    """Remembers the CPU seconds between the beginnings of two steps."""

    settings = ""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._begun: float | None = None

    def begin(self, moment: Moment) -> None:
        self._begun = None

    def before_step(self, moment: Moment) -> None:
        now = time.process_time()
        if self._begun is not None:
            self.seconds.append(now - self._begun)
        self._begun = now


def _medians(contestants: dict[str, nn.Module], task: nw.tasks.Task) -> dict[str, float]:
    """Median CPU seconds of a step of `fit`, one epoch of each contestant in turn."""
    clocks = {name: Clock() for name in contestants}
    for number in range(ROUNDS + 1):
        for name, model in contestants.items():
            besides = [clocks[name]] if number else []  # the first is for warming up
            fit(model, task, None, Recipe(epochs=1, batch_size=BATCH, keep="last"), besides)
    return {name: statistics.median(clock.seconds) for name, clock in clocks.items()}


def _brevitas() -> nn.Module | None:
    try:
        from brevitas import nn as qnn
        from brevitas.quant import Int8WeightPerTensorFixedPoint, Uint8ActPerTensorFixedPoint
    except ImportError:
        return None
    sizes = (16, 64, 32, 32, 5)
    layers: list[nn.Module] = [qnn.QuantIdentity(bit_width=6)]
    for i in range(4):
        layers.append(
            qnn.QuantLinear(
                sizes[i], sizes[i + 1], bias=True,
                weight_quant=Int8WeightPerTensorFixedPoint, weight_bit_width=6,
            )
        )  # fmt: skip
        if i < 3:
            layers.append(qnn.QuantReLU(act_quant=Uint8ActPerTensorFixedPoint, bit_width=6))
    return nn.Sequential(*layers)


def run() -> list[dict[str, str | float]]:
    torch.set_num_threads(1)
    task = nw.tasks.jets().subset(STEPS * BATCH)
    model = nw.models.mlp(task)
    shapes = nw.compress.layer_shapes(model, task.input_shape)
    plan = nw.compress.uniform(shapes, weight_bits=6, activation_bits=6)
    contestants = {"float": model, "ours": nw.compress.apply(model, plan, task)}
    peer = _brevitas()
    if peer is not None:
        contestants["brevitas"] = peer
    step = {name: 1e3 * value for name, value in _medians(contestants, task).items()}
    ours = f"{step['ours']:.2f} ms"
    rows: list[dict[str, str | float]] = [
        {"what": "QAT step, batch 256", "ours": ours, "peer": f"float: {step['float']:.2f} ms",
         "ratio": step["ours"] / step["float"], "wanted": "≤ 1.6"},
    ]  # fmt: skip
    if peer is None:
        rows.append(
            {"what": "QAT step, batch 256", "ours": ours, "peer": "Brevitas: not installed",
             "ratio": float("nan"), "wanted": "≥ 5"}
        )  # fmt: skip
    else:
        rows.append(
            {"what": "QAT step, batch 256", "ours": ours,
             "peer": f"Brevitas: {step['brevitas']:.2f} ms",
             "ratio": step["brevitas"] / step["ours"], "wanted": "≥ 5"}
        )  # fmt: skip
    return [*rows, _convolutions()]


def _convolutions() -> dict[str, str | float]:
    """A residual network for images of 3 x 16 x 16, without a chain to run as one."""
    random = np.random.default_rng(0)
    rows = STEPS * BATCH // 64 * 100  # 64 % of them are for training
    task = nw.tasks.from_arrays(
        random.normal(size=(rows, 3, 16, 16)), random.integers(0, 10, rows),
        classes=tuple("abcdefghij"),
    )  # fmt: skip
    model = _Residual()
    plan = nw.compress.uniform(
        nw.compress.layer_shapes(model, task.input_shape), weight_bits=6, activation_bits=6
    )
    contestants = {"float": model, "ours": nw.compress.apply(model, plan, task)}
    step = {name: 1e3 * value for name, value in _medians(contestants, task).items()}
    return {
        "what": f"QAT step, residual convolutions, batch {BATCH}", "ours": f"{step['ours']:.1f} ms",
        "peer": f"float: {step['float']:.1f} ms", "ratio": step["ours"] / step["float"],
        "wanted": "stated",
    }  # fmt: skip


class _Residual(nn.Module):
    """Five convolutions of 16 filters, two of them beside a shortcut each."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.inner = nn.ModuleList(nn.Conv2d(16, 16, 3, padding=1) for _ in range(4))
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.stem(x))
        for first, second in ((0, 1), (2, 3)):
            y = self.inner[second](functional.relu(self.inner[first](x)))
            x = functional.relu(x + y)
        return self.head(x.mean((2, 3)))
