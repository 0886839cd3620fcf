"""Stage ``compress``: the optimal plan within the budget, fine-tuned for every seed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from netwright.run.config import Settings
from netwright.run.sections import CompressSection, ModelSection, TaskSection
from netwright.run.stage import StageContext
from netwright.run.stages.common import (
    PLAN,
    fit_networks,
    float_model,
    load_task,
    read_sensitivity,
)

if TYPE_CHECKING:
    from netwright.compress import Activations

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


def activations(section: CompressSection) -> Activations:
    """How a flow decides the widths of activations."""
    from netwright.compress import FreeActivations

    return FreeActivations(section.activation_bits, section.input_bits)


def compress(context: StageContext[CompressParameters]) -> None:
    """Choose the plan, then fine-tune on all cores; write plan, weights and scores."""
    from netwright.compress import BUDGETS, allocate, apply, save_plan

    parameters, section = context.parameters, context.parameters.compress
    limits = (section.budget, *section.other_budgets)
    found = allocate(
        read_sensitivity(context.inputs["sensitivity"]),
        [BUDGETS[limit.kind](limit.limit) for limit in limits],
        weight_bits=section.weight_bits,
        activations=activations(section),
        residual=section.residual,
        origin="hawq, " + ", ".join(f"{limit.kind} ≤ {limit.limit:.10g}" for limit in limits),
    )
    plan = found.plan.with_rules(scale=section.scale, granularity=section.granularity)
    save_plan(plan, context.folder / PLAN)
    proof = {"objective": found.objective, "bound": found.bound, "costs": found.costs}
    (context.folder / ALLOCATION).write_text(json.dumps(proof, indent=2) + "\n")
    task = load_task(parameters.task, context.inputs)
    trained = context.inputs["train"]
    models = {
        seed: apply(float_model(parameters.model, task, seed, trained), plan, task)
        for seed in parameters.seeds
    }
    fit_networks(context, models, task, section)
