"""Checkpoints: where a training stands, and from what it was made.

A checkpoint is taken up by the training that wrote it, and refused by every other one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from netwright.errors import ConfigError, RunError
from netwright.tasks import Task
from netwright.train.callbacks import Callback
from netwright.train.digests import describe, module_digest
from netwright.train.history import Epoch
from netwright.train.losses import find_loss
from netwright.train.objective import Objective
from netwright.train.recipe import Recipe
from netwright.train.sealed import cannot_be_read, read_sealed, write_sealed

_VERSION = 2

_KINDS: dict[str, Any] = {
    "model": dict, "optimizer": dict | None, "callbacks": dict, "random": list, "shuffle": Tensor,
    "epochs": list, "best": int, "best_model": dict | None, "step": int, "total": float,
}  # fmt: skip
"""What a file must hold, by name of the state."""

_ELSEWHERE = ("device", "devices")
"""Settings that a training may go on with otherwise; figures then differ by rounding."""

_DIGESTS = {
    "model": "another model to start from",
    "train": "other training rows",
    "validation": "other validation rows",
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a training is to be kept, and how often.

    Attributes:
        path: The file.
        every_s: Seconds after which it is written in mid-epoch; it is written after every epoch
            anyway.
        every_steps: Steps after which it is written.

    Raises:
        ConfigError: A number is out of range.
    """

    path: Path
    every_s: float = 60.0
    every_steps: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        steps = self.every_steps
        if not 0 <= self.every_s <= math.inf or (steps is not None and steps < 1):
            raise ConfigError(
                f"every_s must be 0 or more and every_steps 1 or more, not {self.every_s} "
                f"and {steps}"
            )


@dataclass(slots=True)
class State:
    """Where a training stands; everything but the settings, which are its origin.

    Attributes:
        model: Weights and buffers.
        optimizer: Of the optimizer; ``None`` if the training has ended.
        callbacks: Of every callback, by its key.
        random: Of torch's generators, one for each device that takes part.
        shuffle: Of the generator of the order, before the epoch that goes on or comes.
        epochs: What is done.
        best: Number of the best epoch, 0 if there is none.
        best_model: Its weights and buffers.
        step: Steps done of the epoch that goes on.
        total: Sum of their losses, times their rows.
    """

    model: dict[str, Tensor]
    optimizer: dict[str, Any] | None
    callbacks: dict[str, dict[str, Tensor]]
    random: list[Tensor]
    shuffle: Tensor
    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    best_model: dict[str, Tensor] | None = None
    step: int = 0
    total: float = 0.0


def origin(
    model: nn.Module,
    task: Task,
    objective: Objective,
    recipe: Recipe,
    callbacks: Iterable[Callback],
) -> dict[str, str]:
    """From what a training makes a model: settings as text, all else as digests."""
    settings = {
        item.name: repr(getattr(recipe, item.name))
        for item in fields(recipe)
        if item.name not in _ELSEWHERE
    }
    score = task.score
    better = "larger" if score.larger_is_better else "smaller"
    return {
        **settings,
        "objective": objective.settings,
        "callbacks": ", ".join(keys(callbacks)) or "none",
        "loss": describe(find_loss(task.loss)),
        "score": f"{score.name} ({better} is better), {describe(score.function)}",
        "model": module_digest(model),
        "train": task.train.digest,
        "validation": task.validation.digest,
    }


def keys(callbacks: Iterable[Callback]) -> list[str]:
    """A name for every callback that decides something: its settings, counted where equal."""
    found: list[str] = []
    for callback in callbacks:
        if callback.settings:
            count = sum(name.partition(" #")[0] == callback.settings for name in found)
            found.append(f"{callback.settings} #{count + 1}" if count else callback.settings)
    return found


def differences(written: Mapping[str, str], own: Mapping[str, str]) -> list[str]:
    """In what the training that wrote a checkpoint was another one."""
    return [
        _DIGESTS.get(name, f"{name} {written.get(name, 'not known')} instead of {value}")
        for name, value in own.items()
        if written.get(name) != value
    ]


def write(path: Path, state: State, source: Mapping[str, str]) -> None:
    """Write where a training stands, whole or not at all.

    Raises:
        RunError: The file cannot be written.
    """
    content = {
        "version": _VERSION,
        "origin": dict(source),
        **{item.name: getattr(state, item.name) for item in fields(state)},
        "epochs": [(epoch.number, epoch.loss, epoch.score) for epoch in state.epochs],
    }
    write_sealed(path, content)


def read(path: Path, source: Mapping[str, str]) -> State | None:
    """Read where a training stands; ``None`` if there is no file.

    Raises:
        RunError: The file cannot be read, or was written by another training.
    """
    content = read_sealed(path, version=_VERSION)
    if content is None:
        return None
    try:
        found = differences(content["origin"], source)
        if found:
            raise RunError(
                f"{path}: was written by another training: {'; '.join(found)}",
                hint="remove it, use another file, or train with the same",
            )
        values = {item.name: content[item.name] for item in fields(State)}
        wrong = [name for name, kind in _KINDS.items() if not isinstance(values[name], kind)]
        held, best = values["model"], values["best_model"]
        if not wrong and best is not None and best.keys() != held.keys():
            wrong = ["best_model"]
        if not wrong and not values["random"]:
            wrong = ["random"]
        if wrong:
            raise RunError(f"{path}: is damaged, at {wrong[0]}", hint="remove it")
        values["epochs"] = [
            Epoch(int(number), float(loss), float(score))
            for number, loss, score in values["epochs"]
        ]
        return State(**values)
    except RunError:
        raise
    except Exception as error:  # whatever values of another kind raise
        raise cannot_be_read(path, error) from None


def load_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load weights and buffers, also such buffers as the one has and the other does not.

    Raises:
        ConfigError: They are those of another model, which is then as it was.
    """
    optional = {
        f"{path}.{name}" if path else name: (module, name)
        for path, module in model.named_modules()
        for name in module._buffers
        if name not in module._non_persistent_buffers_set
    }
    own = model.state_dict()
    faults = [name for name in own.keys() - state.keys() if name not in optional]
    faults += [name for name in state.keys() - own.keys() if name not in optional]
    faults += [
        name
        for name in state.keys() & own.keys()
        if not isinstance(state[name], type(own[name]))
        or (isinstance(own[name], Tensor) and state[name].shape != own[name].shape)
    ]
    if faults:
        raise ConfigError(f'the state is that of another model: "{min(faults)}" differs')
    for key, (module, name) in optional.items():
        if key not in state:
            module._buffers[name] = None
        elif module._buffers[name] is None:
            module._buffers[name] = torch.empty_like(state[key], device=_device(model))
    model.load_state_dict(dict(state))


def _device(model: nn.Module) -> torch.device:
    return next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
