"""Stage ``train``: the float network, once for every seed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.run.config import Settings
from netwright.run.sections import ModelSection, TaskSection, TrainSection
from netwright.run.stage import StageContext
from netwright.run.stages.common import (
    count_jobs,
    load_task,
    new_model,
    weights_name,
    write_scores,
)

if TYPE_CHECKING:
    from netwright.train import Record


class TrainParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        train: How it is trained.
        seeds: One network for each.
    """

    task: TaskSection
    model: ModelSection
    train: TrainSection
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Job:
    parameters: TrainParameters
    inputs: dict[str, Path]
    seed: int
    weights: Path


def train(context: StageContext[TrainParameters]) -> None:
    """Train one network a seed, on all cores; write weights and scores."""
    from netwright.train import run_jobs

    parameters, scratch = context.parameters, context.scratch
    jobs = {
        f"seed {seed}": _Job(parameters, dict(context.inputs), seed, scratch / weights_name(seed))
        for seed in parameters.seeds
    }
    records = run_jobs(
        _train_one,
        jobs,
        log=scratch / "jobs.jsonl",
        on_done=count_jobs(context.progress, len(jobs)),
    )
    for job in jobs.values():
        shutil.copyfile(job.weights, context.folder / job.weights.name)
    write_scores(records, parameters.seeds, context.folder)


def _train_one(job: _Job) -> Record:
    from netwright.train import evaluate, fit, save_weights

    task = load_task(job.parameters.task, job.inputs)
    model = new_model(job.parameters.model, task, job.seed)
    settings = job.parameters.train
    history = fit(
        model,
        task,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=job.seed,
    )
    save_weights(model, job.weights)
    return {
        "validation": history.best.accuracy,
        "test": evaluate(model, task),
        "epoch": history.best.number,
        "loss": history.best.loss,
    }
