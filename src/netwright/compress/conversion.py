"""A plan put into a model: quantized layers stand where the float layers stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from netwright.compress.insertion import insert
from netwright.compress.plan import LayerShape, Plan
from netwright.errors import ConfigError, DataError
from netwright.ir import Graph, Node
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train import (
    Calibrate,
    Callback,
    Checkpoint,
    KeepNM,
    Objective,
    QuantModel,
    Recipe,
    fit,
)
from netwright.train.callbacks import CALIBRATION_ROWS
from netwright.train.layers import Transposed, outputs_first
from netwright.train.prepared import InputShapes, Prepared, Shape, prepare

FINETUNING = Recipe(epochs=10, learning_rate=1e-3)
"""How a quantized network is trained if nothing else is said."""


def layer_shapes(model: nn.Module, input_shape: InputShapes) -> tuple[LayerShape, ...]:
    """The shapes of the layers with weights, in the order in which they are computed.

    Args:
        model: Any module that :func:`netwright.train.trace` understands, each of its layers with
            weights used once.
        input_shape: Shape of one row of the input; of every input by name, if there are several.

    Raises:
        GraphError: `forward` cannot be followed, or uses a layer twice.
        VerificationError: What was traced does not give what `forward` gives.
    """
    return shapes_of(prepare(model, input_shape))


def shapes_of(prepared: Prepared) -> tuple[LayerShape, ...]:
    """The shapes of the layers of a prepared network."""
    graph = prepared.graph
    return tuple(
        _shape(graph, graph.node(name), path, prepared) for name, path in prepared.paths.items()
    )


def _shape(graph: Graph, node: Node, path: str, prepared: Prepared) -> LayerShape:
    layer = prepared.layer(path)
    weight = outputs_first(layer, layer.weight)
    axis = len(graph.types[node.output].shape) - 1 if node.op == "MatMul" else 1
    # every weight of a transposed convolution is used once for each position that comes in
    places = graph.types[node.inputs[0] if isinstance(layer, Transposed) else node.output].shape
    return LayerShape(
        name=path,
        inputs=weight[0].numel(),
        outputs=len(weight),
        positions=prod(extent for i, extent in enumerate(places) if i not in (0, axis)),
        weights=weight.numel(),
    )


def apply(
    model: nn.Module, plan: Plan, task: Task, *, input_shape: InputShapes | None = None
) -> QuantModel:
    """A quantized copy of `model` with the widths of `plan`, its scales calibrated on the task.

    Normalizations are folded where a layer with weights is before them. What follows a ReLU is
    unsigned. The outputs keep the precision of the last sums.

    Args:
        model: The float model; it is not changed. Branches, sums and concatenations stay what they
            are.
        plan: One entry for each layer with weights, by its path in the module.
        task: Its training inputs choose the scales.
        input_shape: Shape of one row of every input; that of the task if not given.

    Raises:
        ConfigError: The plan names other layers than the model has, or gives a signed tensor 1 bit.
        GraphError: `forward` cannot be followed, or uses a layer twice.
        UnsupportedOp: Something in it has no quantized counterpart.
    """
    shapes = task.input_shapes if input_shape is None else input_shape
    quantized = build(model, plan, input_shape=shapes, head=head_of(task))
    quantized.calibrate(*training_rows(task, quantized.input_shapes, CALIBRATION_ROWS))
    return quantized.eval()


def head_of(task: Task) -> str:
    """What follows a network of this task on the host."""
    return "softmax" if task.classes else ""


def training_rows(task: Task, shapes: Mapping[str, Shape], count: int) -> list[Tensor]:
    """The first training rows, an array for each input of a network.

    Raises:
        DataError: The task has another number of inputs.
    """
    arrays = list(task.train.arrays.values())
    if len(arrays) != len(shapes):
        raise DataError(
            f"the network takes {', '.join(shapes)}; the task has {', '.join(task.train.arrays)}"
        )
    return [
        torch.from_numpy(array[:count]).reshape(-1, *shape)
        for array, shape in zip(arrays, shapes.values(), strict=True)
    ]


def build(model: nn.Module, plan: Plan, *, input_shape: InputShapes, head: str = "") -> QuantModel:
    """The quantized copy without calibrated scales; see :func:`apply`.

    Args:
        model: The float model; it is not changed.
        plan: One entry for each layer with weights, by its path in the module.
        input_shape: Shape of one row of the input; of every input by name, if there are several.
        head: What follows on the host, see :func:`head_of`.
    """
    prepared = prepare(model, input_shape)
    found, planned = list(prepared.paths.values()), [layer.name for layer in plan.layers]
    if found != planned:
        raise ConfigError(
            f"the plan names the layers {', '.join(planned)}; the model has {', '.join(found)}"
        )
    named = [layer for layer in plan.layers if not layer.is_uniform]
    if named:
        raise ConfigError(
            f'layer "{named[0].name}": integer networks know no quantizers with a name '
            f"({named[0].weights}, {named[0].inputs})",
            hint="netwright.compress.quantize_module puts them into any module",
        )
    return insert(prepared, plan, head=head)


def finetune(
    model: nn.Module,
    plan: Plan,
    task: Task,
    *,
    objective: Objective | None = None,
    recipe: Recipe = FINETUNING,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoint | Path | str | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> QuantModel:
    """Apply `plan` to `model` and train the result quantization-aware; see :func:`train.fit`.

    Args:
        model: The float model; it is not changed.
        plan: Widths of every layer.
        task: Data.
        objective: What is made small; the task's loss if not given.
        recipe: Settings of the training.
        callbacks: What goes on beside it; the scales are calibrated besides, and the patterns of
            the plan kept, if none of them does.
        checkpoint: Where the training is kept.
        progress: Told of every epoch.
        settings: Settings of the recipe that are others, by name: ``epochs=20``.
    """
    recipe = recipe.with_settings(settings)
    quantized = apply(model, plan, task)
    if not any(isinstance(callback, Calibrate) for callback in callbacks):
        callbacks = (Calibrate(), *callbacks)
    patterns = {layer.name: layer.pattern for layer in plan.layers if layer.pattern is not None}
    if patterns and not any(isinstance(callback, KeepNM) for callback in callbacks):
        callbacks = (KeepNM(next(iter(patterns.values())), layers=patterns), *callbacks)
    fit(quantized, task, objective, recipe, callbacks, checkpoint=checkpoint, progress=progress)
    return quantized
