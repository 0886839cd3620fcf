"""Layers for quantization-aware training whose evaluation *is* integer arithmetic.

In training a layer computes with fake-quantized real values (float32, fast). In evaluation it
computes with codes in float64: accumulators are exact integers, and requantization multiplies by
the same integer and shift that the hardware uses (HAWQ-V3's dyadic requantization, Yao et al. 2021,
section 3.1). :func:`netwright.train.trace` therefore loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import NumericsError
from netwright.formats import NM, Int
from netwright.ir import AttrValue
from netwright.train.emission import Emission
from netwright.train.grid import EXACT_BITS, Grid
from netwright.train.operations import Operation
from netwright.train.quantizer import Quantizer, QuantSpec
from netwright.train.sparse_products import Masks, sparse_product, sums

Transposed: TypeAlias = nn.ConvTranspose1d | nn.ConvTranspose2d
Weighted: TypeAlias = nn.Linear | nn.Conv1d | nn.Conv2d | Transposed
WEIGHTED: tuple[type[nn.Module], ...] = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d,
)  # fmt: skip
"""Layers with weights that have a quantized counterpart."""


def outputs_first(layer: Weighted, values: Tensor) -> Tensor:
    """What is stored like a layer's weights, as (outputs, terms of a sum, ...)."""
    if not isinstance(layer, Transposed):
        return values
    parts = values.reshape(layer.groups, -1, *values.shape[1:])
    return parts.transpose(1, 2).reshape(layer.out_channels, -1, *values.shape[2:])


def as_stored(layer: Weighted, values: Tensor) -> Tensor:
    """The inverse of :func:`outputs_first`."""
    if not isinstance(layer, Transposed):
        return values
    parts = values.reshape(layer.groups, -1, *values.shape[1:])
    return parts.transpose(1, 2).reshape(layer.in_channels, -1, *values.shape[2:])


def has_scales_of_outputs(layer: Weighted) -> bool:
    """Whether each output may have a scale of its own.

    Scales lie along one axis of the stored weights; of a transposed convolution in groups none is
    that of the outputs, unless each group has one input and one output.
    """
    if not isinstance(layer, Transposed) or layer.groups == 1:
        return True
    return layer.groups == layer.in_channels == layer.out_channels


class QuantLayer(Operation):
    """A layer with quantized weight and bias; what comes out are its sums, not quantized again.

    Args:
        layer: The float layer; its parameters are shared, not copied.
        weight: How the weight is quantized; its channels are the outputs.
        bias_bits: Width of the bias codes on the accumulator's grid (scale of weight times input).
        axis: Axis of what comes out along which the outputs lie.
        pattern: N:M of the weights along what is summed over, for the graph; ``None`` if nothing is
            known. Its axis is not looked at.

    Attributes:
        masks: What the stages of a training see of the weights, while there are zeros in it.
    """

    is_observed_otherwise = True

    def __init__(
        self,
        layer: Weighted,
        weight: QuantSpec,
        *,
        bias_bits: int,
        axis: int = 1,
        pattern: NM | None = None,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.axis = axis
        self.pattern = pattern
        self.masks: Masks | None = None
        self.weight_quantizer = Quantizer(weight)
        bias_spec = QuantSpec(Int(bias_bits), power_of_two=False, channels=weight.channels)
        self.bias_quantizer = Quantizer(bias_spec) if layer.bias is not None else None

    @property
    def weight(self) -> Tensor:
        """The float weights, (outputs, terms of a sum, ...)."""
        return outputs_first(self.layer, self.layer.weight)

    def weight_codes(self) -> Tensor:
        """Integer weights, float64, (outputs, terms of a sum, ...)."""
        codes = self.weight_quantizer.codes(self.weight)
        return codes if self.masks is None else self.masks.seen_forward(codes)

    def bias_codes(self) -> Tensor | None:
        """Integer biases on the accumulator's grid, float64."""
        if self.bias_quantizer is None or self.layer.bias is None:
            return None
        return self.bias_quantizer.codes(self.layer.bias)

    def grid(self, *sources: Grid) -> Grid:
        """The accumulator's: one scale, or one for each output."""
        (source,) = sources
        peak = source.peak * self.weight_codes().flatten(1).abs().sum(dim=1)
        bias = self.bias_codes()
        if bias is not None:
            peak = peak + bias.abs()
        scale = self.weight_quantizer.scale * source.scale
        largest = int(peak.max().item())
        found = Grid(scale, None if scale.ndim == 0 else self.axis, -largest, largest)
        return found

    def calibrate(self, sources: Sequence[Grid], *values: Tensor, weights: bool) -> None:
        """Choose the weight scales anew and put the bias on the accumulator's grid."""
        if weights:
            weight = self.weight
            kept = weight if self.masks is None else self.masks.seen_forward(weight)
            self.weight_quantizer.calibrate(kept)
        self.align_bias(sources[0])

    def align_bias(self, source: Grid) -> None:
        """Put the bias on the accumulator's grid, after a scale of weight or source changed."""
        if self.bias_quantizer is not None:
            self.bias_quantizer.set_scale(self.weight_quantizer.scale * source.scale)

    def accumulate(self, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The weighted sums of the layer, its weights (outputs, terms of a sum, ...)."""
        layer = self.layer
        if isinstance(layer, Transposed):
            is_line = isinstance(layer, nn.ConvTranspose1d)
            spread = functional.conv_transpose1d if is_line else functional.conv_transpose2d
            found: Tensor = spread(
                values, as_stored(layer, weight), bias, layer.stride, _numbers(layer.padding),
                layer.output_padding, layer.groups, layer.dilation,
            )  # fmt: skip
            return found
        if self.masks is not None:
            return sparse_product(layer, values, weight, bias, self.masks)
        return sums(layer, values, weight, bias)

    def simulate(self, *values: Tensor) -> Tensor:
        """Sums of real values on grids."""
        bias = self.layer.bias
        if bias is not None and self.bias_quantizer is not None:
            bias = self.bias_quantizer(bias)
        return self.accumulate(values[0], self.weight_quantizer(self.weight), bias)

    def observe(self, *values: Tensor) -> Tensor:
        """The sums with the bias as it is."""
        weight = self.weight_quantizer(self.weight)
        return self.accumulate(values[0], weight, self.layer.bias)

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """Exact integer sums of the codes, float64."""
        if self.grid(*sources).bits > EXACT_BITS:
            raise NumericsError(f"accumulators need more than {EXACT_BITS} bits")
        return self.accumulate(codes[0], self.weight_codes(), self.bias_codes())

    def emit(self, at: Emission) -> None:
        """A ``MatMul``, a ``Conv`` or a ``ConvTranspose``."""
        layer, weight = self.layer, _integers(as_stored(self.layer, self.weight_codes()))
        attrs: dict[str, AttrValue] = {}
        if isinstance(layer, nn.Linear):
            op, axis, weight = "MatMul", 1, np.ascontiguousarray(weight.T)
        else:
            op, axis = "Conv", 0
            if isinstance(layer, Transposed):
                op, axis = "ConvTranspose", 0 if layer.groups > 1 else 1
                attrs["output_padding"] = tuple(layer.output_padding)
            attrs |= {
                "strides": tuple(layer.stride),
                "pads": pads_of(layer),
                "dilations": tuple(layer.dilation),
                "group": layer.groups,
            }
        reach = self.weight_quantizer.spec.dtype
        scale = Grid(self.weight_quantizer.scale, None, reach.min, reach.max)
        names = [at.inputs[0], at.constant("weight", weight, scale, axis, self._zeros(weight))]
        bias = self.bias_codes()
        if bias is not None:
            names.append(at.constant("bias", _integers(bias), at.grid, 0))
        at.node(op, attrs, inputs=tuple(names))

    def _zeros(self, weight: NDArray[np.int64]) -> NM | None:
        """The pattern of the weights as they are stored, if the groups divide them."""
        if self.pattern is None or isinstance(self.layer, Transposed):
            return None
        axis = 0 if isinstance(self.layer, nn.Linear) else 1
        stored = replace(self.pattern, axis=axis)
        return None if stored.shape_fault(weight.shape) else stored


def _numbers(padding: str | tuple[int, ...]) -> tuple[int, ...]:
    assert not isinstance(padding, str)  # torch refuses words for transposed convolutions
    return padding


def pads_of(layer: nn.Conv1d | nn.Conv2d | Transposed) -> tuple[int, ...]:
    """Zeros before, then behind every axis."""
    if layer.padding == "valid":
        return (0,) * 2 * len(layer.kernel_size)
    if isinstance(layer.padding, str):
        spans = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        return (*(s // 2 for s in spans), *(s - s // 2 for s in spans))
    return tuple(layer.padding) * 2


def _integers(codes: Tensor) -> NDArray[np.int64]:
    return codes.detach().cpu().numpy().astype(np.int64)
