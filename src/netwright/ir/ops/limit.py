"""Intervals of integers, one for every channel: what is outside is limited or wraps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.formats import Overflow
from netwright.ir.einsums.lower import every
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape

Interval = tuple[int, int]


def intervals(node: Node) -> tuple[Interval, ...]:
    """The interval of every channel of a ``Limit``, or one for all.

    Raises:
        GraphError: `low` and `high` hold different numbers of values.
    """
    lows, highs = node.integers("low"), node.integers("high")
    width = max(len(lows), len(highs))
    if {len(lows), len(highs)} - {1, width}:
        raise GraphError(
            f"low and high must hold as many values, not {len(lows)} and {len(highs)}",
            node=node.name,
        )
    lows, highs = (v * width if len(v) == 1 else v for v in (lows, highs))
    return tuple(zip(lows, highs, strict=True))


def wraps(node: Node) -> bool:
    """Whether a ``Limit`` wraps, rather than saturates."""
    return node.text("overflow") == Overflow.WRAP


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    axis, rank, found = node.axis(), len(shapes[0]), intervals(node)
    if axis is not None and not 1 <= axis < rank:
        raise GraphError(f"axis must be from 1 to {rank - 1}, not {axis}", node=node.name)
    extent = 1 if axis is None else shapes[0][axis]
    if len(found) not in (1, extent):
        raise GraphError(
            f"low and high must hold 1 or {extent} values along axis {axis}, not {len(found)}",
            node=node.name,
        )
    for low, high in found:
        size = high - low + 1
        if size < 1:
            raise GraphError(f"low ({low}) must not exceed high ({high})", node=node.name)
        if wraps(node) and size & (size - 1):
            raise GraphError(
                f"an interval that wraps must hold a power of two of codes, not {size} "
                f"({low} to {high})",
                node=node.name,
            )
    return shapes[0]


def _ends(node: Node, source: Array) -> tuple[Array, Array]:
    """Both ends of every interval, shaped to broadcast against the tensor."""
    ends = np.array(intervals(node), dtype=np.int64).T.astype(source.dtype)
    axis = node.axis()
    shape = [1] * source.ndim
    if axis is not None:
        shape[axis] = -1
    low, high = (end.reshape(shape) for end in ends)
    return low, high


def _execute(node: Node, inputs: Sequence[Array]) -> Array:
    source = inputs[0]
    low, high = _ends(node, source)
    if wraps(node):
        return np.mod(source - low, high - low + 1) + low
    return np.clip(source, low, high)


def _bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    source, found = limits[0], intervals(node)
    ends = []
    for low, high in found:
        inside = low <= source.low and source.high <= high
        if wraps(node):
            ends += [source.low, source.high] if inside else [low, high]
        else:
            ends += [min(max(end, low), high) for end in (source.low, source.high)]
    span = max(max(abs(low), abs(high)) + (high - low + 1) for low, high in found)
    return Bounds(min(ends), max(ends), source.magnitude + span)


SPECS = (
    OpSpec(
        name="Limit",
        category="elementwise",
        einsums=every("copy", "clip"),
        form="integer",
        num_inputs=(1, 1),
        shape=_shape,
        execute=_execute,
        bounds=_bounds,
        attributes={
            "low": Attribute("ints"),
            "high": Attribute("ints"),
            "overflow": Attribute("text", choices=tuple(Overflow)),
            "axis": Attribute("axis", required=False),
        },
    ),
)
"""Every channel along `axis` in an interval of its own, from `low` to `high`: a code outside
becomes the nearest code inside (``saturate``), or the one a multiple of the interval's size away
(``wrap``)."""
