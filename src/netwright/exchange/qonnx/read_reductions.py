"""Reductions of ONNX over axes behind the batch: pools of what lies along them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, flag
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx import read_functions
from netwright.exchange.qonnx.read_pools import emit_pool
from netwright.exchange.qonnx.read_select import MAX_SELECTED, listed
from netwright.exchange.qonnx.reader import Reader
from netwright.ir import AttrValue


def reduce(reader: Reader, node: SourceNode) -> None:
    """Read ReduceMean, ReduceSum and ReduceMax: over positions a pool, over features a product."""
    source = reader.activation(node)
    shape = reader.shape(source)
    rank = len(shape)
    axes = _reduced_axes(reader, node, rank)
    size = math.prod(shape[at] for at in axes)
    if rank > 2 and axes == list(range(2, rank)) and node.op != "ReduceSum" and rank <= 4:
        made = emit_pool(reader, node, source, everywhere=True, output="pooled")
    elif axes == [rank - 1] and rank > 1 and node.op != "ReduceMax" and size <= MAX_SELECTED:
        weight = 1 / size if node.op == "ReduceMean" else 1.0
        ones = reader.place_values(f"{node.name}.ones", np.ones((size, 1)))
        made = reader.emit(node, "MatMul", (source, ones), "sum")
        made = reader.scaled(node, made, weight, 0.0, "mean")
    else:
        reduce_rows(reader, node)
        return
    reader.emit(node, "Reshape", (made,), attrs={"shape": _left(node, shape, axes)})


def reduce_rows(reader: Reader, node: SourceNode) -> None:
    """Read the same over any axes behind the batch, which become one that is pooled."""
    source = reader.activation(node)
    shape = reader.shape(source)
    rank = len(shape)
    axes = _reduced_axes(reader, node, rank)
    if not axes:
        reader.rename(node, source)
        return
    if 0 in axes:
        raise GraphError(
            f"{node.op} must not run over the rows of a batch",
            node=node.name,
            hint="name the axes behind the batch (axes=), or do it on the host",
        )
    kept = [at for at in range(1, rank) if at not in axes]
    order = (0, *kept, *axes)
    if order != tuple(range(rank)):
        source = reader.emit(node, "Transpose", (source,), "moved", {"order": order})
    count = math.prod(shape[at] for at in axes)
    rows = (1, math.prod(shape[at] for at in kept), count)
    flat = reader.emit(node, "Reshape", (source,), "rows", {"shape": rows})
    window: dict[str, AttrValue] = {"kernel": (count,), "strides": (count,), "pads": (0, 0)}
    op = "MaxPool" if node.op == "ReduceMax" else "AveragePool"
    made = reader.emit(node, op, (flat,), "pooled", window)
    if node.op == "ReduceSum":
        made = reader.scaled(node, made, float(count), 0.0, "sum")
    reader.emit(node, "Reshape", (made,), attrs={"shape": _left(node, shape, axes)})


def smallest(reader: Reader, node: SourceNode) -> None:
    """Read ReduceMin: the largest of the negated values, negated."""
    source = reader.scaled(node, reader.activation(node), -1.0, 0.0, "negated")
    reader.rename(
        node, reader.scaled(node, _of(reader, node, source, "ReduceMax"), -1.0, 0.0, "result")
    )


def norm(reader: Reader, node: SourceNode) -> None:
    """Read ReduceL1 and ReduceSumSquare of codes: sums of a table of each value."""
    inner = reader.names.fresh(f"{node.name}_each")
    attrs: dict[str, Any] = {}
    if node.op == "ReduceSumSquare":
        exponent = reader.names.fresh(f"{node.name}_exponent")
        reader.constants[exponent] = np.asarray(2.0, np.float32)
        each = replace(node, name=inner, op="Pow", inputs=(node.inputs[0], exponent))
    else:
        each = replace(node, name=inner, op="Abs", inputs=node.inputs[:1])
    read_functions.function(reader, replace(each, outputs=(inner,), attrs=attrs))
    reader.rename(node, _of(reader, node, reader.tensor(inner), "ReduceSum"))


def _of(reader: Reader, node: SourceNode, source: str, op: str) -> str:
    """Another reduction of a tensor of the graph, with the axes of `node`."""
    name, made = (reader.names.fresh(f"{node.name}_{what}") for what in ("read", "reduced"))
    reader.renamed[name] = source
    reader.uses[made] += 1
    step = replace(node, name=made, op=op, inputs=(name, *node.inputs[1:]), outputs=(made,))
    (reduce if op == "ReduceSum" else reduce_rows)(reader, step)
    return reader.tensor(made)


def _left(node: SourceNode, shape: tuple[int, ...], axes: list[int]) -> tuple[int, ...]:
    """The shape of the result."""
    whole = flag(node, "keepdims", 1)
    return tuple(
        1 if at in axes else extent for at, extent in enumerate(shape) if whole or at not in axes
    )


def _reduced_axes(reader: Reader, node: SourceNode, rank: int) -> list[int]:
    """The axes that a reduction runs over, in order; none where it does nothing."""
    axes = sorted({axis(node, at, rank) for at in listed(reader, node, "axes", 1)})
    if not axes and flag(node, "noop_with_empty_axes", 0):
        return []
    return axes or list(range(rank))
