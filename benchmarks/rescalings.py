"""Random rational rescalings against fractions: how many return another code than exact arithmetic.

Each has its own ratio, offset, rounding mode, width and range of codes, and is executed on every
code of its range. Usage: ``python benchmarks/rescalings.py [COUNT] [SECONDS] [--log FILE]``; the
same command goes on behind the blocks that are in the log.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from netwright.formats import Rounding
from netwright.ir import Node, spec_of
from netwright.passes.plan_rescaling import plan
from netwright.passes.staircase import Staircase

MODES = list(Rounding)
BLOCK = 10_000
"""Rescalings between two lines of the log."""


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


def drawn(rng: np.random.Generator) -> tuple[Staircase, np.ndarray, np.ndarray]:
    """A random rescaling, every code that it may read, and what exact arithmetic makes of each."""
    bits, over = int(rng.integers(1, 9)), int(rng.integers(1, 1 << int(rng.integers(1, 15))))
    top = int(rng.integers(1, 2 * over + 1)) * (1 if rng.random() < 0.5 else -1)
    addend, parts = int(rng.integers(-500, 500)), int(rng.choice([1, 1, 2, 3, 8, 10]))
    reach = int(rng.integers(1, 1 << int(rng.integers(2, 11))))
    mode = MODES[int(rng.integers(len(MODES)))]
    limit = 1 << (bits - 1)
    wanted = Staircase(
        Fraction(top, over), Fraction(addend, parts), -reach, reach - 1, -limit, limit - 1, mode
    )
    codes = np.arange(-reach, reach)
    right = by_hand(codes * top * parts + addend * over, over * parts, mode)
    return wanted, codes, np.clip(right, -limit, limit - 1)


def block(number: int, count: int) -> dict[str, float]:
    """The rescalings of one block, which its number alone decides."""
    rng, noted, differ, start = np.random.default_rng((11, number)), 0, 0, time.process_time()
    for _ in range(count):
        wanted, codes, right = drawn(rng)
        found = executed(wanted, codes)
        noted += found is None
        differ += found is not None and not np.array_equal(found, right)
    spent = time.process_time() - start
    return {"block": number, "tried": count, "noted": noted, "differ": differ, "cpu_s": spent}


def main(count: int, seconds: float, log: Path | None) -> int:
    """Try `count` rescalings, or as many as the time allows; prints what was found."""
    text = log.read_text() if log is not None and log.exists() else ""
    done = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    sizes = [min(BLOCK, count - first) for first in range(0, count, BLOCK)]
    found, start = [], time.monotonic()
    for number, size in enumerate(sizes):
        known = [part for part in done if (part["block"], part["tried"]) == (number, size)]
        if not known and time.monotonic() - start > seconds:
            continue
        found.append(known[0] if known else block(number, size))
        if log is not None and not known:
            with log.open("a") as file:  # a line that was cut by a kill is ended first
                file.write(f"\n{json.dumps(found[-1])}\n")
    tried, noted, differ = (
        sum(part[key] for part in found) for key in ("tried", "noted", "differ")
    )
    spent = sum(part["cpu_s"] for part in found)
    print(f"{tried} rescalings in {spent:.0f} CPU s: {noted} noted, {differ} differ")
    return int(differ > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("seconds", type=float, nargs="?", default=1e9)
    parser.add_argument("--log", type=Path, help="a line a block; what is in it is not done again")
    given = parser.parse_args()
    sys.exit(main(given.count, given.seconds, given.log))
