"""A plan put into a model: the float layers become quantized layers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from netwright.compress.plan import LayerPlan, LayerShape, Plan
from netwright.errors import ConfigError, UnsupportedOp
from netwright.formats import Int
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train import (
    Calibrate,
    Callback,
    Checkpoint,
    Objective,
    QuantInput,
    QuantLayer,
    QuantModel,
    QuantSpec,
    Recipe,
    as_sequence,
    checked_sequence,
    fit,
    fold_batch_norm,
)
from netwright.train.callbacks import CALIBRATION_ROWS
from netwright.train.symbolic import evaluation

FINETUNING = Recipe(epochs=10, learning_rate=1e-3)
"""How a quantized network is trained if nothing else is said."""

_TRANSPARENT = (nn.Flatten, nn.MaxPool2d, nn.Identity, nn.Dropout)
_WEIGHTED = (nn.Linear, nn.Conv2d)


def layer_shapes(model: nn.Module, input_shape: tuple[int, ...]) -> tuple[LayerShape, ...]:
    """The shapes of the layers with weights, in order.

    Args:
        model: A chain of linear and convolutional layers, normalizations, ReLU, ``Flatten``,
            ``MaxPool2d``: a sequence, or a module whose `forward` is one.
        input_shape: Shape of one input row.

    Raises:
        UnsupportedOp: A layer of another kind.
        GraphError: `forward` is no chain.
        VerificationError: The layers, one after another, do not give what `forward` gives.
    """
    shapes: list[LayerShape] = []
    values = torch.zeros(1, *input_shape)
    for name, layer in as_sequence(model).named_children():
        _check_kind(name, layer)
    chain = checked_sequence(model, input_shape)
    with evaluation(chain), torch.no_grad():
        for name, layer in chain.named_children():
            values = layer(values)
            if isinstance(layer, _WEIGHTED):
                weight: Tensor = layer.weight
                shapes.append(
                    LayerShape(
                        name=name,
                        inputs=weight[0].numel(),
                        outputs=len(weight),
                        positions=values[0].numel() // len(weight),
                        weights=weight.numel(),
                    )
                )
    return tuple(shapes)


def _check_kind(name: str, layer: nn.Module) -> None:
    accepted = (*_WEIGHTED, *_TRANSPARENT, nn.ReLU, nn.BatchNorm1d, nn.BatchNorm2d)
    if not isinstance(layer, accepted):
        raise UnsupportedOp(
            type(layer).__name__,
            node=name,
            where="compress",
            hint="accepted: " + ", ".join(kind.__name__ for kind in accepted),
        )


def apply(
    model: nn.Module, plan: Plan, task: Task, *, input_shape: tuple[int, ...] | None = None
) -> QuantModel:
    """A quantized copy of `model` with the widths of `plan`, its scales calibrated on the task.

    Normalizations are folded first. Activations after a ReLU are unsigned. The last layer's
    accumulators are the logits and are not quantized again.

    Args:
        model: The float model, a chain of layers; it is not changed.
        plan: One entry for each layer with weights, in the model's order.
        task: Its training inputs choose the scales.
        input_shape: Shape of one input row; (features,) if not given.

    Raises:
        ConfigError: The plan names other layers than the model has, or gives a signed tensor 1 bit.
        UnsupportedOp: A layer has no quantized counterpart.
    """
    shape = task.input_shape if input_shape is None else input_shape
    quantized = build(model, plan, input_shape=shape)
    rows = torch.from_numpy(task.train.inputs[:CALIBRATION_ROWS])
    quantized.calibrate(rows.reshape(-1, *shape))
    return quantized.eval()


def build(model: nn.Module, plan: Plan, *, input_shape: tuple[int, ...]) -> QuantModel:
    """The quantized copy without calibrated scales; see :func:`apply`."""
    for name, layer in as_sequence(model).named_children():
        _check_kind(name, layer)
    children = list(fold_batch_norm(checked_sequence(model, input_shape)).named_children())
    weighted = [name for name, layer in children if isinstance(layer, _WEIGHTED)]
    planned = [layer.name for layer in plan.layers]
    if weighted != planned:
        raise ConfigError(
            f"the plan names the layers {', '.join(planned)}; the model has {', '.join(weighted)}"
        )
    first = QuantInput(_spec(plan, plan.layers[0], signed=True))
    layers: OrderedDict[str, nn.Module] = OrderedDict(quantize_input=first)
    source = first.quantizer
    for position, (name, layer) in enumerate(children):
        if isinstance(layer, nn.ReLU):
            _check_relu(name, children[position - 1][1] if position else None)
        elif isinstance(layer, _WEIGHTED):
            index = weighted.index(name)
            relu = any(isinstance(child, nn.ReLU) for _, child in children[position + 1 :][:1])
            follower = plan.layers[index + 1] if index + 1 < len(weighted) else None
            quantized = QuantLayer(
                layer,
                source,
                _weight_spec(plan, plan.layers[index], len(layer.weight)),
                bias_bits=plan.layers[index].resolved_bias_bits,
                output=None if follower is None else _spec(plan, follower, signed=not relu),
                relu=relu,
            )
            layers[name] = quantized
            if quantized.output_quantizer is not None:
                source = quantized.output_quantizer
        else:
            layers[name] = layer
    return QuantModel(layers, input_shape=input_shape)


def _check_relu(name: str, previous: nn.Module | None) -> None:
    if not isinstance(previous, _WEIGHTED):
        raise UnsupportedOp(
            "ReLU", node=name, where="compress", hint="ReLU must follow a layer with weights"
        )


def _spec(plan: Plan, reader: LayerPlan, *, signed: bool) -> QuantSpec:
    """How the tensor that the layer `reader` reads is quantized."""
    if signed and reader.input_bits < 2:
        raise ConfigError(
            f'layer "{reader.name}": input_bits must be 2 or more, not {reader.input_bits}: '
            "what it reads does not come from a ReLU and is signed"
        )
    return QuantSpec(
        Int(reader.input_bits, signed),
        power_of_two=plan.scale == "power-of-two",
        rounding=plan.rounding,
    )


def _weight_spec(plan: Plan, layer: LayerPlan, channels: int) -> QuantSpec:
    return QuantSpec(
        Int(layer.weight_bits),
        power_of_two=plan.scale == "power-of-two",
        channels=channels if plan.granularity == "channel" else None,
    )


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
) -> QuantModel:
    """Apply `plan` to `model` and train the result quantization-aware; see :func:`train.fit`.

    Args:
        model: The float model; it is not changed.
        plan: Widths of every layer.
        task: Data.
        objective: What is made small; the task's loss if not given.
        recipe: Settings of the training.
        callbacks: What goes on beside it; the scales are calibrated besides, if none of them does.
        checkpoint: Where the training is kept.
        progress: Told of every epoch.
    """
    quantized = apply(model, plan, task)
    if not any(isinstance(callback, Calibrate) for callback in callbacks):
        callbacks = (Calibrate(), *callbacks)
    fit(quantized, task, objective, recipe, callbacks, checkpoint=checkpoint, progress=progress)
    return quantized
