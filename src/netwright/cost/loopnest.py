"""The loop-nest engine: exact data movement of an operation under any legal loop nest.

Each tensor moves between the memories that keep it, the compute units at the end. A child fetches
what its new tile holds and its old one does not; a multicast reads the parent once for all
children that lack the element and reaches every copy along ranks on which the tensor does not
depend. An idle child forgets. Results are written upward when a tile leaves, and read back when it
returns; their first visit reads nothing, and partial sums of the copies along a summed rank are
added on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from netwright.arch import MAC, Architecture, Link, Memory
from netwright.cost.counts import Action, Counts
from netwright.cost.transitions import (
    RankLoop,
    RankLoops,
    axis_sums,
    axis_visits,
    busy,
    moves,
    working,
)
from netwright.mapping.loopnest import LoopNest, arrays_between, memories_of
from netwright.mapping.loopnest_legality import accumulator_bits, check_nest
from netwright.mapping.operation import Operation
from netwright.mapping.zeros import share_of, told, work_share

ASSUMPTIONS = (
    "steady state: the first tiles and the last results of an operation overlap with its neighbors",
    "copies of a memory share its traffic evenly",
)


@dataclass(frozen=True, slots=True)
class Flow:
    """Elements of one tensor that move between two neighboring places.

    Attributes:
        down: Elements read from the parent.
        down_each: Elements that arrive at children, counted at each of them.
        up: Elements written to the parent; 0 for inputs.
        up_each: Elements that leave children.
        final: Those of `up` that are complete results.
    """

    down: int
    down_each: int
    up: int = 0
    up_each: int = 0
    final: int = 0


def count(operation: Operation, architecture: Architecture, nest: LoopNest) -> Counts:
    """Everything that happens while an operation runs under a loop nest.

    Raises:
        MappingError: The nest is not legal.
    """
    check_nest(operation, architecture, nest)
    memories = {memory.name: memory for memory in memories_of(architecture)}
    actions: list[Action] = []
    for tensor in operation.tensors:
        places = nest.places(tensor)
        inner = [*((keep.memory, keep.position) for keep in places[1:]), ("", len(nest.loops))]
        for keep, (child, position) in zip(places, inner, strict=True):
            arrays = tuple(
                arrays_between(architecture, keep.memory, child or architecture.path[-1].name)
            )
            flow = flow_between(
                operation, nest, tensor, keep.position, position,
                stays=bool(child), multicasts=all(array.multicasts for array in arrays),
            )  # fmt: skip
            actions += _priceable(operation, architecture, nest, tensor, memories[keep.memory],
                                  memories.get(child), flow)  # fmt: skip
    steps, used = _steps(operation, nest)
    (unit,) = architecture.branch(architecture.path[-1].name).units_for(MAC)
    share = work_share(operation.operands, unit)
    actions.append(Action.compute(unit.name, share_of(operation.num_macs, share), copies=used))
    cycles = {unit.name: share_of(steps, share) * unit.cycles_of(MAC)}
    taken = (*ASSUMPTIONS, *told(operation.operands, unit))
    return Counts(operation.name, "loopnest", (cycles,), tuple(actions), taken)


def flow_between(
    operation: Operation,
    nest: LoopNest,
    tensor: str,
    parent: int,
    child: int,
    *,
    stays: bool,
    multicasts: bool = True,
) -> Flow:
    """Elements of a tensor that move between two positions of a nest, over the whole nest.

    Args:
        operation: What is computed.
        nest: A legal nest.
        tensor: Name of the tensor.
        parent: Position of the outer tile.
        child: Position of the inner tile.
        stays: Whether the inner tile stays in a memory from step to step; compute units have none.
        multicasts: Whether one read of the parent may serve several children.
    """
    ranks = _rank_loops(operation, nest, parent, child)
    wanted = operation.relevant(tensor)
    other = [ranks[name] for name in operation.extents if name not in wanted]
    down, each = (_fetched if stays else _visited)(operation, tensor, ranks, other, nest, child)
    if tensor != operation.output:
        return Flow(down if multicasts else each, each)
    size = _touched(operation, tensor)
    if stays:  # a multicast reaches idle copies too
        above = prod(rank.num_lanes("outer") for rank in other)
        below = above * prod(rank.num_lanes("inner") for rank in other)
    else:
        above = prod(working(rank)[0] for rank in other)
        below = prod(working(rank)[1] for rank in other)
    final = size if above == 1 else 0
    return Flow(down - size * above, each - size * below, down, each, final)


def _rank_loops(
    operation: Operation, nest: LoopNest, parent: int, child: int
) -> dict[str, RankLoops]:
    loops: dict[str, list[RankLoop]] = {name: [] for name in operation.extents}
    for number, loop in enumerate(nest.loops[:child]):
        kind = "time" if not loop.is_spatial else "outer" if number < parent else "inner"
        loops[loop.rank].append(RankLoop(number, loop.tile, kind))
    return {
        name: RankLoops(name, operation.extents[name], tuple(own)) for name, own in loops.items()
    }


def _fetched(
    operation: Operation,
    tensor: str,
    ranks: dict[str, RankLoops],
    other: Sequence[RankLoops],
    nest: LoopNest,
    child: int,
) -> tuple[int, int]:
    """Elements fetched from the parent, and elements that arrive at children."""
    copies = prod(rank.num_lanes("outer") for rank in other)
    copies_below = prod(rank.num_lanes("inner") for rank in other)
    changing = [-1, *(n for n, loop in enumerate(nest.loops[:child]) if not loop.is_spatial)]
    down = each = 0
    for advanced in changing:
        times = copies * prod(len(moves(rank, advanced)) for rank in other)
        if not times:
            continue
        sums = [
            axis_sums(axis, extent, tuple(ranks[name] for name, _ in axis.terms), advanced)
            for axis, extent in operation.along(tensor)
        ]
        wanted = prod(s.wanted for s in sums)
        wanted_each = prod(s.wanted_each for s in sums)
        held = prod(s.held for s in sums) if advanced >= 0 else 0
        held_each = prod(s.held_each for s in sums) if advanced >= 0 else 0
        down += times * (wanted - held)
        each += times * (wanted_each - held_each) * copies_below
    return down, each


def _visited(
    operation: Operation,
    tensor: str,
    ranks: dict[str, RankLoops],
    other: Sequence[RankLoops],
    nest: LoopNest,
    child: int,
) -> tuple[int, int]:
    """Elements that compute units read at every step, each once for a parent; and for each unit."""
    repeats = prod(busy(rank) for rank in other)
    down = repeats * prod(
        axis_visits(axis, extent, tuple(ranks[name] for name, _ in axis.terms))
        for axis, extent in operation.along(tensor)
    )
    return down, visited_each(operation, tensor)


def visited_each(operation: Operation, tensor: str) -> int:
    """Elements that compute units read if each unit is served alone; padding is not read."""
    relevant = operation.relevant(tensor)
    return prod(size for rank, size in operation.extents.items() if rank not in relevant) * prod(
        _points(
            tuple(sorted((operation.extents[rank], step) for rank, step in axis.terms)),
            axis.offset,
            extent,
        )
        for axis, extent in operation.along(tensor)
    )


@lru_cache(maxsize=1 << 12)
def _points(terms: tuple[tuple[int, int], ...], offset: int, extent: int) -> int:
    """Points of the ranks of an axis that do not fall on padding.

    Args:
        terms: Size and step of each rank, the longest rank last.
        offset: Index of the first points of all of them.
        extent: Size of the axis.
    """
    found = {offset: 1}
    for size, step in terms[:-1]:
        wider: dict[int, int] = {}
        for value, times in found.items():
            for index in range(size):
                wider[value + step * index] = wider.get(value + step * index, 0) + times
        found = wider
    size, step = terms[-1] if terms else (1, 1)
    return sum(times * _inside(value, size, step, extent) for value, times in found.items())


def _inside(first: int, size: int, step: int, extent: int) -> int:
    """Of some indices that are equally far apart, those inside of an axis."""
    if step < 0:
        first, step = first + step * (size - 1), -step
    if step == 0:
        return size if 0 <= first < extent else 0
    return max(0, min(size - 1, (extent - 1 - first) // step) - max(0, -(first // step)) + 1)


def _touched(operation: Operation, tensor: str) -> int:
    """Elements of a tensor that are used at all."""
    return prod(
        axis_visits(axis, extent, tuple(
            RankLoops(name, operation.extents[name], ()) for name, _ in axis.terms
        ))
        for axis, extent in operation.along(tensor)
    )  # fmt: skip


def _priceable(
    operation: Operation,
    architecture: Architecture,
    nest: LoopNest,
    tensor: str,
    parent: Memory,
    child: Memory | None,
    flow: Flow,
) -> Iterator[Action]:
    """The flow as bits of the two memories and of the links between them."""
    moved = operation.tensors[tensor]
    partial = 0
    if tensor == operation.output:
        partial = max(moved.bits, accumulator_bits(architecture, moved.bits))
    down = flow.down * partial if partial else moved.bits_of(flow.down)
    up = moved.bits_of(flow.final) + (flow.up - flow.final) * partial
    waits = child is not None and not child.double_buffered
    copies = _used_copies(architecture, nest, operation, parent.name)
    yield Action(parent.name, "read", down, tensor, copies, waits)
    if flow.up:
        yield Action(parent.name, "write", up, tensor, copies, waits)
    below = child.name if child is not None else architecture.path[-1].name
    for link in _links_between(architecture, parent.name, below):
        yield Action(link.name, "cross", down + up, tensor, architecture.copies(link.name))
    if child is None:
        return
    copies = _used_copies(architecture, nest, operation, child.name)
    arriving = flow.down_each * partial if partial else moved.bits_of(flow.down_each)
    yield Action(child.name, "write", arriving, tensor, copies, waits)
    if flow.up_each:
        whole = flow.final if flow.up_each == flow.up else 0
        leaving = moved.bits_of(whole) + (flow.up_each - whole) * partial
        yield Action(child.name, "read", leaving, tensor, copies, waits)


def _links_between(architecture: Architecture, outer: str, inner: str) -> Iterator[Link]:
    names = [node.name for node in architecture.path]
    for node in architecture.path[names.index(outer) : names.index(inner)]:
        if isinstance(node, Link):
            yield node


def _used_copies(
    architecture: Architecture, nest: LoopNest, operation: Operation, name: str
) -> int:
    names = [node.name for node in architecture.path]
    counts = nest.counts(operation)
    return prod(
        n
        for loop, n in zip(nest.loops, counts, strict=True)
        if loop.is_spatial and names.index(loop.array) < names.index(name)
    )


def _steps(operation: Operation, nest: LoopNest) -> tuple[int, int]:
    """Time steps of the busiest unit, and the number of units that work at all."""
    ranks = _rank_loops(operation, nest, 0, len(nest.loops))
    steps = prod(len(rank.times()) for rank in ranks.values())
    return steps, prod(rank.num_lanes("inner") for rank in ranks.values())
