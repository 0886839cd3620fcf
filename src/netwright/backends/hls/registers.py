"""Which ``ap_fixed`` register holds what: binary points, widths, rounding and saturation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError, NumericsError
from netwright.formats import (
    MAX_BITS,
    Fixed,
    Int,
    Overflow,
    Rounding,
    holds_integers,
    smallest_int,
)
from netwright.ir import Graph

EXACT_BITS = 53
"""Significant bits that survive a double, in which values pass to and from the firmware."""


def exponent_of_scale(scale: Sequence[float]) -> int:
    """The binary point for a scale: its logarithm if a power of two, else just below it.

    Any exponent is exact; this one makes the registers hold real values for power-of-two scales.
    """
    return int(np.frexp(min(map(abs, scale)))[1]) - 1


def wrapping(graph: Graph, tensor: str, exponent: int) -> Fixed:
    """The register of the declared format of `tensor`; values outside wrap.

    Raises:
        GraphError: The tensor does not hold codes.
    """
    dtype = graph.types[tensor].dtype
    if not holds_integers(dtype):
        raise GraphError(f'tensor "{tensor}" must have an integer format, not {dtype}')
    if not dtype.wraps:
        return holding(dtype.min, dtype.max, exponent)
    return Fixed(dtype.bits, dtype.bits + exponent, dtype.signed)


def holding(low: int, high: int, exponent: int) -> Fixed:
    """The narrowest register for codes from `low` to `high`.

    Raises:
        NumericsError: It would need more than 64 bits.
    """
    return Fixed.of(smallest_int(low, high), exponent)


def clamping(
    reach: tuple[int, int], limits: tuple[int, int], exponent: int, rounding: Rounding
) -> Fixed | None:
    """The narrowest register whose rounding and saturation clamp as asked.

    Args:
        reach: Smallest and largest rounded value that can occur.
        limits: The interval to clamp to.
        exponent: Binary point of the register.
        rounding: Rounding mode of the register.

    Returns:
        ``None`` if no register's range serves: for example -5 to 5, when 6 occurs.
    """
    lowest, highest = reach
    low, high = limits
    for dtype in _formats():
        below = dtype.min == low or (lowest >= low and lowest >= dtype.min)
        above = dtype.max == high or (highest <= high and highest <= dtype.max)
        if below and above:
            return Fixed.of(dtype, exponent, rounding=rounding, overflow=Overflow.SATURATE)
    return None


def _formats() -> Iterator[Int]:
    for bits in range(1, MAX_BITS + 1):
        yield Int(bits, signed=False)
        if bits > 1:
            yield Int(bits)
            yield Int(bits, narrow=True)


def reals(codes: NDArray[np.int64] | Sequence[int], exponent: int) -> NDArray[np.float64]:
    """The real values ``codes * 2**exponent``, exactly.

    Raises:
        NumericsError: A code has more than 53 significant bits.
    """
    values = np.asarray(codes, dtype=object)
    for code in values.flat:
        if int(float(code)) != int(code):
            raise NumericsError(
                f"the constant {code} has more than {EXACT_BITS} significant bits",
                hint="use fewer weight or activation bits",
            )
    return np.ldexp(values.astype(np.float64), exponent)
