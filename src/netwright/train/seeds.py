"""The same training for several seeds, on all cores, remembered on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from netwright.files import write_text
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train.jobs import Record, run_jobs
from netwright.train.loop import evaluate, fit
from netwright.train.weights import load_weights, save_weights


@dataclass(frozen=True)
class _Job:
    model: nn.Module
    task: Task
    seed: int
    path: Path
    epochs: int
    batch_size: int
    learning_rate: float


def weights_file(folder: str | Path, seed: int) -> Path:
    """Where :func:`fit_seeds` keeps the weights of a seed."""
    folder = Path(folder)
    return folder / f"seed-{seed}.npz"


def history_file(folder: str | Path, seed: int) -> Path:
    """Where :func:`fit_seeds` keeps the epochs of a seed: a loss and an accuracy for each."""
    return Path(folder) / f"seed-{seed}.history.json"


def fit_seeds(
    models: Mapping[int, nn.Module],
    task: Task,
    *,
    folder: str | Path,
    epochs: int = 20,
    batch_size: int = 512,
    learning_rate: float = 2e-3,
    workers: int | None = None,
    progress: Progress = silent,
) -> dict[int, Record]:
    """Train every model in place with its seed; a seed that is done is read from `folder`.

    Args:
        models: Untrained models by seed.
        task: Data and score.
        folder: Keeps weights and scores; one folder serves one set of settings.
        epochs: See :func:`~netwright.train.fit`, as for the next two.
        batch_size: Rows in one step.
        learning_rate: Peak learning rate.
        workers: Number of processes; the number of cores if not given.
        progress: Told of every seed.

    Returns:
        For each seed: ``test`` and ``validation`` accuracy, 0..1, and the ``epoch`` that was kept.
    """
    folder = Path(folder)
    jobs = {
        f"seed {seed}, {epochs} epochs": _Job(
            model, task, seed, weights_file(folder, seed), epochs, batch_size, learning_rate
        )
        for seed, model in models.items()
    }
    records = run_jobs(_train, jobs, log=folder / "seeds.jsonl", workers=workers, progress=progress)
    for seed, model in models.items():
        load_weights(model, weights_file(folder, seed))
        model.eval()
    return dict(zip(models, records.values(), strict=True))


def _train(job: _Job) -> Record:
    history = fit(
        job.model,
        job.task,
        epochs=job.epochs,
        batch_size=job.batch_size,
        learning_rate=job.learning_rate,
        seed=job.seed,
    )
    epochs = {
        "losses": [epoch.loss for epoch in history.epochs],
        "accuracies": [epoch.accuracy for epoch in history.epochs],
    }
    write_text(history_file(job.path.parent, job.seed), json.dumps(epochs) + "\n")
    save_weights(job.model, job.path)
    return {
        "test": evaluate(job.model, job.task),
        "validation": history.best.accuracy,
        "epoch": history.best.number,
    }
