"""The encoder of a wafer autoencoder at its published widths, with the scales of a chip."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import torch

from netwright.compress.part import Compressed, PartlyQuantized, build_part, quantized_part
from netwright.compress.plan import LayerPlan, Plan
from netwright.errors import GraphError
from netwright.formats import Int, Rounding
from netwright.ir import AttrValue, Graph, Node, TensorType, spec_of
from netwright.models import Autoencoder
from netwright.tasks import Task
from netwright.train import Quantizer, QuantModel, trace

INPUT_BITS, HIDDEN_BITS, LATENT_BITS, WEIGHT_BITS = 8, 8, 9, 6
"""Published: inputs 8 bits, hidden 8, weights 6, 16 outputs of 9 (nswood/ECON_AE_Training)."""

MORE_BIAS_BITS = 10
"""Than a weight has, on the grid of the sums: 16 bits reach from -2 to 2. Published biases have 6
bits on the grid of the weights."""

_WEIGHTS = "weights of "
_CALIBRATION_ROWS = 64  # every scale is given

SCALES = MappingProxyType(
    {
        "quantize_input": 2.0**-7,
        "conv1_requantize": 2.0**-9,
        "fc1_requantize": 2.0**-8,
        f"{_WEIGHTS}conv1": 2.0**-5,
        f"{_WEIGHTS}fc1": 2.0**-5,
    }
)
"""Fixed, so that one chip runs every set of weights: one bit before the point of inputs and
outputs, none before that of weights, as published; hidden values are smaller than published ones,
half at most, which a calibration found."""


def wafer_plan(*, weight_bits: int = WEIGHT_BITS) -> Plan:
    """The published widths; outputs and inputs are not negative, and halves are rounded up."""
    bias_bits = weight_bits + MORE_BIAS_BITS
    return Plan(
        (
            LayerPlan("conv1", weight_bits, INPUT_BITS, bias_bits),
            LayerPlan("fc1", weight_bits, HIDDEN_BITS, bias_bits),
        ),
        rounding=Rounding.HALF_UP,
        origin="published widths",
        output_bits=LATENT_BITS,
        signed_inputs=False,
    )


def quantize_wafer_encoder(
    model: Autoencoder, task: Task, *, latent_bits: int = LATENT_BITS,
    weight_bits: int = WEIGHT_BITS,
) -> PartlyQuantized:  # fmt: skip
    """A copy whose encoder is quantized; of its outputs the highest `latent_bits` are sent.

    Without further training this is post-training quantization; trained on
    (:func:`netwright.train.fit`) it learns to live with it. The decoder stays in floating point.

    Args:
        model: A trained float autoencoder (:func:`netwright.models.wafer_autoencoder`).
        task: The calorimeter task in the model's layout.
        latent_bits: Bits of each value that is sent: 3, 5, 7 or 9 on the chip.
        weight_bits: Width of the weights. With another one than the published 6, their scale
            changes so that they reach as far.

    Raises:
        ConfigError: A width is out of range, or the model is another.
    """
    finer = 2.0 ** (WEIGHT_BITS - weight_bits)
    scales = {
        name: scale * (finer if name.startswith(_WEIGHTS) else 1.0)
        for name, scale in SCALES.items()
    }
    plan = wafer_plan(weight_bits=weight_bits)
    made = build_part(model.with_bits(latent_bits), plan, task, "encoder")
    assert isinstance(made, PartlyQuantized)
    _pin(made.quantized, scales)
    rows = task.train.arrays.values()
    made.calibrate(*(torch.from_numpy(array[:_CALIBRATION_ROWS]) for array in rows))
    return made.eval()


def _pin(encoder: QuantModel, scales: Mapping[str, float]) -> None:
    """Give every scale; biases follow."""
    found: dict[str, Quantizer] = {
        f"{_WEIGHTS}{path}": layer.weight_quantizer
        for path, layer in encoder.quant_layers().items()
    }
    for step in encoder.steps:
        quantizer = getattr(step.operation, "quantizer", None)
        if isinstance(quantizer, Quantizer):
            found[step.name] = quantizer
    for name, quantizer in found.items():
        quantizer.pin(scales[name])


def wafer_graph(model: Compressed, *, name: str = "econ_t") -> Graph:
    """The exact integers of a quantized encoder, its weights and biases as wide as they may become.

    Without that every set of weights would have the widths of its own largest values, and no chip
    for one of them would hold another.

    Args:
        model: From :func:`quantize_wafer_encoder`, in evaluation mode.
        name: Of the graph.
    """
    encoder = quantized_part(model)
    graph = trace(encoder, name=name)
    layers = list(encoder.quant_layers().values())
    products = [node for node in graph.nodes if spec_of(node).category == "product"]
    types = dict(graph.types)
    for node, layer in zip(products, layers, strict=True):
        quantizers = (layer.weight_quantizer, layer.bias_quantizer)
        for tensor, quantizer in zip(node.inputs[1:], quantizers, strict=False):
            if quantizer is not None:
                types[tensor] = types[tensor].with_number(quantizer.spec.dtype)
    return replace(graph, types=types)


def sent_graph(graph: Graph, bits: int = LATENT_BITS) -> Graph:
    """An encoder with what its link does as a last node: values cut to bits, one before the point.

    A graph whose outputs are such numbers already stays as it is.

    Args:
        graph: The encoder, whose outputs have one scale, a power of two.
        bits: Bits of an output, none of them a sign.

    Raises:
        GraphError: Its outputs have other scales.
    """
    (output,) = graph.outputs
    old = graph.types[output]
    wanted = TensorType(old.shape, Int(bits, signed=False), (2.0 ** (1 - bits),))
    if old == wanted:
        return graph
    places = [math.log2(scale) for scale in old.scale]
    if len(places) != 1 or not places[0].is_integer():
        raise GraphError(
            f'the outputs of "{graph.name}" must have one scale, a power of two, to be cut to '
            f"{bits} bits; they have {', '.join(map(str, old.scale[:3]))}",
            hint='set scale = "power-of-two" in compress',
        )
    shift = 1 - bits - int(places[0])
    attrs: dict[str, AttrValue] = {
        "multiplier": (1 << max(-shift, 0),), "offset": (0,), "shift": max(shift, 0),
        "rounding": "floor", "low": 0, "high": (1 << bits) - 1,
    }  # fmt: skip
    name = f"{output}_sent"
    node = Node("link", "Requantize", (output,), name, attrs)
    return replace(
        graph, outputs=(name,), nodes=(*graph.nodes, node), types={**graph.types, name: wanted}
    )
