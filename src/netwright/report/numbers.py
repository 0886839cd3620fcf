"""How numbers are written in tables and pages."""

from __future__ import annotations

from netwright.escape import visible
from netwright.quantities import Quantity

THIN = "\u202f"
"""Narrow space that does not break: groups digits, and stands before a unit."""


_PREFIXED = ("Hz", "s", "J", "W")
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


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
    >>> figure(Quantity(2e8, "Hz", "setting", "assumed")).replace(THIN, " ")
    '200 MHz'
    """
    scale, prefix = _prefix(quantity)
    value = quantity.value / scale
    text = count(value) if value == round(value) and abs(value) < 1e15 else f"{value:.4g}"
    spread = "" if quantity.deviation is None else f" ± {quantity.deviation / scale:.2g}"
    unit = f"{THIN}{prefix}{quantity.unit}" if quantity.unit else ""
    return f"{text}{spread}{unit}"


def _prefix(quantity: Quantity) -> tuple[float, str]:
    if quantity.unit in _PREFIXED and quantity.value:
        for scale, prefix in _PREFIXES:
            if abs(quantity.value) >= scale:
                return scale, prefix
    return 1.0, ""


def ratio(value: float | None) -> str:
    """A ratio to four digits, or a dash."""
    return "–" if value is None else f"{value:.4g}"


def short(name: str, *, longest: int = 28) -> str:
    """A name on one line, cut to what fits beside a picture.

    >>> short("encoder  layer", longest=10)
    'encoder l…'
    """
    line = visible(" ".join(name.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"
