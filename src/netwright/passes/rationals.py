"""Arrays of exact rational numbers: scales and offsets on their way to integers."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd, isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Exact = NDArray[Any]
"""Fractions (``object``), shaped to broadcast against a tensor; never without an axis, for NumPy
makes a bare fraction of what has none."""

NOISE = Fraction(1, 1 << 44)
"""Relative distance from a power of two, or from an integer, that is rounding noise of float64."""

_ROOT_BITS = 160


def _each(function: Callable[[Any], Any]) -> Callable[[Any], NDArray[Any]]:
    """Apply to every element; the result has at least one axis."""
    ufunc = np.frompyfunc(function, 1, 1)

    def apply(values: Any) -> NDArray[Any]:
        result: NDArray[Any] = ufunc(np.atleast_1d(np.asarray(values, dtype=object)))
        return result

    return apply


exact = _each(Fraction)
"""The exact values of floats, integers or fractions."""


def _divisor_or_value(value: float) -> Fraction:
    whole = Fraction(value)
    if value == 0 or float(np.float32(value)) == value:
        return whole
    inverse = float(np.float32(1 / value))
    return 1 / Fraction(inverse) if inverse and 1 / inverse == value else whole


limits = _each(lambda value: value if np.isinf(value) else Fraction(value))
"""The exact values of limits; infinities are the only floats among exact numbers."""

UNLIMITED_LOW, UNLIMITED_HIGH = limits(-np.inf), limits(np.inf)


exact_factors = _each(_divisor_or_value)
"""As `exact`, but 1/c is meant where a factor is the float64 next to that, for a c of float32.

A division by a constant is stored as a product with its inverse; only so is it still exact.
"""


def reals(values: Exact) -> NDArray[np.float64]:
    """The nearest floats; infinity beyond their range."""
    return _each(_real)(values).astype(np.float64)


def _real(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else -float("inf")


def _root(value: Fraction) -> Fraction:
    over = value.denominator
    square = value.numerator * over
    root = isqrt(square)
    if root * root == square:
        return Fraction(root, over)
    bits = max(_ROOT_BITS - square.bit_length() // 2, 0)
    return Fraction(isqrt(square << 2 * bits), over << bits)


root = _each(_root)
"""Square roots: exact where they are rational, else to more than 150 bits."""


def _snapped(value: Fraction) -> Fraction:
    if is_power_of_two(value) or not value:
        return value
    size = abs(value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    for guess in (exponent - 1, exponent, exponent + 1):
        power = Fraction(2) ** guess
        if abs(size - power) <= power * NOISE:
            return power if value > 0 else -power
    return value


snap = _each(_snapped)
"""Ratios, with those replaced that are powers of two but for rounding noise of float64."""


def is_power_of_two(value: Fraction) -> bool:
    """Whether the value is a power of two."""
    top, over = value.numerator, value.denominator
    return top > 0 and not (top & (top - 1)) and not (over & (over - 1))


def is_whole(values: Exact) -> bool:
    """Whether all values are integers."""
    return all(value.denominator == 1 for value in values.flat)


def signs(values: Exact) -> NDArray[np.int64]:
    """-1 or +1 for each value, none of which is 0."""
    return np.where(values < 0, -1, 1)


def integers(values: Exact) -> NDArray[np.int64]:
    """Whole values that fit 63 bits, as int64."""
    return _each(int)(values).astype(np.int64)


rounded = _each(lambda value: Fraction(round(value)))
"""The nearest integers, ties to even."""


def common_step(first: Exact, second: Exact) -> Exact:
    """The largest numbers of which both are multiples."""
    return np.asarray(np.frompyfunc(_step, 2, 1)(first, second))


def _step(a: Fraction, b: Fraction) -> Fraction:
    over = a.denominator * b.denominator
    return Fraction(gcd(a.numerator * b.denominator, b.numerator * a.denominator), over)


def along(values: Exact, axis: int | None, rank: int) -> Exact:
    """Shape a line of values to broadcast along `axis` of a tensor with `rank` axes."""
    if axis is None:
        return values.reshape(1)
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])


def largest(values: Exact) -> float:
    """The largest magnitude, rounded up."""
    if not values.size:
        return 0.0
    return float(np.nextafter(_real(max(abs(value) for value in values.flat)), np.inf))
