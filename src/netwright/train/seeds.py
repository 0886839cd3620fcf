"""The same training for several seeds, on all cores, remembered on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from netwright.files import write_text
from netwright.progress import Progress, silent
from netwright.records import Record
from netwright.tasks import Task
from netwright.train.callbacks import Callback
from netwright.train.fitting import fit
from netwright.train.jobs import run_jobs
from netwright.train.objective import Objective
from netwright.train.prediction import evaluate
from netwright.train.recipe import Recipe
from netwright.train.weights import load_weights, save_weights

_DEFAULT = Recipe()


@dataclass(frozen=True)
class _Job:
    model: nn.Module
    task: Task
    path: Path
    objective: Objective | None
    recipe: Recipe
    callbacks: tuple[Callback, ...]


def weights_file(folder: str | Path, seed: int) -> Path:
    """Where :func:`fit_seeds` keeps the weights of a seed."""
    folder = Path(folder)
    return folder / f"seed-{seed}.npz"


def history_file(folder: str | Path, seed: int) -> Path:
    """Where :func:`fit_seeds` keeps the epochs of a seed: a loss and a score for each."""
    return Path(folder) / f"seed-{seed}.history.json"


def fit_seeds(
    models: Mapping[int, nn.Module],
    task: Task,
    *,
    folder: str | Path,
    objective: Objective | None = None,
    recipe: Recipe = _DEFAULT,
    callbacks: Sequence[Callback] = (),
    workers: int | None = None,
    progress: Progress = silent,
) -> dict[int, Record]:
    """Train every model in place with its seed; a seed that is done is read from `folder`.

    A seed that was interrupted goes on where it was.

    Args:
        models: Untrained models by seed.
        task: Data and score.
        folder: Keeps weights and scores; one folder serves one set of settings.
        objective: See :func:`~netwright.train.fit`, as for the next two.
        recipe: Its seed is not used: every training has its own.
        callbacks: Every training has a copy.
        workers: Number of processes; the number of cores if not given, and one where a training
            takes several devices.
        progress: Told of every seed.

    Returns:
        For each seed: the score on ``test`` and ``validation``, and the ``epoch`` that was kept.
    """
    folder = Path(folder)
    jobs = {
        f"seed {seed}, {recipe.epochs} epochs": _Job(
            model,
            task,
            weights_file(folder, seed),
            objective,
            replace(recipe, seed=seed),
            tuple(callback.for_seed(seed) for callback in callbacks),
        )
        for seed, model in models.items()
    }
    workers = 1 if recipe.devices > 1 and workers is None else workers
    records = run_jobs(_train, jobs, log=folder / "seeds.jsonl", workers=workers, progress=progress)
    for seed, model in models.items():
        load_weights(model, weights_file(folder, seed))
        model.eval()
    return dict(zip(models, records.values(), strict=True))


def _train(job: _Job) -> Record:
    name = f"seed-{job.recipe.seed}-{job.recipe.epochs}-epochs.checkpoint"
    unfinished = job.path.with_name(name)
    history = fit(
        job.model, job.task, job.objective, job.recipe, job.callbacks, checkpoint=unfinished
    )
    epochs = {
        "losses": [epoch.loss for epoch in history.epochs],
        "scores": [epoch.score for epoch in history.epochs],
    }
    write_text(history_file(job.path.parent, job.recipe.seed), json.dumps(epochs) + "\n")
    save_weights(job.model, job.path)
    found: Record = {
        "test": evaluate(job.model, job.task),
        "validation": history.best.score,
        "epoch": history.best.number,
    }
    unfinished.unlink(missing_ok=True)
    return found
