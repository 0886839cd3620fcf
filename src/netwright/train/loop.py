"""The training loop: one for every model, task and objective."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netwright.errors import ConfigError, NetwrightError, NumericsError, RunError
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train import checkpoint as checkpoints
from netwright.train.batches import Batch, Rows, epoch_order
from netwright.train.callbacks import Callback, Moment
from netwright.train.checkpoint import Checkpoint, State
from netwright.train.devices import Group
from netwright.train.history import Epoch, History
from netwright.train.objective import Objective, checked_loss
from netwright.train.prediction import evaluate
from netwright.train.recipe import Recipe, learning_rates

_TELL_S = 1.0
"""Seconds after which progress is told in mid-epoch."""


def train(
    model: nn.Module,
    task: Task,
    objective: Objective,
    recipe: Recipe,
    callbacks: Sequence[Callback],
    checkpoint: Checkpoint | None,
    progress: Progress,
    group: Group,
) -> History:
    """Train as one process of a group; see :func:`netwright.train.fit`."""
    home = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    source = None
    if checkpoint is not None:
        source = checkpoints.origin(model, task, objective, recipe, callbacks)
    with _randomness(recipe.seed + group.rank, group.device):
        model.to(group.device)
        try:
            training = _Training(model, task, objective, recipe, callbacks, progress, group)
            if checkpoint is None or source is None:
                return training.run(None)
            return training.run(_Keeper(checkpoint, source, training))
        finally:
            model.to(home)


@contextmanager
def _randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's generators for this block; they are as before behind it."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


class _Training:
    """One training, from its first step to its last."""

    def __init__(
        self,
        model: nn.Module,
        task: Task,
        objective: Objective,
        recipe: Recipe,
        callbacks: Sequence[Callback],
        progress: Progress,
        group: Group,
    ) -> None:
        self.model, self.task, self.objective = model, task, objective
        self.recipe, self.callbacks, self.group = recipe, tuple(callbacks), group
        self.progress = progress if group.rank == 0 else silent
        self.parameters = [item for item in model.parameters() if item.requires_grad]
        if not self.parameters:
            raise ConfigError(
                f"the model, of the class {type(model).__name__}, has no parameters to train",
                hint="some parameter must require gradients",
            )
        self.optimizer = _optimizer(self.parameters, recipe)
        self.epoch_steps = -(-len(task.train) // recipe.batch_size)
        self.steps = recipe.epochs * self.epoch_steps
        self.rates = learning_rates(recipe, self.steps)
        self.shuffle = torch.Generator().manual_seed(recipe.seed)
        self.shuffled = self.shuffle.get_state()
        self.history: list[Epoch] = []
        self.best: Epoch | None = None
        self.best_model: dict[str, Tensor] | None = None
        self.step = 0  # of the epoch that goes on
        self.total = 0.0
        self.loss = float("nan")
        settled = max((callback.settles_at for callback in callbacks), default=0.0)
        late = min(int(recipe.epochs * settled) + 2, recipe.epochs) if settled else 1
        self.keep_from = max(recipe.keep_from, late)

    def run(self, keeper: _Keeper | None) -> History:
        """Train to the end."""
        state = None if keeper is None else keeper.read()
        self.objective.begin(self.model, self.task)
        for callback in self.callbacks:
            callback.begin(self._moment())
        if keeper is not None and state is not None:
            keeper.resume(state)
            if state.optimizer is None:
                return self._result()
        own = Rows(self.task.train, self.group.device)
        while len(self.history) < self.recipe.epochs and not self._stopped():
            self._epoch(own, keeper)
        if self.best_model is not None:
            checkpoints.load_state(self.model, self.best_model)
        self.model.eval()
        for callback in self.callbacks:
            callback.end(self._moment())
        if keeper is not None:
            keeper.close()
        return self._result()

    def _result(self) -> History:
        self.model.eval()
        return History(tuple(self.history), self.best or self.history[-1])

    def _stopped(self) -> bool:
        return any(callback.stop for callback in self.callbacks)

    def _epoch(self, own: Rows, keeper: _Keeper | None) -> None:
        """Do the steps of an epoch that are left, and score it."""
        number, split = len(self.history), self.task.train
        for callback in self.callbacks:
            split = callback.epoch_rows(split, epoch=number, seed=self.recipe.seed)
        rows = own if split is self.task.train else Rows(split, self.group.device, own=False)
        self.shuffled = self.shuffle.get_state()
        order = epoch_order(split, self.recipe, number, self.shuffle)
        self.model.train()
        told = time.monotonic()
        for chosen in order[self.step :]:
            self._step(rows, chosen)
            if time.monotonic() - told > _TELL_S:
                told = time.monotonic()
                done = number + self.step / self.epoch_steps
                self.progress(done, self.recipe.epochs, _text(number + 1, "loss", self.loss))
            if keeper is not None and self.step < self.epoch_steps:
                keeper.after_step()
        self._score()
        if keeper is not None:
            keeper.write()

    def _step(self, rows: Rows, chosen: Tensor) -> None:
        """One step of the optimizer."""
        done = len(self.history) * self.epoch_steps + self.step
        rate = self.rates[done]
        if self.callbacks:
            moment = self._moment(rate)
            for callback in self.callbacks:
                callback.before_step(moment)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        value = self._backward(rows, chosen)
        if not np.isfinite(value):
            raise NumericsError(
                f"the training loss became {value} in step {done + 1}, epoch "
                f"{len(self.history) + 1}",
                hint="lower the learning rate, or look for what the loss cannot take",
            )
        if self.recipe.max_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.recipe.max_norm)
        self.optimizer.step()
        self.total += value * len(chosen)
        self.loss = value
        self.step += 1
        if self.callbacks:
            moment = self._moment(rate)
            for callback in self.callbacks:
                callback.after_step(moment)

    def _backward(self, rows: Rows, chosen: Tensor) -> float:
        """Gradients of the mean loss over the rows of all processes; returns that loss."""
        mine = chosen[self.group.rank :: self.group.size]
        self.optimizer.zero_grad(set_to_none=True)
        value = 0.0
        if len(mine):
            loss = self._loss(rows.batch(mine))
            value = float(loss.detach())
            loss.backward()
        if self.group.size == 1:
            return value
        weight = len(mine) * self.group.size / len(chosen)
        self.group.average(self.parameters, weight)
        return self.group.sum(value * len(mine)) / len(chosen)

    def _loss(self, batch: Batch) -> Tensor:
        half = self.recipe.precision == "bfloat16"
        with torch.autocast(self.group.device.type, torch.bfloat16) if half else nullcontext():
            loss = self.objective(self.model, batch)
        if not isinstance(loss, Tensor) or loss.ndim:
            loss = checked_loss(loss, type(self.objective).__name__)
        if not loss.requires_grad:
            raise ConfigError(
                "the loss does not depend on the parameters of the model",
                hint="compute it with torch from the outputs, without detach()",
            )
        return loss

    def _score(self) -> None:
        """Score the epoch, and keep its model if it is the best one."""
        if self.group.size > 1:
            self.group.share([buffer for buffer in self.model.buffers() if buffer.numel()])
        number = len(self.history) + 1
        score = evaluate(self.model, self.task, split="validation")
        epoch = Epoch(number, self.total / len(self.task.train), score)
        self.history.append(epoch)
        self.step, self.total = 0, 0.0
        better = self.task.score.better
        candidate = self.recipe.keep == "best" and number >= self.keep_from
        if candidate and (self.best is None or not better(self.best.score, score)):
            self.best, self.best_model = epoch, _copied(self.model)
        self.progress(number, self.recipe.epochs, _text(number, self.task.score.name, score))
        for callback in self.callbacks:
            callback.after_epoch(self._moment())

    def _moment(self, rate: float | None = None) -> Moment:
        done = len(self.history) * self.epoch_steps + self.step
        return Moment(
            self.model,
            self.task,
            -(-done // self.epoch_steps) if rate is None else len(self.history) + 1,
            self.recipe.epochs,
            done,
            self.steps,
            self.loss,
            self.rates[max(done - 1, 0)] if rate is None else rate,
            tuple(self.history),
            self.objective,
        )

    def state(self, *, ended: bool) -> State:
        """Where the training stands."""
        return State(
            model=self.model.state_dict(),
            optimizer=None if ended else self.optimizer.state_dict(),
            callbacks=dict(
                zip(
                    checkpoints.keys(self.callbacks),
                    [item.state_dict() for item in self.callbacks if item.settings],
                    strict=True,
                )
            ),
            random=self.group.gather(_random_state(self.group.device)),
            shuffle=self.shuffled if self.step else self.shuffle.get_state(),
            epochs=self.history,
            best=0 if self.best is None else self.best.number,
            best_model=None if ended else self.best_model,
            step=self.step,
            total=self.total,
        )

    def load(self, state: State) -> None:
        """Go on from there."""
        checkpoints.load_state(self.model, state.model)
        deciding = [item for item in self.callbacks if item.settings]
        for key, callback in zip(checkpoints.keys(self.callbacks), deciding, strict=True):
            callback.load_state_dict(state.callbacks[key])
        self.history = list(state.epochs)
        self.best = self.history[state.best - 1] if state.best else None
        self.best_model, self.step, self.total = state.best_model, state.step, state.total
        self.shuffle.set_state(state.shuffle)
        if state.optimizer is not None:
            _load_optimizer(self.optimizer, state.optimizer)
        if len(state.random) == self.group.size:
            _set_random_state(state.random[self.group.rank], self.group.device)


class _Keeper:
    """Keeps where a training stands in its checkpoint."""

    def __init__(self, checkpoint: Checkpoint, source: dict[str, str], training: _Training) -> None:
        self.checkpoint, self.source, self.training = checkpoint, source, training
        self.steps, self.written = 0, time.monotonic()

    def read(self) -> State | None:
        """What the checkpoint holds, if there is one; the model is not touched."""
        return checkpoints.read(self.checkpoint.path, self.source)

    def resume(self, state: State) -> None:
        """Go on where the checkpoint ends."""
        training, path = self.training, self.checkpoint.path
        before = _copied(training.model)
        try:
            if not (
                0 <= state.step < training.epoch_steps
                and 0 <= state.best <= len(state.epochs) <= training.recipe.epochs
                and (state.epochs or state.optimizer is not None)
            ):
                raise RunError("it stands at a step that there is not")
            training.load(state)
        except Exception as error:  # whatever a changed file makes of torch and of callbacks
            checkpoints.load_state(training.model, before)
            told = error.message if isinstance(error, NetwrightError) else type(error).__name__
            raise RunError(
                f"{path}: cannot be read as a checkpoint ({told})", hint="remove it"
            ) from None

    def after_step(self) -> None:
        """Write the checkpoint if it is time."""
        self.steps += 1
        every = self.checkpoint.every_steps
        late = time.monotonic() - self.written >= self.checkpoint.every_s
        if late if every is None else self.steps >= every:
            self.write()

    def write(self) -> None:
        """Write the checkpoint."""
        self._write(ended=False)

    def close(self) -> None:
        """Write it for the last time: it holds what is kept, and nothing to go on with."""
        self._write(ended=True)

    def _write(self, *, ended: bool) -> None:
        state = self.training.state(ended=ended)
        if self.training.group.rank == 0:
            checkpoints.write(self.checkpoint.path, state, self.source)
        self.steps, self.written = 0, time.monotonic()


def _text(epoch: int, what: str, value: float) -> str:
    return f"epoch {epoch}: {what} {value:.4g}"


def _optimizer(parameters: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    optimizer.load_state_dict(state)
    for parameter, values in optimizer.state.items():
        for name, value in values.items():
            if name != "step" and value.shape != parameter.shape:
                raise ConfigError(f'the optimizer\'s "{name}" belongs to another model')


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(dict(model.state_dict()))


def _random_state(device: torch.device) -> Tensor:
    state = torch.get_rng_state()
    return state if device.type == "cpu" else torch.cat([state, torch.cuda.get_rng_state(device)])


def _set_random_state(state: Tensor, device: torch.device) -> None:
    size = len(torch.get_rng_state())
    torch.set_rng_state(state[:size])
    if device.type == "cuda" and len(state) > size:
        torch.cuda.set_rng_state(state[size:], device)
