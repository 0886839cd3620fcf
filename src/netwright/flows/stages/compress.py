"""Stage ``compress``: the optimal plan within the budget, fine-tuned for every seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from netwright.flows.sections import CompressSection, ModelSection, TaskSection
from netwright.flows.stages.common import (
    PLAN,
    fit_networks,
    float_model,
    load_task,
    read_sensitivity,
)
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from netwright.compress import Activations, Budget
    from netwright.tasks import Task

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


def budget_makers(
    kinds: Collection[str], section: CompressSection, model: nn.Sequential, task: Task
) -> dict[str, Callable[[float], Budget]]:
    """What makes a budget of each kind from its limit; LUTs are counted on the model's weights."""
    from netwright.compress import BUDGETS, count_layers, luts

    makers = {kind: BUDGETS[kind] for kind in kinds}
    if "luts" in makers:
        cost = count_layers(
            model,
            task,
            weight_bits=section.weight_bits,
            scale=section.scale,
            granularity=section.granularity,
        )
        makers["luts"] = partial(luts, cost=cost)
    return makers


def compress(context: StageContext[CompressParameters]) -> None:
    """Choose the plan, then fine-tune on all cores; write plan, weights and scores."""
    from netwright.compress import allocate, apply, save_plan
    from netwright.train import Calibrate

    parameters, section = context.parameters, context.parameters.compress
    limits = (section.budget, *section.other_budgets)
    task = load_task(parameters.task, context.inputs)
    floating = {
        seed: float_model(parameters.model, task, seed, context.inputs["train"])
        for seed in parameters.seeds
    }
    makers = budget_makers(
        {limit.kind for limit in limits}, section, floating[parameters.seeds[0]], task
    )
    found = allocate(
        read_sensitivity(context.inputs["sensitivity"]),
        [makers[limit.kind](limit.limit) for limit in limits],
        weight_bits=section.weight_bits,
        activations=activations(section),
        residual=section.residual,
        origin="hawq, " + ", ".join(f"{limit.kind} ≤ {limit.limit:.10g}" for limit in limits),
    )
    plan = found.plan.with_rules(scale=section.scale, granularity=section.granularity)
    save_plan(plan, context.folder / PLAN)
    proof = {
        "objective": found.objective,
        "bound": found.bound,
        "proven": found.is_proven,
        "costs": found.costs,
    }
    (context.folder / ALLOCATION).write_text(json.dumps(proof, indent=2) + "\n")
    models = {seed: apply(model, plan, task) for seed, model in floating.items()}
    fit_networks(context, models, task, section, [Calibrate()])
