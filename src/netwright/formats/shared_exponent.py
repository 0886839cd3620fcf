"""Integers of a group as codes with one exponent: a shift instead of a division."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def leading_ones(values: Integers) -> Integers:
    """Position of the highest bit of each integer, 0 to 62; 0 for 0 too."""
    places = np.zeros(values.shape, dtype=np.int64)
    for place in range(1, 63):
        places[values >> place > 0] = place
    return places


def shared_exponent(values: Integers, bits: int) -> tuple[Integers, Integers]:
    """Divide each row by the power of two that brings its sum to at least 1 and below 2.

    Args:
        values: Zero or more, (rows, values); times 2^bits they and their sums fit 63 bits.
        bits: Bits of a code; all but one of them behind the point.

    Returns:
        The codes (rows, values), rounded half up and limited to all ones, and the exponents (rows);
        both are 0 for a row of zeros.

    >>> shared_exponent(np.array([[200, 100, 1]]), 8)  # the sum, 301, lies in 256 to 511
    (array([[100,  50,   1]]), array([8]))
    """
    exponents = leading_ones(values.sum(axis=1))
    doubled = (values << bits) >> exponents[:, None]
    return np.minimum((doubled + 1) >> 1, (1 << bits) - 1), exponents
