"""A staircase is what the definition says, and its steps begin where the values change."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from netwright.formats import Rounding
from netwright.passes.staircase import MAX_STEPS, Staircase, borders
from tests.passes.stairs import rounded, staircases


@given(staircases())
@settings(max_examples=50)
def test_values_are_those_of_the_definition(stair: Staircase) -> None:
    codes = np.arange(stair.first, stair.last + 1)
    wanted = [
        min(
            max(rounded(stair.ratio * int(n) + stair.offset, stair.rounding), stair.low), stair.high
        )
        for n in codes
    ]
    assert stair.values(codes).tolist() == wanted


@given(staircases())
@settings(max_examples=50)
def test_a_step_begins_where_the_values_reach_its_level(stair: Staircase) -> None:
    rising = stair if stair.ratio > 0 else stair.mirrored()
    levels = rising.levels()
    assert levels is not None
    values = rising.values(np.arange(rising.first, rising.last + 1))
    for level, begin in zip(levels, rising.begins(levels), strict=True):
        reached = np.flatnonzero(values >= level)
        assert begin == (rising.first + reached[0] if len(reached) else rising.last + 1)


def test_too_many_steps_are_not_listed() -> None:
    many = 1 << 40
    stair = Staircase(Fraction(1, 3), Fraction(0), -many, many, -many, many, Rounding.FLOOR)
    assert stair.levels() is None
    short = Staircase(
        Fraction(many, 3), Fraction(0), -9, 9, -many * many, many * many, stair.rounding
    )
    levels = short.levels()
    assert levels is not None
    assert len(levels) <= 40 < MAX_STEPS


@pytest.mark.parametrize("rounding", Rounding)
def test_borders_are_the_smallest_numbers_that_reach_a_level(rounding: Rounding) -> None:
    levels = np.arange(-4, 5).astype(object)
    tiny = Fraction(1, 1000)
    for level, doubled, above in zip(levels, *borders(levels, rounding), strict=True):
        border = Fraction(int(doubled), 2)
        assert (rounded(border, rounding) >= level) != above
        assert rounded(border - tiny, rounding) < level <= rounded(border + tiny, rounding)
