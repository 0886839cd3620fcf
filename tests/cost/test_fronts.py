"""Fronts of cost against room, against all choices."""

from __future__ import annotations

import random
from itertools import product

import pytest

from netwright.cost.fronts import MAX_POINTS, fronts


def least(rooms, costs, room):
    ways = [list(zip(*own, strict=True)) for own in zip(rooms, costs, strict=True)]
    sums = (tuple(map(sum, zip(*choice, strict=True))) for choice in product(*ways))
    return min((cost for taken, cost in sums if taken <= room), default=float("inf"))


@pytest.mark.parametrize("seed", range(20))
def test_least_cost_of_all_choices_that_fit(seed):
    rng = random.Random(seed)
    sizes = [rng.randint(1, 3) for _ in range(4)]
    rooms = [[rng.randint(0, 9) for _ in range(size)] for size in sizes]
    costs = [[float(rng.randint(0, 9)) for _ in range(size)] for size in sizes]
    found = fronts(rooms, costs)
    for decided in range(4):
        for room in (0, 3, 9, 30):
            expected = least(rooms[decided:], costs[decided:], room)
            assert found[decided].least(room) == expected


def test_long_fronts_are_thinned_and_stay_below():
    rng = random.Random(1)
    rooms = [[rng.randint(0, 999) for _ in range(12)] for _ in range(3)]
    costs = [[1000.0 - room for room in own] for own in rooms]
    front = fronts(rooms, costs)[0]
    assert len(front.rooms) == len(front.costs) <= MAX_POINTS
    gaps = [least(rooms, costs, room) - front.least(room) for room in range(0, 3000, 97)]
    assert all(gap >= 0 or gap != gap for gap in gaps)
    assert any(gap > 0 for gap in gaps)
