"""Pooling and operations that move values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.dtypes import Rounding
from netwright.errors import GraphError
from netwright.ir import Node, spec_of
from netwright.passes.carried import (
    Carried,
    HostValues,
    Reals,
    are_powers_of_two,
    compact,
    snap,
)
from netwright.passes.integer_builder import IntegerBuilder
from netwright.passes.integerize_host import host_clamp
from netwright.passes.integerize_pending import plain
from netwright.passes.integerize_quant import Grid, requantize

GUARD_BITS = 8
"""How much finer than the finest scale one scale for all channels is."""


def clamp(builder: IntegerBuilder, node: Node) -> Carried | HostValues:
    """Translate Relu and Clip: they wait for the next quantizer."""
    low, high = 0.0, np.inf
    if node.op == "Clip":
        low, high = node.reals("low")[0], node.reals("high")[0]
    source = builder.state.get(node.inputs[0])
    if isinstance(source, HostValues):
        return host_clamp(source, low, high)
    carried = builder.take(node.inputs[0], node)
    if low == 0 and high == np.inf and carried.is_plain and carried.bounds.low >= 0:
        return carried
    limits = np.clip([carried.low, carried.high], low, high)
    return replace(carried, low=float(limits[0]), high=float(limits[1]))


def max_pool(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate MaxPool; it commutes with everything pending, for all of it is monotone."""
    carried = builder.take(node.inputs[0], node)
    varied = carried.offset.size > 1
    if np.any(carried.scale < 0) or (varied and carried.offset.shape[2:].count(1) != 2):
        carried = plain(builder, node.inputs[0], node)
    made = builder.emit(
        "MaxPool",
        node.name,
        (carried.name,),
        node.output,
        node.attrs,
        scale=carried.scale,
        origin=node.origin or node.name,
    )
    return replace(made, offset=carried.offset, low=carried.low, high=carried.high)


def average_pool(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate AveragePool: a sum whose scale is smaller."""
    carried = builder.take(node.inputs[0], node)
    if carried.is_clamped or any(node.integers("pads")) or carried.offset.size > 1:
        carried = plain(builder, node.inputs[0], node)
    terms = float(np.prod(node.integers("kernel")))
    made = builder.emit(
        "SumPool",
        node.name,
        (carried.name,),
        node.output,
        node.attrs,
        scale=carried.scale / terms,
        origin=node.origin or node.name,
    )
    return replace(made, offset=carried.offset)


def move(builder: IntegerBuilder, node: Node, multiplier_bits: int) -> Carried | HostValues:
    """Translate Reshape and Transpose; scales and offsets move with the values.

    Where they would end up on several axes, offsets are settled and scales become one before.
    """
    source = builder.state.get(node.inputs[0])
    if isinstance(source, HostValues):
        return replace(source, moves=(*source.moves, node.name))
    carried = builder.take(node.inputs[0], node)
    shape = builder.shape(carried.name)
    offset = _moved(node, carried.offset, shape)
    if not _is_along_one_axis(offset, builder.graph.types[node.output].shape):
        carried = plain(builder, node.inputs[0], node)
        offset = carried.offset
    scale = _moved(node, carried.scale, shape)
    if not _is_along_one_axis(scale, builder.graph.types[node.output].shape):
        carried = _one_scale(builder, node, plain(builder, node.inputs[0], node), multiplier_bits)
        scale, offset = carried.scale, carried.offset
    made = builder.emit(
        node.op,
        node.name,
        (carried.name,),
        node.output,
        node.attrs,
        scale=scale,
        origin=node.origin or node.name,
    )
    return replace(made, offset=offset, low=carried.low, high=carried.high)


def _is_along_one_axis(values: Reals, shape: tuple[int, ...]) -> bool:
    try:
        compact(values, shape, node="")
    except GraphError:
        return False
    return True


def _one_scale(
    builder: IntegerBuilder, node: Node, carried: Carried, multiplier_bits: int
) -> Carried:
    """The tensor with one scale, as fine as the finest: exact for ratios that are powers of two."""
    common = np.asarray(carried.scale.min())
    if not are_powers_of_two(snap(carried.scale / common)):
        common = common * 2.0**-GUARD_BITS
    reach = int(np.ceil(carried.bounds.magnitude * float(np.max(carried.scale / common)))) + 1
    name = builder.free_name(f"{node.name}_one_scale")
    inner = replace(node, name=name, output=name, origin=node.origin or node.name)
    grid = Grid(common, -reach, reach, 0, Rounding.HALF_EVEN)
    return requantize(builder, inner, carried, grid, multiplier_bits)


def _moved(node: Node, values: Reals, shape: tuple[int, ...]) -> Reals:
    if values.size == 1:
        return values.reshape(())
    return np.asarray(spec_of(node).execute(node, [np.broadcast_to(values, shape)]))


def concat(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate Concat; unlike scales become one scale for each index of the joined axis."""
    parts = [plain(builder, name, node) for name in node.inputs]
    axis = node.integer("axis")
    made_scale = parts[0].scale
    if not all(np.array_equal(part.scale, made_scale) for part in parts) or made_scale.size > 1:
        made_scale = np.concatenate([_joined(builder, node, part, axis) for part in parts], axis)
    return builder.emit(
        "Concat",
        node.name,
        tuple(part.name for part in parts),
        node.output,
        node.attrs,
        scale=made_scale,
        origin=node.origin or node.name,
    )


def _joined(builder: IntegerBuilder, node: Node, part: Carried, axis: int) -> Reals:
    """The scale of one part, spelled out along the joined axis."""
    shape = builder.shape(part.name)
    values, own_axis = compact(part.scale, shape, node=node.name)
    if own_axis not in (None, axis):
        raise GraphError(
            f"scales vary along axis {own_axis}, the tensors are joined along axis {axis}",
            node=node.name,
            hint="use one scale for each joined tensor",
        )
    line = np.broadcast_to(values, (shape[axis],))
    return line.reshape([-1 if i == axis else 1 for i in range(len(shape))])
