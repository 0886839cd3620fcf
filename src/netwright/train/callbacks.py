"""Callbacks: what goes on beside the steps of a training."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from netwright.errors import ConfigError
from netwright.tasks import Split, Task
from netwright.train.digests import describe
from netwright.train.history import Epoch
from netwright.train.objective import Objective

CALIBRATION_ROWS = 8192
"""Rows of the training split on which scales are chosen."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a training stands when a callback is told.

    Attributes:
        model: What is trained, on its device.
        task: Data.
        epoch: The epoch, from 1; 0 at the beginning.
        epochs: Epochs of the recipe.
        step: Steps that are done, of all epochs.
        steps: Steps of all epochs.
        loss: Loss of the step that was done last; NaN before the first.
        learning_rate: Of that step; before a step, of the one to come.
        history: Epochs that are done.
        objective: What is made small.
    """

    model: nn.Module
    task: Task
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    learning_rate: float
    history: tuple[Epoch, ...]
    objective: Objective

    @property
    def share(self) -> float:
        """Share of the steps that is done, 0..1."""
        return self.step / self.steps

    @property
    def ends_epoch(self) -> bool:
        """Whether the step that was done is the last one of its epoch."""
        return self.step > 0 and self.step % (self.steps // self.epochs) == 0


class Callback:
    """The base of all callbacks; every hook does nothing.

    Attributes:
        stop: Set to end the training after the epoch that goes on.
        settles_at: Share of the steps after which the model is what the callback makes of it;
            epochs that end earlier are not kept as the best one.
    """

    stop: bool = False
    settles_at: float = 0.0

    @property
    def settings(self) -> str:
        """All that decides what it does to the model, as text; empty if it does nothing to it.

        A checkpoint is taken up only with callbacks of equal settings. Unless overridden, they are
        the code of the class.
        """
        return describe(type(self))

    def for_seed(self, seed: int) -> Callback:
        """A copy for one of several trainings; what it puts on record stands apart."""
        return copy.deepcopy(self)

    def state_dict(self) -> dict[str, Tensor]:
        """Where it stands, for a checkpoint."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there; called after :meth:`begin`, and after the model was loaded."""

    def begin(self, moment: Moment) -> None:
        """Called before the first step, with the model to start from; also of what is resumed."""

    def epoch_rows(self, split: Split, *, epoch: int, seed: int) -> Split:
        """The rows of an epoch, `split` or others made from it; a function of its arguments.

        Args:
            split: The training split, or what the callback before has made of it.
            epoch: 0 for the first.
            seed: Of the recipe.
        """
        return split

    def before_step(self, moment: Moment) -> None:
        """Called before every step."""

    def after_step(self, moment: Moment) -> None:
        """Called after every step, while the gradients are still there."""

    def after_epoch(self, moment: Moment) -> None:
        """Called after every epoch, when its score is known: ``moment.history[-1]``."""

    def end(self, moment: Moment) -> None:
        """Called at the end, with the model that is kept."""


@runtime_checkable
class Calibrated(Protocol):
    """A model that has scales to choose."""

    def calibrate(self, *inputs: Tensor) -> None:
        """Choose every scale on a batch of real inputs."""


class Calibrate(Callback):
    """Chooses the scales of a quantized model before the first step, and again after epochs.

    Args:
        epochs: Epochs after which they are chosen again; half of them if not given.
        rows: Rows of the training split on which they are chosen.

    Raises:
        ConfigError: A number is out of range; at the beginning, if the model has no scales.
    """

    def __init__(self, *, epochs: int | None = None, rows: int = CALIBRATION_ROWS) -> None:
        if rows < 1 or (epochs is not None and epochs < 0):
            raise ConfigError(
                f"rows must be 1 or more and epochs 0 or more, not {rows} and {epochs}"
            )
        self.epochs, self.num_rows = epochs, rows

    @property
    def settings(self) -> str:
        """Epochs and rows."""
        return f"Calibrate(epochs={self.epochs}, rows={self.num_rows})"

    def begin(self, moment: Moment) -> None:
        """Choose the scales."""
        if not isinstance(moment.model, Calibrated):
            raise ConfigError(
                f"the model, of the class {type(moment.model).__name__}, has no scales to choose",
                hint="train a quantized model, or leave the callback Calibrate out",
            )
        self._calibrate(moment)

    def after_step(self, moment: Moment) -> None:
        """Choose the scales again where an epoch ends that is one of the first."""
        epochs = moment.epochs // 2 if self.epochs is None else self.epochs
        if moment.ends_epoch and moment.epoch <= epochs:
            self._calibrate(moment)

    def _calibrate(self, moment: Moment) -> None:
        assert isinstance(moment.model, Calibrated)
        device = next((p.device for p in moment.model.parameters()), torch.device("cpu"))
        arrays = moment.task.train.arrays.values()
        moment.model.calibrate(
            *(torch.from_numpy(array[: self.num_rows]).to(device) for array in arrays)
        )


class EarlyStop(Callback):
    """Ends a training whose validation score has not become better for some epochs.

    Args:
        patience: So many epochs.
        least: By how much a score must be better to count.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(self, patience: int = 5, *, least: float = 0.0) -> None:
        if patience < 1 or not 0 <= least < math.inf:
            raise ConfigError(
                f"patience must be 1 or more and least 0 or more, not {patience} and {least}"
            )
        self.patience, self.least = patience, least
        self._best = math.nan
        self._waited = 0

    @property
    def settings(self) -> str:
        """Patience and difference."""
        return f"EarlyStop(patience={self.patience}, least={self.least})"

    def state_dict(self) -> dict[str, Tensor]:
        """The best score, and for how long there was none better."""
        return {
            "best": torch.tensor(self._best, dtype=torch.float64),
            "waited": torch.tensor(self._waited),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        self._best, self._waited = float(state["best"]), int(state["waited"])
        self.stop = self._waited >= self.patience

    def begin(self, moment: Moment) -> None:
        """Start anew."""
        self._best, self._waited, self.stop = math.nan, 0, False

    def after_epoch(self, moment: Moment) -> None:
        """Compare the score with the best one."""
        found, larger = moment.history[-1].score, moment.task.score.larger_is_better
        gain = found - self._best if larger else self._best - found
        if math.isnan(self._best) or gain > self.least:
            self._best, self._waited = found, 0
        else:
            self._waited += 1
        self.stop = self._waited >= self.patience
