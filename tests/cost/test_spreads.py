from __future__ import annotations

from itertools import islice, pairwise, product
from math import prod

import pytest

from netwright import arch
from netwright.cost.spreads import balanced, spreads
from tests.cost.small import conv, linear, machine


def with_array(small, **changes):
    """The machine with other settings of its array."""
    return small.with_changes("grid", changes)


def meaning(way):
    found = {}
    for array, _, pairs in way.lanes:
        for rank, count in pairs:
            found[array, rank] = found.get((array, rank), 1) * count
    return frozenset(found.items())


def test_copies_are_as_few_as_give_their_rounds():
    for extent, size in product(range(1, 40), range(1, 20)):
        expected = {-(-extent // rounds) for rounds in range(1, extent + 1)}
        expected = {count for count in expected if count <= size} | {1}
        assert balanced(extent, size) == tuple(sorted(expected, reverse=True))


def test_every_way_to_use_an_array_is_found_once():
    op = linear(3, 2, 5)
    small = with_array(machine(fanout=(2, 3)), ranks=())
    found = [meaning(way) for way in spreads(op, small)]
    assert len(found) == len(set(found))
    names = list(op.extents)
    for counts in product(*([balanced(n, 6) for n in op.extents.values()])):
        fits = any(
            prod(a) <= 2 and prod(b) <= 3
            for a in product(*(range(1, c + 1) for c in counts))
            for b in product(*(range(1, c + 1) for c in counts))
            if all(x * y == c for x, y, c in zip(a, b, counts, strict=True))
        )
        way = frozenset((("grid", r), c) for r, c in zip(names, counts, strict=True) if c > 1)
        assert not fits or way in found


def test_fewest_steps_come_first():
    op = conv(16, 16, 8)
    steps = [way.num_steps(op) for way in spreads(op, arch.find("scratchpad"))]
    assert steps == sorted(steps)
    assert steps[0] == op.num_macs // 256


def test_rank_that_two_arrays_want_is_spread_over_both():
    small = with_array(machine(fanout=(4, 16)), ranks=(("M",), ("M",)))
    assert next(spreads(linear(2, 2, 64), small)).copies("M") == 64


@pytest.mark.parametrize("ranks", [(("C", "G"), ("M", "P")), ()])
def test_larger_array_can_do_what_a_smaller_one_does(ranks):
    op = linear(5, 6, 7)
    ways = [
        {meaning(way) for way in spreads(op, with_array(machine(fanout=size), ranks=ranks))}
        for size in ((2, 3), (3, 3), (3, 5), (7, 7))
    ]
    assert all(small <= large for small, large in pairwise(ways))


def test_sums_stay_off_arrays_that_cannot_add():
    ways = spreads(linear(4, 6, 4), with_array(machine(), reduces=False))
    assert all(way.copies("B1") == 1 for way in ways)


def test_array_that_takes_every_rank_is_listed_at_once():
    """The first ways come before the others are known; there are more than a hundred thousand."""
    free = arch.find("scratchpad").with_changes("elements", {"ranks": (), "fanout": (32, 32)})
    op = conv(64, 64, 28)
    first = list(islice(spreads(op, free), 50))
    assert first[0].num_steps(op) == op.num_macs // 1024
