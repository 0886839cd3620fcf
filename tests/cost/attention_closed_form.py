"""Latency and traffic of five attention accelerators, as their published model writes them down.

Nothing here knows the package: cycles of each step are typed in from the published model, so that
the engine can be compared with something that shares no line with it.
"""

from __future__ import annotations

from dataclasses import dataclass

LANES = 256
CLOCK_HZ = 940e6
BANDWIDTH = 400 * 2**30
BYTES = 2
BATCH = 64

HEADS = {"bert": (12, 64), "trxl": (16, 64), "t5": (8, 64), "xlm": (16, 128)}
"""Heads, and width of a head."""

LENGTHS = tuple(2**exponent for exponent in (10, 12, 14, 16, 18, 20))

FLAT_TRAFFIC = {
    ("bert", 2**18): 435458144206848,
    ("trxl", 2**18): 580610858942464,
    ("t5", 2**18): 290305429471232,
    ("xlm", 2**18): 598271764463616,
    ("bert", 2**20): 6966711832018944,
    ("trxl", 2**20): 9288949109358592,
    ("t5", 2**20): 4644474554679296,
    ("xlm", 2**20): 9570698963976192,
}
"""Bytes that come from another paper's search, where they matter."""


@dataclass(frozen=True)
class Point:
    """One model at one length."""

    model: str
    tokens: int

    @property
    def groups(self) -> int:
        return BATCH * HEADS[self.model][0]

    @property
    def width(self) -> int:
        return HEADS[self.model][1]

    @property
    def step(self) -> float:
        """Cycles of one operation for each pair of tokens, on the square array."""
        return self.groups * self.tokens**2 / LANES**2


POINTS = tuple(Point(model, tokens) for model in HEADS for tokens in LENGTHS)


def query_tiles(point: Point, *, buffer_bytes: int = 16 * 2**20, scores_kept: bool = False) -> int:
    """How many tiles of 256 queries share one pass over the keys."""
    words = 2 * point.width + 2 + (2 * LANES if scores_kept else 0)
    room = buffer_bytes - 2 * BYTES * LANES * point.width
    most = room // (words * BYTES * LANES)
    blocks = point.tokens // LANES
    return max(count for count in range(1, blocks + 1) if blocks % count == 0 and count <= most)


def traffic(point: Point, *, scores_kept: bool = False) -> int:
    """Bytes from and to the memory off the chip in one pass."""
    tiles = query_tiles(point, scores_kept=scores_kept)
    passes = -(-point.tokens // (LANES * tiles))
    moved = 2 * point.width * point.tokens
    return BYTES * point.groups * (moved + moved * passes)


def latency(configuration: str, point: Point) -> float:
    """Seconds of all heads of one layer."""
    width, mp = point.width, point.step
    final = width * point.groups * point.tokens / LANES
    if configuration == "binding":
        compute = max(width * mp + mp, mp + width * mp + final)
        compute += mp + max(7 * mp + mp, 7 * mp + mp) + width * mp
    elif configuration == "architecture":
        compute = max(width * mp + mp, mp + final) + LANES * mp
        compute += mp + max(7 * mp + mp, 7 * mp + mp) + max(width * mp, 2 * width * mp)
    elif configuration == "cascade":
        scalar = 4 * LANES * mp + 5 * mp + 2 * width * mp + final
        compute = max(2 * width * mp, scalar)
    else:
        compute = max(2 * width * mp, 4 * LANES * mp)
    if configuration == "flat":
        moved = FLAT_TRAFFIC.get((point.model, point.tokens), 0)
    else:
        moved = traffic(point, scores_kept=configuration == "cascade")
    return max(compute / CLOCK_HZ, moved / BANDWIDTH)
