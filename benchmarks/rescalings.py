"""Random rational rescalings against fractions: how many return another code than exact arithmetic.

Each has its own ratio, offset, rounding mode, width and range of codes, and is executed on every
code of its range. Usage: ``python benchmarks/rescalings.py [COUNT] [SECONDS]``.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction

import numpy as np

from netwright.formats import Rounding
from netwright.ir import Node, spec_of
from netwright.passes.plan_rescaling import plan
from netwright.passes.staircase import Staircase


def by_hand(top: np.ndarray, over: int, mode: Rounding) -> np.ndarray:
    """Numerators over a denominator, rounded with integers only."""
    low, rest = np.divmod(top, over)
    above, tie = 2 * rest > over, 2 * rest == over
    rise = {
        Rounding.FLOOR: rest < 0,
        Rounding.CEIL: rest > 0,
        Rounding.TOWARD_ZERO: (rest > 0) & (top < 0),
        Rounding.AWAY_FROM_ZERO: (rest > 0) & (top > 0),
        Rounding.HALF_EVEN: above | (tie & (low % 2 == 1)),
        Rounding.HALF_UP: above | tie,
        Rounding.HALF_DOWN: above,
        Rounding.HALF_AWAY: above | (tie & (top > 0)),
        Rounding.HALF_TOWARD_ZERO: above | (tie & (top < 0)),
    }[mode]
    return low + rise


def executed(wanted: Staircase, codes: np.ndarray) -> np.ndarray | None:
    """The codes of the integer operators; ``None`` where there is a note instead."""
    found = plan([wanted])
    if found.miss is not None:
        return None
    clamp = {"rounding": str(wanted.rounding), "low": wanted.low, "high": wanted.high}
    attrs = {**found.attrs(None), **clamp}
    if found.finer_bits:
        bits = found.finer_bits
        wide = {"rounding": "floor", "low": wanted.low << bits, "high": wanted.high << bits}
        first = Node("finer", "Requantize", ("x",), "f", {**found.attrs(None), **wide})
        codes = np.asarray(spec_of(first).execute(first, [codes]))
        attrs = {"multiplier": (1,), "offset": (0,), "shift": bits, "axis": None, **clamp}
    node = Node("q", "Requantize", ("x",), "y", attrs)
    return np.asarray(spec_of(node).execute(node, [codes]))


def main(count: int, seconds: float) -> int:
    """Try `count` rescalings, or as many as the time allows; prints what was found."""
    rng = np.random.default_rng(11)
    modes, start, tried, noted, differ = list(Rounding), time.time(), 0, 0, 0
    while tried < count and time.time() - start < seconds:
        bits, over = int(rng.integers(1, 9)), int(rng.integers(1, 1 << int(rng.integers(1, 15))))
        top = int(rng.integers(1, 2 * over + 1)) * (1 if rng.random() < 0.5 else -1)
        addend, parts = int(rng.integers(-500, 500)), int(rng.choice([1, 1, 2, 3, 8, 10]))
        reach = int(rng.integers(1, 1 << int(rng.integers(2, 11))))
        mode = modes[int(rng.integers(len(modes)))]
        limit = 1 << (bits - 1)
        wanted = Staircase(
            Fraction(top, over), Fraction(addend, parts), -reach, reach - 1, -limit, limit - 1, mode
        )
        codes = np.arange(-reach, reach)
        right = by_hand(codes * top * parts + addend * over, over * parts, mode)
        found = executed(wanted, codes)
        noted += found is None
        if found is not None:
            differ += not np.array_equal(found, np.clip(right, -limit, limit - 1))
        tried += 1
    print(f"{tried} rescalings in {time.time() - start:.0f} s: {noted} noted, {differ} differ")
    return int(differ > 0)


if __name__ == "__main__":
    arguments = [float(value) for value in sys.argv[1:]] + [1e6, 1e9][len(sys.argv) - 1 :]
    sys.exit(main(int(arguments[0]), arguments[1]))
