from fractions import Fraction
from math import floor

import numpy as np
import pytest

from netwright.formats import leading_ones, shared_exponent


def test_the_highest_bit_is_found_at_every_power_of_two() -> None:
    values = [0, *(n for place in range(62) for n in (2**place, 2 ** (place + 1) - 1))]
    expected = [max(value.bit_length() - 1, 0) for value in values]
    assert leading_ones(np.array(values)).tolist() == expected


@pytest.mark.parametrize("bits", [2, 8, 11])
def test_codes_are_the_fractions_rounded_half_up(bits: int) -> None:
    rng = np.random.default_rng(bits)
    values = rng.integers(0, 2 ** rng.integers(1, 22, (300, 1)), (300, 6))
    codes, exponents = shared_exponent(values, bits)
    for row, made, exponent in zip(
        values.tolist(), codes.tolist(), exponents.tolist(), strict=True
    ):
        assert not any(row) or 1 <= Fraction(sum(row), 2**exponent) < 2
        exact = [Fraction(value, 2**exponent) * 2 ** (bits - 1) for value in row]
        assert made == [min(floor(value + Fraction(1, 2)), 2**bits - 1) for value in exact]


def test_a_row_of_zeros_stays_zero() -> None:
    codes, exponents = shared_exponent(np.zeros((1, 3), np.int64), 8)
    assert (codes.tolist(), exponents.tolist()) == ([[0, 0, 0]], [0])
