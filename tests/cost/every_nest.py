"""All legal loop nests of a tiny operation: any order, any tiles, arrays used in any way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from netwright import cost
from netwright.arch import Architecture, Array
from netwright.cost.mapper import value_of
from netwright.mapping import Keep, Loop, LoopNest, Operation, nest_faults
from netwright.mapping.loopnest import memories_of


def every_nest(op: Operation, machine: Architecture) -> Iterator[LoopNest]:
    """Every legal nest that keeps each tensor wherever the machine can keep it.

    Two loops of a rank in time with nothing but loops between them that can be merged are listed
    too; loops of one iteration are not.
    """
    arrays = [node for node in machine.path if isinstance(node, Array)]
    lanes = [(array.name, axis) for array in arrays for axis in range(len(array.fanout))]
    places = [
        (m.name, name)
        for m in memories_of(machine)[1:]
        for name, role in op.roles.items()
        if role in m.keeps
    ]
    for loops in _orders(op, dict(op.extents), lanes):
        for nest in _kept(op, machine, loops, places):
            if not nest_faults(op, machine, nest):
                yield nest


def _orders(
    op: Operation, sizes: dict[str, int], lanes: list[tuple[str, int]]
) -> Iterator[tuple[Loop, ...]]:
    """Loops down to single elements; along arrays outer ones first."""
    if all(size == 1 for size in sizes.values()):
        yield ()
    for rank, size in sizes.items():
        for tile in range(1, size):
            inside = {**sizes, rank: tile}
            for rest in _orders(op, inside, lanes):
                yield (Loop(rank, tile), *rest)
            for number, (array, axis) in enumerate(lanes):
                for rest in _orders(op, inside, lanes[number:]):
                    yield (Loop(rank, tile, array, axis), *rest)


def _kept(
    op: Operation, machine: Architecture, loops: tuple[Loop, ...], places: list[tuple[str, str]]
) -> Iterator[LoopNest]:
    root = [Keep(memories_of(machine)[0].name, name, 0) for name in op.tensors]
    names = [node.name for node in machine.path]
    ranges = []
    for memory, _ in places:
        low, high = 0, len(loops)
        for number, loop in enumerate(loops):
            if loop.is_spatial and names.index(loop.array) < names.index(memory):
                low = max(low, number + 1)
            elif loop.is_spatial:
                high = min(high, number)
        ranges.append(range(low, high + 1))
    for positions in product(*ranges):
        own = [Keep(m, name, at) for (m, name), at in zip(places, positions, strict=True)]
        yield LoopNest(loops, (*root, *own))


def best_of_all(op: Operation, machine: Architecture, goals: tuple[str, ...]) -> dict[str, float]:
    """The least value of every goal over all legal nests, each counted exactly."""
    best = dict.fromkeys(goals, float("inf"))
    for nest in every_nest(op, machine):
        estimate = cost.price(cost.count(op, machine, nest), machine)
        for goal in goals:
            best[goal] = min(best[goal], value_of(estimate, goal))
    return best
