from __future__ import annotations

from itertools import product
from math import prod

from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.mapping import Loop
from netwright.mapping.tiles import divisors, equal_tiles, footprint, num_tiles
from netwright.workload import Access, Affine, Tensor


def walk(extent: int, tiles: tuple[int, ...]) -> list[int]:
    """Sizes of all pieces in order, one by one."""
    pieces = [extent]
    for tile in tiles:
        pieces = [min(tile, piece - start) for piece in pieces for start in range(0, piece, tile)]
    return pieces


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40),
    st.lists(st.tuples(st.sampled_from("xy"), st.integers(1, 40)), max_size=4),
)  # fmt: skip
def test_equal_tiles_are_all_tiles(x, y, wanted):
    extents, loops = {"x": x, "y": y}, []
    left = dict(extents)
    for rank, tile in wanted:
        left[rank] = min(left[rank], tile)
        loops.append(Loop(rank, left[rank]))
    ranks = tuple(dict.fromkeys(loop.rank for loop in loops))
    each = {r: walk(extents[r], tuple(x.tile for x in loops if x.rank == r)) for r in ranks}
    for rank in ranks:
        own = [x.tile for x in loops if x.rank == rank]
        assert num_tiles(extents[rank], own) == len(each[rank])
    expected: dict[tuple[tuple[int, ...], frozenset[str]], int] = {}
    for choice in product(*(enumerate(each[rank]) for rank in ranks)):
        ends = zip(ranks, choice, strict=True)
        last = frozenset(rank for rank, (i, _) in ends if i == len(each[rank]) - 1)
        key = (tuple(size for _, size in choice), last)
        expected[key] = expected.get(key, 0) + 1
    found = {
        (tuple(tiles.sizes[rank] for rank in ranks), tiles.last): tiles.count
        for tiles in equal_tiles(extents, loops)
    }
    assert found == expected


def test_footprint_of_overlapping_windows_and_of_a_whole_tensor():
    image = Tensor("image", (1, 8))
    window = Access("image", (Affine(()), Affine((("p", 2), ("r", 1)), -1)))
    assert footprint(image, [(window, {"p": 3, "r": 3})]) == 2 * 2 + 2 + 1
    assert footprint(image, [(window, {"p": 30, "r": 3})]) == 8
    whole = Access("image", (Affine(()), Affine(())))
    assert footprint(image, [(whole, {})]) == prod(image.shape)


def test_divisors():
    for number in range(1, 400):
        expected = [size for size in range(1, number + 1) if number % size == 0]
        assert list(divisors(number)) == expected
    assert divisors(2 * 999983**2) == (1, 2, 999983, 2 * 999983, 999983**2, 2 * 999983**2)


def test_ranks_whose_last_tile_is_like_the_others_make_few_kinds_of_tiles():
    extents = {f"r{number}": 5 for number in range(24)}
    loops = [Loop(rank, 1) for rank in extents]
    (one,) = equal_tiles(extents, loops, alike=extents)
    assert one.count == 5**24
    ragged = equal_tiles({"a": 5}, [Loop("a", 2)], alike="a")
    assert {(tiles.sizes["a"], tiles.count) for tiles in ragged} == {(2, 2), (1, 1)}
