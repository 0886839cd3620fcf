"""How much the loss grows when a tensor is quantized."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.compress.conversion import layer_shapes
from netwright.compress.curvature import TraceEstimate, hutchinson, top_eigenvalue
from netwright.compress.plan import Granularity, LayerShape, ScaleKind
from netwright.dtypes import Int
from netwright.errors import ConfigError
from netwright.tasks import Task
from netwright.train import Quantizer, QuantSpec, fold_batch_norm

DEFAULT_BITS = (2, 3, 4, 5, 6, 7, 8)
SENSITIVITY_ROWS = 8192


@dataclass(frozen=True, slots=True)
class TensorSensitivity:
    """Curvature and quantization error of one tensor.

    Attributes:
        trace: Trace of its Hessian block, with the standard error.
        size: Number of its values (for activations: in the whole batch).
        top_eigenvalue: Eigenvalue of largest magnitude; ``None`` where it was not computed.
        perturbation: Squared norm of the quantization error by width, ‖Q_b(T) - T‖².
    """

    trace: TraceEstimate
    size: int
    top_eigenvalue: float | None
    perturbation: Mapping[int, float]

    @property
    def mean_curvature(self) -> float:
        """Trace over the number of values."""
        return self.trace.trace / self.size

    def omega(self, bits: int) -> float:
        """HAWQ-V2's metric ``Tr(H)/n · ‖Q_b(T) - T‖²`` (Dong et al. 2020, equation 10).

        A trace that comes out negative (the network has not finished learning) counts as zero:
        quantization is never predicted to help.
        """
        return max(self.mean_curvature, 0.0) * self.perturbation[bits]


@dataclass(frozen=True, slots=True)
class LayerSensitivity:
    """Sensitivity of one layer: of its weight, and of the tensor it reads."""

    shape: LayerShape
    weight: TensorSensitivity
    activation: TensorSensitivity

    @property
    def name(self) -> str:
        """Name of the layer."""
        return self.shape.name


def sensitivity(
    model: nn.Sequential,
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
    on_probe: Callable[[int, int], None] | None = None,
) -> tuple[LayerSensitivity, ...]:
    """Measure every layer of a trained float model on a fixed batch of the training split.

    The Hessian is that of the mean cross-entropy over `rows` rows. Activations are treated like
    weights: a zero tensor added to what a layer reads is their parameter.

    Args:
        model: A trained float model.
        task: Data.
        weight_bits: Candidate widths of weights.
        activation_bits: Candidate widths of what layers read.
        probes: Largest number of Hutchinson probes for a tensor.
        relative_error: Stop probing a tensor at this relative standard error; 0 uses all probes.
        rows: Rows of the batch.
        scale: Rule for the scales of the candidates.
        granularity: Rule for the scales of the weights.
        seed: Seed of the probes.
        input_shape: Shape of one input row; (features,) if not given.
        on_probe: Progress: probes done, largest number there can be.
    """
    shape = (len(task.features),) if input_shape is None else input_shape
    if rows < 1:
        raise ConfigError(f"rows must be 1 or more, not {rows}")
    folded = fold_batch_norm(model).eval()
    shapes = layer_shapes(folded, shape)
    inputs = torch.from_numpy(task.train.inputs[:rows]).reshape(-1, *shape)
    labels = torch.from_numpy(task.train.labels[:rows])
    names = [item.name for item in shapes]
    weights: list[Tensor] = [folded.get_parameter(f"{name}.weight") for name in names]
    loss, offsets, reads, signed = _loss(folded, inputs, labels, set(names))
    generator = torch.Generator().manual_seed(seed)
    traces = hutchinson(
        loss,
        [*weights, *offsets],
        probes=probes,
        relative_error=relative_error,
        generator=generator,
        on_probe=on_probe,
    )
    po2 = scale == "power-of-two"
    result = []
    for i, item in enumerate(shapes):
        channels = len(weights[i]) if granularity == "channel" else None
        weight = TensorSensitivity(
            traces[i],
            weights[i].numel(),
            top_eigenvalue(loss, weights[i], generator=generator),
            _perturbations(weights[i], weight_bits, power_of_two=po2, channels=channels),
        )
        activation = TensorSensitivity(
            traces[len(shapes) + i],
            reads[i].numel(),
            None,
            _perturbations(reads[i], activation_bits, power_of_two=po2, signed=signed[i]),
        )
        result.append(LayerSensitivity(item, weight, activation))
    return tuple(result)


def _loss(
    model: nn.Sequential, values: Tensor, labels: Tensor, names: set[str]
) -> tuple[Tensor, list[Tensor], list[Tensor], list[bool]]:
    """Loss; for every layer with weights: the zero offset on its input, that input, its sign."""
    offsets, reads, signed = [], [], []
    after_relu = False
    for name, layer in model.named_children():
        if name in names:
            offset = torch.zeros_like(values, requires_grad=True)
            offsets.append(offset)
            reads.append(values.detach())
            signed.append(not after_relu)
            values = values + offset
            after_relu = False
        values = layer(values)
        after_relu = isinstance(layer, nn.ReLU) or after_relu
    return functional.cross_entropy(values, labels), offsets, reads, signed


def _perturbations(
    values: Tensor,
    candidates: Sequence[int],
    *,
    power_of_two: bool,
    channels: int | None = None,
    signed: bool = True,
) -> dict[int, float]:
    result = {}
    for bits in candidates:
        quantizer = Quantizer(QuantSpec(Int(bits, signed), power_of_two, channels))
        quantizer.calibrate(values)
        codes = quantizer.codes(values.detach())
        error = codes * quantizer.scale_like(values) - values.detach()
        result[bits] = float(error.square().sum())
    return result
