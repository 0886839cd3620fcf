from __future__ import annotations

from fractions import Fraction
from math import factorial, log

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.ir import HostArithmetic
from netwright.ir.host_arithmetic import tanh_coefficients
from tests.rationals import rounded, times, to_float

RANDOM = np.random.default_rng(0)


def sum_of(a: float, b: float, digits: int = 24) -> float:
    return to_float(Fraction(a) + Fraction(b), digits)


def exact_exp(x: float, terms: int, digits: int) -> float:
    """The power of e in exact arithmetic, rounded where the chip rounds."""

    def constant(value: float) -> float:
        return float(rounded(Fraction(float(np.float32(value))), digits))

    k = float(round(Fraction(times(x, float(np.float32(1.4426950408889634))))))
    rest = sum_of(x, -times(k, constant(0.693359375), digits), digits)
    rest = sum_of(rest, -times(k, constant(-2.12194440e-4), digits), digits)
    made = constant(1 / factorial(terms))
    for n in range(terms - 1, -1, -1):
        made = sum_of(times(made, rest, digits), constant(1 / factorial(n)), digits)
    return to_float(Fraction(made) * Fraction(2) ** int(k), 24)


def exact_reciprocal(x: float, steps: int, digits: int) -> float:
    mantissa, exponent = np.frexp(x)
    first, slope = (float(rounded(Fraction(n, 17), digits)) for n in (48, 32))
    made = sum_of(first, -times(slope, float(mantissa), digits), digits)
    for _ in range(steps):
        made = times(made, sum_of(2.0, -times(float(mantissa), made, digits), digits), digits)
    return to_float(Fraction(made) / Fraction(2) ** int(exponent), 24)


def exact_root(x: float, steps: int, digits: int) -> float:
    word = int(np.float32(x).view(np.int32))
    guess = float(np.array(0x5F3759DF - (word >> 1), np.int32).view(np.float32))
    made = float(rounded(Fraction(guess), digits))
    half = times(0.5, x, digits)
    for _ in range(steps):
        inner = times(times(half, made, digits), made, digits)
        made = times(made, sum_of(1.5, -inner, digits), digits)
    return made


@pytest.mark.parametrize(("bits", "digits"), [(32, 24), (16, 8)])
def test_every_step_is_rounded_as_exact_numbers_are(bits: int, digits: int) -> None:
    for terms, steps in ((2, 1), (6, 3), (9, 2)):
        host = HostArithmetic(terms, 6, steps, steps, bits)
        x = host.round(RANDOM.uniform(-80, 80, 60))
        positive = host.round(np.exp(RANDOM.uniform(-80, 80, 60)))
        powers = [exact_exp(v, terms, digits) for v in x.tolist()]
        assert host.exp(x).tolist() == powers
        inverses = [exact_reciprocal(v, steps, digits) for v in positive.tolist()]
        assert host.reciprocal(positive).tolist() == inverses
        roots = [exact_root(v, steps, digits) for v in positive.tolist()]
        assert host.inverse_root(positive).tolist() == roots


LN2 = log(2)


@pytest.mark.parametrize("terms", range(1, 9))
def test_an_exponential_is_as_far_off_as_its_first_term_that_is_left_out(terms: int) -> None:
    x = np.linspace(-87, 88, 100_001).astype(np.float32)
    made = HostArithmetic(exp_terms=terms).exp(x).astype(np.float64)
    bound = 2**0.5 * (LN2 / 2) ** (terms + 1) / factorial(terms + 1) * 1.2 + 2.0**-22
    assert np.abs(made / np.exp(x.astype(np.float64)) - 1).max() < bound


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_steps_of_newton_square_the_error(steps: int) -> None:
    x = np.exp(RANDOM.uniform(-80, 80, 50_000)).astype(np.float32)
    made = HostArithmetic(newton_steps=steps).reciprocal(x).astype(np.float64)
    assert np.abs(made * x - 1).max() < 17.0 ** -(2**steps) + 2.0**-22


@pytest.mark.parametrize(("steps", "error"), [(1, 1.76e-3), (2, 4.8e-6), (3, 2.0**-22)])
def test_inverse_roots_have_the_error_that_is_known_of_them(steps: int, error: float) -> None:
    x = np.exp(RANDOM.uniform(-80, 80, 50_000)).astype(np.float32)
    made = HostArithmetic(root_steps=steps).inverse_root(x).astype(np.float64)
    assert np.abs(made * np.sqrt(x.astype(np.float64)) - 1).max() < error


def test_a_hyperbolic_tangent_is_a_series_near_zero_and_made_of_powers_beyond() -> None:
    x = np.linspace(-12, 12, 100_001).astype(np.float32)
    wanted = np.tanh(x.astype(np.float64))
    for terms in (2, 4, 6):
        left_out = abs(float(tanh_coefficients()[terms])) * 0.5 ** (2 * terms + 1)
        made = HostArithmetic(tanh_terms=terms).tanh(x)
        assert np.abs(made - wanted).max() < 1.3 * left_out + 2.0**-21
    assert [str(c) for c in tanh_coefficients()[4:6]] == ["62/2835", "-1382/155925"]


def test_what_is_no_number_or_beyond_all_numbers() -> None:
    host = HostArithmetic()
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40], np.float32)

    def same(made: object, wanted: list[float]) -> None:
        found, expected = np.asarray(made, np.float64), np.array(wanted)
        assert np.array_equal(found, expected, equal_nan=True)
        known = ~np.isnan(expected)
        assert np.array_equal(np.signbit(found[known]), np.signbit(expected[known]))

    same(host.exp(special), [np.nan, np.inf, 0, 1, 1, 1])
    same(host.reciprocal(special), [np.nan, 0, -0.0, np.inf, -np.inf, np.inf])
    same(host.inverse_root([*special[:5], -2]), [np.nan, 0, np.nan, np.inf, np.inf, np.nan])
    same(host.tanh(special[:5]), [np.nan, 1, -1, 0, -0.0])
    same(host.exp([89, -88]), [np.inf, 0])
    same(host.softmax([[-np.inf, -np.inf]])[0], [0, 0])


def test_functions_are_near_those_of_real_numbers() -> None:
    host = HostArithmetic()
    x = np.linspace(-15, 15, 3001).astype(np.float32)
    real = x.astype(np.float64)
    sigmoid = 1 / (1 + np.exp(-real))
    tanh = np.tanh(np.sqrt(2 / np.pi) * (real + 0.044715 * real**3))
    np.testing.assert_allclose(host.sigmoid(x), sigmoid, rtol=2e-6, atol=0)
    np.testing.assert_allclose(host.silu(x), real * sigmoid, atol=3e-6)
    np.testing.assert_allclose(host.gelu(x), real / 2 * (1 + tanh), atol=3e-6)
    rows = RANDOM.normal(size=(4, 37)).astype(np.float32) * 5
    shares = np.exp(rows.astype(np.float64))
    np.testing.assert_allclose(
        host.softmax(rows), shares / shares.sum(axis=1, keepdims=True), rtol=2e-5
    )
    centered = rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)
    wanted = centered / np.sqrt((centered**2).mean(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(host.normalize(rows, 1e-5, centered=True), wanted, atol=3e-6)


def test_sums_are_trees_of_sixteen_that_are_added_in_order() -> None:
    values = RANDOM.normal(size=40).astype(np.float32)
    padded = [*values.tolist(), *[0.0] * 8]
    total = 0.0
    for start in range(0, 48, 16):
        terms = padded[start : start + 16]
        while len(terms) > 1:
            terms = [sum_of(terms[i], terms[i + 1]) for i in range(0, len(terms), 2)]
        total = sum_of(total, terms[0])
    assert float(HostArithmetic().sums(values)) == total


def test_all_settings_out_of_range_are_named() -> None:
    with pytest.raises(ConfigError) as error:
        HostArithmetic(exp_terms=0, newton_steps=7, bits=8)
    assert error.value.message == (
        "exp_terms must be from 1 to 12, not 0; newton_steps must be from 1 to 6, not 7; "
        "bits must be 16 or 32, not 8"
    )


@pytest.mark.parametrize("bits", [16, 32])
def test_single_numbers_lists_and_the_largest_numbers_are_taken(bits: int) -> None:
    host = HostArithmetic(bits=bits)
    for name in ("exp", "reciprocal", "inverse_root", "tanh", "sigmoid", "silu", "gelu"):
        function = getattr(host, name)
        assert function(0.5).shape == ()
        assert function(0.5) == function([0.5])[0]
    assert abs(host.tanh(3.4e38) - 1) < 2**-7  # and no warning
    assert host.sums([[1, 2], [3, 4]]).tolist() == [3, 7]
    assert host.softmax(np.zeros((0, 3))).shape == (0, 3)
    assert host.normalize(np.zeros((0, 3)), 1e-5, centered=True).shape == (0, 3)
    with pytest.raises(DataError, match="a single number has no axis to add up along"):
        host.softmax(1.0)
