"""How numbers in text are written."""

from __future__ import annotations


def is_plain_number(text: str) -> bool:
    """Whether a number that Python reads is written as numbers are elsewhere.

    >>> [is_plain_number(text) for text in ("12", "1e-3", "1_2", "\u0661\u0662")]
    [True, True, False, False]
    """
    return text.isascii() and "_" not in text
