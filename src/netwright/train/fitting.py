"""Training as everyone calls it: one function for every model, task, objective and device."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netwright.errors import ConfigError
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train.callbacks import Callback
from netwright.train.checkpoint import Checkpoint
from netwright.train.devices import Alone, chosen_device
from netwright.train.history import History
from netwright.train.loop import train
from netwright.train.objective import Objective, Supervised
from netwright.train.recipe import Recipe
from netwright.train.spread import spread

_DEFAULT = Recipe()


def fit(
    model: nn.Module,
    task: Task,
    objective: Objective | None = None,
    recipe: Recipe = _DEFAULT,
    callbacks: Sequence[Callback] = (),
    *,
    checkpoint: Checkpoint | Path | str | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> History:
    """Train `model` in place, and leave it in evaluation mode.

    Model selection sees the validation split only.

    Args:
        model: Any module; it is called with the inputs of the task in their order.
        task: Data, loss and score.
        objective: What is made small; the task's loss if not given.
        recipe: Settings of the training.
        callbacks: What goes on beside the steps, in this order.
        checkpoint: Keeps where the training stands. A training that was interrupted anywhere goes
            on from there and gives what it had given without; one that has ended is read back.
            Both need the model to start from once more.
        progress: Told of every epoch, and of long ones each second.
        settings: Settings of the recipe that are others, by name: ``epochs=20``.

    Returns:
        The epochs, and the one whose model is kept.

    Raises:
        ConfigError: The model, the loss and the task do not fit, or there is no such device or
            setting.
        NumericsError: The loss is not finite.
        MissingExtra: Several devices are asked for, and Lightning Fabric is not installed.
        RunError: The checkpoint cannot be read or written, or belongs to another training; or one
            of several processes ended unexpectedly.
    """
    if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
        checkpoint = Checkpoint(Path(checkpoint))
    objective = Supervised(task.loss) if objective is None else objective
    _check_kinds(objective, recipe, callbacks)
    recipe = recipe.with_settings(settings)
    _check_model(model)
    if recipe.devices > 1:
        return spread(model, task, objective, recipe, callbacks, checkpoint, progress)
    group = Alone(chosen_device(recipe))
    return train(model, task, objective, recipe, callbacks, checkpoint, progress, group)


def _check_model(model: object) -> None:
    """Refuse what is no module, or has parameters that cannot be trained."""
    if not isinstance(model, nn.Module):
        raise ConfigError(f"a model must be a torch.nn.Module, not {type(model).__name__}")
    if isinstance(model, torch.jit.ScriptModule):
        raise ConfigError(
            "a scripted module cannot be trained", hint="pass the module that was scripted"
        )
    for name, parameter in model.named_parameters():
        if parameter.is_meta:
            raise ConfigError(
                f'parameter "{name}" of the model has no values', hint="load its weights first"
            )


def _check_kinds(objective: object, recipe: object, callbacks: Sequence[object]) -> None:
    """Refuse what is no objective, recipe or callback."""
    kinds = [("objective", objective, Objective), ("recipe", recipe, Recipe)]
    kinds += [("a callback", item, Callback) for item in callbacks]
    for what, given, kind in kinds:
        if not isinstance(given, kind):
            shown = given if isinstance(given, str | int | float) else type(given).__name__
            raise ConfigError(f"{what} must be a netwright.train.{kind.__name__}, not {shown!r}")
