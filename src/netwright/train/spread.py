"""One training on several devices: a process for each, and gradients that are averaged.

Lightning Fabric starts the processes and connects them. Every process has the whole model and the
whole task, and takes its share of the rows of every step.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.multiprocessing.spawn import ProcessException

from netwright.errors import ConfigError, NetwrightError, RunError, require
from netwright.processes import default_threads, follow_parent
from netwright.progress import Progress
from netwright.tasks import Task
from netwright.train.callbacks import Callback
from netwright.train.checkpoint import Checkpoint, load_state
from netwright.train.devices import chosen_device
from netwright.train.history import History
from netwright.train.loop import train
from netwright.train.objective import Objective
from netwright.train.recipe import Recipe


@dataclass(frozen=True)
class _Job:
    """Everything that a process needs, but for what connects it."""

    model: nn.Module
    task: Task
    objective: Objective
    recipe: Recipe
    callbacks: tuple[Callback, ...]
    checkpoint: Checkpoint | None


@dataclass(frozen=True)
class _Done:
    """What the first process returns."""

    model: dict[str, Tensor]
    callbacks: list[dict[str, Tensor]]
    history: History


def spread(
    model: nn.Module,
    task: Task,
    objective: Objective,
    recipe: Recipe,
    callbacks: Sequence[Callback],
    checkpoint: Checkpoint | None,
    progress: Progress,
) -> History:
    """Train in a process for each device; see :func:`netwright.train.fit`.

    Raises:
        ConfigError: There are not so many devices, or an argument cannot be sent to a process.
        MissingExtra: Lightning Fabric is not installed.
        RunError: A process ended unexpectedly.
    """
    fabric = require(
        "lightning_fabric", extra="devices", purpose="training on several devices"
    ).Fabric
    kind = chosen_device(recipe).type
    if kind == "cuda" and torch.cuda.device_count() < recipe.devices:
        raise ConfigError(
            f"devices must be 1 to {torch.cuda.device_count()}, the GPUs that torch sees, "
            f"not {recipe.devices}"
        )
    job = _Job(model, task, objective, recipe, tuple(callbacks), checkpoint)
    try:
        payload = pickle.dumps(job)
    except Exception as error:  # whatever the user's objects raise
        raise ConfigError(
            f"the model, objective and callbacks must be picklable for several devices: {error}",
            hint="define their classes and functions in a module, not inside a function",
        ) from error
    with _Ears(progress) as ears:
        starter = fabric(accelerator=kind, devices=recipe.devices, strategy="ddp_spawn")
        try:
            done: _Done = pickle.loads(  # noqa: S301 (made by our own process)
                starter.launch(_work, payload, ears.queue)
            )
        except ProcessException as error:
            raise ears.failure() or RunError(
                "a training process ended unexpectedly",
                hint="it may have run out of memory; a script must start its work behind "
                '`if __name__ == "__main__":`, since every process imports it',
            ) from error
    load_state(model, done.model)
    for callback, state in zip(callbacks, done.callbacks, strict=True):
        callback.load_state_dict(state)
    model.eval()
    return done.history


def _work(fabric: Any, payload: bytes, queue: Any) -> bytes:
    """One of the processes; the result of the first one is returned to the parent."""
    follow_parent()
    torch.set_num_threads(max(1, default_threads() // fabric.world_size))
    group = _Connected(fabric)
    try:
        job: _Job = pickle.loads(payload)  # noqa: S301 (made by the parent process)
        told = [item for item in job.callbacks if item.settings or group.rank == 0]
        history = train(
            job.model,
            job.task,
            job.objective,
            job.recipe,
            told,
            job.checkpoint,
            lambda *step: queue.put(step),
            group,
        )
    except NetwrightError as error:
        queue.put(error)
        raise
    states = [callback.state_dict() for callback in job.callbacks]
    return pickle.dumps(_Done(job.model.state_dict(), states, history))


class _Ears:
    """Tells the parent's progress what the first process says, and keeps the first failure."""

    def __init__(self, progress: Progress) -> None:
        self.queue = get_context("spawn").SimpleQueue()
        self._progress = progress
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> _Ears:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        for failure in self._failures[:1]:
            raise failure

    def failure(self) -> BaseException | None:
        """What went wrong first, as far as it was told."""
        self._close()
        return self._failures.pop(0) if self._failures else None

    def _close(self) -> None:
        if self._thread.is_alive():
            self.queue.put(None)
            self._thread.join()

    def _listen(self) -> None:
        while (told := self.queue.get()) is not None:
            if isinstance(told, BaseException):
                self._failures.append(told)
            elif not self._failures:
                self._call(told)

    def _call(self, told: tuple[float, float, str]) -> None:
        try:
            self._progress(*told)
        except BaseException as error:  # raised again in the thread that waits
            self._failures.append(error)


class _Connected:
    """One process of a group that Fabric connected."""

    def __init__(self, fabric: Any) -> None:
        self._fabric = fabric
        self.rank: int = fabric.global_rank
        self.size: int = fabric.world_size
        self.device: torch.device = fabric.device

    def average(self, parameters: Sequence[nn.Parameter], weight: float) -> None:
        """Make the gradients the weighted mean; what no process has a gradient for has none."""
        has = [float(item.grad is not None) for item in parameters]
        parts = [torch.tensor(has, device=self.device)]
        parts += [
            torch.zeros_like(item).reshape(-1).float()
            if item.grad is None
            else item.grad.reshape(-1).float() * weight
            for item in parameters
        ]
        summed = torch.cat(parts)
        dist.all_reduce(summed)
        found, *gradients = summed.split([len(part) for part in parts])
        for parameter, count, gradient in zip(parameters, found.tolist(), gradients, strict=True):
            parameter.grad = (
                (gradient / self.size).view_as(parameter).to(parameter.dtype) if count else None
            )

    def sum(self, value: float) -> float:
        """The sum of a number over all processes."""
        summed = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(summed)
        return float(summed)

    def gather(self, value: Tensor) -> list[Tensor]:
        """The tensors of all processes in the order of their ranks."""
        mine = value.to(self.device)
        found = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(found, mine)
        return [tensor.cpu() for tensor in found]

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Give all processes the values of the first one."""
        for tensor in tensors:
            dist.broadcast(tensor, src=0)
