"""Trainings of the study ``nm-training``: each is done once, and its scores are kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from statistics import fmean, stdev

from torch import nn

from netwright import models, tasks, train
from netwright.formats import NM
from netwright.records import read_records
from netwright.studies.study import Context

METHODS = ("sr-ste", "sdgp", "sdwp", "bdwp", "bi-mask")
"""Beside dense training, which is the baseline of all of them."""

PATTERNS = (NM(2, 8), NM(2, 4), NM(1, 8), NM(1, 16))
SEEDS = (1, 2, 3, 4, 5)
LOG = "trainings.jsonl"
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
"""Two-sided 95 % points of Student's distribution by degrees of freedom."""

EPOCHS = {"jets": 12, "wide": 12, "autoencoder": 6}
RECIPES = {
    "jets": train.Recipe(batch_size=1024, learning_rate=4e-3),
    "wide": train.Recipe(batch_size=1024, learning_rate=4e-3),
    "autoencoder": train.Recipe(batch_size=512, learning_rate=6e-3, warmup=0.02),
}
HIDDEN = {"jets": (64, 32, 32), "wide": (256, 128, 128)}


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        task: Which network of :data:`EPOCHS`.
        method: See :class:`~netwright.train.KeepNM`.
        pattern: N:M.
        decay: See there; the published one of the method if not given.
        seed: Of weights and of the order of the rows.
        epochs: Passes over the rows.
    """

    task: str
    method: str
    pattern: NM
    decay: float | None
    seed: int
    epochs: int

    @property
    def key(self) -> str:
        """Its name in the file of what is done."""
        pattern = "" if self.method == "dense" else f" {self.pattern.kept}:{self.pattern.group}"
        decay = "" if self.decay is None else f", decay {self.decay:g}"
        return f"{self.task} {self.method}{pattern}{decay}, {self.epochs} epochs: {self.seed}"


@cache
def task_of(name: str) -> tasks.Task:
    """Jets, or wafers of the calorimeter."""
    return tasks.calorimeter(layout="8x8") if name == "autoencoder" else tasks.jets()


def network(name: str, task: tasks.Task, seed: int) -> nn.Module:
    """The network of a task before its training."""
    if name == "autoencoder":
        return models.wafer_autoencoder(task, seed=seed)
    return models.mlp(task, hidden=HIDDEN[name], seed=seed)


def run(job: Job) -> train.Record:
    """Train once; the scores and the share of the multiplications that was left."""
    task = task_of(job.task)
    model = network(job.task, task, job.seed)
    keep = train.KeepNM(job.pattern, method=job.method, decay=job.decay)  # type: ignore[arg-type]
    recipe = RECIPES[job.task].with_settings({"epochs": job.epochs, "seed": job.seed})
    history = train.fit(model, task, recipe=recipe, callbacks=[keep])
    dense = sum(layer.stages * layer.dense for layer in keep.macs)
    return {
        "test": train.evaluate(model, task),
        "validation": history.best.score,
        "macs": sum(layer.done for layer in keep.macs) / dense,
    }


def jobs_of(task: str, method: str, pattern: NM, *, decay: float | None = None) -> list[Job]:
    """The trainings of every seed."""
    return [Job(task, method, pattern, decay, seed, EPOCHS[task]) for seed in SEEDS]


def records(context: Context, jobs: Sequence[Job]) -> list[train.Record]:
    """What the trainings gave; those that are not done yet are done now."""
    context.folder.mkdir(parents=True, exist_ok=True)
    found = train.run_jobs(run, {job.key: job for job in jobs}, log=context.folder / LOG)
    return list(found.values())


@dataclass(frozen=True)
class Loss:
    """By how much a method is worse than dense training, in points or per cent.

    Attributes:
        mean: Over the seeds, each against the dense training of the same seed.
        half: Half the width of the 95 % interval of that mean.
        dense: Mean score of dense training.
        macs: Share of the multiplications of all layers that was left.
    """

    mean: float
    half: float
    dense: float
    macs: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ± {self.half:.2f}"


def loss(
    context: Context, task: str, method: str, pattern: NM, *, decay: float | None = None
) -> Loss:
    """Points of accuracy lost, or per cent of distance gained, seed by seed."""
    base = records(context, jobs_of(task, "dense", PATTERNS[0]))
    own = records(context, jobs_of(task, method, pattern, decay=decay))
    tests = [(float(a["test"]), float(b["test"])) for a, b in zip(base, own, strict=True)]
    grows = not task_of(task).score.larger_is_better
    each = [100 * (b / a - 1) if grows else 100 * (a - b) for a, b in tests]
    half = STUDENT[len(each) - 1] * stdev(each) / sqrt(len(each))
    macs = fmean(float(record["macs"]) for record in own)
    return Loss(fmean(each), half, fmean(a for a, _ in tests), macs)


def is_done(context: Context, task: str) -> bool:
    """Whether all trainings of a task with every method and pattern are on disk."""
    done = read_records(context.folder / LOG)
    jobs = jobs_of(task, "dense", PATTERNS[0])
    jobs += [job for m in METHODS for p in PATTERNS for job in jobs_of(task, m, p)]
    return all(job.key in done for job in jobs)
