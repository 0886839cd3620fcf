"""Einsums that read each other, and whether an iterative rank orders them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netwright.ir.einsums.einsum import Access, Affine, Einsum


def groups(einsums: Sequence[Einsum]) -> list[list[int]]:
    """Places of Einsums that depend on each other, each group after those that it reads.

    A group of several, or one that reads its own output, runs point by point of an iterative rank.
    """
    place = {einsum.output.tensor: index for index, einsum in enumerate(einsums)}
    reads = [[place[name] for name in einsum.reads if name in place] for einsum in einsums]
    return [sorted(group) for group in strongly_connected(reads)]


def is_cyclic(einsums: Sequence[Einsum]) -> bool:
    """Whether the Einsums of one group need each other's results of earlier iterations."""
    return len(einsums) > 1 or einsums[0].output.tensor in einsums[0].reads


def order_faults(group: Sequence[Einsum]) -> Iterator[tuple[Einsum, Access, str]]:
    """Reads inside a group of a value that is not made yet: where, and why.

    The group runs along its iterative ranks together. Every tensor that is made and read in it must
    have an axis for each of them, and be read at the index that is written or at an earlier one;
    what is made later in the same point must be read at an earlier one.
    """
    if not is_cyclic(group):
        return
    made = {einsum.output.tensor: index for index, einsum in enumerate(group)}
    ranks = tuple(dict.fromkeys(rank for einsum in group for rank in einsum.iterative))
    for index, einsum in enumerate(group):
        for access in einsum.inputs:
            if access.tensor not in made:
                continue
            maker = group[made[access.tensor]]
            late = made[access.tensor] >= index
            if not ranks:
                if late:
                    yield einsum, access, "no rank of the cycle is iterative"
                continue
            delays = [_delay(maker.output.index, access.index, rank) for rank in ranks]
            known = [delay for delay in delays if delay is not None]
            if len(known) < len(delays):
                missing = ranks[delays.index(None)]
                yield einsum, access, f"it is not indexed by iterative rank {missing} throughout"
            elif min(known) < 0 or (late and max(known) < 1):
                yield einsum, access, "it is made in the same iteration or later"


def is_earlier(access: Access, maker: Einsum, rank: str | None = None) -> bool:
    """Whether an access is to what `maker` wrote for an earlier point of an iterative rank.

    Args:
        access: A read of the maker's result.
        maker: The Einsum that makes it.
        rank: The rank along which it must be earlier; any iterative one if not given.
    """
    ranks = maker.iterative if rank is None else (rank,)
    delays = [_delay(maker.output.index, access.index, own) for own in ranks]
    return any(delay is not None and delay > 0 for delay in delays)


def _delay(written: Sequence[Affine], read: Sequence[Affine], rank: str) -> int | None:
    """Iterations between writing and reading along a rank; none if an axis lacks it."""
    for own, other in zip(written, read, strict=False):
        if own.terms == ((rank, 1),):
            return own.offset - other.offset if other.terms == own.terms else None
    return None


def strongly_connected(reads: Sequence[Sequence[int]]) -> list[list[int]]:
    """Strongly connected components, each after those that it reads (Tarjan 1972).

    Args:
        reads: For every node those that it depends on.
    """
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    waiting: set[int] = set()
    found: list[list[int]] = []
    work = list(reversed(range(len(reads))))
    while work:
        node = work[-1]
        if node not in index:
            index[node] = low[node] = len(index)
            stack.append(node)
            waiting.add(node)
            work += [other for other in reversed(reads[node]) if other not in index]
            continue
        work.pop()
        if node not in waiting:
            continue
        low[node] = min([low[node], *(low[other] for other in reads[node] if other in waiting)])
        if low[node] == index[node]:
            group: list[int] = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            waiting.difference_update(group)
            found.append(group)
    return found
