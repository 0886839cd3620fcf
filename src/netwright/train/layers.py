"""Layers for quantization-aware training whose evaluation *is* integer arithmetic.

In training mode a layer computes with fake-quantized real values (float32, fast). In evaluation
mode it computes with codes in float64: accumulators are exact integers, and requantization
multiplies by the same integer and shift that the hardware uses (HAWQ-V3's dyadic requantization,
Yao et al. 2021, section 3.1). :func:`netwright.train.trace` therefore loses nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import NumericsError
from netwright.formats import Int, Rounding
from netwright.ir import dyadic
from netwright.train.chain import DenseChain, Link
from netwright.train.quantizer import Quantizer, QuantSpec
from netwright.train.straight_through import round_tensor

EXACT_BITS = 53
"""Integers of this width are exact in float64."""

ACTIVATION_NORM = 0.5
"""Exponent of the error that activation scales minimize. On the jets task, whose inputs reach 150
standard deviations, 0.5 comes within one octave of the input scale that is best after fine-tuning
(4, 6 and 8 bits); the usual 2 is two, four and five octaves too coarse."""


@dataclass(frozen=True, slots=True)
class Requantizer:
    """``clamp(round((accumulator * multiplier) / 2**shift), low, high)``."""

    multiplier: tuple[int, ...]
    shift: int
    low: int
    high: int


class QuantInput(nn.Module):
    """Quantizes the network's input; on hardware this happens before the firmware."""

    def __init__(self, spec: QuantSpec) -> None:
        super().__init__()
        self.quantizer = Quantizer(spec)

    def forward(self, values: Tensor) -> Tensor:
        """Real values on the input grid (training) or codes (evaluation)."""
        if self.training:
            return self.quantizer(values)
        return self.quantizer.codes(values)


class QuantLayer(nn.Module):
    """A linear or convolutional layer with quantized weight, bias and output.

    Args:
        layer: The float layer; its parameters are shared, not copied.
        source: Quantizer of what the layer reads.
        weight: How the weight is quantized.
        bias_bits: Width of the bias codes on the accumulator's grid (scale of weight times input).
        output: How the output is quantized; ``None`` leaves the accumulator (logits).
        relu: Apply ReLU before the output is quantized.
    """

    def __init__(
        self,
        layer: nn.Linear | nn.Conv2d,
        source: Quantizer,
        weight: QuantSpec,
        *,
        bias_bits: int,
        output: QuantSpec | None,
        relu: bool,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.relu = relu
        self._source = (source,)  # a tuple, so that it is not registered as a child twice
        self.weight_quantizer = Quantizer(weight)
        bias_spec = QuantSpec(Int(bias_bits), power_of_two=False, channels=weight.channels)
        self.bias_quantizer = Quantizer(bias_spec) if layer.bias is not None else None
        self.output_quantizer = Quantizer(output) if output is not None else None

    @property
    def source(self) -> Quantizer:
        """Quantizer of what the layer reads."""
        return self._source[0]

    def calibrate_weights(self) -> None:
        """Choose the weight scales anew and put the bias on the accumulator's grid."""
        self.weight_quantizer.calibrate(self.layer.weight)
        self.align_bias()

    def align_bias(self) -> None:
        """Put the bias on the accumulator's grid, after a scale of weight or source changed."""
        if self.bias_quantizer is not None:
            self.bias_quantizer.set_scale(self.accumulator_scale())

    def accumulator_scale(self) -> Tensor:
        """Real value of one accumulator step: one, or one for each output channel."""
        return self.weight_quantizer.scale * self.source.scale

    def weight_codes(self) -> Tensor:
        """Integer weights, float64, in the float layer's shape."""
        return self.weight_quantizer.codes(self.layer.weight)

    def bias_codes(self) -> Tensor | None:
        """Integer biases on the accumulator's grid, float64."""
        if self.bias_quantizer is None or self.layer.bias is None:
            return None
        return self.bias_quantizer.codes(self.layer.bias)

    def accumulator_bits(self) -> int:
        """Width that no accumulator value exceeds, sign included."""
        source = self.source.spec.dtype
        peak = max(-source.min, source.max) * self.weight_codes().flatten(1).abs().sum(dim=1)
        bias = self.bias_codes()
        if bias is not None:
            peak = peak + bias.abs()
        return int(peak.max().item()).bit_length() + 1

    def requantizer(self) -> Requantizer:
        """The integers that turn an accumulator into an output code.

        Raises:
            NumericsError: The layer's output is not quantized, or the factors do not fit.
        """
        if self.output_quantizer is None:
            raise NumericsError("the output of this layer is not quantized")
        ratio = self.accumulator_scale() / self.output_quantizer.scale
        sum_bits = self.accumulator_bits()
        if sum_bits > EXACT_BITS - 4:
            raise NumericsError(
                f"accumulators of {sum_bits} bits leave no room for a requantization multiplier",
                hint=f"at most {EXACT_BITS - 4} bits are exact; use fewer bits",
            )
        multiplier, shift = dyadic(
            tuple(ratio.reshape(-1).tolist()), multiplier_bits=min(31, EXACT_BITS - 2 - sum_bits)
        )
        largest = max(map(abs, multiplier))
        if sum_bits - 1 + largest.bit_length() > EXACT_BITS and not _are_powers_of_two(multiplier):
            raise NumericsError(
                f"a requantization factor of {float(ratio.max()):g} needs more than {EXACT_BITS} "
                f"bits with accumulators of {sum_bits} bits",
                hint="calibrate the scales again",
            )
        dtype = self.output_quantizer.spec.dtype
        low = max(dtype.min, 0) if self.relu else dtype.min
        return Requantizer(multiplier, shift, low, dtype.max)

    def accumulate(self, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The weighted sums of the layer."""
        if isinstance(self.layer, nn.Linear):
            return functional.linear(values, weight, bias)
        layer = self.layer
        return functional.conv2d(
            values, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )

    def forward(self, values: Tensor) -> Tensor:
        """Real values (training) or codes (evaluation); accumulators where there is no output."""
        if not self.training:
            return self.requantize(self.accumulator(values))
        bias = self.layer.bias
        if bias is not None and self.bias_quantizer is not None:
            bias = self.bias_quantizer(bias)
        sums = self.accumulate(values, self.weight_quantizer(self.layer.weight), bias)
        if self.output_quantizer is None:
            return functional.relu(sums) if self.relu else sums
        if self.relu and self.output_quantizer.spec.dtype.signed:
            sums = functional.relu(sums)
        return self.output_quantizer(sums)

    def accumulator(self, codes: Tensor) -> Tensor:
        """Exact integer sums of the codes, float64."""
        if self.accumulator_bits() > EXACT_BITS:
            raise NumericsError(f"accumulators need more than {EXACT_BITS} bits")
        return self.accumulate(codes, self.weight_codes(), self.bias_codes())

    def requantize(self, sums: Tensor) -> Tensor:
        """Output codes from accumulators; the accumulators where the output is not quantized."""
        if self.output_quantizer is None:
            return functional.relu(sums) if self.relu else sums
        factors = self.requantizer()
        multiplier = torch.tensor(factors.multiplier, dtype=torch.float64)
        if len(factors.multiplier) > 1 and sums.ndim > 2:
            multiplier = multiplier.reshape(-1, *(1,) * (sums.ndim - 2))
        scaled = sums * multiplier * 2.0**-factors.shift
        rounded = round_tensor(scaled, self.output_quantizer.spec.rounding)
        return rounded.clamp(factors.low, factors.high)


def _are_powers_of_two(values: tuple[int, ...]) -> bool:
    """Whether products with `values` are exact in floating point whatever their size."""
    return all(value & (value - 1) == 0 for value in values)


class QuantModel(nn.Sequential):
    """A sequence of quantized layers and of layers that only move values.

    In training mode the model gives real logits for gradients; in evaluation mode it gives the same
    logits as the integer graph, codes times scale.

    Dense networks are trained as one :class:`~netwright.train.chain.DenseChain`, so layers must not
    be replaced afterwards; their parameters and scales may change.

    Args:
        layers: A :class:`QuantInput` first, then quantized layers, ``Flatten`` and ``MaxPool2d``.
        input_shape: Shape of one input row.
    """

    def __init__(
        self, layers: OrderedDict[str, nn.Module], *, input_shape: tuple[int, ...]
    ) -> None:
        super().__init__(layers)
        self.input_shape = input_shape
        self._chain = _dense_chain(list(layers.values()))

    def forward(self, values: Tensor) -> Tensor:
        """Logits, (batch, classes)."""
        if self.training:
            return self._simulate(values)
        codes = self.codes(values)
        return codes * self._output_scale_like(codes)

    def codes(self, values: Tensor) -> Tensor:
        """Integer outputs, float64; the model must be in evaluation mode."""
        if self.training:
            raise NumericsError("codes exist in evaluation mode only; call model.eval() first")
        for layer in self:
            values = layer(values)
        return values

    def _simulate(self, values: Tensor) -> Tensor:
        if self._chain is not None:
            return self._chain(values)
        for layer in self:
            values = layer(values)
        return values

    def quant_layers(self) -> dict[str, QuantLayer]:
        """The layers with weights, by name."""
        return {name: m for name, m in self.named_children() if isinstance(m, QuantLayer)}

    def output_scale(self) -> Tensor:
        """Real value of one output step."""
        last = list(self.quant_layers().values())[-1]
        if last.output_quantizer is not None:
            return last.output_quantizer.scale
        return last.accumulator_scale()

    def _output_scale_like(self, codes: Tensor) -> Tensor:
        """The output's scale, shaped to broadcast along axis 1 of its codes."""
        scale = self.output_scale().reshape(-1)
        if codes.ndim == 2 and 1 < len(scale) < codes.shape[1]:  # flattened behind a convolution
            scale = scale.repeat_interleave(codes.shape[1] // len(scale))
        return scale.reshape(-1, *(1,) * (codes.ndim - 2))

    @torch.no_grad()
    def calibrate(self, values: Tensor, *, weights: bool = True) -> None:
        """Choose every scale on a batch of real inputs, layer after layer.

        Args:
            values: Real inputs, (rows, *input_shape).
            weights: Choose the scales of the weights too; biases follow their accumulators anyway.
        """
        was_training = self.training
        self.train()
        for module in self:
            if isinstance(module, nn.Dropout):
                continue
            if isinstance(module, QuantInput):
                module.quantizer.calibrate(values, norm=ACTIVATION_NORM)
            elif isinstance(module, QuantLayer):
                if weights:
                    module.calibrate_weights()
                else:
                    module.align_bias()
                self._calibrate_output(module, values)
            values = module(values)
        self.train(was_training)

    def _calibrate_output(self, layer: QuantLayer, values: Tensor) -> None:
        if layer.output_quantizer is None:
            return
        sums = layer.accumulate(
            values, layer.weight_quantizer(layer.layer.weight), layer.layer.bias
        )
        outputs = functional.relu(sums) if layer.relu else sums
        layer.output_quantizer.calibrate(outputs, norm=ACTIVATION_NORM)


def _dense_chain(layers: list[nn.Module]) -> DenseChain | None:
    """The layers as one chain, if they are dense layers of the kind that it runs."""
    if len(layers) < 2 or not isinstance(layers[0], QuantInput):
        return None
    links = []
    for layer in layers[1:]:
        if not isinstance(layer, QuantLayer) or not isinstance(layer.layer, nn.Linear):
            return None
        weight, bias, output = layer.weight_quantizer, layer.bias_quantizer, layer.output_quantizer
        alike = weight.spec.rounding is Rounding.HALF_EVEN
        if bias is None or not alike or (output is None and layer.relu):
            return None
        low = 0
        if output is not None:
            low = max(output.spec.dtype.min, 0) if layer.relu else output.spec.dtype.min
        links.append(Link(layer.layer, weight, bias, output, low))
    return DenseChain(layers[0].quantizer, links)
