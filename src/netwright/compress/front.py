"""The accuracy against cost front: many plans, fine-tuned and scored alike."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from torch import nn

from netwright.compress.allocation import RESIDUAL, Activations, TiedActivations, allocate
from netwright.compress.budget import Budget, total_bops
from netwright.compress.conversion import FINETUNING
from netwright.compress.part import apply_part
from netwright.compress.plan import LayerPlan, LayerShape, Plan, Width, uniform
from netwright.compress.sensitivities import LayerSensitivity
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train import Calibrate, Record, evaluate, fit, run_jobs

Kind = Literal["hawq", "uniform", "blind", "sampled"]

PUBLISHED_WIDTHS = (4, 5, 6, 7, 8)
"""Weight widths of the published search space: 5**4 plans for four layers, activations three bits
wider, input 16 bits (fastmachinelearning/hawq-jet-tagging, ``config.py``)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan to be tried, and how it was made."""

    kind: Kind
    label: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """What a plan achieves.

    Attributes:
        candidate: The plan.
        bops: Its bit operations for one input.
        accuracies: Test accuracy for each seed, 0..1.
        validation: Mean validation accuracy, by which plans may be chosen.
    """

    candidate: Candidate
    bops: float
    accuracies: tuple[float, ...]
    validation: float

    @property
    def accuracy(self) -> float:
        """Mean test accuracy, 0..1."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds; 0 for one seed."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0


def uniform_candidates(shapes: Sequence[LayerShape], widths: Sequence[int]) -> list[Candidate]:
    """Plans with one width for all weights, activations and the input."""
    return [
        Candidate("uniform", f"w{w}a{w}", uniform(tuple(shapes), weight_bits=w, activation_bits=w))
        for w in widths
    ]


def allocated_candidates(
    layers: Sequence[LayerSensitivity],
    budgets: Sequence[Budget],
    *,
    weight_bits: Sequence[int],
    activations: Activations,
    residual: float = RESIDUAL,
    blind: bool = False,
) -> list[Candidate]:
    """The best plan for each budget; with `blind`, for a metric that ignores curvature.

    The blind metric is the mean squared quantization error of a tensor, all tensors counting alike.

    Raises:
        Infeasible: No plan fits a budget.
    """
    kind: Kind = "blind" if blind else "hawq"
    metric = _blind if blind else None
    candidates = []
    for budget in budgets:
        origin = f"{kind}, {budget.kind} ≤ {budget.limit:.10g}"
        found = allocate(
            layers, (budget,), weight_bits=weight_bits, activations=activations,
            residual=residual, metric=metric, origin=origin,
        )  # fmt: skip
        candidates.append(Candidate(kind, f"{kind} {budget.limit:.10g}", found.plan))
    return candidates


def _blind(layer: LayerSensitivity, kind: str, bits: Width) -> float:
    if kind == "weight":
        return layer.weight.perturbation[bits] / layer.weight.size
    return layer.activation.mean_squared_error[bits]


def sampled_candidates(
    shapes: Sequence[LayerShape], count: int, *, seed: int = 0
) -> list[Candidate]:
    """Distinct random plans from the published search space."""
    rule = TiedActivations()
    space = len(PUBLISHED_WIDTHS) ** len(shapes)
    origin = f"sampled from {len(PUBLISHED_WIDTHS)}^{len(shapes)}"
    numbers = random.Random(seed).sample(range(space), min(count, space))
    candidates = []
    for number in numbers:
        widths = []
        for _ in shapes:
            number, digit = divmod(number, len(PUBLISHED_WIDTHS))
            widths.append(PUBLISHED_WIDTHS[digit])
        reads = [rule.input_bits, *(width + rule.extra for width in widths[:-1])]
        layers = tuple(
            LayerPlan(shape.name, w, a) for shape, w, a in zip(shapes, widths, reads, strict=True)
        )
        label = "".join(map(str, widths))
        candidates.append(Candidate("sampled", label, Plan(layers, origin=origin)))
    return candidates


@dataclass(frozen=True)
class _Trial:
    model: nn.Module
    plan: Plan
    task: Task
    epochs: int
    seed: int
    part: str | None


def _run(trial: _Trial) -> Record:
    recipe = replace(FINETUNING, epochs=trial.epochs, seed=trial.seed)
    model = apply_part(trial.model, trial.plan, trial.task, trial.part)
    fit(model, trial.task, recipe=recipe, callbacks=[Calibrate()])
    return {
        "test": evaluate(model, trial.task),
        "validation": evaluate(model, trial.task, split="validation"),
    }


def sweep(
    models: Sequence[nn.Module],
    task: Task,
    candidates: Sequence[Candidate],
    shapes: Sequence[LayerShape],
    *,
    epochs: int,
    seeds: Sequence[int],
    part: str | None = None,
    sampled_seeds: int = 1,
    log: str | Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[FrontPoint, ...]:
    """Fine-tune and score every candidate from the float model of every seed.

    Args:
        models: One trained float model for each seed.
        task: Data.
        candidates: The plans.
        shapes: Layer shapes, for the bit operations.
        epochs: Epochs of each fine-tuning.
        seeds: Seeds of the fine-tuning, one for each model.
        part: Path of the part of the models that gets the widths; all of them if not given.
        sampled_seeds: How many seeds the sampled candidates get.
        log: Finished trials; the sweep goes on from there.
        workers: Number of processes; the number of cores if not given.
        progress: Told of every trial.
    """
    log = None if log is None else Path(log)
    jobs: dict[str, _Trial] = {}
    keys: list[list[str]] = []
    for candidate in candidates:
        count = sampled_seeds if candidate.kind == "sampled" else len(seeds)
        keys.append([])
        for model, seed in list(zip(models, seeds, strict=True))[:count]:
            key = _key(candidate.plan, epochs, seed)
            jobs[key] = _Trial(model, candidate.plan, task, epochs, seed, part)
            keys[-1].append(key)

    def tell(done: float, total: float, text: str) -> None:
        progress(done, total, text.partition(" ")[2])  # without the digest

    records = run_jobs(_run, jobs, log=log, workers=workers, progress=tell)
    points = []
    for candidate, own in zip(candidates, keys, strict=True):
        found = [records[key] for key in own]
        points.append(
            FrontPoint(
                candidate,
                total_bops(shapes, candidate.plan),
                tuple(float(record["test"]) for record in found),
                float(np.mean([float(record["validation"]) for record in found])),
            )
        )
    return tuple(points)


def _key(plan: Plan, epochs: int, seed: int) -> str:
    text = f"{plan} {plan.rounding} {epochs} {seed}"
    biases = tuple(layer.bias_bits for layer in plan.layers)
    if any(bits is not None for bits in biases):
        text += f" {biases}"
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {plan} seed {seed}"
