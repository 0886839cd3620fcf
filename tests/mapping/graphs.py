"""Small random workloads."""

from __future__ import annotations

import random

from netwright import arch
from netwright.workload import Access, Affine, Einsum, Rank, Tensor, Workload


def chain_with_skips(sizes: list[int], reads: list[list[int]]) -> Workload:
    """Einsum i makes a tensor of `sizes[i]` bytes from the tensors of Einsums ``reads[i]``."""
    axis = (Affine((("B", 1),)),)
    source = Tensor("x", (3,), kind="input")
    tensors = [source, *(Tensor(f"t{i}", (size,)) for i, size in enumerate(sizes))]
    einsums = []
    for i, size in enumerate(sizes):
        names = [f"t{j}" for j in reads[i]] or ["x"]
        inputs = tuple(Access(name, axis) for name in names)
        einsums.append(Einsum(f"e{i}", (Rank("B", size),), Access(f"t{i}", axis), inputs, "opaque"))
    return Workload("random", tuple(tensors), tuple(einsums), (f"t{len(sizes) - 1}",))


def random_workload(seed: int, *, most: int = 9) -> Workload:
    """A random graph; every tensor but the last is read."""
    draw = random.Random(seed)
    count = draw.randint(3, most)
    sizes = [draw.randint(1, 9) for _ in range(count)]
    reads: list[list[int]] = [[]]
    for i in range(1, count):
        reads.append(sorted(draw.sample(range(i), k=min(i, draw.randint(1, 2)))))
    return chain_with_skips(sizes, reads)


def machine(capacity: int, *, line_bytes: int = 1) -> arch.Architecture:
    """The scratchpad accelerator with this many bytes."""
    return arch.find("scratchpad").with_scratchpad(capacity, line_bytes=line_bytes)
