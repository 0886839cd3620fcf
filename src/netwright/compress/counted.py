"""What the layers of one trained network cost in LUTs, counted on their own weights.

Widths alone do not say what a layer costs: at three bits the weights of a layer may have as many
zeros as at two. So the network is quantized to every candidate width, the adders of every layer are
built, and what they need is counted. No synthesis is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from netwright.backends.rtl.adders.sharing import share
from netwright.compress.conversion import apply, layer_shapes
from netwright.compress.hardware import counted_luts, hardware_model
from netwright.compress.plan import Granularity, LayerShape, ScaleKind, uniform
from netwright.errors import ConfigError
from netwright.tasks import Task
from netwright.train import QuantLayer
from netwright.train.prepared import InputShapes

_NARROW, _WIDE = 3, 10
"""Input widths between which the adders of a layer are taken to grow evenly. On the layers of a
jets network of 24 and 16 units this was within 3 % of building them at every width."""


@dataclass(frozen=True, slots=True)
class CountedLuts:
    """LUTs of a layer by weight and input width; a cost for :class:`~netwright.compress.Budget`.

    Attributes:
        adders: For layer and weight width, LUTs of the adders with inputs of 3 and of 10 bits.
        limited: For each layer, values that are limited to the width that the layer reads.
    """

    adders: Mapping[tuple[str, int], tuple[float, float]]
    limited: Mapping[str, int]

    def __call__(self, shape: LayerShape, weight_bits: float, input_bits: float) -> float:
        """LUTs of a layer, and of limiting what it reads.

        Raises:
            ConfigError: The layer was not counted at this width.
        """
        if (shape.name, weight_bits) not in self.adders:
            known = ", ".join(f"{name} at {bits} bits" for name, bits in self.adders)
            raise ConfigError(
                f'the LUTs of layer "{shape.name}" were not counted at {weight_bits} bits',
                hint=f"counted: {known}",
            )
        narrow, wide = self.adders[shape.name, int(weight_bits)]
        slope = (wide - narrow) / (_WIDE - _NARROW)
        adders = max(narrow + slope * (input_bits - _NARROW), 0.0)
        return counted_luts(
            adders, self.limited[shape.name], int(input_bits), hardware_model().counted
        )


def count_layers(
    model: nn.Module,
    task: Task,
    *,
    weight_bits: Sequence[int],
    input_shape: InputShapes | None = None,
    scale: ScaleKind = "power-of-two",
    granularity: Granularity = "tensor",
) -> CountedLuts:
    """Build the adders of every layer at every weight width, and count.

    Args:
        model: A trained float network.
        task: Its training inputs choose the scales.
        weight_bits: Candidate widths.
        input_shape: Shape of one row of every input; that of the task if not given.
        scale: Kind of the scales.
        granularity: Whether each output has a scale of its own.

    Raises:
        ConfigError: There is no candidate width, or one is not supported.
        UnsupportedOp: A layer has no quantized counterpart.
    """
    if not weight_bits:
        raise ConfigError("counting LUTs needs candidate widths of weights")
    shapes = layer_shapes(model, task.input_shapes if input_shape is None else input_shape)
    adders = {}
    for width in sorted(set(weight_bits)):
        plan = uniform(shapes, weight_bits=width, activation_bits=8)
        plan = plan.with_rules(scale=scale, granularity=granularity)
        quantized = apply(model, plan, task, input_shape=input_shape)
        for shape, layer in zip(shapes, quantized.quant_layers().values(), strict=True):
            adders[shape.name, width] = (
                shape.positions * _adder_luts(layer, _NARROW),
                shape.positions * _adder_luts(layer, _WIDE),
            )
    makes = [0, *(shape.outputs * shape.positions for shape in shapes)]
    return CountedLuts(
        adders, {shape.name: count for shape, count in zip(shapes, makes, strict=False)}
    )


def _adder_luts(layer: QuantLayer, input_bits: int) -> float:
    codes = layer.weight_codes().detach().numpy().astype(np.int64)
    matrix = codes.reshape(len(codes), -1).T
    return float(share(matrix, [(0, (1 << input_bits) - 1)] * len(matrix)).num_luts)
