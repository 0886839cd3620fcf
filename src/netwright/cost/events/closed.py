"""The time of one product in the banks without refreshes, as a formula."""

from __future__ import annotations

from math import gcd

from netwright.arch import Dram
from netwright.errors import ConfigError


def product_cycles(dram: Dram, *, columns: int, vectors: int) -> int:
    """Cycles of a matrix and a vector that fits into the buffer of a channel.

    The buffer is filled, and a row is opened; then every column waits for the one before it
    (`ccd_l`), for the sums of the vector that ended there (``sum + bl``), or for the next row
    (``rtp + rp + rcd_mac``); at the end the last sums are read.

    Args:
        dram: A memory with units beside its banks.
        columns: Of each vector.
        vectors: Of the fullest bank; they follow each other from the start of a row on.

    Raises:
        ConfigError: There is nothing to multiply, or other timings than these decide.
    """
    if min(columns, vectors) < 1:
        raise ConfigError(f"a product has 1 column and vector or more, not {columns}, {vectors}")
    time = dram.cycles
    row_change = time("rtp + rp + rcd_mac")
    if not (
        time("sum") < time("rtp")
        and time("ras") <= time("rcd_mac + rtp")
        and time("rc") <= row_change
        and time("ccd_l") <= time("sum + bl")
    ):
        raise ConfigError("the formula needs sum < rtp, ras <= rcd_mac + rtp, "
                          "rc <= rtp + rp + rcd_mac and ccd_l <= sum + bl")  # fmt: skip
    row_changes = -(-columns * vectors // dram.columns) - 1
    every = dram.columns // gcd(columns, dram.columns)  # vectors until one ends with its row
    sums = vectors - 1 - (vectors - 1) // every
    others = columns * vectors - 1 - row_changes - sums
    return (
        (columns - 1) * time("bl") + 1 + time("rcd_mac") + row_changes * row_change
        + sums * time("sum + bl") + others * time("ccd_l") + time("sum + bl")
    )  # fmt: skip
