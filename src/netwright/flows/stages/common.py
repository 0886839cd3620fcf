"""What several stages share: the task, the networks of every seed, and progress by jobs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from netwright.errors import ConfigError
from netwright.flows.sections import ModelSection, SparsitySection, TaskSection
from netwright.flows.training import TrainingSettings
from netwright.python_file import parse
from netwright.reading import read_json, read_typed
from netwright.run.stage import P, StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from netwright.compress import Compressed, LayerSensitivity, LayerShape, NMSparsity
    from netwright.tasks import Task
    from netwright.train import Callback, Record

PLAN, SENSITIVITY, SCORES = "plan.json", "sensitivity.json", "scores.json"
SHAPES = "layers.json"
CURVES = "curves.json"


class Score(Settings):
    """The score of one network.

    Attributes:
        seed: Seed of its initial weights and shuffling.
        validation: On the validation split; networks are chosen by it.
        test: On the test split; reported only.
        larger_is_better: Whether the network of the largest score is the best.
    """

    seed: int
    validation: float
    test: float
    larger_is_better: bool = True


_SCORES = TypeAdapter(tuple[Score, ...])
_AGAIN = "train again: netwright run FLOW --from train"


def load_task(section: TaskSection, inputs: Mapping[str, Path]) -> Task:
    """The task of a flow, with the loss and the score that the flow says.

    Args:
        section: Which task.
        inputs: The stage's inputs, with the files of the section.

    Raises:
        ConfigError: What a Python file makes is no task, or another loss or score is no such thing.
    """
    from netwright.tasks import Task
    from netwright.tasks.scores import named

    said: dict[str, Any] = {}  # what targets are may depend on them, so the maker is told, too
    if section.loss is not None:
        said["loss"] = _placed(section.loss, "task.loss", inputs)
    if section.score is not None:
        said["score"] = named(_placed(section.score, "task.score", inputs))
    made = section.make("task", inputs, **said)
    if not isinstance(made, Task):
        raise ConfigError(
            f'task "{section.kind}" must make a netwright.tasks.Task, not {type(made).__name__}'
        )
    made = replace(made, **said)
    return made if section.rows is None else made.subset(section.rows)


def placed_options(section: TaskSection, inputs: Mapping[str, Path]) -> dict[str, Any]:
    """The options of a task, with the places of the files that they name."""
    options = {**section.options}
    return options | {n: inputs[f"task.{n}"] for n in options if f"task.{n}" in inputs}


def _placed(name: str, label: str, inputs: Mapping[str, Path]) -> str:
    """A name, with the place of its file if it is one of a Python file."""
    return f"{inputs[label]}:{parse(name).attribute}" if label in inputs else name


def new_model(
    section: ModelSection, task: Task, seed: int, inputs: Mapping[str, Path]
) -> nn.Module:
    """An untrained network; everything random in it is drawn from the seed.

    Raises:
        ConfigError: What a Python file makes is no module.
    """
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = section.make("model", inputs, task=task, seed=seed)
    if not isinstance(made, nn.Module):
        raise ConfigError(
            f'model "{section.kind}" must make a torch.nn.Module, not {type(made).__name__}'
        )
    return made


def weights_name(seed: int) -> str:
    """Name of the weights file of a seed."""
    return f"seed-{seed}.npz"


def float_model(
    section: ModelSection, task: Task, seed: int, inputs: Mapping[str, Path]
) -> nn.Module:
    """The trained float network of a seed, from the folder of the stage ``train``."""
    from netwright.train import load_weights

    model = new_model(section, task, seed, inputs)
    load_weights(model, inputs["train"] / weights_name(seed))
    return model.eval()


def quantized_model(
    section: ModelSection, module: str | None, task: Task, inputs: Mapping[str, Path]
) -> Compressed:
    """The fine-tuned network of the best seed, from the folder of the stage ``compress``."""
    from netwright.compress import build_part, load_plan
    from netwright.train import load_weights

    folder = inputs["compress"]
    seed = best_seed(folder)
    model = build_part(
        new_model(section, task, seed, inputs), load_plan(folder / PLAN), task, module
    )
    load_weights(model, folder / weights_name(seed))
    return model.eval()


def sparsity(section: SparsitySection | None) -> NMSparsity | None:
    """What gives the weights their zeros, if anything does."""
    from netwright.compress import NMSparsity

    made = None if section is None else section.make("sparsity", {})
    assert made is None or isinstance(made, NMSparsity)
    return made


def fit_networks(
    context: StageContext[P],
    models: Mapping[int, nn.Module],
    task: Task,
    settings: TrainingSettings,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train a network for every seed on all cores; leave weights, scores and curves in the folder.

    What is done survives a kill, in the stage's scratch folder: a seed, or a part of one.
    """
    from netwright.train import fit_seeds, history_file, weights_file

    context.progress(0, len(models), "")
    records = fit_seeds(
        models,
        task,
        folder=context.scratch,
        recipe=settings.recipe(),
        callbacks=callbacks,
        progress=context.progress,
    )
    for seed in models:
        shutil.copyfile(weights_file(context.scratch, seed), context.folder / weights_name(seed))
    curves = {seed: read_json(history_file(context.scratch, seed)) for seed in models}
    (context.folder / CURVES).write_text(json.dumps(curves, indent=2) + "\n")
    write_scores(records, task, context.folder)


def write_scores(records: Mapping[int, Record], task: Task, folder: Path) -> None:
    """Write the score of every seed."""
    scores = tuple(
        Score(
            seed=seed,
            validation=float(record["validation"]),
            test=float(record["test"]),
            larger_is_better=task.score.larger_is_better,
        )
        for seed, record in records.items()
    )
    (folder / SCORES).write_bytes(_SCORES.dump_json(scores, indent=2) + b"\n")


def read_scores(folder: Path) -> tuple[Score, ...]:
    """Read what :func:`write_scores` wrote."""
    return read_typed(folder / SCORES, _SCORES, what="holds no scores", hint=_AGAIN)


def best_seed(folder: Path) -> int:
    """The seed of the best validation score; of equal ones, the first."""
    scores = read_scores(folder)
    return max(scores, key=lambda s: s.validation if s.larger_is_better else -s.validation).seed


def read_sensitivity(folder: Path) -> tuple[LayerSensitivity, ...]:
    """The measured layers, from the folder of the stage ``sensitivity``.

    Raises:
        DataError: The file is damaged.
    """
    from netwright.compress import LayerSensitivity

    adapter = TypeAdapter(tuple[LayerSensitivity, ...])
    hint = "measure again: netwright run FLOW --from sensitivity"
    return read_typed(folder / SENSITIVITY, adapter, what="is damaged", hint=hint)


def read_shapes(folder: Path) -> tuple[LayerShape, ...]:
    """The layers that got widths, from the folder of the stage ``compress``.

    Raises:
        DataError: The file is damaged.
    """
    from netwright.compress import LayerShape

    adapter = TypeAdapter(tuple[LayerShape, ...])
    hint = "compress again: netwright run FLOW --from compress"
    return read_typed(folder / SHAPES, adapter, what="is damaged", hint=hint)
