"""ONNX operators that move nothing: their results are views of what they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, integer, integers, text
from netwright.exchange.onnx.source_model import SourceNode
from netwright.workload.view import Shape, View

Values = Mapping[str, NDArray[Any]]

ToView = Callable[[SourceNode, View, Values, tuple[Shape, ...], int], View | None]
"""From a node, its first operand, the small constants, the shapes of all results, and the number
of one result to that result; ``None`` where it has to be copied."""


def _reshaped(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    return view.reshaped(shapes[0])


def _same(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    return view if index == 0 else None


def _transposed(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    rank = len(view.shape)
    order = integers(node, "perm", tuple(reversed(range(rank))))
    places = [axis(node, place, rank) for place in order]
    if sorted(places) != list(range(rank)):
        raise GraphError(f"perm must be a permutation of {rank} axes, not {order}", node=node.name)
    return view.permuted(places)


def _expanded(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    return view.expanded(shapes[0])


def _tiled(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    for place, (own, extent) in enumerate(zip(view.shape, shapes[0], strict=True)):
        if extent % own:
            return None
        view = view.repeated(place, extent // own)
    return view


def _sliced(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    lists: list[tuple[int, ...] | None] = []
    for place, name in enumerate(("starts", "ends", "axes", "steps"), start=1):
        given = node.inputs[place] if place < len(node.inputs) else ""
        if given and given not in values:
            return None
        fixed = tuple(int(v) for v in values[given].ravel()) if given else None
        lists.append(fixed if given else integers(node, name, ()) or None)
    starts, ends, axes, steps = lists
    if starts is None or ends is None:
        return None
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    found: View | None = view
    for start, end, place, step in zip(starts, ends, axes, steps, strict=True):
        where = axis(node, place, len(view.shape))
        chosen = range(view.shape[where])[slice(start, end, step)]
        if step < 1 or not chosen or found is None:
            return None
        found = found.cut(where, chosen[0], len(chosen), step)
    return found


def _part(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    where = axis(node, integer(node, "axis", 0), len(view.shape))
    extents = [shape[where] for shape in shapes]
    return view.cut(where, sum(extents[:index]), extents[index])


def _taken(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    """Constant places that follow each other at equal distances."""
    if node.inputs[1] not in values:
        return None
    where = axis(node, integer(node, "axis", 0), len(view.shape))
    extent = view.shape[where]
    places = np.where(values[node.inputs[1]] < 0, extent, 0) + values[node.inputs[1]]
    places = places.ravel().astype(np.int64)
    steps = np.unique(np.diff(places))
    if len(steps) > 1 or (len(steps) and steps[0] < 1) or not 0 <= places[0] < extent:
        return None
    step = int(steps[0]) if len(steps) else 1
    found = view.cut(where, int(places[0]), len(places), step)
    return None if found is None else found.reshaped(shapes[0])


def _to_space(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    block = integer(node, "blocksize", 1)
    batch, depth, rows, columns = view.shape
    kept = depth // block**2
    if text(node, "mode", "DCR") == "DCR":
        split, order = (batch, block, block, kept, rows, columns), (0, 3, 4, 1, 5, 2)
    else:
        split, order = (batch, kept, block, block, rows, columns), (0, 1, 4, 2, 5, 3)
    return _regrouped(view, split, order, shapes[0])


def _to_depth(
    node: SourceNode, view: View, values: Values, shapes: tuple[Shape, ...], index: int
) -> View | None:
    block = integer(node, "blocksize", 1)
    batch, depth, rows, columns = view.shape
    split = (batch, depth, rows // block, block, columns // block, block)
    return _regrouped(view, split, (0, 3, 5, 1, 2, 4), shapes[0])


def _regrouped(view: View, split: Shape, order: tuple[int, ...], shape: Shape) -> View | None:
    found = view.reshaped(split) if prod(split) == prod(view.shape) else None
    return None if found is None else found.permuted(order).reshaped(shape)


TO_VIEW: Mapping[str, ToView] = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshaped),
    **dict.fromkeys(("Identity", "Dropout", "Cast", "CastLike", "DequantizeLinear"), _same),
    "Transpose": _transposed,
    "Expand": _expanded,
    "Tile": _tiled,
    "Slice": _sliced,
    "Split": _part,
    "Gather": _taken,
    "DepthToSpace": _to_space,
    "SpaceToDepth": _to_depth,
}
"""Codes with a scale are the numbers that they stand for, so a ``DequantizeLinear`` is a view."""
