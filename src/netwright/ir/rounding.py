"""Rounding of real values and of shifted integers, in every mode, exact."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from netwright.errors import NumericsError
from netwright.formats import Rounding, round_real
from netwright.ir.graph import Array

LARGEST_SHIFT = 62
"""Largest shift of a requantizer: its products are 64-bit integers."""


def round_by_halves(values: NDArray[np.floating], mode: Rounding) -> NDArray[np.floating]:
    """Round as QONNX and HGQ2 do in the precision of `values`.

    There the modes that round halves in one direction add or subtract one half, a sum that may
    itself be rounded: the float32 next below one half becomes 1, not 0. (QONNX has no ``half-up``
    and no ``half-down``, HGQ2 has all modes.)
    """
    half = values.dtype.type(0.5)
    match mode:
        case Rounding.HALF_UP:
            return np.floor(values + half)
        case Rounding.HALF_DOWN:
            return np.ceil(values - half)
        case Rounding.HALF_AWAY:
            return np.sign(values) * np.floor(np.abs(values) + half)
        case Rounding.HALF_TOWARD_ZERO:
            return np.sign(values) * np.ceil(np.abs(values) - half)
        case _:
            return round_real(values, mode)


def round_shift(values: Array, shift: int, mode: Rounding) -> Array:
    """Divide integers by ``2**shift`` and round; exact for float and for integer arrays.

    Args:
        values: Integers, as int64 or as floats that hold them exactly.
        shift: Number of fraction bits, 0 to 62; no value plus ``2**shift`` may exceed 64 bits.
        mode: Rounding mode.
    """
    if shift == 0:
        return values
    if values.dtype.kind == "f":
        return round_real(values * values.dtype.type(2.0**-shift), mode)
    return _shift_integers(values, shift, mode)


def _shift_integers(values: Array, shift: int, mode: Rounding) -> Array:
    half = 1 << (shift - 1)
    match mode:
        case Rounding.FLOOR:
            return values >> shift
        case Rounding.CEIL:
            return -(-values >> shift)
        case Rounding.HALF_UP:
            return (values + half) >> shift
        case Rounding.HALF_DOWN:
            return (values + (half - 1)) >> shift
        case Rounding.HALF_EVEN:
            quotient = values >> shift
            rest = values - (quotient << shift)
            return quotient + ((rest > half) | ((rest == half) & (quotient & 1 == 1)))
        case Rounding.TOWARD_ZERO:
            return np.sign(values) * (np.abs(values) >> shift)
        case Rounding.AWAY_FROM_ZERO:
            return np.sign(values) * -(-np.abs(values) >> shift)
        case Rounding.HALF_AWAY:
            return np.sign(values) * ((np.abs(values) + half) >> shift)
        case Rounding.HALF_TOWARD_ZERO:
            return np.sign(values) * ((np.abs(values) + (half - 1)) >> shift)


def round_quotient(values: Array, divisor: int, mode: Rounding) -> Array:
    """Divide integers by a positive integer and round; exact, for Python integers of any size.

    Args:
        values: Integers, as int64 or as Python integers (``object``).
        divisor: Positive.
        mode: Rounding mode.
    """
    down = values // divisor
    rest = values - down * divisor
    up = rest > 0
    nearest, tie = 2 * rest > divisor, 2 * rest == divisor
    match mode:
        case Rounding.FLOOR:
            rise = np.zeros_like(up)
        case Rounding.CEIL:
            rise = up
        case Rounding.TOWARD_ZERO:
            rise = up & (values < 0)
        case Rounding.AWAY_FROM_ZERO:
            rise = up & (values > 0)
        case Rounding.HALF_EVEN:
            rise = nearest | (tie & (down % 2 == 1))
        case Rounding.HALF_UP:
            rise = nearest | tie
        case Rounding.HALF_DOWN:
            rise = nearest
        case Rounding.HALF_AWAY:
            rise = nearest | (tie & (values > 0))
        case Rounding.HALF_TOWARD_ZERO:
            rise = nearest | (tie & (values < 0))
    rounded: Array = down + rise
    return rounded


def wrap(values: Array, low: int, bits: int) -> Array:
    """Reduce integers modulo ``2**bits`` into the interval that starts at `low`."""
    span = 1 << bits
    if values.dtype.kind == "f":
        return np.mod(values - low, float(span)) + low
    return ((values - low) & (span - 1)) + low


def dyadic(ratios: tuple[float, ...], *, multiplier_bits: int) -> tuple[tuple[int, ...], int]:
    """Write positive or negative real factors as integers over one power of two.

    ``ratio ≈ multiplier / 2**shift``, within ``2**-(shift + 1)``. Powers of two come out exact with
    the smallest multipliers; other factors get `multiplier_bits` significant bits for the largest
    one (HAWQ-V3's dyadic requantization uses 31; Yao et al. 2021, section 3.1).

    Args:
        ratios: The factors; finite and not zero.
        multiplier_bits: Width of the largest multiplier, 1 to 62.

    Returns:
        The multipliers and the common shift, from 0 to 62.

    Raises:
        NumericsError: A factor is zero or not finite, needs a multiplier beyond 2**62 or a shift
            beyond 62, or the factors lie too far apart for one shift.
    """
    if not 1 <= multiplier_bits <= LARGEST_SHIFT:
        raise NumericsError(
            f"multiplier_bits must be from 1 to {LARGEST_SHIFT}, not {multiplier_bits}"
        )
    array = np.asarray(ratios, dtype=np.float64)
    if not ratios or not np.all(np.isfinite(array)) or np.any(array == 0):
        raise NumericsError(f"requantization factors must be finite and not 0, not {ratios[:4]}")
    mantissas, exponents = np.frexp(np.abs(array))
    if np.all(mantissas == 0.5):
        shift = max(0, int(1 - exponents.min()))
    else:
        shift = min(max(0, multiplier_bits - int(exponents.max())), LARGEST_SHIFT)
    if shift > LARGEST_SHIFT or not round(Fraction(float(np.abs(array).max())) * (1 << shift)):
        raise NumericsError(
            f"a requantization factor of {float(np.abs(array).min()):g} is too small",
            hint=f"shifts are at most {LARGEST_SHIFT}",
        )
    scaled = [Fraction(float(value)) * (1 << shift) for value in array]
    multipliers = tuple(round(value) for value in scaled)
    while shift and all(value % 2 == 0 for value in multipliers):
        multipliers, shift = tuple(value // 2 for value in multipliers), shift - 1
    if max(map(abs, multipliers)) >> 62:
        raise NumericsError(
            f"a requantization factor of {float(np.abs(array).max()):g} is too large"
        )
    if not all(multipliers):
        raise NumericsError(
            f"requantization factors from {np.abs(array).min():g} to {np.abs(array).max():g} span "
            f"more than {multiplier_bits} bits",
            hint="raise multiplier_bits, or bring the scales of the channels closer together",
        )
    return multipliers, shift
