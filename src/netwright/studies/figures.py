"""Accuracies as figures of a claim."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, geometric_mean, stdev

from netwright.quantities import Quantity


def percent(shares: Sequence[float], source: str) -> Quantity:
    """Mean and standard deviation over repetitions, in percent.

    >>> str(percent([0.76, 0.77], "test split"))
    '76.5 ± 0.707 %'
    """
    deviation = 100 * stdev(shares) if len(shares) > 1 else None
    return Quantity(100 * fmean(shares), "%", source, "measured", deviation)


def points(difference: float, source: str) -> Quantity:
    """A difference of two shares, in percentage points.

    >>> str(points(0.77 - 0.76, "means over 3 seeds"))
    '1 points'
    """
    return Quantity(100 * difference, "points", source, "measured")


def average(values: Sequence[float], unit: str, source: str) -> tuple[Quantity, str]:
    """The arithmetic mean of modelled figures, and a remark with the geometric one.

    >>> quantity, remark = average([1.0, 4.0], "x", "a model")
    >>> str(quantity), remark
    ('2.5 x', 'geometric mean 2')
    """
    quantity = Quantity(fmean(values), unit, source, "modelled")
    return quantity, f"geometric mean {geometric_mean(values):.3g}"
