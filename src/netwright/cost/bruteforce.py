"""A loop nest executed literally: the oracle of the loop-nest engine, for small operations.

Nothing is shared with the engine's arithmetic: buffers are sets of element coordinates, and every
step of every loop is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from netwright.cost.loopnest import Flow
from netwright.mapping.loopnest import LoopNest
from netwright.mapping.operation import Operation

Point = tuple[int, ...]
Box = dict[str, tuple[int, int]]
"""First element and size of the piece of every rank."""

Lanes = dict[tuple[Point, Point], Box]
"""The piece of every copy, by its place among the parents and its place below its parent."""


def execute(
    operation: Operation,
    nest: LoopNest,
    tensor: str,
    parent: int,
    child: int,
    *,
    stays: bool,
    multicasts: bool = True,
) -> Flow:
    """What :func:`netwright.cost.loopnest.flow_between` computes, found by walking every step.

    Args:
        operation: A small operation.
        nest: A legal nest of it.
        tensor: Name of the tensor.
        parent: Position of the outer tile.
        child: Position of the inner tile.
        stays: Whether the inner tile stays from step to step.
        multicasts: Whether one read of the parent may serve several children.
    """
    down = each = 0
    buffers: dict[tuple[Point, Point], set[Point]] = {}
    seen: set[tuple[Point, Point]] = set()
    seen_each: set[tuple[Point, Point, Point]] = set()
    for lanes in steps(operation, nest, parent, child):
        asked: dict[Point, list[Point]] = {}
        for (outer, inner), box in lanes.items():
            if stays:
                new = elements(operation, tensor, box)
                lacking = new - buffers.get((outer, inner), set())
                buffers[outer, inner] = new
            else:
                works = all(size for _, size in box.values())
                lacking = elements(operation, tensor, box) if works else set()
            asked.setdefault(outer, []).extend(lacking)
            each += len(lacking)
            seen_each |= {(outer, inner, element) for element in lacking}
        for outer, wanted in asked.items():
            once = multicasts or tensor == operation.output
            down += len(set(wanted)) if once else len(wanted)
            seen |= {(outer, element) for element in wanted}
    if tensor != operation.output:
        return Flow(down, each)
    results = {element for _, element in seen}
    whole = len(seen) == len(results)  # one parent sees all partial sums of an element
    # Whatever comes leaves again; the first visit of an element reads nothing.
    return Flow(down - len(seen), each - len(seen_each), down, each, len(results) if whole else 0)


def steps(operation: Operation, nest: LoopNest, parent: int, child: int) -> Iterator[Lanes]:
    """Every step of the loops outside the child's tile; all copies follow the first one."""
    start: Lanes = {((), ()): {name: (0, extent) for name, extent in operation.extents.items()}}
    return _walk(nest, parent, child, 0, start, dict(operation.extents))


def _walk(
    nest: LoopNest, parent: int, child: int, number: int, lanes: Lanes, sizes: dict[str, int]
) -> Iterator[Lanes]:
    if number == child:
        yield lanes
        return
    loop = nest.loops[number]
    rank, tile = loop.rank, loop.tile
    inside = {**sizes, rank: tile}
    if loop.is_spatial:
        spread: Lanes = {}
        for (outer, inner), box in lanes.items():
            for index in range(-(-sizes[rank] // tile)):
                place = ((*outer, index), inner) if number < parent else (outer, (*inner, index))
                spread[place] = _cut(box, rank, tile, index)
        yield from _walk(nest, parent, child, number + 1, spread, inside)
        return
    _, most = next(iter(lanes.values()))[rank]
    for index in range(-(-most // tile)):
        cut = {place: _cut(box, rank, tile, index) for place, box in lanes.items()}
        yield from _walk(nest, parent, child, number + 1, cut, inside)


def _cut(box: Box, rank: str, tile: int, index: int) -> Box:
    start, size = box[rank]
    return {**box, rank: (start + index * tile, max(0, min(tile, size - index * tile)))}


def elements(operation: Operation, tensor: str, box: Box) -> set[Point]:
    """Coordinates of all elements of a tensor that the points of a box touch."""
    names = sorted(operation.relevant(tensor))
    found = set()
    for values in product(*(range(box[n][0], box[n][0] + box[n][1]) for n in names)):
        at = dict(zip(names, values, strict=True))
        point = tuple(
            axis.offset + sum(step * at[rank] for rank, step in axis.terms)
            for axis in operation.axes[tensor]
        )
        inside = zip(point, operation.tensors[tensor].shape, strict=True)
        if all(0 <= x < extent for x, extent in inside):
            found.add(point)
    return found
