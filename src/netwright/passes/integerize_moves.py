"""Pooling and operations that move values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.ir import Node, spec_of
from netwright.passes.carried import Carried, HostValues, share_an_axis, with_axes
from netwright.passes.integer_builder import IntegerBuilder
from netwright.passes.integerize_grids import GRID_BITS, on_grid, one_scale
from netwright.passes.integerize_host import host_clamp
from netwright.passes.integerize_pending import flipped, plain
from netwright.passes.rationals import Exact, exact, limits


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
    lower, upper = limits(low), limits(high)
    return replace(
        carried,
        low=np.minimum(np.maximum(carried.low, lower), upper),
        high=np.minimum(np.maximum(carried.high, lower), upper),
    )


def max_pool(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate MaxPool; it commutes with everything pending, for all of it is monotone.

    Where a scale is negative, the codes are negated first.
    """
    carried = flipped(builder, _even(builder, node, builder.take(node.inputs[0], node)))
    made = builder.emit(
        "MaxPool",
        node.name,
        (carried.name,),
        node.output,
        node.attrs,
        scale=carried.scale,
        origin=node.origin or node.name,
        drift=carried.drift,
    )
    return replace(made, offset=carried.offset, low=carried.low, high=carried.high)


def _even(builder: IntegerBuilder, node: Node, carried: Carried) -> Carried:
    """What a pool reads, with one scale, offset and clamp at all positions of a window."""
    shape = builder.shape(carried.name)
    pending = (carried.offset, carried.scale, carried.low, carried.high)
    if not all(_is_even(values, shape) for values in pending):
        carried = plain(builder, node.inputs[0], node)
    if not _is_even(carried.scale, shape):
        carried = one_scale(builder, node, carried)
    return replace(
        carried,
        scale=_at_a_position(carried.scale, shape),
        offset=_at_a_position(carried.offset, shape),
        low=_at_a_position(carried.low, shape),
        high=_at_a_position(carried.high, shape),
    )


def _at_a_position(values: Exact, shape: tuple[int, ...]) -> Exact:
    """The values at the first position of a window, which has axes from the third on."""
    if values.size == 1:
        return values.reshape(1)
    full = with_axes(values, len(shape))
    return full[(slice(None), slice(None), *(slice(1) for _ in shape[2:]))]


def _is_even(values: Exact, shape: tuple[int, ...]) -> bool:
    """Whether values are the same at all positions of a window."""
    return bool(np.all(values == _at_a_position(values, shape)))


def average_pool(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate AveragePool: a sum whose scale is smaller."""
    carried = builder.take(node.inputs[0], node)
    padded = any(node.integers("pads")) and carried.is_shifted
    if carried.is_clamped or padded:
        carried = plain(builder, node.inputs[0], node)
    carried = _even(builder, node, carried)
    terms = int(np.prod(node.integers("kernel")))
    made = builder.emit(
        "SumPool",
        node.name,
        (carried.name,),
        node.output,
        node.attrs,
        scale=carried.scale / terms,
        origin=node.origin or node.name,
        drift=carried.drift,
    )
    return replace(made, offset=carried.offset)


def move(builder: IntegerBuilder, node: Node) -> Carried | HostValues:
    """Translate Reshape and Transpose; scales and offsets move with the values.

    Where they would end up on several axes, offsets are settled and scales become one before.
    """
    source = builder.state.get(node.inputs[0])
    if isinstance(source, HostValues):
        return replace(source, moves=(*source.moves, node.name))
    carried = builder.take(node.inputs[0], node)
    shape, target = builder.shape(carried.name), builder.graph.types[node.output].shape
    pending = (carried.scale, carried.offset, carried.low, carried.high)
    if not share_an_axis([_moved(node, values, shape) for values in pending], target):
        carried = plain(builder, node.inputs[0], node)
    if not share_an_axis([_moved(node, carried.scale, shape)], target):
        carried = one_scale(builder, node, plain(builder, node.inputs[0], node))
    scale, offset, low, high = (
        _moved(node, values, shape)
        for values in (carried.scale, carried.offset, carried.low, carried.high)
    )
    made = builder.emit(
        node.op,
        node.name,
        (carried.name,),
        node.output,
        node.attrs,
        scale=scale,
        origin=node.origin or node.name,
        drift=carried.drift,
    )
    return replace(made, offset=offset, low=low, high=high)


def _moved(node: Node, values: Exact, shape: tuple[int, ...]) -> Exact:
    if values.size == 1:
        return values.reshape(1)
    return np.asarray(spec_of(node).execute(node, [np.broadcast_to(values, shape)]))


def concat(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate Concat; what differs is written out for each index of the joined axis."""
    axis = node.integer("axis")
    parts = [builder.take(name, node) for name in node.inputs]
    if not all(_lies_on(builder, part, axis) for part in parts):
        parts = [plain(builder, name, node) for name in node.inputs]
        parts = [
            part if _lies_on(builder, part, axis) else one_scale(builder, node, part)
            for part in parts
        ]
    if _widens(parts):
        grid = min(abs(part.scale.reshape(-1)[0]) for part in parts)
        parts = [
            on_grid(builder, node, plain(builder, name, node), exact(grid),
                    builder.free_name(f"{node.name}_on_one_grid"))
            for name in node.inputs
        ]  # fmt: skip
    made = builder.emit(
        "Concat",
        node.name,
        tuple(part.name for part in parts),
        node.output,
        node.attrs,
        scale=_joined(builder, [(part.name, part.scale) for part in parts], axis),
        origin=node.origin or node.name,
        drift={
            note: max(part.drift.get(note, 0.0) for part in parts)
            for part in parts
            for note in part.drift
        },
    )
    return replace(
        made,
        offset=_joined(builder, [(part.name, part.offset) for part in parts], axis),
        low=_joined(builder, [(part.name, part.low) for part in parts], axis),
        high=_joined(builder, [(part.name, part.high) for part in parts], axis),
    )


def _widens(parts: list[Carried]) -> bool:
    """Whether parts with one scale each would need wide codes only because others beside them do.

    A joined tensor has one range of codes. Brought to one scale later, the coarsest scale would be
    taken for that of the widest codes.
    """
    if any(part.scale.size > 1 for part in parts):
        return False
    scales = [abs(part.scale.reshape(-1)[0]) for part in parts]
    ratios = [scale / min(scales) for scale in scales]
    widths = [part.bounds.magnitude for part in parts]
    needed = max(width * ratio for width, ratio in zip(widths, ratios, strict=True))
    return needed < 1 << GRID_BITS <= max(widths) * max(ratios)


def _lies_on(builder: IntegerBuilder, part: Carried, axis: int) -> bool:
    """Whether everything varies along the joined axis at most."""
    rank = len(builder.shape(part.name))
    for values in (part.scale, part.offset, part.low, part.high):
        full = with_axes(values, rank)
        if any(extent != 1 for i, extent in enumerate(full.shape) if i != axis):
            return False
    return True


def _joined(builder: IntegerBuilder, parts: list[tuple[str, Exact]], axis: int) -> Exact:
    """Values of all parts, spelled out along the joined axis if they differ."""
    first = parts[0][1]
    if first.size == 1 and all(np.array_equal(values, first) for _, values in parts):
        return first
    return np.concatenate(
        [_line(builder.shape(name), values, axis) for name, values in parts], axis
    )


def _line(shape: tuple[int, ...], values: Exact, axis: int) -> Exact:
    """Values of one part, spelled out along the joined axis."""
    line = np.broadcast_to(values.reshape(-1), (shape[axis],))
    return line.reshape([-1 if i == axis else 1 for i in range(len(shape))])
