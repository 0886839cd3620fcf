"""How numbers are written in tables and pages."""

from __future__ import annotations

from netwright.quantities import Quantity

THIN = "\u202f"
"""Narrow space that does not break: groups digits, and stands before a unit."""


def count(value: float) -> str:
    """An integer with its digits in groups of three.

    >>> count(124448).replace(THIN, " ")
    '124 448'
    """
    return f"{round(value):,}".replace(",", THIN)


def percent(quantity: Quantity) -> str:
    """A share of one as percent, with its deviation.

    >>> from netwright.quantities import Quantity
    >>> percent(Quantity(0.7532, "", "test", "measured", 0.0011)).replace(THIN, " ")
    '75.32 ± 0.11 %'
    """
    spread = "" if quantity.deviation is None else f" ± {100 * quantity.deviation:.2f}"
    return f"{100 * quantity.value:.2f}{spread}{THIN}%"


def figure(quantity: Quantity) -> str:
    """A figure with its deviation and unit: whole numbers grouped, others to four digits.

    >>> from netwright.quantities import Quantity
    >>> figure(Quantity(33.912, "", "Hutchinson", "measured", 1.7))
    '33.91 ± 1.7'
    """
    value = quantity.value
    text = count(value) if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"
    spread = "" if quantity.deviation is None else f" ± {quantity.deviation:.2g}"
    unit = f"{THIN}{quantity.unit}" if quantity.unit else ""
    return f"{text}{spread}{unit}"


def ratio(value: float | None) -> str:
    """A ratio to four digits, or a dash."""
    return "–" if value is None else f"{value:.4g}"
