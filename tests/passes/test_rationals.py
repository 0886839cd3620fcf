from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.passes.rationals import (
    common_step,
    exact,
    exact_factors,
    integers,
    is_power_of_two,
    largest,
    reals,
    root,
    rounded,
    snap,
)


def test_exact_values_have_an_axis_and_lose_nothing() -> None:
    assert exact(0.1).shape == (1,)
    assert exact(np.array([[0.1, 3.0]])).tolist() == [[Fraction(0.1), 3]]
    assert reals(exact(np.array([0.1, 1e-300]))).tolist() == [0.1, 1e-300]
    assert reals(exact(1) * 10**400).tolist() == [np.inf]


@pytest.mark.parametrize("divisor", [3.0, 6.0, 49.0, 0.7, -10.0])
def test_a_factor_that_is_the_inverse_of_a_float32_stays_exact(divisor: float) -> None:
    over = Fraction(float(np.float32(divisor)))
    assert exact_factors(1 / np.float64(np.float32(divisor))).tolist() == [1 / over]


def test_other_factors_are_what_they_are() -> None:
    values = np.array([0.0, 0.25, float(np.float32(1 / 6)), np.pi])
    assert exact_factors(values).tolist() == exact(values).tolist()


@given(st.integers(-200, 200), st.booleans(), st.sampled_from([-3, -1, 0, 1, 3]))
def test_snap_takes_rounding_noise_from_powers_of_two(
    exponent: int, negative: bool, ulps: int
) -> None:
    power = (-1.0 if negative else 1.0) * 2.0**exponent
    noisy = power * (1 + ulps * 2.0**-52)
    assert snap(exact(noisy)).tolist() == [power]


def test_snap_keeps_everything_else() -> None:
    values = exact(np.array([0.3, -0.7, 3.0, 1 + 2.0**-40, 1 - 2.0**-40]))
    np.testing.assert_array_equal(snap(values), values)


def test_roots_are_exact_where_they_are_rational() -> None:
    assert root(exact([Fraction(9, 4), 2])).tolist()[0] == Fraction(3, 2)
    two = root(exact(2))[0]
    assert abs(two * two - 2) < Fraction(1, 1 << 150)


def test_a_common_step_divides_both() -> None:
    steps = common_step(exact([Fraction(1, 6), 0.25]), exact(0.25))
    assert steps.tolist() == [Fraction(1, 12), Fraction(1, 4)]


def test_rounding_and_integers() -> None:
    assert integers(rounded(exact([0.5, 1.5, -2.7]))).tolist() == [0, 2, -3]
    assert largest(exact([0.5, -1.5])) == pytest.approx(1.5)
    assert [is_power_of_two(Fraction(v)) for v in (0.25, 8, 3, -2, 0)] == [True, True, False] + [
        False
    ] * 2
