"""Stage ``compress``: the optimal plan within the budget, fine-tuned for every seed."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.run.config import Settings
from netwright.run.sections import CompressSection, ModelSection, TaskSection
from netwright.run.stage import StageContext
from netwright.run.stages.common import (
    PLAN,
    count_jobs,
    float_model,
    load_task,
    read_sensitivity,
    weights_name,
    write_scores,
)

if TYPE_CHECKING:
    from netwright.compress import Activations, Plan
    from netwright.train import Record

ALLOCATION = "allocation.json"


class CompressParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        compress: How widths are chosen and networks fine-tuned.
        seeds: One fine-tuned network for each.
    """

    task: TaskSection
    model: ModelSection
    compress: CompressSection
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Job:
    parameters: CompressParameters
    inputs: dict[str, Path]
    plan: Plan
    seed: int
    weights: Path


def activations(section: CompressSection) -> Activations:
    """How a flow decides the widths of activations."""
    from netwright.compress import FreeActivations

    return FreeActivations(section.activation_bits, section.input_bits)


def compress(context: StageContext[CompressParameters]) -> None:
    """Choose the plan, then fine-tune on all cores; write plan, weights and scores."""
    from netwright.compress import BUDGETS, allocate, save_plan
    from netwright.train import run_jobs

    parameters, scratch, section = context.parameters, context.scratch, context.parameters.compress
    limit = section.budget
    found = allocate(
        read_sensitivity(context.inputs["sensitivity"]),
        (BUDGETS[limit.kind](limit.limit),),
        weight_bits=section.weight_bits,
        activations=activations(section),
        origin=f"hawq, {limit.kind} ≤ {limit.limit:.10g}",
    )
    plan = found.plan.with_rules(scale=section.scale, granularity=section.granularity)
    save_plan(plan, context.folder / PLAN)
    proof = {"objective": found.objective, "bound": found.bound, "costs": found.costs}
    (context.folder / ALLOCATION).write_text(json.dumps(proof, indent=2) + "\n")
    jobs = {
        f"seed {seed}": _Job(
            parameters, dict(context.inputs), plan, seed, scratch / weights_name(seed)
        )
        for seed in parameters.seeds
    }
    records = run_jobs(
        _finetune_one,
        jobs,
        log=scratch / "jobs.jsonl",
        on_done=count_jobs(context.progress, len(jobs)),
    )
    for job in jobs.values():
        shutil.copyfile(job.weights, context.folder / job.weights.name)
    write_scores(records, parameters.seeds, context.folder)


def _finetune_one(job: _Job) -> Record:
    from netwright.compress import finetune
    from netwright.train import evaluate, save_weights

    section = job.parameters.compress
    task = load_task(job.parameters.task, job.inputs)
    model = float_model(job.parameters.model, task, job.seed, job.inputs["train"])
    quantized = finetune(
        model,
        job.plan,
        task,
        epochs=section.epochs,
        batch_size=section.batch_size,
        learning_rate=section.learning_rate,
        seed=job.seed,
    )
    save_weights(quantized, job.weights)
    return {
        "validation": evaluate(quantized, task, split="validation"),
        "test": evaluate(quantized, task),
    }
