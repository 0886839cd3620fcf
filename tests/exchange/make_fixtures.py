"""Write the Brevitas models in tests/exchange/data, each with inputs and Brevitas's own outputs.

Run with ``python -m tests.exchange.make_fixtures`` after a change of the Brevitas version.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from brevitas.quant import (
    Int8ActPerTensorFixedPoint,
    Int8WeightPerTensorFixedPoint,
    Int16Bias,
    Uint8ActPerTensorFixedPoint,
)
from torch import nn

FOLDER = Path(__file__).parent / "data"


def power_of_two_mlp() -> nn.Module:
    """Power-of-two scales, biases quantized to the accumulator grid."""
    weights = {"weight_quant": Int8WeightPerTensorFixedPoint, "bias_quant": Int16Bias}
    act = {"act_quant": Uint8ActPerTensorFixedPoint, "return_quant_tensor": True}
    return nn.Sequential(
        qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint, return_quant_tensor=True),
        qnn.QuantLinear(16, 24, bias=True, weight_bit_width=6, **weights),
        qnn.QuantReLU(bit_width=6, **act),
        qnn.QuantLinear(24, 5, bias=True, weight_bit_width=4, **weights),
    )


def float_mlp() -> nn.Module:
    """Float scales and float biases, as Brevitas makes them by default; scales per channel."""
    return nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantLinear(
            16, 24, bias=True, weight_bit_width=6, weight_scaling_per_output_channel=True
        ),
        qnn.QuantReLU(bit_width=6),
        qnn.QuantLinear(24, 5, bias=True, weight_bit_width=4),
    )


def convolution() -> nn.Module:
    """Float scales, batch normalization, average pooling."""
    return nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantConv2d(2, 6, 3, padding=1, stride=2, bias=True, weight_bit_width=5),
        nn.BatchNorm2d(6),
        qnn.QuantReLU(bit_width=5),
        nn.AvgPool2d(2),
        qnn.QuantIdentity(bit_width=8),
        nn.Flatten(),
        qnn.QuantLinear(24, 5, bias=True, weight_bit_width=6),
    )


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "brevitas_mlp_po2": (power_of_two_mlp, (16,)),
    "brevitas_mlp_float": (float_mlp, (16,)),
    "brevitas_conv": (convolution, (2, 8, 8)),
}


def trained(build: Callable[[], nn.Module], shape: tuple[int, ...]) -> nn.Module:
    """The model with random weights and calibrated activation ranges."""
    torch.manual_seed(3)
    model = build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.uniform_(module.bias, -1, 1)
    for _ in range(20):
        model(torch.randn(128, *shape))
    return model.eval()


def outputs_of(model: nn.Module, inputs: np.ndarray) -> np.ndarray:
    """Brevitas's outputs."""
    with torch.no_grad():
        result = model(torch.from_numpy(inputs))
    return np.asarray(getattr(result, "value", result))


def strip_traces(path: Path) -> None:
    """Remove what the exporter says about the machine it ran on."""
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    tensors = (*graph.initializer, *graph.value_info, *graph.input, *graph.output)
    for part in (model, graph, *graph.node, *tensors):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    path.write_bytes(model.SerializeToString(deterministic=True))


def write(name: str, folder: Path = FOLDER) -> None:
    """Write one model, its inputs and its outputs."""
    build, shape = MODELS[name]
    model = trained(build, shape)
    rng = np.random.default_rng(11)
    inputs = rng.normal(size=(64, *shape)).astype(np.float32)
    outputs = outputs_of(model, inputs)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    export_qonnx(model, torch.randn(1, *shape), export_path=str(path))
    strip_traces(path)
    np.savez_compressed(folder / f"{name}.npz", inputs=inputs, outputs=outputs)


if __name__ == "__main__":
    for fixture in MODELS:
        write(fixture)
