"""Every rational ratio is exact, or the plan says how many codes are not."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.formats import Rounding
from netwright.ir import Node, spec_of
from netwright.passes.plan_rescaling import Plan, plan
from netwright.passes.staircase import Staircase
from tests.passes.stairs import rounded, staircases


def executed(found: Plan, wanted: Staircase, codes: np.ndarray) -> np.ndarray:
    """What the Requantize nodes of a plan make, by the interpreter's own operator."""
    clamp = {"rounding": str(wanted.rounding), "low": wanted.low, "high": wanted.high}
    if found.finer_bits:
        wide = {"rounding": "floor", "low": wanted.low << found.finer_bits}
        wide["high"] = wanted.high << found.finer_bits
        first = Node("finer", "Requantize", ("x",), "f", {**found.attrs(None), **wide})
        codes = spec_of(first).execute(first, [codes])
        shift = {"multiplier": (1,), "offset": (0,), "shift": found.finer_bits, "axis": None}
        second = Node("q", "Requantize", ("f",), "y", {**shift, **clamp})
    else:
        second = Node("q", "Requantize", ("x",), "y", {**found.attrs(None), **clamp})
    return np.asarray(spec_of(second).execute(second, [codes]))


@pytest.mark.parametrize("code", [0, -3])
@pytest.mark.parametrize("rounding", [Rounding.FLOOR, Rounding.HALF_EVEN])
def test_a_single_code_is_exact_whatever_the_ratio(code: int, rounding: Rounding) -> None:
    ratios = (Fraction(10**60 + 1, 7), Fraction(-5, 2))
    wanted = [Staircase(r, Fraction(1, 3), code, code, -9, 9, rounding) for r in ratios]
    found, codes = plan(wanted), np.array([code])
    assert found.miss is None
    for stair, item in zip(wanted, found.rescalings, strict=True):
        right = min(max(rounded(stair.ratio * code + stair.offset, rounding), -9), 9)
        assert executed(Plan((item,)), stair, codes).tolist() == [right]


@given(staircases())
@settings(max_examples=50)
def test_a_plan_without_a_miss_is_exact(wanted: Staircase) -> None:
    found = plan([wanted])
    assert found.miss is None
    codes = np.arange(wanted.first, wanted.last + 1)
    np.testing.assert_array_equal(
        executed(found, wanted, codes), wanted.values(codes).astype(np.int64)
    )


POOLS = [*range(2, 65)]


@pytest.mark.parametrize("rounding", Rounding)
def test_means_are_those_of_integer_arithmetic(rounding: Rounding) -> None:
    """Pool sizes 2 to 64, both signs; a few of them for codes of every width are in `slow`."""
    for terms, sign in itertools.product((2, 3, 6, 9, 12, 18, 49, 64), (1, -1)):
        codes = np.arange(-8 * terms, 7 * terms + 1)
        wanted = Staircase(
            Fraction(sign, terms), Fraction(0), int(codes[0]), int(codes[-1]), -16, 15, rounding
        )
        found = plan([wanted])
        assert found.miss is None
        by_hand = [rounded(Fraction(sign * int(code), terms), rounding) for code in codes]
        assert executed(found, wanted, codes).tolist() == by_hand


@pytest.mark.slow
@pytest.mark.parametrize("rounding", Rounding)
def test_means_of_all_pool_sizes_are_those_of_integer_arithmetic(rounding: Rounding) -> None:
    for terms, sign, coarser in itertools.product(range(2, 65), (1, -1), (1, 2, 3, 4)):
        codes = np.arange(-128 * terms, 127 * terms + 1)
        ratio = Fraction(sign, terms * coarser)
        wanted = Staircase(ratio, Fraction(0), int(codes[0]), int(codes[-1]), -128, 127, rounding)
        found = plan([wanted])
        assert found.miss is None, (terms, sign, coarser)
        over, signed = terms * coarser, sign * codes
        low, rest = np.divmod(signed, over)
        wanted_codes = {
            Rounding.FLOOR: low,
            Rounding.CEIL: low + (rest > 0),
            Rounding.TOWARD_ZERO: low + ((rest > 0) & (signed < 0)),
            Rounding.AWAY_FROM_ZERO: low + ((rest > 0) & (signed > 0)),
            Rounding.HALF_EVEN: low + ((2 * rest > over) | ((2 * rest == over) & (low % 2 == 1))),
            Rounding.HALF_UP: low + (2 * rest >= over),
            Rounding.HALF_DOWN: low + (2 * rest > over),
            Rounding.HALF_AWAY: low + ((2 * rest > over) | ((2 * rest == over) & (signed > 0))),
            Rounding.HALF_TOWARD_ZERO: low
            + ((2 * rest > over) | ((2 * rest == over) & (signed < 0))),
        }[rounding]
        np.testing.assert_array_equal(
            executed(found, wanted, codes), np.clip(wanted_codes, -128, 127)
        )


def test_channels_share_one_shift() -> None:
    stairs = [
        Staircase(ratio, Fraction(k, 3), -500, 500, -32, 31, Rounding.HALF_AWAY)
        for k, ratio in enumerate([Fraction(1, 6), Fraction(-3, 7), Fraction(1, 4), Fraction(0.11)])
    ]
    found = plan(stairs)
    assert found.miss is None
    assert len({item.shift for item in found.rescalings}) == 1
    codes = np.arange(-500, 501)
    for stair, item in zip(stairs, found.rescalings, strict=True):
        np.testing.assert_array_equal(
            executed(Plan((item,)), stair, codes), stair.values(codes).astype(np.int64)
        )


@given(st.integers(2, 40))
@settings(max_examples=10)
def test_a_plan_that_is_not_exact_says_how_many_codes_differ(terms: int) -> None:
    far = 1 << 47
    wanted = Staircase(
        Fraction(1, terms * (1 << 40) + 1), Fraction(1, 2), -far, far, -64, 63, Rounding.HALF_UP
    )
    found = plan([wanted])
    assert found.miss is None or found.miss.codes
    if found.miss is not None:
        assert f"{found.miss.codes} of {2 * far + 1} codes differ by one step" in str(found)
