"""Files of many exporters in many configurations, with random weights, made on demand."""

from __future__ import annotations

import contextlib
import io
import itertools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from benchmarks.corpus_quantized import quantized_by_runtime
from torch import nn

from tests.exchange.onnx_files import model, node

Build = Callable[[Path], None]
IMAGE, VECTOR, SIGNAL = (1, 2, 6, 6), (1, 7), (1, 3, 12)


def made(name: str, path: Path) -> Path:
    """Write the variant `name` to `path`, from a fixed seed."""
    torch.manual_seed(11)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        VARIANTS[name](path)
    return path


def _trained(module: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """The module after a few batches: scales and running means are not what they were."""
    module.train()
    with torch.no_grad():
        for _ in range(4):
            module(torch.randn(16, *shape[1:]))
    return module.eval()


def _brevitas_modules() -> Iterator[tuple[str, Callable[[], nn.Module], tuple[int, ...]]]:
    import brevitas.quant as q
    from brevitas import nn as b

    def vector(**options: Any) -> nn.Module:
        bits = options.pop("bits", 4)
        activation = options.pop("activation", {})
        return nn.Sequential(
            b.QuantIdentity(bit_width=8, **activation),
            b.QuantLinear(7, 6, weight_bit_width=bits, **{"bias": True, **options}),
            b.QuantReLU(bit_width=bits, return_quant_tensor=bool(options.get("bias_quant"))),
            b.QuantLinear(6, 4, weight_bit_width=bits, **{"bias": True, **options}),
            b.QuantIdentity(bit_width=8),
        )

    def image(
        *, groups: int = 1, pool: type[nn.Module] = nn.MaxPool2d, **options: Any
    ) -> nn.Module:
        return nn.Sequential(
            b.QuantIdentity(bit_width=8),
            b.QuantConv2d(
                2, 4, 3, padding=1, groups=groups, weight_bit_width=4, bias=False, **options
            ),
            nn.BatchNorm2d(4),
            b.QuantReLU(bit_width=4),
            pool(2),
            nn.Flatten(),
            b.QuantLinear(36, 3, weight_bit_width=4, bias=True),
            b.QuantIdentity(bit_width=8),
        )

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = b.QuantIdentity(bit_width=8, return_quant_tensor=True)
            self.conv = b.QuantConv2d(2, 2, 3, padding=1, weight_bit_width=4, bias=False)
            self.sum = b.QuantIdentity(bit_width=6, return_quant_tensor=True)
            self.last = b.QuantReLU(bit_width=4)

        def forward(self, x: Any) -> Any:
            x = self.sum(self.first(x))
            return self.last(self.sum(self.conv(x)) + x)

    def signal() -> nn.Module:
        return nn.Sequential(
            b.QuantIdentity(bit_width=6),
            b.QuantConv1d(3, 5, 3, stride=2, weight_bit_width=3, bias=True),
            b.QuantReLU(bit_width=3),
            nn.Flatten(),
            b.QuantLinear(25, 2, weight_bit_width=3, bias=False),
            b.QuantIdentity(bit_width=8),
        )

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = b.QuantIdentity(bit_width=6)
            self.down = b.QuantConv2d(2, 3, 3, stride=2, padding=1, weight_bit_width=4, bias=True)
            self.inner = b.QuantReLU(bit_width=4)
            self.up = b.QuantConvTranspose2d(3, 2, 2, stride=2, weight_bit_width=4, bias=True)
            self.joined = b.QuantIdentity(bit_width=4)
            self.last = b.QuantConv2d(4, 1, 3, padding=1, weight_bit_width=4, bias=True)

        def forward(self, x: Any) -> Any:
            x = self.first(x)
            y = self.up(self.inner(self.down(x)))
            return self.last(torch.cat([self.joined(y), self.joined(x)], 1))

    def tensors() -> nn.Module:
        return nn.Sequential(
            b.QuantIdentity(bit_width=8, return_quant_tensor=True),
            b.QuantLinear(7, 6, weight_bit_width=4, bias=True, bias_quant=q.Int32Bias,
                          return_quant_tensor=True),
            b.QuantReLU(bit_width=4, return_quant_tensor=True),
            b.QuantLinear(6, 4, weight_bit_width=4, bias=True, bias_quant=q.Int32Bias),
        )  # fmt: skip

    channels = {"weight_scaling_per_output_channel": True}
    fixed = {"weight_quant": q.Int8WeightPerTensorFixedPoint}
    yield "mlp", vector, VECTOR
    for bits in (2, 3, 8):
        yield f"mlp_{bits}_bit", lambda bits=bits: vector(bits=bits), VECTOR
    yield "mlp_channels", lambda: vector(**channels), VECTOR
    yield "mlp_fixed_point", lambda: vector(**fixed), VECTOR
    yield "mlp_without_bias", lambda: vector(bias=False), VECTOR
    yield (
        "mlp_asymmetric",
        lambda: vector(activation={"act_quant": q.ShiftedUint8ActPerTensorFloat}),
        VECTOR,
    )
    yield "quant_tensors", tensors, VECTOR
    yield "cnn", image, IMAGE
    yield "cnn_channels", lambda: image(**channels), IMAGE
    yield "cnn_groups", lambda: image(groups=2), IMAGE
    yield "residual", Residual, IMAGE
    yield "branches", Branches, IMAGE
    yield "signal", signal, SIGNAL


def _brevitas(build: Callable[[], nn.Module], shape: tuple[int, ...], form: str) -> Build:
    def write(path: Path) -> None:
        from brevitas.export import export_onnx_qcdq, export_qonnx

        module = _trained(build(), shape)
        export = export_qonnx if form == "qonnx" else export_onnx_qcdq
        options = {"opset_version": 21} if form == "qcdq21" else {}
        export(module, args=torch.randn(shape), export_path=str(path), dynamo=False, **options)

    return write


def _float_modules() -> Iterator[tuple[str, Callable[[], nn.Module], tuple[int, ...]]]:
    def vector() -> nn.Module:
        return nn.Sequential(nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 4))

    def image() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 3, groups=4), nn.ReLU(), nn.Flatten(), nn.Linear(4, 3),
        )  # fmt: skip

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(2, 2, 3, padding=1), nn.Linear(2, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.first(x)) + x
            return self.last(x.mean(dim=(2, 3)))

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.Conv2d(2, 3, 3, stride=2, padding=1)
            self.up = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1)
            self.last = nn.Conv2d(7, 2, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.relu(self.down(x))
            larger = nn.functional.interpolate(y, scale_factor=2, mode="nearest")
            return self.last(torch.cat([self.up(y), x, larger], 1))

    yield "mlp", vector, VECTOR
    yield "cnn", image, IMAGE
    yield "residual", Residual, IMAGE
    yield "branches", Branches, IMAGE


def _runtime(
    build: Callable[[], nn.Module], shape: tuple[int, ...], *, dynamo: bool, **options: Any
) -> Build:
    def write(path: Path) -> None:
        plain = path.with_suffix(".float.onnx")
        torch.onnx.export(
            _trained(build(), shape), (torch.randn(shape),), str(plain), dynamo=dynamo,
            **({} if dynamo else {"opset_version": 13}),
        )  # fmt: skip
        quantized_by_runtime(plain, path, shape=shape, **options)

    return write


FINN = "finn.custom_op.general"


def _keras_like(
    *, bits: int, bias: bool, norm: bool, opset: int, domain: str = FINN, channels: bool = False
) -> Build:
    """Layers as QKeras' converter writes them: quantized weights and biases, MatMul, Add, Relu."""

    def write(path: Path) -> None:
        generator = np.random.default_rng(bits + opset)
        nodes, constants = [], {"zero": np.float32(0)}

        def quant(source: str, output: str, wide: int, scale: Any, **attrs: Any) -> None:
            constants[f"{output}_s"] = np.float32(scale)
            constants[f"{output}_b"] = np.float32(wide)
            attrs = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **attrs}
            inputs = f"{source} {output}_s zero {output}_b"
            nodes.append(node("Quant", inputs, output, domain=domain, **attrs))

        quant("x", "q0", 8, 2.0**-5)
        last, width = "q0", 7
        for layer, units in enumerate((6, 5, 3)):
            own = f"l{layer}"
            constants[f"{own}_v"] = generator.normal(size=(width, units)).astype(np.float32)
            scale = 2.0 ** (1 - bits)
            if channels:
                scale = scale * 2.0 ** generator.integers(-1, 2, size=(1, units))
            quant(f"{own}_v", f"{own}_w", bits, scale, narrow=1)
            nodes.append(node("MatMul", f"{last} {own}_w", f"{own}_m"))
            last = f"{own}_m"
            if bias:
                constants[f"{own}_c"] = generator.normal(size=units).astype(np.float32)
                quant(f"{own}_c", f"{own}_d", bits + 2, 2.0**-4)
                nodes.append(node("Add", f"{last} {own}_d", f"{own}_a"))
                last = f"{own}_a"
            if norm:
                for what, low in (("g", 0.5), ("h", -1), ("u", -1), ("t", 0.5)):
                    values = generator.uniform(low, 1, size=units)
                    constants[f"{own}_{what}"] = values.astype(np.float32)
                inputs = " ".join(f"{own}_{what}" for what in "ghut")
                nodes.append(node("BatchNormalization", f"{last} {inputs}", f"{own}_o"))
                last = f"{own}_o"
            nodes.append(node("Relu", last, f"{own}_r"))
            quant(f"{own}_r", f"{own}_q", bits + 1, 2.0**-3, signed=0)
            last, width = f"{own}_q", units
        nodes.append(node("Softmax", last, axis=-1))

        def change(made: Any) -> None:
            made.opset_import.append(onnx.helper.make_opsetid(FINN, 1))

        written = model(nodes, constants, shape=VECTOR, opset=opset, change=change)
        path.write_bytes(written.SerializeToString())

    return write


def _transformed(source: str, *transformations: str) -> Build:
    """Another variant after transformations of qonnx itself."""

    def write(path: Path) -> None:
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
        from qonnx.transformation.gemm_to_matmul import GemmToMatMul
        from qonnx.transformation.infer_shapes import InferShapes
        from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant
        from qonnx.transformation.qonnx_to_qcdq import QuantToQCDQ
        from qonnx.util.cleanup import cleanup_model

        known = {
            "channels_last": ConvertToChannelsLastAndClean(),
            "matmul": GemmToMatMul(),
            "to_qonnx": QCDQToQuant(),
            "to_qcdq": QuantToQCDQ(),
        }
        plain = made(source, path.with_suffix(".source.onnx"))
        changed = cleanup_model(ModelWrapper(str(plain)))
        for name in transformations:
            changed = cleanup_model(changed.transform(known[name]))
        changed.transform(InferShapes()).save(str(path))

    return write


def _all() -> dict[str, Build]:
    found: dict[str, Build] = {}
    for name, build, shape in _brevitas_modules():
        for form in ("qonnx", "qcdq"):
            found[f"brevitas_{name}_{form}"] = _brevitas(build, shape, form)
    for name, build, shape in _float_modules():
        for operators, channels, unsigned in itertools.product((False, True), repeat=3):
            if operators and (name == "branches" or (channels and name == "residual")):
                continue  # ONNX Runtime leaves transposed convolutions in float there
            label = ("operators" if operators else "qdq") + ("_channels" if channels else "")
            label += "_uint8" if unsigned else "_int8"
            found[f"runtime_{name}_{label}"] = _runtime(
                build, shape, dynamo=False, operators=operators, per_channel=channels,
                unsigned=unsigned,
            )  # fmt: skip
        for operators in (False,) if name == "branches" else (False, True):
            label = "operators" if operators else "qdq"
            found[f"dynamo_{name}_{label}"] = _runtime(
                build, shape, dynamo=True, operators=operators, symmetric=True, unsigned=False
            )
    for bits, bias, norm, opset in (
        (2, True, False, 9), (4, True, True, 11), (6, False, True, 13), (8, True, False, 15),
    ):  # fmt: skip
        found[f"keras_{bits}_bit"] = _keras_like(bits=bits, bias=bias, norm=norm, opset=opset)
    found["keras_channels"] = _keras_like(
        bits=4, bias=True, norm=False, opset=13, domain="qonnx.custom_op.general", channels=True
    )
    for source in ("brevitas_mlp_qonnx", "brevitas_cnn_qonnx", "brevitas_residual_qonnx"):
        found[f"{source}_cleaned"] = _transformed(source)
        found[f"{source}_to_qcdq"] = _transformed(source, "to_qcdq")
    found["brevitas_mlp_qonnx_matmul"] = _transformed("brevitas_mlp_qonnx", "matmul")
    for source in ("brevitas_cnn_qonnx", "brevitas_residual_qonnx"):
        found[f"{source}_channels_last"] = _transformed(source, "channels_last")
    for source in ("brevitas_cnn_qcdq", "runtime_mlp_qdq_uint8"):
        found[f"{source}_to_qonnx"] = _transformed(source, "to_qonnx")
    return found


VARIANTS = _all()
"""How to write each variant, by name."""
