"""What a dense layer costs in hardware, before it is trained and after.

Two estimators of the LUTs of a layer that :mod:`netwright.backends.rtl` unrolls:

- :func:`estimate` needs the shape and the widths only. Its coefficients were fitted on synthesized
  layers and lie beside this file with the errors on layers that were held out
  (``make lut-model`` regenerates them).
- :func:`count_luts` needs the weights. It builds the adders and counts, without a synthesis run.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from netwright.backends.rtl.adders.sharing import share
from netwright.compress.plan import LayerShape
from netwright.errors import ConfigError
from netwright.files import write_text
from netwright.quantities import Quantity

MODEL_FILE = "hardware.toml"

ADDERS_PER_STAGE = 4
"""Adders in series between registers in the layers that the registers were fitted on."""


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """What the hardware of a dense layer depends on.

    Attributes:
        inputs: Terms of every sum.
        outputs: Number of sums.
        weight_bits: Width of the weights.
        input_bits: Width of the inputs.
        density: Share of the weights that is not zero, above 0 and at most 1.

    Raises:
        ConfigError: A value is out of range.
    """

    inputs: int
    outputs: int
    weight_bits: int
    input_bits: int
    density: float = 1.0

    def __post_init__(self) -> None:
        counts = (self.inputs, self.outputs, self.weight_bits, self.input_bits)
        if min(counts) < 1 or not 0 < self.density <= 1:
            raise ConfigError(
                "extents and widths of a layer must be 1 or more and its density above 0 and at "
                f"most 1, not {counts} and {self.density}"
            )


@dataclass(frozen=True, slots=True)
class LayerEstimate:
    """What a layer is expected to need.

    Attributes:
        lut: Lookup tables.
        ff: Registers, with :data:`ADDERS_PER_STAGE` adders between two of them.
        adders_in_series: Carry chains and limits on the longest way through the layer.
    """

    lut: Quantity
    ff: Quantity
    adders_in_series: Quantity


def features(layer: DenseLayer) -> dict[str, float]:
    """What the logarithm of a figure is linear in."""
    return {
        "one": 1.0,
        "log_inputs": math.log(layer.inputs),
        "log_outputs": math.log(layer.outputs),
        "log_density": math.log(layer.density),
        "log_weight_bits": math.log(layer.weight_bits),
        "log_input_bits": math.log(layer.input_bits),
    }


class Fit(BaseModel):
    """A fitted figure.

    Attributes:
        coefficients: By name of the feature; the figure is the exponential of their sum.
        mean_absolute_error: Mean of the relative errors of held-out layers, 0..1.
        largest_error: The largest of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    coefficients: dict[str, float]
    mean_absolute_error: float
    largest_error: float

    def value(self, layer: DenseLayer) -> float:
        """The figure of a layer."""
        found = features(layer)
        return math.exp(sum(self.coefficients[name] * found[name] for name in self.coefficients))


class HardwareModel(BaseModel):
    """The fitted figures of a layer, and where they come from.

    Attributes:
        source: Tools and layers.
        layers: How many layers were fitted.
        folds: Of the cross-validation that gave the errors: each layer was held out once.
        counted: What :func:`count_luts` adds up: LUTs for each LUT of the adders, for each limited
            output and for each of its bits.
        counted_error: Mean relative error of :func:`count_luts` on the held-out layers.
        lut: Lookup tables.
        ff: Registers.
        depth: Adders in series.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    layers: int
    folds: int
    counted: tuple[float, float, float]
    counted_error: float
    lut: Fit
    ff: Fit
    depth: Fit


@cache
def hardware_model() -> HardwareModel:
    """The model that comes with the package."""
    text = (files("netwright.compress") / MODEL_FILE).read_text(encoding="utf-8")
    return HardwareModel.model_validate(tomllib.loads(text))


def write_model(model: HardwareModel, path: Path) -> Path:
    """Write a model as TOML."""
    lines = [f'source = "{model.source}"']
    lines += [f"{name} = {getattr(model, name)}" for name in ("layers", "folds")]
    lines.append(f"counted = {list(model.counted)}")
    lines.append(f"counted_error = {model.counted_error}")
    for name in ("lut", "ff", "depth"):
        fit: Fit = getattr(model, name)
        lines += ["", f"[{name}]"]
        lines.append(f"mean_absolute_error = {fit.mean_absolute_error}")
        lines.append(f"largest_error = {fit.largest_error}")
        lines += [f"coefficients.{key} = {value}" for key, value in fit.coefficients.items()]
    return write_text(path, "\n".join(lines) + "\n")


def estimate(layer: DenseLayer) -> LayerEstimate:
    """What a layer needs, from its shape and widths alone.

    Example:
        >>> found = estimate(DenseLayer(16, 64, weight_bits=6, input_bits=6))
        >>> found.lut.unit, found.lut.fidelity
        ('LUT', 'modelled')
    """
    model = hardware_model()

    def figure(fit: Fit, unit: str) -> Quantity:
        value = fit.value(layer)
        error = fit.mean_absolute_error * value
        return Quantity(value, unit, model.source, "modelled", error)

    return LayerEstimate(
        figure(model.lut, "LUT"), figure(model.ff, "FF"), figure(model.depth, "adders")
    )


def layer_luts(shape: LayerShape, weight_bits: float, input_bits: float) -> float:
    """LUTs of a layer of integers; see :func:`estimate`."""
    layer = DenseLayer(shape.inputs, shape.outputs, int(weight_bits), int(input_bits))
    return shape.positions * hardware_model().lut.value(layer)


def layer_latency_ns(
    shape: LayerShape,
    weight_bits: float,
    input_bits: float,
    *,
    clock_mhz: float,
    adders_per_stage: int = ADDERS_PER_STAGE,
) -> float:
    """Time that a value takes through a pipelined layer, nanoseconds.

    Layers share pipeline stages at their borders, so this is the layer's share of the stages, not a
    whole number of clocks.
    """
    layer = DenseLayer(shape.inputs, shape.outputs, int(weight_bits), int(input_bits))
    return hardware_model().depth.value(layer) / adders_per_stage * 1e3 / clock_mhz


def count_luts(
    weights: Sequence[NDArray[np.integer]],
    input_bits: Sequence[int],
    output_bits: Sequence[int],
) -> float:
    """LUTs of dense layers with these integer weights, from the adders that would be built.

    Args:
        weights: The weights of every layer, each (inputs, outputs).
        input_bits: Width of what every layer reads.
        output_bits: Width of what every layer makes; 0 for sums that are not limited.

    Example:
        >>> round(count_luts([np.array([[3], [5]])], [4], [0]), 1)
        11.3
    """
    total = 0.0
    for matrix, reads, makes in zip(weights, input_bits, output_bits, strict=True):
        graph = share(matrix, [(0, (1 << reads) - 1)] * len(matrix))
        limited = sum(product.value is not None for product in graph.products) if makes else 0
        total += counted_luts(graph.num_luts, limited, makes, hardware_model().counted)
    return total


def counted_luts(
    adders: float, outputs: int, output_bits: int, weights: tuple[float, float, float]
) -> float:
    """LUTs of a layer whose adders and limited outputs are known; `weights` were fitted."""
    return weights[0] * adders + weights[1] * outputs + weights[2] * outputs * output_bits
