"""Stage ``sensitivity``: how much the loss grows when each tensor is quantized."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from netwright.flows.sections import (
    AnyModel,
    AnyTask,
    CompressSection,
    ModelSection,
    TaskSection,
)
from netwright.flows.stages.common import SENSITIVITY, float_model, load_task
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from netwright.compress import Measurement


class SensitivityParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        module: Path of the part that is measured.
        weight_bits: Candidate widths of weights.
        activation_bits: Candidate widths of what layers read.
        scale: Rule for the scales.
        granularity: Rule for the scales of weights.
        probes: Most Hutchinson probes for a tensor.
        seed: Seed of the network that is measured, and of the probes.
    """

    task: AnyTask
    model: AnyModel
    module: str | None
    weight_bits: tuple[int, ...]
    activation_bits: tuple[int, ...]
    scale: str
    granularity: str
    probes: int
    seed: int

    @classmethod
    def of(
        cls,
        task: TaskSection,
        model: ModelSection,
        section: CompressSection,
        wanted: Measurement,
        *,
        seed: int,
    ) -> Self:
        """What a compressor wants to be measured, with the rules of its section."""
        return cls(
            task=task,
            model=model,
            module=section.module,
            weight_bits=wanted.weight_bits,
            activation_bits=wanted.activation_bits,
            scale=section.scale,
            granularity=section.granularity,
            probes=wanted.probes,
            seed=seed,
        )


def measure(context: StageContext[SensitivityParameters]) -> None:
    """Measure every layer of the first seed's float network."""
    from netwright.compress import sensitivity

    p = context.parameters
    task = load_task(p.task, context.inputs)
    model = float_model(p.model, task, p.seed, context.inputs)
    layers = sensitivity(
        model,
        task,
        part=p.module,
        weight_bits=p.weight_bits,
        activation_bits=p.activation_bits,
        probes=p.probes,
        scale="float" if p.scale == "float" else "power-of-two",
        granularity="channel" if p.granularity == "channel" else "tensor",
        seed=p.seed,
        progress=context.progress,
    )
    text = json.dumps([asdict(layer) for layer in layers], indent=2)
    (context.folder / SENSITIVITY).write_text(text + "\n")
