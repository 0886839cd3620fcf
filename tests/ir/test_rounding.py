from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import NumericsError
from netwright.formats import Rounding, round_real
from netwright.ir import dyadic, round_shift
from netwright.ir.rounding import round_by_halves, wrap

MODES = tuple(Rounding)


def exact(value: Fraction, mode: Rounding) -> int:
    """The definition of every mode, in rational numbers."""
    below, above = floor(value), ceil(value)
    distance = value - below
    toward_zero, away = (below, above) if value >= 0 else (above, below)
    match mode:
        case Rounding.FLOOR:
            return below
        case Rounding.CEIL:
            return above
        case Rounding.TOWARD_ZERO:
            return toward_zero
        case Rounding.AWAY_FROM_ZERO:
            return away
    if distance != Fraction(1, 2):
        return below if distance < Fraction(1, 2) else above
    ties = {
        Rounding.HALF_EVEN: below if below % 2 == 0 else above,
        Rounding.HALF_UP: above,
        Rounding.HALF_DOWN: below,
        Rounding.HALF_AWAY: away,
        Rounding.HALF_TOWARD_ZERO: toward_zero,
    }
    return ties[mode]


NEAR_TIES = [
    s * v
    for s in (1.0, -1.0)
    for v in (0.0, 0.5, 1.5, 2.5, 0.49999999999999994, 0.5000000000000001, 1e-300, 2.0**51 + 0.5)
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", NEAR_TIES)
def test_round_real_at_ties_and_beside_them(mode: Rounding, value: float) -> None:
    assert round_real(np.array([value]), mode)[0] == exact(Fraction(value), mode)


@pytest.mark.parametrize("mode", MODES)
@given(value=st.floats(-(2.0**52), 2.0**52))
def test_round_real_equals_the_definition(mode: Rounding, value: float) -> None:
    assert round_real(np.array([value]), mode)[0] == exact(Fraction(value), mode)


@pytest.mark.parametrize("mode", MODES)
@given(value=st.floats(-(2.0**23), 2.0**23, width=32))
def test_round_real_in_float32(mode: Rounding, value: float) -> None:
    rounded = round_real(np.array([value], dtype=np.float32), mode)
    assert rounded.dtype == np.float32
    assert rounded[0] == exact(Fraction(value), mode)


@pytest.mark.parametrize("mode", MODES)
@given(value=st.integers(-(2**52), 2**52), shift=st.integers(0, 50))
def test_round_shift_equals_the_definition_on_both_carriers(
    mode: Rounding, value: int, shift: int
) -> None:
    wanted = exact(Fraction(value, 1 << shift), mode)
    assert round_shift(np.array([value]), shift, mode)[0] == wanted
    assert round_shift(np.array([float(value)]), shift, mode)[0] == wanted


@pytest.mark.parametrize("mode", MODES)
@given(value=st.integers(-(2**62), 2**62 - 1), shift=st.integers(1, 60))
def test_round_shift_of_wide_integers(mode: Rounding, value: int, shift: int) -> None:
    wanted = exact(Fraction(value, 1 << shift), mode)
    assert round_shift(np.array([value]), shift, mode)[0] == wanted


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("odd", [-7, -5, -3, -1, 1, 3, 5, 7])
def test_round_shift_of_every_small_tie(mode: Rounding, odd: int) -> None:
    wanted = exact(Fraction(odd, 2), mode)
    for carrier in (np.int64, np.float32, np.float64):
        values = np.array([odd * 8], dtype=carrier)
        assert round_shift(values, 4, mode)[0] == wanted


@pytest.mark.parametrize("carrier", [np.int64, np.float64])
@given(value=st.integers(-(2**40), 2**40), bits=st.integers(1, 40), signed=st.booleans())
def test_wrap_keeps_the_low_bits(carrier: type, value: int, bits: int, signed: bool) -> None:
    low = -(1 << (bits - 1)) if signed else 0
    wrapped = int(wrap(np.array([value], dtype=carrier), low, bits)[0])
    assert low <= wrapped < low + (1 << bits)
    assert (wrapped - value) % (1 << bits) == 0


@given(exponents=st.lists(st.integers(-40, 20), min_size=1, max_size=4))
def test_dyadic_powers_of_two_are_exact_and_smallest(exponents: list[int]) -> None:
    ratios = tuple(2.0**e for e in exponents)
    multipliers, shift = dyadic(ratios, multiplier_bits=8)
    assert all(
        Fraction(m, 1 << shift) == Fraction(r) for m, r in zip(multipliers, ratios, strict=True)
    )
    assert shift == 0 or any(m % 2 for m in multipliers)


@given(
    ratios=st.lists(st.floats(1e-5, 1e3), min_size=1, max_size=5),
    bits=st.integers(30, 40),
)
def test_dyadic_error_is_within_half_a_step_of_the_shift(ratios: list[float], bits: int) -> None:
    multipliers, shift = dyadic(tuple(ratios), multiplier_bits=bits)
    worst = Fraction(1, 1 << (shift + 1))
    for multiplier, ratio in zip(multipliers, ratios, strict=True):
        assert abs(Fraction(multiplier, 1 << shift) - Fraction(ratio)) <= worst
    assert max(multipliers) <= 1 << bits
    largest = Fraction(max(ratios))
    error = abs(Fraction(max(multipliers), 1 << shift) - largest) / largest
    assert error <= Fraction(1, 1 << bits)


def test_dyadic_keeps_signs() -> None:
    assert dyadic((-0.75, 0.25), multiplier_bits=8) == ((-3, 1), 2)


def test_dyadic_uses_fewer_bits_where_the_shift_would_grow_too_large() -> None:
    multipliers, shift = dyadic((1.3 * 2.0**-45,), multiplier_bits=31)
    assert shift <= 62
    assert multipliers[0] / 2.0**shift == pytest.approx(1.3 * 2.0**-45, rel=2.0**-17)


@pytest.mark.parametrize(
    ("ratios", "bits", "message"),
    [
        ((0.0,), 31, "requantization factors must be finite and not 0, not (0.0,)"),
        ((), 31, "requantization factors must be finite and not 0, not ()"),
        (
            (1.0, float("nan")),
            31,
            "requantization factors must be finite and not 0, not (1.0, nan)",
        ),
        ((1e30,), 31, "a requantization factor of 1e+30 is too large"),
        (
            (1e-30,),
            31,
            "a requantization factor of 1e-30 is too small\nhint: shifts are at most 62",
        ),
        (
            (2.0**-70,),
            31,
            "a requantization factor of 8.47033e-22 is too small\nhint: shifts are at most 62",
        ),
        (
            (1.1, 1e-6),
            8,
            "requantization factors from 1e-06 to 1.1 span more than 8 bits\n"
            "hint: raise multiplier_bits, or bring the scales of the channels closer together",
        ),
        ((1.1,), 0, "multiplier_bits must be from 1 to 62, not 0"),
    ],
)
def test_dyadic_refuses_what_it_cannot_write(
    ratios: tuple[float, ...], bits: int, message: str
) -> None:
    with pytest.raises(NumericsError) as caught:
        dyadic(ratios, multiplier_bits=bits)
    assert str(caught.value) == message


def test_adding_one_half_may_round_where_the_sum_does() -> None:
    """The float32 next below one half becomes 1, as HGQ2 and QONNX compute it."""
    below = np.nextafter(np.float32(0.5), np.float32(0))
    values = np.array([below, -below, 0.5, -0.5, 1.5, 0.25], np.float32)
    found = {mode: round_by_halves(values, mode).tolist() for mode in MODES}
    assert found[Rounding.HALF_UP] == [1, 0, 1, 0, 2, 0]
    assert found[Rounding.HALF_DOWN] == [0, -1, 0, -1, 1, 0]
    assert found[Rounding.HALF_AWAY] == [1, -1, 1, -1, 2, 0]
    assert found[Rounding.HALF_EVEN] == [0, 0, 0, 0, 2, 0]
    assert round_real(values[:1], Rounding.HALF_UP).tolist() == [0]
