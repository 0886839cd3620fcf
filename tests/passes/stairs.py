"""Rounding of fractions by hand, and staircases of every kind."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import strategies as st

from netwright.formats import Rounding
from netwright.passes.staircase import Staircase


def rounded(value: Fraction, rounding: Rounding) -> int:
    """A fraction rounded by the words of the table in docs/graph.md."""
    down, up = math.floor(value), math.ceil(value)
    inner, outer = (down, up) if value >= 0 else (up, down)
    near = [n for n in (down, up) if abs(n - value) < Fraction(1, 2)]
    match rounding:
        case Rounding.FLOOR:
            return down
        case Rounding.CEIL:
            return up
        case Rounding.TOWARD_ZERO:
            return inner
        case Rounding.AWAY_FROM_ZERO:
            return outer
    if near:
        return near[0]
    match rounding:
        case Rounding.HALF_EVEN:
            return down if down % 2 == 0 else up
        case Rounding.HALF_UP:
            return up
        case Rounding.HALF_DOWN:
            return down
        case Rounding.HALF_AWAY:
            return outer
    return inner


@st.composite
def staircases(draw: st.DrawFn, *, reach: int = 300) -> Staircase:
    """Staircases with frequent ties, rare ties and none, rising and falling."""
    over = draw(st.one_of(st.integers(1, 80), st.sampled_from([2**10, 2**24, 3 * 2**20])))
    ratio = Fraction(draw(st.integers(1, 3 * over)), over) * draw(st.sampled_from([1, -1]))
    offset = Fraction(
        draw(st.integers(-400, 400)), draw(st.sampled_from([1, 2, 3, 7, 10, 1024, 2**40]))
    )
    bits = draw(st.integers(1, 9))
    return Staircase(
        ratio,
        offset,
        draw(st.integers(-reach, 10)),
        draw(st.integers(10, reach)),
        -(2 ** (bits - 1)),
        2 ** (bits - 1) - 1,
        draw(st.sampled_from(list(Rounding))),
    )
