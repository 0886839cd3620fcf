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
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.tasks.split import SplitName
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
    teacher: nn.Module | None = None,
    teacher_share: float = 0.5,
    after_step: Callable[[float], None] | None = None,
    keep_from: int = 1,
    calibrations: int | None = None,
    progress: Progress = silent,
) -> History:
    """Train `model` in place with Adam and a cosine schedule; keep the best validation epoch.

    Model selection sees the validation split only. The scales of a
    :class:`~netwright.train.QuantModel` are calibrated before the first epoch and again after each
    of the first half of the epochs, if `calibrations` does not say otherwise.

    Args:
        model: Maps (batch, features) to (batch, classes) logits.
        task: Data and score.
        epochs: Passes over the training split, 1 or more.
        batch_size: Rows in one step.
        learning_rate: Peak learning rate.
        seed: Seed of the shuffling; the result is reproducible for a given number of threads.
        teacher: A network to learn from (distillation, Hinton et al. 2015, at temperature 1).
        teacher_share: Share of the loss that is the cross entropy with its predictions, 0 to 1; the
            rest is that with the labels. Without a teacher there are only labels.
        after_step: Called after every step with the share of the steps that is done, 0..1; the
            gradients are still there.
        keep_from: First epoch that may be kept.
        calibrations: Epochs after which the scales are calibrated again; half of them if not given.
        progress: Told of every epoch.

    Raises:
        ConfigError: A setting is out of range.
        NumericsError: The loss is not finite.
    """
    if epochs < 1 or batch_size < 1 or not 0 < learning_rate < 10:
        raise ConfigError(
            f"epochs ({epochs}) and batch_size ({batch_size}) must be 1 or more, and "
            f"learning_rate ({learning_rate}) between 0 and 10"
        )
    if not 1 <= keep_from <= epochs:
        raise ConfigError(f"keep_from must be from 1 to {epochs}, not {keep_from}")
    if not 0 <= teacher_share <= 1:
        raise ConfigError(f"teacher_share must be from 0 to 1, not {teacher_share}")
    inputs, labels = torch.from_numpy(task.train.inputs), torch.from_numpy(task.train.targets)
    steps = -(-len(inputs) // batch_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    shuffle = torch.Generator().manual_seed(seed)
    wanted = None if teacher is None else _predictions(teacher, task.train.inputs)
    if isinstance(model, QuantModel):
        model.calibrate(inputs[:CALIBRATION_ROWS])
    again = epochs // 2 if calibrations is None else calibrations
    done: list[Epoch] = []
    best: tuple[Epoch, dict[str, Tensor]] | None = None
    for number in range(1, epochs + 1):
        model.train()
        total = 0.0
        batches = torch.randperm(len(inputs), generator=shuffle).split(batch_size)
        for step, rows in enumerate(batches, start=1 + (number - 1) * steps):
            found = model(inputs[rows])
            loss = functional.cross_entropy(found, labels[rows])
            if wanted is not None:
                taught = functional.cross_entropy(found, wanted[rows])
                loss = teacher_share * taught + (1 - teacher_share) * loss
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if after_step is not None:
                after_step(step / (epochs * steps))
            total += float(loss.detach()) * len(rows)
        if not np.isfinite(total):
            raise NumericsError(
                f"the training loss became {total} in epoch {number}",
                hint="lower the learning rate",
            )
        if isinstance(model, QuantModel) and number <= again:
            model.calibrate(inputs[:CALIBRATION_ROWS])
        accuracy = evaluate(model, task, split="validation")
        epoch = Epoch(number, total / len(inputs), accuracy)
        done.append(epoch)
        if number >= keep_from and (best is None or accuracy >= best[0].accuracy):
            best = (epoch, copy.deepcopy(model.state_dict()))
        progress(number, epochs, f"epoch {number}: {100 * accuracy:.1f} %")
    assert best is not None
    model.load_state_dict(best[1])
    model.eval()
    return History(tuple(done), best[0])


def _predictions(teacher: nn.Module, inputs: NDArray[np.floating]) -> Tensor:
    """Probabilities of the classes that the teacher gives, (rows, classes)."""
    return functional.softmax(torch.from_numpy(logits(teacher, inputs)).float(), dim=1)


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
    """The task's score of the model on a split."""
    rows = task.split(split)
    return task.evaluate(logits(model, rows.inputs), split=split)
