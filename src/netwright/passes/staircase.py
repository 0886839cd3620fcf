"""What a quantizer makes of integers, exactly: a staircase, and where its steps begin."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.formats import Rounding
from netwright.ir import round_quotient

MAX_STEPS = 1 << 16
"""Most steps, or codes, of one staircase that are looked at one by one."""

Integers = NDArray[Any]
"""Python integers of any size (``object``)."""


@dataclass(frozen=True, slots=True)
class Staircase:
    """``clamp(round(ratio * n + offset), low, high)`` for every integer n from first to last.

    Attributes:
        ratio: Not 0.
        offset: Any rational number.
        first: Smallest n.
        last: Largest n.
        low: Smallest result.
        high: Largest result.
        rounding: How `round` rounds.
    """

    ratio: Fraction
    offset: Fraction
    first: int
    last: int
    low: int
    high: int
    rounding: Rounding

    def values(self, codes: Integers) -> Integers:
        """The results for some n."""
        over = self.ratio.denominator * self.offset.denominator
        factor, addend = int(self.ratio * over), int(self.offset * over)
        rounded = round_quotient(codes.astype(object) * factor + addend, over, self.rounding)
        return np.minimum(np.maximum(rounded, self.low), self.high)

    @property
    def end(self) -> int:
        """The result for the last n."""
        return int(self.values(np.array([self.last], dtype=object))[0])

    def mirrored(self) -> Staircase:
        """The staircase of ``-n``."""
        return Staircase(
            -self.ratio, self.offset, -self.last, -self.first, self.low, self.high, self.rounding
        )

    def levels(self) -> Integers | None:
        """Results k such that "at least k" is not the same for every n, and the next beyond.

        ``None`` where there are too many to look at.
        """
        ends = self.values(np.array([self.first, self.last], dtype=object))
        bottom, top = max(int(min(ends)), self.low + 1), min(int(max(ends)) + 1, self.high)
        if top - bottom < MAX_STEPS:
            return np.arange(bottom, top + 1).astype(object)
        if self.last - self.first >= MAX_STEPS:
            return None
        found = self.values(np.arange(self.first, self.last + 1).astype(object))
        levels = np.unique(np.concatenate([found, found + 1]).astype(object))
        return levels[(levels > self.low) & (levels <= self.high)]

    def begins(self, levels: Integers) -> Integers:
        """The smallest n that reaches each level; `ratio` must be positive.

        An n beyond the ends stands for "never" (``last + 1``) and "always" (``first``).
        """
        doubled, above = borders(levels, self.rounding)
        over = self.ratio.denominator * self.offset.denominator
        step, addend = int(2 * self.ratio * over), int(2 * self.offset * over)
        rest = doubled * over - addend
        begins = np.where(above, rest // step + 1, -(-rest // step))
        return np.minimum(np.maximum(begins, self.first), self.last + 1)


def borders(levels: Integers, rounding: Rounding) -> tuple[Integers, NDArray[np.bool_]]:
    """Where a rounding mode begins to return at least each level.

    Returns:
        Twice the smallest number that is rounded to the level, and whether this number itself is
        still rounded down.
    """
    positive, never = levels > 0, np.zeros(levels.shape, dtype=bool)
    half = 2 * levels - 1
    match rounding:
        case Rounding.FLOOR:
            return 2 * levels, never
        case Rounding.CEIL:
            return 2 * levels - 2, ~never
        case Rounding.TOWARD_ZERO:
            return 2 * levels - 2 * ~positive, ~positive
        case Rounding.AWAY_FROM_ZERO:
            return 2 * levels - 2 * positive, positive
        case Rounding.HALF_UP:
            return half, never
        case Rounding.HALF_DOWN:
            return half, ~never
        case Rounding.HALF_EVEN:
            return half, levels % 2 == 1
        case Rounding.HALF_AWAY:
            return half, ~positive
        case Rounding.HALF_TOWARD_ZERO:
            return half, positive
