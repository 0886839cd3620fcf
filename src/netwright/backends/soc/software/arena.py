"""Where tensors lie in one piece of memory, so that those that never meet share it."""

from __future__ import annotations

from collections.abc import Iterable

ALIGNMENT = 8
"""Bytes that every tensor begins at a multiple of."""


def arena(lives: Iterable[tuple[str, int, int, int]]) -> tuple[dict[str, int], int]:
    """The first byte of every tensor, and the bytes of all.

    The largest is placed first, each at the lowest place where it meets nobody.

    Args:
        lives: Name, bytes, first and last step of every tensor.

    >>> arena([("a", 8, 0, 1), ("b", 16, 1, 2), ("c", 8, 2, 3)])
    ({'b': 0, 'a': 16, 'c': 16}, 24)
    """
    placed: list[tuple[str, int, int, int, int]] = []
    for name, size, first, last in sorted(lives, key=lambda life: -life[1]):
        room = -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
        start = 0
        for _, low, high, begin, end in sorted(placed, key=lambda other: other[1]):
            if begin <= last and first <= end and low < start + room and start < high:
                start = high
        placed.append((name, start, start + room, first, last))
    return {p[0]: p[1] for p in placed}, max((p[2] for p in placed), default=0)
