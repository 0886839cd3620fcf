"""Training: one loop for float networks and for quantization-aware fine-tuning."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError, NumericsError
from netwright.tasks import Task
from netwright.tasks.base import SplitName
from netwright.train.layers import QuantModel

CALIBRATION_ROWS = 8192
"""Rows of the training split on which scales are chosen."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch achieved.

    Attributes:
        number: 1 for the first epoch.
        loss: Mean training loss, nats.
        accuracy: Accuracy on the validation split, 0..1.
    """

    number: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class History:
    """All epochs of a training, and which one the model holds now."""

    epochs: tuple[Epoch, ...]
    best: Epoch


def fit(
    model: nn.Module,
    task: Task,
    *,
    epochs: int = 20,
    batch_size: int = 512,
    learning_rate: float = 2e-3,
    seed: int = 0,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> History:
    """Train `model` in place with Adam and a cosine schedule; keep the best validation epoch.

    Model selection sees the validation split only. The scales of a
    :class:`~netwright.train.QuantModel` are calibrated before the first epoch and again after each
    of the first half of the epochs.

    Args:
        model: Maps (batch, features) to (batch, classes) logits.
        task: Data and score.
        epochs: Passes over the training split, 1 or more.
        batch_size: Rows in one step.
        learning_rate: Peak learning rate.
        seed: Seed of the shuffling; the result is reproducible for a given number of threads.
        on_epoch: Called after every epoch.

    Raises:
        ConfigError: A setting is out of range.
        NumericsError: The loss is not finite.
    """
    if epochs < 1 or batch_size < 1 or not 0 < learning_rate < 10:
        raise ConfigError(
            f"epochs ({epochs}) and batch_size ({batch_size}) must be 1 or more, and "
            f"learning_rate ({learning_rate}) between 0 and 10"
        )
    inputs, labels = torch.from_numpy(task.train.inputs), torch.from_numpy(task.train.labels)
    steps = -(-len(inputs) // batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    shuffle = torch.Generator().manual_seed(seed)
    if isinstance(model, QuantModel):
        model.calibrate(inputs[:CALIBRATION_ROWS])
    done: list[Epoch] = []
    best: tuple[Epoch, dict[str, Tensor]] | None = None
    for number in range(1, epochs + 1):
        model.train()
        total = 0.0
        for rows in torch.randperm(len(inputs), generator=shuffle).split(batch_size):
            loss = functional.cross_entropy(model(inputs[rows]), labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        if not np.isfinite(total):
            raise NumericsError(
                f"the training loss became {total} in epoch {number}",
                hint="lower the learning rate",
            )
        if isinstance(model, QuantModel) and number <= epochs // 2:
            model.calibrate(inputs[:CALIBRATION_ROWS])
        accuracy = evaluate(model, task, split="validation")
        epoch = Epoch(number, total / len(inputs), accuracy)
        done.append(epoch)
        if best is None or accuracy >= best[0].accuracy:
            best = (epoch, copy.deepcopy(model.state_dict()))
        if on_epoch is not None:
            on_epoch(epoch)
    assert best is not None
    model.load_state_dict(best[1])
    model.eval()
    return History(tuple(done), best[0])


@torch.no_grad()
def logits(
    model: nn.Module, inputs: NDArray[np.floating], *, batch_size: int = 8192
) -> NDArray[np.float64]:
    """The model's logits for every row, in evaluation mode, (rows, classes)."""
    was_training = model.training
    model.eval()
    dtype = next(model.parameters()).dtype
    rows = torch.from_numpy(np.ascontiguousarray(inputs)).to(dtype)
    parts = [model(part).double().numpy() for part in rows.split(batch_size)]
    model.train(was_training)
    return np.concatenate(parts)


def evaluate(model: nn.Module, task: Task, *, split: SplitName = "test") -> float:
    """Accuracy of the model on a split of the task, 0..1."""
    rows = task.split(split)
    return task.accuracy(logits(model, rows.inputs), split=split)
