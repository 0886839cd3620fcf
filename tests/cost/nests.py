"""Random small operations and legal loop nests, for the tests of the cost engines."""

from __future__ import annotations

import random

from netwright.mapping.loopnest import Loop, LoopNest
from netwright.mapping.operation import Operation, operation
from netwright.workload import Builder


def small_conv(rng: random.Random) -> Operation:
    """A convolution of a few elements: grouped, strided, dilated and padded at random."""
    b = Builder("small")
    groups = rng.choice([1, 1, 2, 3])
    kernel = (rng.choice([1, 2, 3]), rng.choice([1, 2, 3]))
    stride = (rng.choice([1, 2, 3]), rng.choice([1, 2]))
    dilation = rng.choice([1, 1, 2])
    room = tuple(dilation * (k - 1) + 1 for k in kernel)
    extents = tuple(r + rng.randint(0, 4) for r in room)
    source = b.input((1, groups * rng.randint(1, 3), *extents))
    padding = tuple(rng.choice([0, 1]) for _ in kernel)
    b.conv(source, groups * rng.randint(1, 4), kernel, stride=stride, padding=padding,
           dilation=dilation, groups=groups)  # fmt: skip
    workload = b.finish()
    return operation(workload, workload.einsums[0])


def small_linear(rng: random.Random) -> Operation:
    """A matrix product of a few elements."""
    b = Builder("small")
    b.linear(b.input((rng.randint(1, 5), rng.randint(2, 7))), rng.randint(2, 7))
    workload = b.finish()
    return operation(workload, workload.einsums[0])


def random_loops(rng: random.Random, op: Operation) -> tuple[Loop, ...]:
    """Loops down to single elements, ragged at random, some of them along the array "grid"."""
    sizes = dict(op.extents)
    loops: list[Loop] = []
    spatial: set[str] = set()
    while any(size > 1 for size in sizes.values()):
        rank = rng.choice(sorted(name for name, size in sizes.items() if size > 1))
        tile = rng.choice([1, rng.randint(1, sizes[rank]), max(1, sizes[rank] // 2)])
        if rng.random() < 0.25 and len(spatial) < 2 and tile < sizes[rank]:
            spatial.add(rank)
            loops.append(Loop(rank, tile, "grid"))
        else:
            loops.append(Loop(rank, tile))
        sizes[rank] = tile
    return tuple(loops)


def random_case(seed: int) -> tuple[Operation, LoopNest, int, int]:
    """An operation, a nest without keeps, and the positions of a parent and a child."""
    rng = random.Random(seed)
    op = small_conv(rng) if rng.random() < 0.7 else small_linear(rng)
    loops = random_loops(rng, op)
    child = rng.randint(0, len(loops))
    return op, LoopNest(loops, ()), rng.randint(0, child), child
