"""How much the loss grows when a tensor is quantized."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from netwright.compress.conversion import shapes_of, training_rows
from netwright.compress.curvature import TraceEstimate, hutchinson, top_eigenvalue
from netwright.compress.insertion import signed_tensors
from netwright.compress.part import part_of, with_part
from netwright.compress.plan import (
    Choice,
    Granularity,
    LayerShape,
    ScaleKind,
    Width,
    sorted_widths,
)
from netwright.compress.quantize.names import quantizer
from netwright.errors import ConfigError, NumericsError
from netwright.formats import Int
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train import Quantizer, QuantSpec
from netwright.train.digests import describe
from netwright.train.formatted import Fits, FormatQuantizer
from netwright.train.formatted_layer import axes_of
from netwright.train.layers import has_scales_of_outputs, outputs_first
from netwright.train.losses import Loss, find_loss
from netwright.train.objective import checked_loss
from netwright.train.operations import ACTIVATION_NORM
from netwright.train.prepared import InputShapes, prepare

DEFAULT_BITS = (2, 3, 4, 5, 6, 7, 8)
SENSITIVITY_ROWS = 8192


@dataclass(frozen=True, slots=True)
class WeightSensitivity:
    """Curvature and quantization error of a layer's weights.

    Attributes:
        trace: Trace of their Hessian block, with its standard error.
        size: Number of weights.
        top_eigenvalue: Eigenvalue of largest magnitude of the block, if it was asked for.
        perturbation: Squared norm of the quantization error by width, ‖Q_b(W) - W‖².
    """

    trace: TraceEstimate
    size: int
    top_eigenvalue: float | None
    perturbation: Mapping[Width, float]

    @property
    def mean_curvature(self) -> float:
        """Trace over the number of weights."""
        return self.trace.trace / self.size

    def growth(self, bits: Width) -> float:
        """Predicted growth of the loss, ``½ Tr(H)/n · ‖Q_b(W) - W‖²``.

        Half of HAWQ-V2's metric Ω (Dong et al. 2020, equation 10), so that it can be added to what
        is measured for activations. A trace that comes out negative (the network has not finished
        learning) counts as zero: quantization is never predicted to help.

        Raises:
            ConfigError: This width was not measured.
        """
        return 0.5 * max(self.mean_curvature, 0.0) * _measured(self.perturbation, bits, "weight")


@dataclass(frozen=True, slots=True)
class ActivationSensitivity:
    """What happens when only the tensor that a layer reads is quantized.

    Measured rather than predicted: the errors of activations sit in few outliers with little
    curvature, so that mean curvature times squared error overstates them by orders of magnitude.

    Attributes:
        loss_growth: Growth of the loss by width, in its own unit.
        mean_squared_error: Mean squared quantization error by width.
    """

    loss_growth: Mapping[Width, float]
    mean_squared_error: Mapping[Width, float]

    def growth(self, bits: Width) -> float:
        """Measured growth of the loss; not below zero.

        Raises:
            ConfigError: This width was not measured.
        """
        return max(_measured(self.loss_growth, bits, "activation"), 0.0)


def _measured(values: Mapping[Width, float], bits: Width, kind: str) -> float:
    if bits not in values:
        raise ConfigError(
            f"the sensitivity to {bits}-bit {kind}s was not measured",
            hint=f"measured widths: {', '.join(map(str, sorted_widths(values)))}",
        )
    return values[bits]


@dataclass(frozen=True, slots=True)
class LayerSensitivity:
    """Sensitivity of one layer: of its weights, and of the tensor it reads."""

    shape: LayerShape
    weight: WeightSensitivity
    activation: ActivationSensitivity

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.shape.name


def sensitivity(
    model: nn.Module,
    task: Task,
    *,
    weight_bits: Sequence[Width] = DEFAULT_BITS,
    activation_bits: Sequence[Width] = DEFAULT_BITS,
    probes: int = 200,
    relative_error: float = 0.0,
    rows: int = SENSITIVITY_ROWS,
    scale: ScaleKind = "power-of-two",
    granularity: Granularity = "tensor",
    seed: int = 0,
    input_shape: InputShapes | None = None,
    loss: str | Loss | None = None,
    part: str | None = None,
    progress: Progress = silent,
) -> tuple[LayerSensitivity, ...]:
    """Measure every layer of a trained float model on a fixed batch of the training split.

    The loss is the mean over `rows` rows; curvature needs a second derivative.

    Args:
        model: A trained float model.
        task: Data.
        weight_bits: Candidate widths of weights, each with or without a quantizer's name.
        activation_bits: Candidate widths of what layers read.
        probes: Largest number of Hutchinson probes for a layer.
        relative_error: Stop probing a layer at this relative standard error; 0 uses all probes.
        rows: Rows of the batch.
        scale: Rule for the scales of the candidates.
        granularity: Rule for the scales of the weights.
        seed: Seed of the probes.
        input_shape: Shape of one row of every input; that of the task if not given.
        loss: Name of a loss or a function; that of the task if not given.
        part: Path of the part of the model that is measured; all of it if not given.
        progress: Told of every probe, and the largest number there can be.

    Raises:
        ConfigError: `rows` or `probes` is out of range, or the loss does not suit the outputs.
        GraphError: The network cannot be quantized.
        NumericsError: Weights or the loss are not finite.
    """
    if rows < 1:
        raise ConfigError(f"rows must be 1 or more, not {rows}")
    measured, part_shape = part_of(model, task, part)
    prepared = prepare(measured, part_shape if input_shape is None else input_shape)
    whole, shapes = with_part(model, part, prepared.module).eval(), shapes_of(prepared)
    read = prepared.input_shapes if part is None else task.input_shapes
    if not shapes:
        raise ConfigError(
            f"the model, of the class {type(measured).__name__}, has no layer with weights",
            hint="widths are chosen for layers with weights",
        )
    inputs = training_rows(task, read, rows)
    measure = MeasuredLoss(
        find_loss(task.loss if loss is None else loss), torch.from_numpy(task.train.targets[:rows])
    )
    weights: list[Tensor] = [
        prepared.layer(item.name).weight.requires_grad_(
            True
        )  # frozen in the model, not in this copy
        for item in shapes
    ]
    mean = measure(_outputs(whole, inputs))
    generator = torch.Generator().manual_seed(seed)
    traces = hutchinson(
        mean,
        weights,
        probes=probes,
        relative_error=relative_error,
        generator=generator,
        progress=progress,
    )
    power_of_two = scale == "power-of-two"
    signed = signed_tensors(prepared.graph)  # as in compress.apply
    layers = {path: prepared.layer(path) for path in prepared.paths.values()}
    reads_signed = {
        path: prepared.graph.node(name).inputs[0] in signed for name, path in prepared.paths.items()
    }
    activations = growth_of_inputs(
        layers, whole, inputs, measure, activation_bits,
        spec_of=lambda path, bits: QuantSpec(Int(bits, reads_signed[path]), power_of_two),
    )  # fmt: skip
    result = []
    for item, block, trace in zip(shapes, weights, traces, strict=True):
        layer = prepared.layer(item.name)
        filters = outputs_first(layer, block)
        own = granularity == "channel" and has_scales_of_outputs(layer)
        uniform = partial(_spec, power_of_two, len(filters) if own else None)
        perturbation = perturbations(
            item.name, filters, weight_bits, per_channel=own,
            spec_of=uniform,
        )  # fmt: skip
        eigenvalue = top_eigenvalue(mean, block, generator=generator)
        weight = WeightSensitivity(trace, block.numel(), eigenvalue, perturbation)
        result.append(LayerSensitivity(item, weight, activations[item.name]))
    return tuple(result)


@dataclass(frozen=True, slots=True)
class MeasuredLoss:
    """The loss on the rows that are looked at."""

    function: Loss
    targets: Tensor

    def __call__(self, outputs: object) -> Tensor:
        """The loss of what the network gives."""
        if not isinstance(outputs, Tensor):
            raise ConfigError(
                f"a loss takes one tensor of outputs; the network gives {type(outputs).__name__}"
            )
        return checked_loss(self.function(outputs, self.targets), describe(self.function))


def _spec(power_of_two: bool, channels: int | None, bits: int) -> QuantSpec:
    return QuantSpec(Int(bits), power_of_two, channels)


Spec = Callable[[str, int], QuantSpec]
"""The uniform quantizer of what a layer reads, from its path and a width."""


def perturbations(
    name: str,
    filters: Tensor,
    widths: Sequence[Width],
    *,
    per_channel: bool,
    spec_of: Callable[[int], QuantSpec],
) -> dict[Width, float]:
    """Squared norm of the quantization error of weights by width.

    Args:
        name: Path of the layer, for messages.
        filters: Its weights, (outputs, terms of a sum, ...).
        widths: Candidates.
        per_channel: Whether a named quantizer has a scale for each output.
        spec_of: The quantizer where none is named.

    Raises:
        NumericsError: The error is not finite.
    """
    found: dict[Width, float] = {}
    for width in widths:
        if isinstance(width, Choice):
            made = FormatQuantizer(
                quantizer(width.quantizer, width.bits),
                channel_axis=0 if per_channel else None,
                group_axis=1,
            )
            made.calibrate(filters)
            change = made(filters.detach()) - filters
        else:
            change = _quantized(filters, spec_of(width)) - filters
        found[width] = float(change.detach().double().square().sum())
        if not math.isfinite(found[width]):
            raise NumericsError(f'layer "{name}": its weights are too large')
    return found


@torch.no_grad()
def growth_of_inputs(
    layers: Mapping[str, nn.Module],
    model: nn.Module,
    values: Sequence[Tensor],
    measure: MeasuredLoss,
    candidates: Sequence[Width],
    *,
    spec_of: Spec,
) -> dict[str, ActivationSensitivity]:
    """Quantize what each layer reads, one layer and one width at a time.

    Args:
        layers: The layers by path, in `model`.
        model: The whole network.
        values: Its inputs.
        measure: The loss of its outputs.
        candidates: Widths.
        spec_of: The quantizer where none is named.

    Raises:
        NumericsError: The loss is not finite.
    """
    base = float(measure(_outputs(model, values)))
    found = {}
    for path, layer in layers.items():
        growth: dict[Width, float] = {}
        errors: dict[Width, float] = {}
        for width in candidates:
            if isinstance(width, Choice):
                fits = quantizer(width.quantizer, width.bits)
                _, axis = axes_of(layer)
                made: Rounds = _fitted(fits, axis)
            else:
                made = _uniform(spec_of(path, width))
            with _reading(layer, made) as seen:
                outputs = _outputs(model, values)
            errors[width] = seen[0]
            growth[width] = float(measure(outputs)) - base
            if not math.isfinite(growth[width]):
                raise NumericsError(
                    f'layer "{path}": the loss is not finite with {width}-bit inputs',
                    hint="values of the model are too large",
                )
        found[path] = ActivationSensitivity(growth, errors)
    return found


Rounds = Callable[[Tensor], Tensor]


def _uniform(spec: QuantSpec) -> Rounds:
    return lambda values: _quantized(values, spec, norm=ACTIVATION_NORM)


def _fitted(fits: Fits, axis: int) -> Rounds:
    def rounds(values: Tensor) -> Tensor:
        made = FormatQuantizer(fits, channel_axis=None, group_axis=axis)
        made.calibrate(values)
        found: Tensor = made(values)
        return found

    return rounds


def _outputs(model: nn.Module, values: Sequence[Tensor]) -> object:
    """What the model gives; it may change what it reads in place."""
    return model(*(value.clone() for value in values))


@contextmanager
def _reading(layer: nn.Module, rounds: Rounds) -> Iterator[list[float]]:
    """Let a layer read quantized values; lists the mean squared error that this makes."""
    errors: list[float] = []

    def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        (values,) = inputs
        quantized = rounds(values)
        errors.append(float((quantized - values).square().mean()))
        return (quantized,)

    handle = layer.register_forward_pre_hook(hook)
    try:
        yield errors
    finally:
        handle.remove()


@torch.no_grad()
def _quantized(values: Tensor, spec: QuantSpec, *, norm: float = 2.0) -> Tensor:
    made = Quantizer(spec)
    made.calibrate(values, norm=norm)
    return (made.codes(values) * made.scale_like(values)).to(values.dtype)
