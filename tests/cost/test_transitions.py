from __future__ import annotations

from netwright.cost.transitions import RankLoop, RankLoops, axis_sums, axis_visits, busy, moves
from netwright.workload import Affine

ROWS = RankLoops("P", 5, (RankLoop(0, 2, "time"),))
TAPS = RankLoops("R", 3, ())


def test_ragged_rank_has_pieces_of_its_own_size():
    assert ROWS.times() == ((0,), (1,), (2,))
    assert [ROWS.piece(time, (), ()) for time in ROWS.times()] == [(0, 2), (2, 2), (4, 1)]


def test_moves_of_the_own_loop_and_of_others():
    assert moves(ROWS, 0) == (((0,), (1,)), ((1,), (2,)))
    assert moves(ROWS, -1) == (((0,), (0,)),)
    further_out = RankLoops("P", 5, (RankLoop(3, 2, "time"),))
    assert moves(further_out, 1) == (((2,), (0,)),)  # a loop outside starts it again


def test_windows_that_slide_keep_their_overlap():
    """Rows 0-3, 2-5, 4-6 of an axis: 4, then 4 of which 2 are held, then 3 of which 2 are."""
    axis = Affine((("P", 1), ("R", 1)))
    first = axis_sums(axis, 7, (ROWS, TAPS), -1)
    later = axis_sums(axis, 7, (ROWS, TAPS), 0)
    assert (first.wanted, later.wanted, later.held) == (4, 4 + 3, 2 + 2)


def test_padding_has_no_elements():
    axis = Affine((("P", 1), ("R", 1)), -1)
    assert axis_sums(axis, 5, (ROWS, TAPS), -1).wanted == 3
    assert axis_visits(axis, 5, (RankLoops("P", 5, ()), TAPS)) == 5


def test_idle_copies_are_not_busy():
    spread = RankLoops("M", 5, (RankLoop(0, 3, "time"), RankLoop(1, 1, "outer")))
    assert busy(spread) == 5
    assert spread.num_lanes("outer") == 3
