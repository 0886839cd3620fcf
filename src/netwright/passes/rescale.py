"""Integers for a rescaling: a multiplier, an addend and a shift that equal an exact staircase.

A staircase is equal to another one if every step begins at the same n. So each step asks two things
of the integers: at its first n the sum ``multiplier * n + offset`` has reached the border, one n
earlier it has not. Both are linear in the offset, so for a given multiplier and shift all offsets
that work are an interval, and an empty one proves that none does. This is the classical division by
an invariant integer (Granlund and Montgomery 1994), with the codes' own limits as its bound.

Ties to even go down at every second step. No line does that where ties are frequent (the mean of
six codes, say): then a first rescaling goes to a finer grid on which ties are exact and all else is
on the right side, and a second one shifts and rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import NDArray

from netwright.formats import Rounding
from netwright.ir.rounding import LARGEST_SHIFT
from netwright.passes.staircase import Integers, Staircase, borders

PEAK_BITS = 52
"""Products and sums stay below 2**52, so that executors in float64 compute them exactly."""

MAX_FINER_BITS = 16
"""How much finer the grid between two rescalings may be."""

_SAMPLE = 128


@dataclass(frozen=True, slots=True)
class Rescaling:
    """``(multiplier * n + offset) / 2**shift``, to be rounded and clamped.

    Attributes:
        multiplier: Not 0.
        offset: An integer.
        shift: 0 to 62.
    """

    multiplier: int
    offset: int
    shift: int

    def shifted(self, shift: int) -> Rescaling:
        """The same with a larger shift."""
        more = shift - self.shift
        return Rescaling(self.multiplier << more, self.offset << more, shift)

    def peak(self, wanted: Staircase) -> int:
        """Largest magnitude of product, sum and rounding addend."""
        ends = [self.multiplier * n for n in (wanted.first, wanted.last)]
        return max(*map(abs, ends), *(abs(end + self.offset) for end in ends)) + (1 << self.shift)

    def staircase(self, wanted: Staircase) -> Staircase:
        """What it makes in the place of `wanted`."""
        unit = Fraction(1, 1 << self.shift)
        return Staircase(
            self.multiplier * unit, self.offset * unit, wanted.first, wanted.last, wanted.low,
            wanted.high, wanted.rounding,
        )  # fmt: skip


def exact(wanted: Staircase, *, finer_bits: int = 0) -> Rescaling | None:
    """The rescaling with (nearly) the smallest shift that equals a staircase.

    Args:
        wanted: The staircase.
        finer_bits: If not 0, the rescaling goes to a grid that is this much finer, rounds down, and
            is followed by a shift that rounds as `wanted` does.

    Returns:
        ``None`` where no integers of :data:`PEAK_BITS` bits do it, or where the staircase has too
        many steps to look at.
    """
    rising = wanted if wanted.ratio > 0 else wanted.mirrored()
    levels = rising.levels()
    if levels is None:
        return None
    search = _Search(rising, levels, rising.begins(levels), finer_bits)
    span = int(np.max(search.begins) - np.min(search.begins)) if len(levels) else 0
    guess = span.bit_length() + len(levels).bit_length()
    guess += max(0, rising.ratio.denominator.bit_length() - rising.ratio.numerator.bit_length())
    found = search.near(min(guess, LARGEST_SHIFT))
    if found is None or wanted is rising:
        return found
    return Rescaling(-found.multiplier, found.offset, found.shift)


@dataclass(frozen=True, slots=True)
class _Search:
    """Search for one rising staircase.

    Attributes:
        wanted: The staircase.
        levels: Its steps.
        begins: Where they begin.
        finer_bits: As in :func:`exact`.
    """

    wanted: Staircase
    levels: Integers
    begins: Integers
    finer_bits: int

    def near(self, guess: int) -> Rescaling | None:
        """A solution, from a shift of `guess` downwards, or upwards if there is none."""
        found, missed = None, 0
        for shift in reversed(range(guess + 1)):
            better = self._at(shift)
            missed = 0 if better else missed + 1
            found = better or found
            if missed > 2:
                break
        if found is not None:
            return found
        for shift in range(guess + 1, LARGEST_SHIFT + 1):
            found = self._at(shift)
            if found is not None:
                return found
        return None

    def _at(self, shift: int) -> Rescaling | None:
        """A solution with this shift."""
        reach = max(abs(self.wanted.first), abs(self.wanted.last), 1)
        bits = shift + self.finer_bits
        below = int(self.wanted.ratio * (1 << bits))
        largest = max(map(abs, self.levels), default=0) + 1
        if (largest << bits) >> 61 or (below + 1) * reach >> PEAK_BITS:
            return None
        targets = self._targets(shift)
        begins = self.begins.astype(np.int64)
        for multiplier in (below, below + 1):
            offset = None
            if multiplier:
                offset = self._offset(multiplier, targets, begins, shift)
            if offset is not None:
                found = Rescaling(multiplier, offset, shift)
                if not found.peak(self.wanted) >> PEAK_BITS:
                    return found
        return None

    def _targets(self, shift: int) -> NDArray[np.int64]:
        """What the sum must reach at each step."""
        doubled, above = borders(self.levels, self.wanted.rounding)
        if self.finer_bits:
            targets = (doubled << (self.finer_bits - 1)) + above << shift
        elif shift:
            targets = (doubled << (shift - 1)) + above
        else:
            targets = self.levels
        result: NDArray[np.int64] = targets.astype(np.int64)
        return result

    def _offset(
        self, multiplier: int, targets: NDArray[np.int64], begins: NDArray[np.int64], shift: int
    ) -> int | None:
        """The roundest offset that works with a multiplier."""
        if len(targets) > 2 * _SAMPLE:
            some = np.linspace(0, len(targets) - 1, _SAMPLE).astype(int)
            if self._interval(multiplier, targets[some], begins[some], shift) is None:
                return None
        interval = self._interval(multiplier, targets, begins, shift)
        return None if interval is None else _roundest(*interval)

    def _interval(
        self, multiplier: int, targets: NDArray[np.int64], begins: NDArray[np.int64], shift: int
    ) -> tuple[int, int] | None:
        reached, before = begins <= self.wanted.last, begins > self.wanted.first
        lows = (targets - multiplier * begins)[reached]
        highs = (targets - 1 - multiplier * (begins - 1))[before]
        step = 1 << (shift + self.finer_bits)
        low = int(lows.max()) if len(lows) else int(highs.min()) - step if len(highs) else 0
        high = int(highs.min()) if len(highs) else low + step
        return (low, high) if low <= high else None


def _roundest(low: int, high: int) -> int:
    """The integer from `low` to `high` that ends in the most zero bits."""
    if low <= 0 <= high:
        return 0
    bits = 0
    while -(-low >> (bits + 1)) << (bits + 1) <= high:
        bits += 1
    return -(-low >> bits) << bits


def direct(wanted: Sequence[Staircase], *, peak_bits: int = 62) -> list[Rescaling] | None:
    """Rescalings with exact multipliers, where every ratio is an integer over a power of two.

    Products are integers then, so a sum changes its rounding only where it crosses a multiple of
    one half (in units of the last place). An offset between two such points may be replaced by any
    other between them; quarters therefore represent every real offset without error.
    """
    if any(stair.ratio.denominator & (stair.ratio.denominator - 1) for stair in wanted):
        return None
    shift = max(stair.ratio.denominator.bit_length() - 1 for stair in wanted)
    found = []
    for stair in wanted:
        offset = stair.offset * (1 << shift)
        whole = offset.numerator // offset.denominator
        rest = offset - whole
        quarters = 0 if rest == 0 else 2 if rest == Fraction(1, 2) else 1 if rest * 2 < 1 else 3
        multiplier = int(stair.ratio * (1 << shift))
        found.append(Rescaling(4 * multiplier, 4 * whole + quarters, shift + 2))
    found = _reduced(found)
    fits = all(
        item.shift <= LARGEST_SHIFT and not item.peak(stair) >> peak_bits
        for item, stair in zip(found, wanted, strict=True)
    )
    return found if fits else None


def nearest(wanted: Sequence[Staircase]) -> list[Rescaling]:
    """Rescalings with as many bits as fit, near the middle of what is free; maybe not exact."""
    shift = LARGEST_SHIFT
    while True:
        found = []
        for stair in wanted:
            down, up = _freedom(stair)
            offset = stair.offset + (up - down) / 2
            multiplier = round(stair.ratio * (1 << shift))
            found.append(Rescaling(multiplier, round(offset * (1 << shift)), shift))
        fits = not any(
            item.peak(stair) >> PEAK_BITS for item, stair in zip(found, wanted, strict=True)
        )
        if fits or shift == 0:
            return _reduced(found)
        shift -= 1


def common(found: Sequence[Rescaling]) -> list[Rescaling]:
    """The same rescalings with one shift."""
    shift = max(item.shift for item in found)
    return _reduced([item.shifted(shift) for item in found])


def _reduced(found: list[Rescaling]) -> list[Rescaling]:
    while found[0].shift and not any((item.multiplier | item.offset) & 1 for item in found):
        found = [Rescaling(r.multiplier >> 1, r.offset >> 1, r.shift - 1) for r in found]
    return found


@dataclass(frozen=True, slots=True)
class Miss:
    """How a rescaling differs from what it should be.

    Attributes:
        codes: How many n give another result, at most; ``None`` if not counted.
        of: How many n there are.
        steps: Largest difference, in codes.
        error: Largest difference, relative to the right code.
    """

    codes: int | None
    of: int
    steps: int
    error: float


def miss(wanted: Staircase, made: Staircase) -> Miss | None:
    """Compare two staircases; ``None`` if they are equal for every n."""
    of = wanted.last - wanted.first + 1
    if wanted.ratio < 0:
        wanted, made = wanted.mirrored(), made.mirrored()
    levels, others = wanted.levels(), made.levels()
    if levels is None or others is None or made.ratio <= 0:
        return _bounded_miss(wanted, made, of)
    levels = np.unique(np.concatenate([levels, others]))
    first, second = wanted.begins(levels), made.begins(levels)
    differ = first != second
    if not np.any(differ):
        return None
    codes = int(np.sum(np.abs(first - second)))
    places = np.minimum(first, second)[differ]
    right = wanted.values(places)
    steps = np.abs(right - made.values(places))
    error = max(int(s) / max(abs(int(r)), 1) for s, r in zip(steps, right, strict=True))
    return Miss(codes, of, int(np.max(steps)), error)


def _bounded_miss(wanted: Staircase, made: Staircase, of: int) -> Miss | None:
    """The bound for staircases with too many steps: the lines they round are this far apart."""
    apart = [
        (made.ratio - wanted.ratio) * n + made.offset - wanted.offset
        for n in (wanted.first, wanted.last)
    ]
    down, up = _freedom(wanted)
    if all(value == 0 or -down < value < up for value in apart):
        return None
    if all(0 <= value < up for value in apart) or all(-down < value <= 0 for value in apart):
        return None
    steps = int(max(map(abs, apart))) + 1
    return Miss(None, of, steps, float(steps))


def _freedom(wanted: Staircase) -> tuple[Fraction, Fraction]:
    """How far a number may be moved down and up (less than this) before it is rounded otherwise.

    Numbers that are not on a border are at least ``1 / (2 * over)`` away from it; those that are
    may be moved to the side that the mode rounds to, if that is the same for all.
    """
    over = lcm(wanted.ratio.denominator, wanted.offset.denominator)
    gap, none = Fraction(1, 2 * over), Fraction(0)
    match wanted.rounding:
        case Rounding.FLOOR:
            return none, gap
        case Rounding.CEIL:
            return gap, none
        case Rounding.TOWARD_ZERO | Rounding.AWAY_FROM_ZERO:
            return none, none
    if over % 2:  # there are no ties
        return gap, gap
    return (
        gap if wanted.rounding is Rounding.HALF_DOWN else none,
        gap if wanted.rounding is Rounding.HALF_UP else none,
    )
