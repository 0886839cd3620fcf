"""Canonical signed digits: integers as few signed powers of two."""

from __future__ import annotations


def signed_digits(value: int) -> tuple[tuple[int, int], ...]:
    """The canonical signed digits of an integer.

    No two neighboring positions are both used, and no other form has fewer digits (Reitwiesner
    1960).

    Returns:
        Pairs of position and sign (1 or -1), lowest position first, so that ``value`` is the sum
        of ``sign * 2**position``.

    >>> signed_digits(7)
    ((0, -1), (3, 1))
    """
    digits = []
    position = 0
    while value:
        if value & 1:
            sign = 2 - (value & 3)
            digits.append((position, sign))
            value -= sign
        value >>= 1
        position += 1
    return tuple(digits)
