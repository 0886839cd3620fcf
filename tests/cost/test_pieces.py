from __future__ import annotations

import random

import numpy as np
import pytest

from netwright.cost.pieces import Pieces, compared, together
from netwright.workload import Affine


def pieces(axis, extent, *ranks):
    """Pieces from (first, size) of one parent: for each rank a list of steps of copies."""
    parts = []
    for steps in ranks:
        numbers = np.array(steps, np.int64)[:, None]
        parts.append((numbers[..., 0], numbers[..., 1]))
    return Pieces.of(axis, extent, parts)


def test_windows_of_two_copies():
    """Copies hold elements 0-2 and 1-3, then 2-4 and 3-5: each finds one, and all the wanted 2."""
    axis = Affine((("P", 1), ("R", 1)))
    taps = [[(0, 3)]]
    old, new = (pieces(axis, 9, [[(p, 1), (p + 1, 1)]], taps) for p in (0, 2))
    assert together(new) == 4
    assert compared(old, new).tolist() == [[4, 1, 6, 2]]


def test_padding_and_idle_copies_have_no_elements():
    axis = Affine((("P", 1), ("R", 1)), -1)
    found = pieces(axis, 5, [[(0, 2), (4, 1), (5, 0)]], [[(0, 3)]])
    assert together(found) == 5  # 0-2 and 3-4
    assert compared(found, found).tolist() == [[5, 5, 5, 5]]


@pytest.mark.parametrize("seed", range(20))
def test_intervals_and_masks_agree_with_sets(seed):
    rng = random.Random(seed)
    axis = Affine((("P", rng.randint(1, 3)), ("R", rng.randint(1, 3))), rng.randint(-3, 1))
    extent, copies = rng.randint(1, 20), rng.choice([1, 3])

    def drawn():
        rows = [[(rng.randint(0, 6), rng.randint(0, 4)) for _ in range(copies)] for _ in range(4)]
        taps = [[(rng.randint(0, 2), rng.randint(0, 3))]]
        sets = [[touched(axis, extent, row, taps[0][0]) for row in step] for step in rows]
        return pieces(axis, extent, rows, taps), sets

    (old, before), (new, after) = drawn(), drawn()
    for step, (was, now) in enumerate(zip(before, after, strict=True)):
        wanted = set().union(*now)
        lacking = set().union(*(n - o for o, n in zip(was, now, strict=True)))
        each = sum(len(n) for n in now)
        held_each = sum(len(n & o) for o, n in zip(was, now, strict=True))
        expected = [len(wanted), len(wanted) - len(lacking), each, held_each]
        assert compared(old, new)[step].tolist() == expected
    assert together(new) == sum(len(set().union(*now)) for now in after)


def touched(axis, extent, row, tap):
    (_, down), (_, along) = axis.terms
    places = {
        axis.offset + down * (row[0] + i) + along * (tap[0] + j)
        for i in range(row[1])
        for j in range(tap[1])
    }
    return {place for place in places if 0 <= place < extent}
