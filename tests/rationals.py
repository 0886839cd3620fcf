"""Floating point by exact rational arithmetic: what every rounding of a test is compared with."""

from __future__ import annotations

from fractions import Fraction
from math import inf, isinf, isnan, nan

import numpy as np

SMALLEST = Fraction(2) ** -126


def rounded(value: Fraction, digits: int) -> Fraction:
    """The nearest number with so many binary digits, ties to even; no limits of the exponent."""
    if value == 0:
        return value
    exponent = 0
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    step = Fraction(2) ** (exponent - digits + 1)
    return round(value / step) * step  # Python rounds halves to even


def to_float(value: Fraction, digits: int, *, negative_zero: bool = False) -> float:
    """The float of an exact result: rounded, too small ones zeros, too large ones infinities."""
    made = rounded(value, digits)
    if abs(made) < SMALLEST:
        return -0.0 if value < 0 or (value == 0 and negative_zero) else 0.0
    if abs(made) >= Fraction(2) ** 128:
        return inf if made > 0 else -inf
    return float(made)


def sign(value: float) -> bool:
    return bool(np.signbit(value))


def flush(value: float) -> float:
    return (-0.0 if sign(value) else 0.0) if abs(value) < float(SMALLEST) else value


def times(a: float, b: float, digits: int = 24) -> float:
    a, b = flush(a), flush(b)
    if isnan(a) or isnan(b) or (isinf(a) and b == 0) or (isinf(b) and a == 0):
        return nan
    negative = sign(a) != sign(b)
    if isinf(a) or isinf(b):
        return -inf if negative else inf
    return to_float(Fraction(a) * Fraction(b), digits, negative_zero=negative)


def plus(a: float, b: float, digits: int = 24) -> float:
    a, b = flush(a), flush(b)
    if isnan(a) or isnan(b) or (isinf(a) and isinf(b) and a != b):
        return nan
    if isinf(a) or isinf(b):
        return a if isinf(a) else b
    both = sign(a) and sign(b) and a == b == 0
    return to_float(Fraction(a) + Fraction(b), digits, negative_zero=both)


def halves(value: float) -> float:
    """The nearest bfloat16."""
    value = flush(value)
    if isnan(value) or isinf(value):
        return value
    return to_float(Fraction(value), 8, negative_zero=sign(value))


def lane_sum(x: list[float], w: list[float], lanes: int, piece: int, sum_bits: int) -> float:
    """One element of a product in banks, number by number."""
    total = None
    for start in range(0, len(x), piece):
        own = 0.0
        for first in range(start, min(start + piece, len(x)), lanes):
            stop = min(first + lanes, start + piece, len(x))
            terms = [times(halves(x[k]), halves(w[k])) for k in range(first, stop)]
            terms += [0.0] * (lanes - len(terms))
            while len(terms) > 1:
                terms = [plus(terms[i], terms[i + 1]) for i in range(0, len(terms), 2)]
            own = plus(own, terms[0])
        own = halves(own) if sum_bits == 16 else own
        total = own if total is None else plus(total, own)
    assert total is not None
    return total
