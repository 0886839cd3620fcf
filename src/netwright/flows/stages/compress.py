"""Stage ``compress``: the optimal plan within the budget, fine-tuned for every seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.errors import ConfigError
from netwright.flows.sections import AnyCompressor, AnyModel, AnyTask, CompressSection
from netwright.flows.stages.common import (
    PLAN,
    SHAPES,
    fit_networks,
    float_model,
    load_task,
    read_sensitivity,
    sparsity,
)
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from netwright.compress import Compressor, Subject
    from netwright.tasks import Task
    from netwright.train import Callback

ALLOCATION = "allocation.json"


class CompressParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        compress: How widths are chosen and networks fine-tuned.
        seeds: One fine-tuned network for each.
    """

    task: AnyTask
    model: AnyModel
    compress: AnyCompressor
    seeds: tuple[int, ...]


def compressor(section: CompressSection, inputs: Mapping[str, Path]) -> Compressor:
    """What chooses the widths.

    Raises:
        ConfigError: What a Python file makes is no compressor.
    """
    from netwright.compress import Compressor

    made = section.make("compress", inputs)
    if not isinstance(made, Compressor):
        raise ConfigError(
            f'compressor "{section.kind}" must make a netwright.compress.Compressor, '
            f"not {type(made).__name__}"
        )
    return made


def subject(
    section: CompressSection, model: nn.Module, task: Task, inputs: Mapping[str, Path]
) -> Subject:
    """The network as a compressor sees it."""
    from netwright.compress import Subject, part_shapes

    return Subject(
        model=model,
        task=task,
        shapes=part_shapes(model, task, section.module),
        sensitivities=read_sensitivity(inputs["sensitivity"]) if "sensitivity" in inputs else (),
        scale=section.scale,
        granularity=section.granularity,
    )


def compress(context: StageContext[CompressParameters]) -> None:
    """Choose the plan, then fine-tune on all cores; write plan, weights and scores.

    Args:
        context: What the stage works with.
        folder: Where the relative paths of records start.
    """
    from netwright.compress import apply_part, save_plan
    from netwright.train import Calibrate

    p, section, inputs = context.parameters, context.parameters.compress, context.inputs
    task = load_task(p.task, inputs)
    floating = {seed: float_model(p.model, task, seed, inputs) for seed in p.seeds}
    given = subject(section, floating[p.seeds[0]], task, inputs)
    found = compressor(section, inputs).choose(given)
    plan = found.plan.with_rules(scale=section.scale, granularity=section.granularity)
    callbacks: list[Callback] = [Calibrate()]
    sparse = sparsity(section.sparsity)
    if sparse is not None:
        plan = plan.with_patterns(sparse.patterns(given.model, task, part=section.module))
        callbacks.insert(0, sparse.callback())
    callbacks += section.made_callbacks("compress", inputs, folder=context.logs)
    save_plan(plan, context.folder / PLAN)
    (context.folder / ALLOCATION).write_text(json.dumps(found.record, indent=2) + "\n")
    layers = json.dumps([asdict(shape) for shape in given.shapes], indent=2)
    (context.folder / SHAPES).write_text(layers + "\n")
    models = {
        seed: apply_part(model, plan, task, section.module) for seed, model in floating.items()
    }
    fit_networks(context, models, task, section, callbacks)
