"""Operators of ONNX on real values: functions, products of activations, normalizations, shares."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, flag, integer, real, single, text
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx import read_linear, read_masks, read_reductions, read_select
from netwright.exchange.qonnx.constant_values import broadcasts
from netwright.exchange.qonnx.real_reader import RealReader, RealRule
from netwright.ir import AttrValue

_FUNCTIONS = {
    "Abs": "absolute", "Cos": "cos", "Erf": "erf", "Exp": "exp", "HardSwish": "hard_swish",
    "Log": "log", "Reciprocal": "reciprocal", "Sigmoid": "sigmoid", "Sin": "sin",
    "Softplus": "softplus", "Sqrt": "sqrt", "Tanh": "tanh",
}  # fmt: skip
"""Operators that are one function of each value, and what the graph calls it."""

SELU = (1.67326319217681884765625, 1.05070102214813232421875)
"""Alpha and gamma of Selu if a file does not say: the standard's own digits."""

_POWERS = {2.0: "square", 0.5: "sqrt", -0.5: "rsqrt", -1.0: "reciprocal"}


def _emit_function(
    reader: RealReader,
    node: SourceNode,
    name: str,
    parameter: float = 0.0,
    *,
    output: str | None = None,
) -> str:
    attrs: dict[str, AttrValue] = {"name": name, "parameter": (parameter,)}
    return reader.emit(node, "Function", (reader.activation(node),), output, attrs)


def function(reader: RealReader, node: SourceNode) -> None:
    """Read a function of each value."""
    _emit_function(reader, node, _FUNCTIONS[node.op])


def gelu(reader: RealReader, node: SourceNode) -> None:
    """Read Gelu, exact or with tanh."""
    kind = text(node, "approximate", "none")
    if kind not in ("none", "tanh"):
        raise GraphError(f"approximate must be none or tanh, not {kind!r}", node=node.name)
    _emit_function(reader, node, "gelu" if kind == "none" else "gelu_tanh")


def swish(reader: RealReader, node: SourceNode) -> None:
    """Read Swish, which is SiLU where its factor is 1."""
    factor = real(node, "alpha", 1.0)
    if factor == 1:
        _emit_function(reader, node, "silu")
        return
    source = reader.activation(node)
    inner = reader.scaled(node, source, factor, 0.0, "inner")
    attrs: dict[str, AttrValue] = {"name": "sigmoid", "parameter": (0.0,)}
    gate = reader.emit(node, "Function", (inner,), "gate", attrs)
    reader.emit(node, "Mul", (source, gate))


def elu(reader: RealReader, node: SourceNode) -> None:
    """Read Elu and Selu."""
    if node.op == "Elu":
        _emit_function(reader, node, "elu", real(node, "alpha", 1.0))
        return
    height, factor = real(node, "alpha", SELU[0]), real(node, "gamma", SELU[1])
    made = _emit_function(reader, node, "elu", height, output="elu")
    reader.emit(node, "Mul", (made, reader.place_values(f"{node.name}.gamma", factor)))


def hard_sigmoid(reader: RealReader, node: SourceNode) -> None:
    """Read HardSigmoid with any slope."""
    slope, offset = single(node, "alpha", 0.2), real(node, "beta", 0.5)
    moved = reader.scaled(node, reader.activation(node), slope, offset, "line")
    reader.emit(node, "Clip", (moved,), attrs={"low": (0.0,), "high": (1.0,)})


def power(reader: RealReader, node: SourceNode) -> None:
    """Read Pow with one constant exponent."""
    exponents = reader.reals(node, 1, "the exponent")
    if exponents.size != 1:
        raise GraphError("the exponent must be one number", node=node.name)
    exponent = float(exponents.reshape(()))
    if exponent == 1:
        reader.rename(node, reader.activation(node))
    elif exponent in _POWERS:
        _emit_function(reader, node, _POWERS[exponent])
    else:
        _emit_function(reader, node, "power", exponent)


def matmul(reader: RealReader, node: SourceNode) -> None:
    """Read MatMul of activations, or with a constant on either side."""
    if len(node.inputs) == 2 and all(map(reader.is_activation, node.inputs)):
        _multiply(reader, node, reader.activation(node), reader.activation(node, 1))
        return
    if len(node.inputs) == 2 and reader.is_activation(node.inputs[0]):
        shape = np.shape(reader.constants.get(node.inputs[1], 0))
        if len(shape) > 2 and max(shape[:-2]) > 1:
            right = reader.place(node, 1, "the right factor")
            _multiply(reader, node, reader.activation(node), right)
            return
    read_linear.matmul(reader, node)


def _multiply(reader: RealReader, node: SourceNode, left: str, right: str) -> None:
    if len(reader.shape(left)) < 3:
        raise GraphError(
            f"the left factor must be (batch, ..., rows, depth), not {reader.shape(left)}: rows of "
            "a batch must stay apart",
            node=node.name,
        )
    reader.emit(node, "BatchMatMul", (left, right))


def multiply(reader: RealReader, node: SourceNode) -> None:
    """Read Mul of activations, or by a constant."""
    if len(node.inputs) == 2 and all(map(reader.is_activation, node.inputs)):
        reader.emit(node, "Mul", (reader.activation(node), reader.activation(node, 1)))
    else:
        read_linear.multiply(reader, node)


def divide(reader: RealReader, node: SourceNode) -> None:
    """Read Div; integers are refused, since their fractions are cut off."""
    if any(reader.kinds.get(name) in ("integer", "truth") for name in node.inputs):
        raise GraphError(
            "Div of integers cuts fractions off, which is not supported",
            node=node.name,
            hint="cast to float first",
        )
    if len(node.inputs) != 2 or not reader.is_activation(node.inputs[1]):
        read_linear.divide(reader, node)
        return
    left = (
        reader.activation(node)
        if reader.is_activation(node.inputs[0])
        else reader.place(node, 0, "the dividend")
    )
    reader.emit(node, "Div", (left, reader.activation(node, 1)))


def normalization(reader: RealReader, node: SourceNode) -> None:
    """Read LayerNormalization and RMSNormalization."""
    if len(node.outputs) > 1 and any(reader.uses[name] for name in node.outputs[1:]):
        raise GraphError(f"{node.op} gives its first result only", node=node.name)
    source = reader.activation(node)
    rank = len(reader.shape(source))
    first = axis(node, integer(node, "axis", -1), rank)
    own = reader.shape(source)[first:]
    names = []
    for index, what in ((1, "the gain"), (2, "the offset")):
        if index < len(node.inputs) and node.inputs[index]:
            values = reader.values(node, index, what)
            if values.ndim > len(own) and set(values.shape[: values.ndim - len(own)]) == {1}:
                values = values.reshape(values.shape[values.ndim - len(own) :])
            if not broadcasts(values.shape, own):
                raise GraphError(
                    f"{what} of shape {values.shape} does not suit {own}", node=node.name
                )
            names.append(reader.place_values(
                f"{node.name}.{what.removeprefix('the ')}", np.broadcast_to(values, own).copy()
            ))  # fmt: skip
    attrs: dict[str, AttrValue] = {
        "epsilon": (single(node, "epsilon", 1e-5),), "axis": first - rank
    }  # fmt: skip
    reader.emit(node, node.op, (source, *names), attrs=attrs)


def softmax(reader: RealReader, node: SourceNode) -> None:
    """Read Softmax over one axis behind the batch, masked or not."""
    found = reader.masked.get(node.inputs[0])
    source = reader.real(found[0]) if found else reader.activation(node)
    shape = reader.shape(source)
    default = -1 if reader.source.opset >= 13 else 1
    along = axis(node, integer(node, "axis", default), len(shape))
    if reader.source.opset < 13 and along != len(shape) - 1:
        raise GraphError(
            f"Softmax of this version takes all axes from {along} on together", node=node.name,
            hint="export with an opset of 13 or more",
        )  # fmt: skip
    if along == 0:
        raise GraphError("Softmax must not act on the rows of a batch", node=node.name)
    inputs = (source, found[1]) if found else (source,)
    reader.emit(node, "MaskedSoftmax" if found else "Softmax", inputs, attrs={"axis": along})


def gather(reader: RealReader, node: SourceNode) -> None:
    """Read Gather of rows of a constant table by an input, or by constant indices."""
    if reader.is_activation(node.inputs[0]) or not reader.is_activation(node.inputs[1]):
        read_select.gather(reader, node)
        return
    places = reader.tensor(node.inputs[1])
    table = reader.values(node, 0, "the table")
    if axis(node, integer(node, "axis", 0), table.ndim) != 0:
        raise GraphError(
            "vectors must be taken along the first axis of a table", node=node.name,
            hint="export the table transposed, so that axis is 0",
        )  # fmt: skip
    if not reader.types[places].is_integer:
        raise GraphError(
            "the rows of a table must be said by an input of integers, as it is or moved",
            node=node.name,
        )
    flat = table.reshape(len(table), -1)
    name = reader.place_values(f"{node.inputs[0]}_table", flat)
    if table.ndim == 2:
        reader.emit(node, "Gather", (places, name))
        return
    made = reader.emit(node, "Gather", (places, name), "rows")
    shape = (*reader.shape(places), *table.shape[1:])
    reader.emit(node, "Reshape", (made,), attrs={"shape": shape})


def attention(reader: RealReader, node: SourceNode) -> None:
    """Read Attention as ONNX has it since version 23, without a cache."""
    if len(node.outputs) > 1 or any(node.inputs[4:]):
        raise GraphError("Attention with a cache, or with its scores, is not supported",
                         node=node.name)  # fmt: skip
    if real(node, "softcap", 0.0):
        raise GraphError("Attention with a softcap is not supported", node=node.name)
    parts = [_by_head(reader, node, index) for index in range(3)]
    width = reader.shape(parts[0])[-1]
    attrs: dict[str, AttrValue] = {
        "scale": (real(node, "scale", 1 / math.sqrt(width)),),
        "causal": flag(node, "is_causal", 0), "mask": "add",
    }  # fmt: skip
    if len(node.inputs) > 3 and node.inputs[3]:
        mask, kind = read_masks.operand(reader, node, 3)
        parts.append(mask)
        attrs["mask"] = kind
    if len(reader.shape(reader.tensor(node.inputs[0]))) == 4:
        reader.emit(node, "Attention", tuple(parts), attrs=attrs)
        return
    made = reader.emit(node, "Attention", tuple(parts), "heads", attrs)
    _, heads, tokens, features = reader.shape(made)
    made = reader.emit(node, "Transpose", (made,), "tokens", {"order": (0, 2, 1, 3)})
    reader.emit(node, "Reshape", (made,), attrs={"shape": (1, tokens, heads * features)})


def _by_head(reader: RealReader, node: SourceNode, index: int) -> str:
    """Queries, keys or values as (batch, heads, tokens, features)."""
    source = reader.activation(node, index)
    shape = reader.shape(source)
    if len(shape) == 4:
        return source
    heads = integer(node, "q_num_heads" if index == 0 else "kv_num_heads", 0)
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        raise GraphError(f"{shape} cannot be split into {heads} heads", node=node.name)
    split = (1, shape[1], heads, shape[2] // heads)
    made = reader.emit(node, "Reshape", (source,), f"part{index}_split", {"shape": split})
    return reader.emit(node, "Transpose", (made,), f"part{index}_heads", {"order": (0, 2, 1, 3)})


RULES: Mapping[str, RealRule] = {
    **dict.fromkeys(_FUNCTIONS, function),
    **read_masks.RULES,
    "Attention": attention, "Div": divide, "Elu": elu, "Gather": gather, "Gelu": gelu,
    "HardSigmoid": hard_sigmoid, "LayerNormalization": normalization, "MatMul": matmul,
    "Mul": multiply, "Pow": power,
    "RMSNormalization": normalization, "ReduceMax": read_reductions.reduce_rows,
    "ReduceMean": read_reductions.reduce_rows, "ReduceMin": read_reductions.smallest,
    "ReduceSum": read_reductions.reduce_rows, "Selu": elu, "Softmax": softmax, "Swish": swish,
}  # fmt: skip
"""How operators are read where the result may hold real values, beside the rules for codes."""
