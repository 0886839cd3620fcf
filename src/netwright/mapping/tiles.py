"""Tiles of shared loops: their sizes, how many are equal, and what of a tensor they touch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod

from netwright.mapping.loopnest import Loop
from netwright.workload import Access, Einsum, Tensor

MAX_FACTOR = 10**6
"""What a number is divided by, at most, to find its prime factors."""

Sizes = Mapping[str, int]
"""Points of a tile along each rank."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles of equal size.

    Attributes:
        sizes: Points along each rank that has a loop.
        last: Ranks along which it is the last tile.
        count: How many there are.
    """

    sizes: Sizes
    last: frozenset[str]
    count: int


def equal_tiles(
    extents: Sizes, loops: Sequence[Loop], *, alike: Collection[str] = ()
) -> tuple[Tiles, ...]:
    """All tiles that loops in time make, equal ones together; the last along a rank is by itself.

    Args:
        extents: Size of every rank that a loop walks along.
        loops: Loops in time, outermost first.
        alike: Ranks along which the last tile is one like the others.
    """
    ranks = tuple(dict.fromkeys(loop.rank for loop in loops))
    choices = [_along(extents[rank], [x.tile for x in loops if x.rank == rank]) for rank in ranks]
    choices = [
        _together(own) if rank in alike else own for rank, own in zip(ranks, choices, strict=True)
    ]
    found = []
    for choice in product(*choices):
        pieces = dict(zip(ranks, choice, strict=True))
        sizes = {rank: size for rank, (size, _, _) in pieces.items()}
        last = frozenset(rank for rank, (_, is_last, _) in pieces.items() if is_last)
        found.append(Tiles(sizes, last, prod(count for _, _, count in choice)))
    return tuple(found)


def _together(pieces: Sequence[tuple[int, bool, int]]) -> list[tuple[int, bool, int]]:
    """Pieces of one rank with the last one among those of its size."""
    found: dict[int, int] = {}
    for size, _, count in pieces:
        found[size] = found.get(size, 0) + count
    return [(size, False, count) for size, count in found.items()]


@lru_cache(maxsize=1 << 10)
def divisors(number: int) -> tuple[int, ...]:
    """All divisors, in order; prime factors above a million are found if there is one of them.

    >>> divisors(12)
    (1, 2, 3, 4, 6, 12)
    """
    found, factor = [1], 2
    while factor * factor <= number and factor <= MAX_FACTOR:
        powers = [1]
        while number % factor == 0:
            number //= factor
            powers.append(powers[-1] * factor)
        found = [own * power for own in found for power in powers]
        factor += 1
    if number > 1:
        found += [own * number for own in found]
    return tuple(sorted(found))


def num_tiles(extent: int, tiles: Iterable[int]) -> int:
    """How many pieces loops with these tiles, outermost first, make of a rank."""
    return sum(count for _, _, count in _along(extent, tuple(tiles)))


def _along(extent: int, tiles: Sequence[int]) -> list[tuple[int, bool, int]]:
    """Sizes of the pieces of one rank, whether it is the last one, and how many are equal."""
    pieces = {extent: 1}
    last = extent
    for tile in tiles:
        cut: dict[int, int] = {}
        for size, count in pieces.items():
            whole, rest = divmod(size, tile)
            for piece, number in ((tile, whole), (rest, 1)):
                if piece and number:
                    cut[piece] = cut.get(piece, 0) + number * count
        pieces, last = cut, last % tile or min(tile, last)
    pieces[last] -= 1
    others = [(size, False, count) for size, count in sorted(pieces.items()) if count]
    return [*others, (last, True, 1)]


def sizes_of(einsum: Einsum, sizes: Sizes) -> Sizes:
    """The points that an Einsum has in a tile; a rank without loop is whole."""
    return {rank.name: min(rank.extent, sizes.get(rank.name, rank.extent)) for rank in einsum.ranks}


def footprint(tensor: Tensor, accesses: Iterable[tuple[Access, Sizes]]) -> int:
    """Elements of a tensor that accesses touch in a tile.

    Args:
        tensor: The tensor.
        accesses: Each with the sizes of the ranks of its Einsum.
    """
    axes: list[int] = []
    for access, sizes in accesses:
        is_whole = True
        spans = []
        for axis, extent in zip(access.index, tensor.shape, strict=True):
            span = 1
            for rank, step in axis.terms:
                span += abs(step) * (sizes[rank] - 1)
                is_whole = False
            spans.append(span if span < extent else extent)
        if is_whole:
            spans = list(tensor.shape)
        axes = [max(*pair) for pair in zip(axes, spans, strict=True)] if axes else spans
    return prod(axes) if axes or not tensor.shape else 0
