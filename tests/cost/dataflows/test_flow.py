from __future__ import annotations

from netwright.cost.dataflows import Shape, Window
from netwright.cost.dataflows.flow import Tally

LAYER = Shape(1, 1, 2, 1, Window(3, extent=3), Window(), (8, 8, 8))


def test_sums_are_read_back_but_the_first_time():
    tally = Tally()
    tally.gather("sums", LAYER, 5)
    assert tally.amounts["sums", "read"] == 6 * 4 * 32
    assert tally.amounts["sums", "write"] == 6 * (4 * 32 + 8)
    once = Tally()
    once.gather("sums", LAYER, 1)
    assert once.amounts == {("sums", "write"): 6 * 8}


def test_a_read_may_reach_several_copies():
    tally = Tally()
    tally.move("buffer", "filters", 10, 8, copies=3)
    tally.move("filters", "", 4, 8)
    assert tally.amounts == {("buffer", "read"): 80, ("filters", "write"): 240,
                             ("filters", "read"): 32}  # fmt: skip
