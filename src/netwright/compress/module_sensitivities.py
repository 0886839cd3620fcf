"""How much the loss grows when layers of any module are quantized: no graph is traced."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from netwright.compress.curvature import hutchinson
from netwright.compress.modules import EVERYTHING, module_shapes
from netwright.compress.plan import Width
from netwright.compress.sensitivities import (
    LayerSensitivity,
    MeasuredLoss,
    WeightSensitivity,
    growth_of_inputs,
    perturbations,
)
from netwright.errors import ConfigError
from netwright.formats import Int
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train.batches import trimmed
from netwright.train.losses import Loss, find_loss
from netwright.train.quantizer import QuantSpec

ROWS, PROBES = 64, 32


def module_sensitivity(
    model: nn.Module,
    task: Task,
    *,
    widths: Sequence[Width],
    layers: Sequence[str] = EVERYTHING,
    rows: int = ROWS,
    probes: int = PROBES,
    seed: int = 0,
    loss: str | Loss | None = None,
    progress: Progress = silent,
) -> tuple[LayerSensitivity, ...]:
    """Measure layers of a trained module, as :func:`~netwright.compress.sensitivity` does.

    The traces of all layers are estimated with the same probes, and no eigenvalue is computed.

    Args:
        model: Any module whose loss has a second derivative; it is not changed.
        task: Data.
        widths: Candidates for weights and for what layers read, such as ``Choice("outlier", 4)``.
        layers: Patterns of the paths of layers.
        rows: Training rows on which the loss is taken.
        probes: Hutchinson probes.
        seed: Their seed.
        loss: Name of a loss or a function; that of the task if not given.
        progress: Told of every probe.

    Raises:
        ConfigError: `rows` is out of range, a pattern matches no layer, or the loss does not suit.
        NumericsError: Weights or the loss are not finite.
    """
    if rows < 1 or not widths:
        raise ConfigError(f"rows must be 1 or more and there must be widths, not {rows}, {widths}")
    shapes = module_shapes(model, task, layers)
    whole = copy.deepcopy(model).eval()
    found = {shape.name: whole.get_submodule(shape.name) for shape in shapes}
    weights = [layer.get_parameter("weight").requires_grad_(True) for layer in found.values()]
    few = task.train.take(slice(rows))
    arrays = {name: torch.from_numpy(array) for name, array in few.arrays.items()}
    inputs = list(trimmed(arrays).values())
    measure = MeasuredLoss(
        find_loss(task.loss if loss is None else loss), torch.from_numpy(few.targets)
    )
    traces = hutchinson(
        measure(whole(*inputs)), weights, probes=probes, relative_error=0.0,
        generator=torch.Generator().manual_seed(seed), together=True, progress=progress,
    )  # fmt: skip
    activations = growth_of_inputs(
        found, whole, inputs, measure, widths,
        spec_of=lambda _, bits: QuantSpec(Int(bits), power_of_two=False),
    )  # fmt: skip
    result = []
    for shape, block, trace in zip(shapes, weights, traces, strict=True):
        error = perturbations(
            shape.name, block, widths, per_channel=True,
            spec_of=partial(_spec, len(block)),
        )  # fmt: skip
        weight = WeightSensitivity(trace, block.numel(), None, error)
        result.append(LayerSensitivity(shape, weight, activations[shape.name]))
    return tuple(result)


def _spec(channels: int, bits: int) -> QuantSpec:
    return QuantSpec(Int(bits), power_of_two=False, channels=channels)
