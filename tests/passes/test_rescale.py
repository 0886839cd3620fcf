"""A rescaling that is found equals the staircase on every code."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from netwright.formats import Rounding
from netwright.ir import round_shift
from netwright.passes.rescale import (
    PEAK_BITS,
    Rescaling,
    common,
    direct,
    exact,
    miss,
    nearest,
)
from netwright.passes.staircase import Staircase
from tests.passes.stairs import staircases


def made_by(found: Rescaling, wanted: Staircase) -> np.ndarray:
    codes = np.arange(wanted.first, wanted.last + 1)
    sums = codes * found.multiplier + found.offset
    return np.clip(round_shift(sums, found.shift, wanted.rounding), wanted.low, wanted.high)


def by_definition(wanted: Staircase) -> np.ndarray:
    return wanted.values(np.arange(wanted.first, wanted.last + 1)).astype(np.int64)


@given(staircases())
@settings(max_examples=50)
def test_what_is_found_is_exact_on_every_code(wanted: Staircase) -> None:
    found = exact(wanted)
    if found is None:
        assert wanted.rounding is Rounding.HALF_EVEN
        return
    assert found.peak(wanted) < 2**PEAK_BITS
    np.testing.assert_array_equal(made_by(found, wanted), by_definition(wanted))
    assert miss(wanted, found.staircase(wanted)) is None
    (again,) = common([found])
    np.testing.assert_array_equal(made_by(again, wanted), by_definition(wanted))


@given(staircases())
@settings(max_examples=50)
def test_the_nearest_integers_are_counted_where_they_differ(wanted: Staircase) -> None:
    (found,) = nearest([wanted])
    differ = made_by(found, wanted) != by_definition(wanted)
    missed = miss(wanted, found.staircase(wanted))
    assert (missed is not None) == bool(np.any(differ))
    if missed is not None:
        assert missed.codes is not None
        assert int(differ.sum()) <= missed.codes
        apart = np.abs(made_by(found, wanted) - by_definition(wanted))
        assert missed.steps == apart.max()


@given(staircases())
@settings(max_examples=50)
def test_ratios_over_a_power_of_two_are_exact_with_any_offset(wanted: Staircase) -> None:
    found = direct([wanted])
    over = wanted.ratio.denominator
    assert (found is None) == bool(over & (over - 1))
    if found is not None:
        np.testing.assert_array_equal(made_by(found[0], wanted), by_definition(wanted))


def test_ties_to_even_need_a_finer_grid() -> None:
    wanted = Staircase(Fraction(1, 6), Fraction(0), -96, 90, -16, 15, Rounding.HALF_EVEN)
    assert exact(wanted) is None
    found = exact(wanted, finer_bits=3)
    assert found is not None
    codes = np.arange(-96, 91)
    finer = (codes * found.multiplier + found.offset) >> found.shift
    rounded = np.clip(round_shift(finer, 3, Rounding.HALF_EVEN), -16, 15)
    np.testing.assert_array_equal(rounded, by_definition(wanted))


def test_a_short_staircase_gets_a_small_multiplier() -> None:
    wanted = Staircase(Fraction(0.1), Fraction(0), -64, 63, -8, 7, Rounding.HALF_UP)
    found = exact(wanted)
    assert found is not None
    assert found.multiplier.bit_length() <= 5


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("ratio", [Fraction(1, 3), Fraction(-5, 6)])
def test_staircases_too_long_to_look_at_are_proven_or_bounded(
    rounding: Rounding, ratio: Fraction
) -> None:
    far = 1 << 17
    wanted = Staircase(ratio, Fraction(1, 2), -far, far, -far, far, rounding)
    assert exact(wanted) is None
    (found,) = nearest([wanted])
    missed = miss(wanted, found.staircase(wanted))
    differ = np.abs(made_by(found, wanted) - by_definition(wanted))
    one_sided = {Rounding.FLOOR, Rounding.CEIL, Rounding.HALF_UP, Rounding.HALF_DOWN}
    assert (missed is None) == (rounding in one_sided)
    assert differ.max() <= (missed.steps if missed else 0) <= 1
