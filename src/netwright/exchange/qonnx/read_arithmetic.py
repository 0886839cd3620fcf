"""Arithmetic of ONNX on integer tensors: exact here only where the result cannot wrap."""

from __future__ import annotations

from math import prod

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.reader import Codes, Reader, Reals, Rule

_EXACT = frozenset({"Add", "MatMul", "Mul", "Neg", "ReduceSum", "Relu", "Sub"})
"""Operators that mean the same on integers and on reals as long as no result wraps."""

_DIVIDING = frozenset({"Div", "ReduceMean"})
"""Operators that cut fractions off where they act on integers."""

_REAL = frozenset(
    {
        "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "Gemm", "GlobalAveragePool",
        "LeakyRelu", "PRelu", "Softmax",
    }
)  # fmt: skip
"""Operators that are read for reals only."""

_MOVING = frozenset(
    {
        "Concat", "DepthToSpace", "Dropout", "Flatten", "Gather", "GlobalMaxPool", "Identity",
        "MaxPool", "Pad", "ReduceMax", "Reshape", "Resize", "Slice", "SpaceToDepth", "Split",
        "Squeeze", "Transpose", "Unsqueeze", "Upsample",
    }
)  # fmt: skip
"""Operators whose results are values that they read, or 0."""

_WAY_OUT = "dequantize first (DequantizeLinear, or Cast to float), then compute on reals"


def read(reader: Reader, node: SourceNode, rule: Rule) -> None:
    """Read a node by its rule, and keep account of what it does to integers.

    Raises:
        GraphError: It computes on integers of the file, and not as it would on reals.
    """
    terms = [reader.codes[name] for name in node.inputs if name in reader.codes]
    kinds = [codes.limits for codes in terms if codes.limits is not None]
    if node.domain not in ("", "ai.onnx") or not kinds:
        rule(reader, node)
        return
    if node.op in _DIVIDING or node.op in _REAL:
        why = "cuts fractions off" if node.op in _DIVIDING else "is read for reals only"
        raise GraphError(
            f"{node.op} of integers {why}, which is not supported", node=node.name, hint=_WAY_OUT
        )
    rule(reader, node)
    if node.op in _EXACT:
        low, high = _reach(reader, node)
        _check(node, low, high, kinds[0])
    elif node.op in _MOVING:
        low, high = min(0, *(c.low for c in terms)), max(0, *(c.high for c in terms))
    else:
        return
    for name in filter(None, node.outputs):
        tensor = reader.renamed.get(name, name)
        if name not in reader.codes and tensor in reader.types:
            reader.codes[name] = Codes(tensor, np.ones(()), 0, low, high, limits=kinds[0])


def check_sums(node: SourceNode, codes: Codes, zero_point: int, weights: Reals) -> tuple[int, int]:
    """The smallest and the largest int32 sum of codes times weights, each row of sums for itself.

    Args:
        node: MatMulInteger or ConvInteger.
        codes: What is multiplied.
        zero_point: The code that means 0.
        weights: Weights without their zero point, (sums, products).

    Raises:
        GraphError: A sum may leave int32.
    """
    low, high = min(codes.low - zero_point, 0), max(codes.high - zero_point, 0)
    reach = _sums(weights, low, high)
    _check(node, *reach, (-(1 << 31), (1 << 31) - 1))
    return reach


def _sums(weights: Reals, low: int, high: int) -> tuple[int, int]:
    up = np.maximum(weights, 0).sum(axis=1)
    down = np.minimum(weights, 0).sum(axis=1)
    least = (up * low + down * high).min(initial=0)
    return int(least), int((up * high + down * low).max(initial=0))


def _check(node: SourceNode, low: int, high: int, kind: tuple[int, int]) -> None:
    if kind[0] <= low and high <= kind[1]:
        return
    raise GraphError(
        f"{node.op} of integers may reach {low if low < kind[0] else high}, which wraps in "
        f"integers from {kind[0]} to {kind[1]}",
        node=node.name,
        hint=_WAY_OUT,
    )


def _reach(reader: Reader, node: SourceNode) -> tuple[int, int]:
    """The smallest and the largest result, were there no limits."""
    low, high = _operand(reader, node, 0)
    if node.op == "Neg":
        return -high, -low
    if node.op == "Relu":
        return max(low, 0), max(high, 0)
    if node.op == "ReduceSum":
        name = node.outputs[0]
        made = reader.shape(reader.renamed.get(name, name))
        count = prod(reader.shape(reader.tensor(node.inputs[0]))) // max(prod(made), 1)
        return low * count, high * count
    if node.op == "MatMul":
        return _product(reader, node)
    least, most = _operand(reader, node, 1)
    if node.op == "Add":
        return low + least, high + most
    if node.op == "Sub":
        return low - most, high - least
    corners = [a * b for a in (low, high) for b in (least, most)]
    return min(corners), max(corners)


def _product(reader: Reader, node: SourceNode) -> tuple[int, int]:
    left = not reader.is_activation(node.inputs[0])
    values = reader.reals(node, 0 if left else 1, "the weights")
    low, high = _operand(reader, node, 1 if left else 0)
    inner = values if left or values.ndim < 2 else np.moveaxis(values, -2, -1)
    return _sums(inner.reshape(-1, inner.shape[-1]), low, high)


def _operand(reader: Reader, node: SourceNode, index: int) -> tuple[int, int]:
    """The smallest and the largest value of an operand."""
    codes = reader.codes.get(node.inputs[index])
    if codes is not None:
        return codes.low, codes.high
    values = reader.constant(node, index, "the operand")
    if values.dtype.kind == "f":
        raise GraphError(f"{node.op} of integers and of {values.dtype}", node=node.name)
    wide = values.astype(np.int64)
    return int(wide.min(initial=0)), int(wide.max(initial=0))
