"""Models that the public test suites export or download, exported anew with random weights.

One function a model, of the name that ``corpus.toml`` gives it. Nothing here is trained, and
nothing is copied: architectures come from the examples that the package brevitas ships, or are
written out again from their published description.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

Export = Callable[[Path], None]
REBUILT: dict[str, Export] = {}
"""How to write each rebuilt model, by its name in the manifest."""


def rebuilt(name: str, path: Path) -> Path:
    """Export the model `name` to `path`, from a fixed seed."""
    torch.manual_seed(7)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        REBUILT[name](path)
    return path


def _model(export: Export) -> Export:
    REBUILT[export.__name__] = export
    return export


def _qonnx(module: nn.Module, shape: tuple[int, ...], path: Path, **options: Any) -> None:
    """Brevitas' QONNX export of a module whose statistics have seen a few batches."""
    from brevitas.export import export_qonnx

    module.train()
    with torch.no_grad():
        for _ in range(2):
            module(torch.rand(4, *shape[1:]) * 2 - 1)
    module.eval()
    export_qonnx(module, args=torch.rand(shape), export_path=str(path), dynamo=False, **options)


def _torch(module: nn.Module, shape: tuple[int, ...], path: Path) -> None:
    torch.onnx.export(
        module.eval(), (torch.rand(shape),), str(path), dynamo=False, opset_version=13
    )


def _example(name: str, shape: tuple[int, ...]) -> None:
    def export(path: Path) -> None:
        from brevitas_examples.bnn_pynq import models

        module, _ = models.model_with_cfg(name, pretrained=False)
        _qonnx(module, shape, path)

    REBUILT[name] = export


for _bits in ("1w1a", "1w2a", "2w2a"):
    for _size in ("tfc", "sfc"):
        _example(f"{_size}_{_bits}", (1, 1, 28, 28))
    _example(f"cnv_{_bits}", (1, 3, 32, 32))
for _bits in ("1w1a", "1w2a"):
    _example(f"lfc_{_bits}", (1, 1, 28, 28))
_example("resnet18_4w4a", (1, 3, 32, 32))


@_model
def lfc_2w2a(path: Path) -> None:
    """The large network of fully connected layers with 2 bits; its configuration does not ship."""
    from brevitas_examples.bnn_pynq.models import FC

    module = FC.FC(10, 2, 2, 2, 1, [1024, 1024, 1024], (28, 28))
    _qonnx(module, (1, 1, 28, 28), path)


@_model
def cnv_1w1a_43_classes(path: Path) -> None:
    """The convolutional network with one bit for the 43 classes of traffic signs."""
    from brevitas_examples.bnn_pynq.models import CNV

    _qonnx(CNV.CNV(43, 1, 1, 8, 3), (1, 3, 32, 32), path)


@_model
def mobilenet_v1_4w4a(path: Path) -> None:
    """MobileNet-v1 with 4 bits for images of 224 x 224."""
    from brevitas_examples.imagenet_classification.models import quant_mobilenet_v1_4b

    _qonnx(quant_mobilenet_v1_4b(pretrained=False), (1, 3, 224, 224), path)


@_model
def radioml_vgg10_8w8a(path: Path) -> None:
    """Seven convolutions and three products in one dimension, 8 bits, for radio signals."""
    from brevitas import nn as qnn

    layers: list[nn.Module] = [qnn.QuantHardTanh(bit_width=8, min_val=-2.0, max_val=2.0)]
    channels = 2
    for _ in range(7):
        layers += [
            qnn.QuantConv1d(channels, 64, 3, padding=1, weight_bit_width=8, bias=False),
            nn.BatchNorm1d(64),
            qnn.QuantReLU(bit_width=8),
            nn.MaxPool1d(2),
        ]
        channels = 64
    layers.append(nn.Flatten())
    for width, made in ((64 * 8, 128), (128, 128)):
        layers += [
            qnn.QuantLinear(width, made, weight_bit_width=8, bias=False),
            nn.BatchNorm1d(made),
            qnn.QuantReLU(bit_width=8),
        ]
    layers.append(qnn.QuantLinear(128, 24, weight_bit_width=8, bias=True))
    _qonnx(nn.Sequential(*layers), (1, 2, 1024), path)


@_model
def super_resolution(path: Path) -> None:
    """Four convolutions with biases and a pixel shuffle, for images of 28 x 28."""
    from brevitas import nn as qnn

    layers: list[nn.Module] = [qnn.QuantIdentity(bit_width=8)]
    for source, made, kernel in ((1, 64, 5), (64, 64, 3), (64, 32, 3)):
        layers += [
            qnn.QuantConv2d(
                source, made, kernel, padding=kernel // 2, weight_bit_width=8, bias=True
            ),
            qnn.QuantReLU(bit_width=8),
        ]
    layers += [
        qnn.QuantConv2d(32, 9, 3, padding=1, weight_bit_width=8, bias=True),
        nn.PixelShuffle(3),
    ]
    _qonnx(nn.Sequential(*layers), (1, 1, 28, 28), path)


class _Inverted(nn.Module):
    """An inverted residual block: expand, depthwise, project, add."""

    def __init__(self, source: int, made: int, stride: int) -> None:
        super().__init__()
        inner = source * 6
        self.body = nn.Sequential(
            nn.Conv2d(source, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU6(),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False),
            nn.BatchNorm2d(inner), nn.ReLU6(),
            nn.Conv2d(inner, made, 1, bias=False), nn.BatchNorm2d(made),
        )  # fmt: skip
        self.adds = stride == 1 and source == made

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        made = self.body(x)
        return x + made if self.adds else made


@_model
def mobilenet_v2_qdq(path: Path) -> None:
    """Inverted residuals, quantized by ONNX Runtime in the format QDQ, 8 bits."""
    from benchmarks.corpus_quantized import quantized_by_runtime

    blocks = [(16, 24, 2), (24, 24, 1), (24, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]
    module = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
        *(_Inverted(*block) for block in blocks),
        nn.Conv2d(64, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    plain = path.with_suffix(".float.onnx")
    _torch(module, (1, 3, 64, 64), plain)
    quantized_by_runtime(plain, path, shape=(1, 3, 64, 64))


@_model
def cybsec_mlp(path: Path) -> None:
    """Three layers of 64 with 2 bits for 600 bipolar inputs, shifted to 0 and 1."""
    from brevitas import nn as qnn
    from brevitas.core.quant import QuantType

    layers: list[nn.Module] = []
    width = 600
    for _ in range(3):
        layers += [
            qnn.QuantLinear(width, 64, bias=True, weight_bit_width=2),
            nn.BatchNorm1d(64),
            nn.Dropout(0.5),
            qnn.QuantReLU(bit_width=2),
        ]
        width = 64
    layers.append(qnn.QuantLinear(64, 1, bias=True, weight_bit_width=2))

    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(*layers)
            self.last = qnn.QuantIdentity(
                quant_type=QuantType.BINARY, bit_width=1, min_val=-1.0, max_val=1.0
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.inner((x + torch.tensor([1.0])) / 2.0))

    _qonnx(Shifted(), (1, 600), path)


def _linear(path: Path, *, bias: bool) -> None:
    from brevitas import nn as qnn

    module = qnn.QuantLinear(3, 4, bias=bias, weight_bit_width=4)
    _qonnx(module, (1, 3), path)


def _conv(path: Path, *, depthwise: bool) -> None:
    from brevitas import nn as qnn

    sizes = (32, 32, 3) if depthwise else (32, 64, 1)
    module = qnn.QuantConv2d(
        *sizes, groups=32 if depthwise else 1, padding=sizes[2] // 2, bias=True, weight_bit_width=4
    )
    _qonnx(module, (1, 32, 111, 111), path)


REBUILT["qlinear"] = lambda path: _linear(path, bias=False)
REBUILT["qlinear_bias"] = lambda path: _linear(path, bias=True)
REBUILT["qconv"] = lambda path: _conv(path, depthwise=False)
REBUILT["qconv_depthwise"] = lambda path: _conv(path, depthwise=True)


def _activation(path: Path, kind: str, shape: tuple[int, ...], **options: Any) -> None:
    from brevitas import nn as qnn

    _qonnx(getattr(qnn, kind)(**options), shape, path)


@_model
def relu(path: Path) -> None:
    """A quantized Relu."""
    _activation(path, "QuantReLU", (1, 15), bit_width=4)


@_model
def relu_channels(path: Path) -> None:
    """A quantized Relu with a scale per channel."""
    from brevitas.core.scaling import ScalingImplType

    _activation(
        path, "QuantReLU", (1, 15, 4, 4), bit_width=4, max_val=6.0,
        scaling_impl_type=ScalingImplType.CONST, scaling_per_output_channel=True,
        per_channel_broadcastable_shape=(1, 15, 1, 1),
    )  # fmt: skip


@_model
def hardtanh_1_bit(path: Path) -> None:
    """A bipolar hard tanh."""
    from brevitas.core.quant import QuantType
    from brevitas.core.scaling import ScalingImplType

    _activation(
        path, "QuantHardTanh", (1, 10), bit_width=1, quant_type=QuantType.BINARY, max_val=1.0,
        min_val=-1.0, scaling_impl_type=ScalingImplType.CONST,
    )  # fmt: skip


def _hardtanh(path: Path, **options: Any) -> None:
    from brevitas.core.quant import QuantType

    _activation(path, "QuantHardTanh", (1, 15), quant_type=QuantType.INT, **options)


@_model
def hardtanh_4_bit(path: Path) -> None:
    """A hard tanh of 4 bits."""
    _hardtanh(path, bit_width=4, max_val=1 - 2**-7, min_val=-1.0, narrow_range=True)


@_model
def hardtanh_scaled(path: Path) -> None:
    """A hard tanh whose scale is a power of two."""
    from brevitas.core.restrict_val import RestrictValueType

    _hardtanh(
        path, bit_width=4, max_val=2.0, min_val=-2.0,
        restrict_scaling_type=RestrictValueType.POWER_OF_TWO,
    )  # fmt: skip


def _average(path: Path, kernel: int) -> None:
    from brevitas import nn as qnn

    module = nn.Sequential(
        qnn.QuantIdentity(bit_width=8, return_quant_tensor=True),
        qnn.TruncAvgPool2d(
            kernel_size=kernel, stride=2, bit_width=4, float_to_int_impl_type="FLOOR",
            return_quant_tensor=False,
        ),
    )  # fmt: skip
    _qonnx(module, (1, 2, 8, 8), path)


REBUILT["average_pool_2"] = lambda path: _average(path, 2)
REBUILT["average_pool_3"] = lambda path: _average(path, 3)


@_model
def selu(path: Path) -> None:
    """A Selu in front of a quantizer."""
    from brevitas import nn as qnn

    _qonnx(nn.Sequential(nn.SELU(), qnn.QuantIdentity(bit_width=4, narrow=True)), (1, 15), path)


@_model
def deconv(path: Path) -> None:
    """A transposed convolution."""
    from brevitas import nn as qnn

    module = qnn.QuantConvTranspose2d(3, 5, 4, stride=2, padding=1, bias=False)
    _qonnx(module, (1, 3, 4, 4), path)


@_model
def upsample(path: Path) -> None:
    """Nearest upsampling."""
    _torch(nn.Upsample(scale_factor=(2, 2), mode="nearest"), (1, 4, 5, 5), path)


@_model
def embedding(path: Path) -> None:
    """A table of 130 vectors, read by integers."""
    module = nn.Embedding(130, 25).eval()
    torch.onnx.export(
        module, (torch.zeros(1, 10, dtype=torch.int64),), str(path), dynamo=False, opset_version=13
    )


@_model
def normalize(path: Path) -> None:
    """Mean and deviation per channel, as MobileNet wants them."""

    class Normalize(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
            return (x - mean) / torch.tensor([0.226])

    _torch(Normalize(), (1, 3, 224, 224), path)


@_model
def two_outputs(path: Path) -> None:
    """Five layers, the third one an output too."""

    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = (16, 64, 32, 32, 32, 5)
            self.layers = nn.ModuleList(map(nn.Linear, sizes, sizes[1:]))

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            third = self.layers[2](self.layers[1](self.layers[0](x)))
            return self.layers[4](self.layers[3](third)), third

    _torch(Branched(), (1, 16), path)


def _padded(path: Path, shape: tuple[int, ...], pads: tuple[int, ...]) -> None:
    pad = nn.ConstantPad1d(pads, 0) if len(pads) == 2 else nn.ConstantPad2d(pads, 0)
    _torch(pad, shape, path)


REBUILT["padded_1d"] = lambda path: _padded(path, (1, 2, 4), (2, 3))
REBUILT["padded_2d"] = lambda path: _padded(path, (1, 2, 3, 4), (1, 2, 3, 4))
