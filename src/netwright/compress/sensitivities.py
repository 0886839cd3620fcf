"""How much the loss grows when a tensor is quantized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.compress.conversion import layer_shapes
from netwright.compress.curvature import TraceEstimate, hutchinson, top_eigenvalue
from netwright.compress.plan import Granularity, LayerShape, ScaleKind
from netwright.errors import ConfigError
from netwright.formats import Int
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train import Quantizer, QuantSpec, checked_sequence, fold_batch_norm
from netwright.train.layers import ACTIVATION_NORM

DEFAULT_BITS = (2, 3, 4, 5, 6, 7, 8)
SENSITIVITY_ROWS = 8192


@dataclass(frozen=True, slots=True)
class WeightSensitivity:
    """Curvature and quantization error of a layer's weights.

    Attributes:
        trace: Trace of their Hessian block, with its standard error.
        size: Number of weights.
        top_eigenvalue: Eigenvalue of largest magnitude of the block.
        perturbation: Squared norm of the quantization error by width, ‖Q_b(W) - W‖².
    """

    trace: TraceEstimate
    size: int
    top_eigenvalue: float
    perturbation: Mapping[int, float]

    @property
    def mean_curvature(self) -> float:
        """Trace over the number of weights."""
        return self.trace.trace / self.size

    def growth(self, bits: int) -> float:
        """Predicted growth of the loss in nats, ``½ Tr(H)/n · ‖Q_b(W) - W‖²``.

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
        loss_growth: Growth of the loss by width, nats.
        mean_squared_error: Mean squared quantization error by width.
    """

    loss_growth: Mapping[int, float]
    mean_squared_error: Mapping[int, float]

    def growth(self, bits: int) -> float:
        """Measured growth of the loss in nats; not below zero.

        Raises:
            ConfigError: This width was not measured.
        """
        return max(_measured(self.loss_growth, bits, "activation"), 0.0)


def _measured(values: Mapping[int, float], bits: int, kind: str) -> float:
    if bits not in values:
        raise ConfigError(
            f"the sensitivity to {bits}-bit {kind}s was not measured",
            hint=f"measured widths: {', '.join(map(str, sorted(values)))}",
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
    weight_bits: Sequence[int] = DEFAULT_BITS,
    activation_bits: Sequence[int] = DEFAULT_BITS,
    probes: int = 200,
    relative_error: float = 0.0,
    rows: int = SENSITIVITY_ROWS,
    scale: ScaleKind = "power-of-two",
    granularity: Granularity = "tensor",
    seed: int = 0,
    input_shape: tuple[int, ...] | None = None,
    progress: Progress = silent,
) -> tuple[LayerSensitivity, ...]:
    """Measure every layer of a trained float model on a fixed batch of the training split.

    The loss is the mean cross-entropy over `rows` rows.

    Args:
        model: A trained float model.
        task: Data.
        weight_bits: Candidate widths of weights.
        activation_bits: Candidate widths of what layers read.
        probes: Largest number of Hutchinson probes for a layer.
        relative_error: Stop probing a layer at this relative standard error; 0 uses all probes.
        rows: Rows of the batch.
        scale: Rule for the scales of the candidates.
        granularity: Rule for the scales of the weights.
        seed: Seed of the probes.
        input_shape: Shape of one input row; (features,) if not given.
        progress: Told of every probe, and the largest number there can be.

    Raises:
        ConfigError: `rows` or `probes` is out of range.
        UnsupportedOp: A layer cannot be quantized.
    """
    shape = task.input_shape if input_shape is None else input_shape
    if rows < 1:
        raise ConfigError(f"rows must be 1 or more, not {rows}")
    folded = fold_batch_norm(checked_sequence(model, shape)).eval()
    shapes = layer_shapes(folded, shape)
    inputs = torch.from_numpy(task.train.inputs[:rows]).reshape(-1, *shape)
    labels = torch.from_numpy(task.train.targets[:rows])
    weights: list[Tensor] = [folded.get_parameter(f"{item.name}.weight") for item in shapes]
    loss = functional.cross_entropy(folded(inputs), labels)
    generator = torch.Generator().manual_seed(seed)
    traces = hutchinson(
        loss,
        weights,
        probes=probes,
        relative_error=relative_error,
        generator=generator,
        progress=progress,
    )
    power_of_two = scale == "power-of-two"
    activations = _activations(folded, inputs, labels, activation_bits, power_of_two=power_of_two)
    result = []
    for item, block, trace in zip(shapes, weights, traces, strict=True):
        channels = len(block) if granularity == "channel" else None
        perturbation = {
            bits: float((_quantized(block, QuantSpec(Int(bits), power_of_two, channels)) - block)
                        .detach().square().sum())
            for bits in weight_bits
        }  # fmt: skip
        eigenvalue = top_eigenvalue(loss, block, generator=generator)
        weight = WeightSensitivity(trace, block.numel(), eigenvalue, perturbation)
        result.append(LayerSensitivity(item, weight, activations[item.name]))
    return tuple(result)


@torch.no_grad()
def _activations(
    model: nn.Sequential,
    values: Tensor,
    labels: Tensor,
    candidates: Sequence[int],
    *,
    power_of_two: bool,
) -> dict[str, ActivationSensitivity]:
    """Quantize what each layer reads, one layer and one width at a time."""
    children = list(model.named_children())
    base = float(functional.cross_entropy(model(values), labels))
    found = {}
    signed = True  # as in compress.apply: unsigned behind a ReLU only
    for position, (name, layer) in enumerate(children):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            growth, errors = {}, {}
            for bits in candidates:
                spec = QuantSpec(Int(bits, signed), power_of_two)
                quantized = _quantized(values, spec, norm=ACTIVATION_NORM)
                errors[bits] = float((quantized - values).square().mean())
                for _, follower in children[position:]:
                    quantized = follower(quantized)
                growth[bits] = float(functional.cross_entropy(quantized, labels)) - base
            found[name] = ActivationSensitivity(growth, errors)
            signed = True
        signed = signed and not isinstance(layer, nn.ReLU)
        values = layer(values)
    return found


@torch.no_grad()
def _quantized(values: Tensor, spec: QuantSpec, *, norm: float = 2.0) -> Tensor:
    quantizer = Quantizer(spec)
    quantizer.calibrate(values, norm=norm)
    return (quantizer.codes(values) * quantizer.scale_like(values)).to(values.dtype)
