"""Numbers among the options: plain digits within bounds, refused in our own words."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TypeVar

import typer

from netwright.digits import is_plain_number

T = TypeVar("T", int, float)


def whole(*, least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers.

    >>> whole(least=1)("12")
    12

    Args:
        least: The least number that is accepted.
        most: The greatest number that is accepted.

    Returns:
        What reads an option's text; it raises ``typer.BadParameter`` for other text.
    """
    return lambda text: _read(text, int, "a whole number", least, most)


def real(*, least: float | None = None, most: float | None = None) -> Callable[[str], float]:
    """A parser of finite decimal numbers; see :func:`whole`.

    >>> real()("2.5e-1")
    0.25
    """
    return lambda text: _read(text, float, "a number", least, most)


def _read(given: object, kind: Callable[[str], T], what: str, least: T | None, most: T | None) -> T:
    text = str(given)  # a default is given as a number
    try:
        value = kind(text) if is_plain_number(text) else None
    except ValueError:
        value = None
    if (
        value is None
        or not isfinite(value)
        or (least is not None and not value >= least)
        or (most is not None and not value <= most)
    ):
        bounds = "" if least is None else f" of {least} or more"
        if most is not None:
            bounds = f" of {most} or less" if least is None else f" from {least} to {most}"
        raise typer.BadParameter(f'must be {what}{bounds} in plain digits, not "{text[:40]}"')
    return value
