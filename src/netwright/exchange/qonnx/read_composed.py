"""Operators of ONNX on real values that are made of several operators of the graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, integer, real, single
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx import read_many, read_masks, read_reductions
from netwright.exchange.qonnx.read_einsum import einsum
from netwright.exchange.qonnx.reader import Rule
from netwright.exchange.qonnx.real_reader import RealReader, RealRule
from netwright.ir import AttrValue


def _function(
    reader: RealReader,
    node: SourceNode,
    source: str,
    name: str,
    output: str,
    parameter: float = 0.0,
) -> str:
    attrs: dict[str, AttrValue] = {"name": name, "parameter": (parameter,)}
    return reader.emit(node, "Function", (source,), output, attrs)


def mish(reader: RealReader, node: SourceNode) -> None:
    """Read Mish: a value times tanh of its softplus."""
    source = reader.activation(node)
    inner = _function(reader, node, source, "softplus", "softplus")
    gate = _function(reader, node, inner, "tanh", "tanh")
    reader.emit(node, "Mul", (source, gate))


def celu(reader: RealReader, node: SourceNode) -> None:
    """Read Celu: alpha times Elu of the value over alpha."""
    alpha = real(node, "alpha", 1.0)
    if alpha <= 0:
        raise GraphError(f"alpha must be greater than 0, not {alpha:g}", node=node.name)
    inner = reader.scaled(node, reader.activation(node), 1 / alpha, 0.0, "inner")
    bent = _function(reader, node, inner, "elu", "elu", 1.0)
    reader.emit(node, "Mul", (bent, reader.place_values(f"{node.name}.alpha", alpha)))


def softsign(reader: RealReader, node: SourceNode) -> None:
    """Read Softsign: a value over 1 plus its magnitude."""
    source = reader.activation(node)
    size = _function(reader, node, source, "absolute", "magnitude")
    one = reader.place_values(f"{node.name}.one", 1.0)
    reader.emit(node, "Div", (source, reader.emit(node, "Add", (size, one), "divisor")))


def sums(reader: RealReader, node: SourceNode) -> None:
    """Read Sum and Mean, of masks as well."""
    read_many.sums(reader, node, add=cast("Rule", read_masks.add))


def concat(reader: RealReader, node: SourceNode) -> None:
    """Read Concat, of constants as well: each row gets the same, as a class token is."""
    ranks = {len(reader.shape(reader.tensor(n))) for n in node.inputs if reader.is_activation(n)}
    if len(ranks) != 1:
        raise GraphError("tensors that are joined must have as many axes", node=node.name)
    sources = []
    for index, name in enumerate(node.inputs):
        if reader.is_activation(name):
            sources.append(reader.activation(node, index))
            continue
        values = reader.values(node, index, "what is joined")
        values = values[None] if node.name in reader.lifting else values
        is_whole = {values.ndim} == ranks and values.shape[0] in (1, reader.batch)
        if not is_whole or np.any(values != values[:1]):
            raise GraphError(
                f"a constant of shape {values.shape} is not joined with every row alike",
                node=node.name, hint="give it a batch axis of 1",
            )  # fmt: skip
        sources.append(reader.place_values(f"{node.name}.part{index}", values[:1]))
    if any(name in reader.placed for name in sources):
        sources = [name if name in reader.placed else reader.real(name) for name in sources]
    along = axis(node, integer(node, "axis", 0), next(iter(ranks)))
    reader.emit(node, "Concat", tuple(sources), attrs={"axis": along})


def channel_normalization(reader: RealReader, node: SourceNode) -> None:
    """Read InstanceNormalization and GroupNormalization: groups of channels, all positions."""
    source = reader.activation(node)
    shape = reader.shape(source)
    channels = shape[1] if len(shape) > 2 else 0
    groups = channels if node.op == "InstanceNormalization" else integer(node, "num_groups", 0)
    if not channels or groups < 1 or channels % groups:
        raise GraphError(
            f"{shape} has no {groups} groups of channels behind the batch", node=node.name
        )
    flat = (1, groups, math.prod(shape[1:]) // groups)
    made = reader.emit(node, "Reshape", (source,), "groups", {"shape": flat})
    attrs: dict[str, AttrValue] = {"epsilon": (single(node, "epsilon", 1e-5),), "axis": -1}
    made = reader.emit(node, "LayerNormalization", (made,), "normalized", attrs)
    made = reader.emit(node, "Reshape", (made,), "channels", {"shape": shape})
    for index, what, op in ((1, "gain", "Mul"), (2, "offset", "Add")):
        values = reader.values(node, index, f"the {what}")
        if values.shape == (groups,):
            values = np.repeat(values, channels // groups)
        if values.shape != (channels,):
            raise GraphError(
                f"the {what} must hold {channels} values, not {values.shape}", node=node.name
            )
        values = values.reshape(channels, *(1,) * (len(shape) - 2))
        place = reader.place_values(f"{node.name}.{what}", values)
        made = reader.emit(node, op, (made, place), "scaled" if index == 1 else None)


def norm(reader: RealReader, node: SourceNode) -> None:
    """Read ReduceL1, ReduceL2 and ReduceSumSquare as sums of a function of each value."""
    inner = "absolute" if node.op == "ReduceL1" else "square"
    made = _function(reader, node, reader.activation(node), inner, inner)
    inputs = (reader.alias(made), *node.inputs[1:])
    if node.op != "ReduceL2":
        read_reductions.reduce_rows(reader, replace(node, op="ReduceSum", inputs=inputs))
        return
    total = reader.names.fresh(f"{node.name}_total")
    reader.uses[total] += 1
    step = replace(node, name=total, op="ReduceSum", inputs=inputs, outputs=(total,))
    read_reductions.reduce_rows(reader, step)
    attrs: dict[str, AttrValue] = {"name": "sqrt", "parameter": (0.0,)}
    reader.emit(node, "Function", (reader.tensor(total),), attrs=attrs)


RULES: Mapping[str, RealRule] = {
    "Celu": celu, "Concat": concat, "Einsum": einsum, "GroupNormalization": channel_normalization,
    "InstanceNormalization": channel_normalization, "Mean": sums, "Mish": mish, "ReduceL1": norm,
    "ReduceL2": norm, "ReduceSumSquare": norm, "Softsign": softsign, "Sum": sums,
}  # fmt: skip
"""How operators are read that are made of others."""
