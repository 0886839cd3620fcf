"""Operators of ONNX Runtime and of qonnx that are others in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import flag, integer, integers, real, single, text
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx import (
    read_functions,
    read_integer,
    read_linear,
    read_moves,
    read_pools,
)
from netwright.exchange.qonnx.reader import Reader, Rule
from netwright.ir import AttrValue

_ACTIVATIONS: Mapping[str, Rule] = {
    "Relu": read_linear.relu, "LeakyRelu": read_linear.leaky_relu, "Clip": read_linear.clip,
    "HardSigmoid": read_functions.function, "Sigmoid": read_functions.function,
    "Tanh": read_functions.function,
}  # fmt: skip
"""What ONNX Runtime fuses into products."""


def _step(
    reader: Reader, node: SourceNode, op: str, inputs: tuple[str, ...], rule: Rule,
    *, what: str = "", attrs: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """Read an operator of the standard that stands for a part of a node; its result's name."""
    name = reader.names.fresh(f"{node.name}_{what}") if what else node.outputs[0]
    reader.uses[name] += 1 if what else 0
    step = replace(node, name=name if what else node.name, op=op, domain="", inputs=inputs,
                   outputs=(name,), attrs=dict(attrs or {}))  # fmt: skip
    rule(reader, step)
    return name


def fused_product(reader: Reader, node: SourceNode) -> None:
    """Read FusedConv and FusedGemm: a product, a sum with a tensor, and an activation function."""
    activation = text(node, "activation", "")
    if activation not in ("", *_ACTIVATIONS):
        raise GraphError(
            f"{node.op} with activation {activation!r} is not supported", node=node.name,
            hint=f"one of {', '.join(_ACTIVATIONS)} is",
        )  # fmt: skip
    given = {k: v for k, v in node.attrs.items() if not k.startswith("activation")}
    if node.op == "FusedGemm":
        op, inputs, rule = "Gemm", node.inputs[:3], read_linear.gemm
    else:
        op, inputs, rule = "Conv", tuple(filter(None, node.inputs[:3])), read_linear.conv
    added = node.inputs[3] if len(node.inputs) > 3 else ""
    last = not added and not activation
    made = _step(reader, node, op, inputs, rule, what="" if last else "product", attrs=given)
    if added:
        what = "sum" if activation else ""
        made = _step(reader, node, "Add", (made, added), read_linear.add, what=what)
    if activation:
        attrs = _parameters(node, activation)
        _step(reader, node, activation, (made,), _ACTIVATIONS[activation], attrs=attrs)


def _parameters(node: SourceNode, activation: str) -> dict[str, float]:
    """Attributes of the function, which the product has in a list or each under its name."""
    names = {"LeakyRelu": ("alpha",), "Clip": ("min", "max"), "HardSigmoid": ("alpha", "beta")}
    wanted = names.get(activation, ())
    if node.op == "FusedGemm":
        held = [name for name in wanted if f"activation_{name}" in node.attrs]
        return {name: real(node, f"activation_{name}", 0.0) for name in held}
    known = np.asarray(node.attrs.get("activation_params", ()), dtype=np.float64).reshape(-1)
    return dict(zip(wanted, map(float, known), strict=False))


def fused_matmul(reader: Reader, node: SourceNode) -> None:
    """Read FusedMatMul of an activation and a constant matrix, transposed or not."""
    moved = [name for name in ("transA", "transBatchA", "transBatchB") if flag(node, name, 0)]
    if moved:
        raise GraphError(f"{moved[0]} must be 0", node=node.name,
                         hint="write the product as MatMul behind a Transpose")  # fmt: skip
    right = node.inputs[1] if len(node.inputs) > 1 else ""
    if not right:
        raise GraphError("FusedMatMul must have two inputs", node=node.name)
    if flag(node, "transB", 0):
        if reader.is_activation(right):
            raise GraphError("the right factor must be a constant", node=node.name,
                             hint=reader.no_product_hint)  # fmt: skip
        quantized = reader.quantized.get(right)
        values = reader.constants[right] if quantized is None else quantized.values
        if values.ndim < 2:
            raise GraphError("the right factor must be a matrix", node=node.name)
        order = (*range(values.ndim - 2), values.ndim - 1, values.ndim - 2)
        turned = reader.names.fresh(f"{right}_turned")
        if quantized is None:
            reader.constants[turned] = values.transpose(order).copy()
        else:
            step = replace(node, op="Transpose", domain="", inputs=(right,), outputs=(turned,),
                           attrs={"perm": order})  # fmt: skip
            read_moves.transpose(reader, step)
        right = turned
    alpha = real(node, "alpha", 1.0)
    made = _step(reader, node, "MatMul", (node.inputs[0], right), read_linear.matmul,
                 what="" if alpha == 1 else "product")  # fmt: skip
    if alpha != 1:
        reader.rename(node, reader.scaled(node, reader.tensor(made), alpha, 0.0, "alpha"))


def on_codes(reader: Reader, node: SourceNode) -> None:
    """Read QLinearSigmoid and QLinearLeakyRelu: a function between two quantizers."""
    name = read_integer.dequantized_input(reader, node, 0)
    op = node.op.removeprefix("QLinear")
    rule = read_functions.function if op == "Sigmoid" else read_linear.leaky_relu
    attrs = {"alpha": single(node, "alpha", 0.01)} if op == "LeakyRelu" else {}
    made = _step(reader, node, op, (name,), rule, what="real", attrs=attrs)
    read_integer.quantized_output(reader, node, made, 3)


def average_codes(reader: Reader, node: SourceNode) -> None:
    """Read qonnx's QuantAvgPool2d: sums over windows whose low bits are cut off."""
    last = text(node, "data_layout", "NCHW") == "NHWC"
    source = reader.activation(node)
    if last:
        turned: dict[str, AttrValue] = {"order": (0, 3, 1, 2)}
        source = reader.emit(node, "Transpose", (source,), "channels_first", turned)
    kernel, stride = integer(node, "kernel", 0), integer(node, "stride", 0)
    bits = integer(node, "ibits", 0)
    if len(reader.shape(source)) != 4 or min(kernel, stride, bits) < 1:
        raise GraphError("kernel, stride and ibits must be 1 or more, on images", node=node.name)
    window = {"kernel": (kernel,) * 2, "strides": (stride,) * 2, "pads": (0,) * 4}
    made = reader.emit(node, "AveragePool", (source,), "mean", dict(window))
    made = reader.scaled(node, made, float(kernel * kernel), 0.0, "sum")
    most = (2**bits - 1) * kernel * kernel
    shift = max(most.bit_length() - integer(node, "obits", 0), 0)
    attrs: dict[str, AttrValue] = {
        "scale": (1.0,), "axis": None, "rounding": "floor", "bits": 54, "signed": 1, "narrow": 0,
        "output_scale": (1.0,), "shift": shift,
    }  # fmt: skip
    made = reader.emit(node, "Trunc", (made,), "cut", attrs)
    if last:
        made = reader.emit(node, "Transpose", (made,), "channels_last", {"order": (0, 2, 3, 1)})
    reader.rename(node, made)


def pool_channels_last(reader: Reader, node: SourceNode) -> None:
    """Read qonnx's MaxPoolNHWC."""
    first = reader.emit(
        node, "Transpose", (reader.activation(node),), "channels_first", {"order": (0, 3, 1, 2)}
    )
    attrs = {name: integers(node, name, ()) for name in ("kernel_shape", "strides")}
    attrs["pads"] = integers(node, "pads", (0,) * 4)
    inner = replace(node, op="MaxPool", attrs={**attrs, "ceil_mode": integer(node, "ceil_mode", 0)})
    made = read_pools.emit_pool(reader, inner, first, output="pooled")
    reader.emit(node, "Transpose", (made,), attrs={"order": (0, 2, 3, 1)})


MICROSOFT_RULES: Mapping[str, Rule] = {
    "FusedConv": fused_product, "FusedGemm": fused_product, "FusedMatMul": fused_matmul,
    "QLinearLeakyRelu": on_codes, "QLinearSigmoid": on_codes,
}  # fmt: skip
"""How operators of ONNX Runtime are read."""

QONNX_RULES: Mapping[str, Rule] = {
    "DebugMarker": read_moves.identity, "MaxPoolNHWC": pool_channels_last,
    "QuantAvgPool2d": average_codes,
}  # fmt: skip
"""How operators of qonnx are read that are no quantizers."""
