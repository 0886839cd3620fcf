"""What several stages share: the task, the networks of every seed, and progress by jobs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from pydantic import TypeAdapter

from netwright.flows.sections import ModelSection, TaskSection
from netwright.reading import read_json, read_typed
from netwright.registry import resolve
from netwright.run.stage import P, StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from netwright.compress import LayerSensitivity
    from netwright.tasks import Task
    from netwright.train import Callback, QuantModel, Recipe, Record

TABLE = "table"
"""Name under which stages know the data file of a flow that brings its own."""

PLAN, SENSITIVITY, SCORES = "plan.json", "sensitivity.json", "scores.json"
CURVES = "curves.json"


class Score(Settings):
    """Accuracy of one network, 0..1.

    Attributes:
        seed: Seed of its initial weights and shuffling.
        validation: On the validation split; networks are chosen by it.
        test: On the test split; reported only.
    """

    seed: int
    validation: float
    test: float


_SCORES = TypeAdapter(tuple[Score, ...])
_AGAIN = "train again: netwright run FLOW --from train"


class _LoadTask(Protocol):
    def __call__(self, *, seed: int, path: Path | None) -> Task:
        """Make a task."""


def load_task(section: TaskSection, inputs: Mapping[str, Path]) -> Task:
    """The task of a flow.

    Args:
        section: Which task.
        inputs: The stage's inputs, with the data file under :data:`TABLE` if there is one.
    """
    make = cast(_LoadTask, resolve("tasks", section.kind))
    task = make(seed=section.seed, path=inputs.get(TABLE))
    return task if section.rows is None else task.subset(section.rows)


def new_model(section: ModelSection, task: Task, seed: int) -> nn.Sequential:
    """An untrained network."""
    from netwright.models import mlp

    return mlp(task, hidden=section.hidden, batch_norm=section.batch_norm, seed=seed)


def weights_name(seed: int) -> str:
    """Name of the weights file of a seed."""
    return f"seed-{seed}.npz"


def float_model(section: ModelSection, task: Task, seed: int, folder: Path) -> nn.Sequential:
    """The trained float network of a seed, from the folder of the stage ``train``."""
    from netwright.train import load_weights

    model = new_model(section, task, seed)
    load_weights(model, folder / weights_name(seed))
    return model.eval()


def quantized_model(section: ModelSection, task: Task, seed: int, folder: Path) -> QuantModel:
    """The fine-tuned network of a seed, from the folder of the stage ``compress``."""
    from netwright.compress import build, head_of, load_plan
    from netwright.train import load_weights

    plan = load_plan(folder / PLAN)
    network = new_model(section, task, seed)
    model = build(network, plan, input_shape=task.input_shapes, head=head_of(task))
    load_weights(model, folder / weights_name(seed))
    return model.eval()


class Fitting(Protocol):
    """The settings of a training."""

    @property
    def epochs(self) -> int:
        """Passes over the training rows."""

    @property
    def batch_size(self) -> int:
        """Rows in one step."""

    @property
    def learning_rate(self) -> float:
        """Peak of the schedule."""


def recipe_of(settings: Fitting, *, seed: int = 0) -> Recipe:
    """The recipe that a section of a flow says."""
    from netwright.train import Recipe

    return Recipe(
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=seed,
    )


def fit_networks(
    context: StageContext[P],
    models: Mapping[int, nn.Module],
    task: Task,
    settings: Fitting,
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
        recipe=recipe_of(settings),
        callbacks=callbacks,
        progress=context.progress,
    )
    for seed in models:
        shutil.copyfile(weights_file(context.scratch, seed), context.folder / weights_name(seed))
    curves = {seed: read_json(history_file(context.scratch, seed)) for seed in models}
    (context.folder / CURVES).write_text(json.dumps(curves, indent=2) + "\n")
    write_scores(records, context.folder)


def write_scores(records: Mapping[int, Record], folder: Path) -> None:
    """Write the score of every seed."""
    scores = tuple(
        Score(seed=seed, validation=float(record["validation"]), test=float(record["test"]))
        for seed, record in records.items()
    )
    (folder / SCORES).write_bytes(_SCORES.dump_json(scores, indent=2) + b"\n")


def read_scores(folder: Path) -> tuple[Score, ...]:
    """Read what :func:`write_scores` wrote."""
    return read_typed(folder / SCORES, _SCORES, what="holds no scores", hint=_AGAIN)


def best_seed(folder: Path) -> int:
    """The seed of the best validation accuracy; of equal ones, the first."""
    scores = read_scores(folder)
    return max(scores, key=lambda score: score.validation).seed


def read_sensitivity(folder: Path) -> tuple[LayerSensitivity, ...]:
    """The measured layers, from the folder of the stage ``sensitivity``.

    Raises:
        DataError: The file is damaged.
    """
    from netwright.compress import LayerSensitivity

    adapter = TypeAdapter(tuple[LayerSensitivity, ...])
    hint = "measure again: netwright run FLOW --from sensitivity"
    return read_typed(folder / SENSITIVITY, adapter, what="is damaged", hint=hint)
