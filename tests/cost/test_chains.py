from __future__ import annotations

import numpy as np
import pytest

from netwright.cost.chains import Deadline, TimeUp, above, all_in, lone
from netwright.cost.mapspace import Mapspace
from netwright.cost.spreads import Spread
from tests.cost.small import linear, machine


def test_time_that_is_up_stops_a_search():
    never, now = Deadline(None), Deadline(0.0)
    never.check()
    assert not never.is_over
    assert now.is_over
    with pytest.raises(TimeUp):
        now.check()


def test_tiles_follow_tiles_that_they_consist_of_or_all_there_is():
    space = Mapspace(linear(2, 5, 2), machine(), Spread(()))
    assert [tile["B1"] for tile in space.tiles["k"]] == [1, 2, 3, 5]
    assert above(space, 2).tolist() == [
        [True, True, True, True],
        [False, True, False, True],
        [False, False, True, True],
        [False, False, False, True],
    ]


def test_last_piece_may_hold_a_single_tile():
    """Five in pieces of two: the last has one element. In pieces of three it has two."""
    space = Mapspace(linear(2, 5, 2), machine(), Spread(()))
    one, two, three, five = space.tiles["k"]
    assert lone(space, one, two) == 1 / 5
    assert lone(space, one, three) == 0.0
    assert lone(space, two, five) == 0.0
    assert lone(space, two, two) == 1.0


def test_points_are_chosen_by_their_tiles():
    points = np.array([[0, 1, 0], [1, 1, 0], [1, 0, 1]])
    allowed = [np.array([False, True]), np.array([True, True]), np.array([True, False])]
    assert all_in(points, allowed).tolist() == [False, True, False]
