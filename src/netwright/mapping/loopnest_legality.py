"""The judge of loop nests."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from netwright.arch import Architecture, Array, Memory
from netwright.errors import MappingError
from netwright.mapping.loopnest import LoopNest, memories_of
from netwright.mapping.operation import Operation
from netwright.mapping.schedule import kib


def check_nest(operation: Operation, architecture: Architecture, nest: LoopNest) -> None:
    """Refuse a loop nest that cannot be executed.

    Raises:
        MappingError: With all faults.
    """
    found = nest_faults(operation, architecture, nest)
    if found:
        raise MappingError(found)


def nest_faults(
    operation: Operation, architecture: Architecture, nest: LoopNest
) -> tuple[str, ...]:
    """Everything that is wrong with a loop nest, as sentences; empty if it is legal.

    Tiles must shrink down to one element. Loops along an array must fit its axis and be allowed
    there. Each tensor is kept by the root and then by deeper and deeper memories that keep its
    kind; the loops of an array lie between the memories above and below it. All tiles of a memory
    must fit, twice where it is double-buffered and they change.
    """
    found = [*_loop_faults(operation, architecture, nest)]
    if not found:  # tiles mean nothing without sound loops
        found += _keep_faults(operation, architecture, nest)
    if not found:
        found += _capacity_faults(operation, architecture, nest)
    return tuple(found)


def _loop_faults(operation: Operation, architecture: Architecture, nest: LoopNest) -> Iterator[str]:
    sizes = dict(operation.extents)
    lanes: dict[tuple[str, int], int] = {}
    arrays = {node.name: node for node in architecture.path if isinstance(node, Array)}
    for number, loop in enumerate(nest.loops):
        where = f"loop {number} over {loop.rank}"
        if loop.rank not in sizes:
            yield f"{where}: there is no such rank of more than one element"
            continue
        if not 1 <= loop.tile <= sizes[loop.rank]:
            yield f"{where}: the tile must be from 1 to {sizes[loop.rank]}, not {loop.tile}"
            continue
        count = -(-sizes[loop.rank] // loop.tile)
        sizes[loop.rank] = loop.tile
        if not loop.is_spatial:
            continue
        array = arrays.get(loop.array)
        if array is None or not 0 <= loop.axis < len(array.fanout):
            yield f'{where}: there is no axis {loop.axis} of an array "{loop.array}"'
            continue
        meant = operation.directions[loop.rank]
        if not array.takes(loop.axis, meant, operation.known_to(loop.rank)):
            allowed = ", ".join(array.allowed(loop.axis))
            yield f"{where}: axis {loop.axis} of {array.name} takes {allowed}, not {meant}"
        if loop.rank in operation.reduced and not array.reduces and count > 1:
            yield f"{where}: {array.name} cannot add the partial sums of its copies"
        lanes[array.name, loop.axis] = lanes.get((array.name, loop.axis), 1) * count
    for (name, axis), used in lanes.items():
        if used > arrays[name].fanout[axis]:
            yield f"axis {axis} of {name} has {arrays[name].fanout[axis]} copies, not {used}"
    for rank, size in sizes.items():
        if size > 1:
            yield f"rank {rank}: the innermost tile must be 1, not {size}"


def _keep_faults(operation: Operation, architecture: Architecture, nest: LoopNest) -> Iterator[str]:
    path = [node.name for node in architecture.path]
    memories = {memory.name: memory for memory in memories_of(architecture)}
    root = path[0]
    for keep in nest.keeps:
        memory, role = memories.get(keep.memory), operation.roles.get(keep.tensor)
        if role is None:
            yield f"{keep.tensor}: {operation.name} moves {', '.join(operation.tensors)} only"
        if memory is None:
            yield f'{keep.tensor}: there is no memory "{keep.memory}" above the compute unit'
        elif role is not None and role not in memory.keeps:
            yield (
                f"{keep.tensor}: {memory.name} keeps {', '.join(memory.keeps)} only, "
                f"and this is {operation.name}'s {role}"
            )
        if not 0 <= keep.position <= len(nest.loops):
            yield (
                f"{keep.tensor} in {keep.memory}: the position must be from 0 to "
                f"{len(nest.loops)}, not {keep.position}"
            )
        if memory is not None:
            yield from _array_faults(path, nest, keep.memory, keep.tensor, keep.position)
    for tensor in operation.tensors:
        own = [keep for keep in nest.keeps if keep.tensor == tensor and keep.memory in memories]
        if not any(keep.memory == root and keep.position == 0 for keep in own):
            yield f"{tensor}: the root {root} must keep it at position 0"
        ordered = sorted(own, key=lambda keep: path.index(keep.memory))
        for outer, inner in pairwise(ordered):
            if outer.memory == inner.memory:
                yield f"{tensor}: {outer.memory} keeps it twice"
            elif outer.position > inner.position or own.index(outer) > own.index(inner):
                yield (
                    f"{tensor}: {inner.memory} lies below {outer.memory} and must be further inside"
                )


def _array_faults(
    path: list[str], nest: LoopNest, memory: str, tensor: str, position: int
) -> Iterator[str]:
    for number, loop in enumerate(nest.loops):
        if not loop.is_spatial:
            continue
        above = path.index(memory) < path.index(loop.array)
        if above and position > number:
            yield f"{tensor} in {memory}: loop {number} along {loop.array} must be further inside"
        elif not above and position <= number:
            yield f"{tensor} in {memory}: loop {number} along {loop.array} must be further outside"


def _capacity_faults(
    operation: Operation, architecture: Architecture, nest: LoopNest
) -> Iterator[str]:
    for memory in memories_of(architecture):
        capacity = memory.capacity_bytes
        if capacity is None:
            continue
        parts = {
            keep.tensor: tile_bytes(operation, architecture, nest, keep.tensor, memory)
            for keep in nest.keeps
            if keep.memory == memory.name
        }
        need = sum(parts.values())
        if need > capacity:
            told = ", ".join(f"{name} {kib(size)}" for name, size in parts.items())
            yield (
                f"operands of {operation.name} need {kib(need)} in {memory.name} ({told}), "
                f"which has {kib(capacity)}"
            )


def tile_bytes(
    operation: Operation,
    architecture: Architecture,
    nest: LoopNest,
    tensor: str,
    memory: Memory,
) -> int:
    """Room that a tensor's tile takes in a memory, in whole bytes.

    Partial sums have the accumulator's width. A tile that changes takes its room twice in a
    double-buffered memory.
    """
    places = nest.places(tensor)
    index = next(i for i, keep in enumerate(places) if keep.memory == memory.name)
    position = places[index].position
    inner = places[index + 1].position if index + 1 < len(places) else len(nest.loops)
    held = operation.tensors[tensor]
    partial = held.bits
    counts = nest.counts(operation)
    if tensor == operation.output and any(
        not loop.is_spatial and count > 1 and loop.rank in operation.reduced
        for loop, count in zip(nest.loops[:inner], counts, strict=False)
    ):
        partial = max(held.bits, accumulator_bits(architecture, held.bits))
    elements = tile_elements(operation, tensor, tile_sizes(operation, nest, position))
    size = held.bits_of(elements) if partial == held.bits else elements * partial
    changes = any(
        not loop.is_spatial and count > 1 and loop.rank in operation.relevant(tensor)
        for loop, count in zip(nest.loops[:position], counts, strict=False)
    )
    return -(-size * (2 if changes and memory.double_buffered else 1) // 8)


def tile_sizes(operation: Operation, nest: LoopNest, position: int) -> dict[str, int]:
    """Size of each rank's piece inside a position."""
    sizes = dict(operation.extents)
    for loop in nest.loops[:position]:
        sizes[loop.rank] = loop.tile
    return sizes


def tile_elements(operation: Operation, tensor: str, sizes: dict[str, int]) -> int:
    """Elements of a tensor that a tile touches at most; padding has no elements."""
    total = 1
    for axis, extent in operation.along(tensor):
        total *= min(extent, _span(axis.terms, sizes))
    return total


def _span(terms: tuple[tuple[str, int], ...], sizes: dict[str, int]) -> int:
    """Distinct values of a sum of ranks with steps; at most the distance of its ends."""
    reach = 1 + sum(abs(step) * (sizes[rank] - 1) for rank, step in terms)
    points = 1
    for rank, _ in terms:
        points *= sizes[rank]
    return min(reach, points)


def accumulator_bits(architecture: Architecture, bits: int) -> int:
    """Width of partial sums of results of `bits` bits."""
    unit = architecture.path[-1]
    width = getattr(unit, "accumulator_bits", None)
    return bits if width is None else int(width)
