"""Output stationary: every element of the array makes one pixel of the result."""

from __future__ import annotations

from typing import NamedTuple

from netwright.cost.dataflows.flow import ACCUMULATOR_BITS, Flow, Tally
from netwright.cost.dataflows.outer import Limits, Outer, outer
from netwright.cost.dataflows.shape import Shape, Tiled, tiled


class Use(NamedTuple):
    """What a layer uses of the template.

    Attributes:
        tiles: Tiles of the buffer.
        high: Rows of the result that it makes at a time.
        wide: Columns likewise.
    """

    tiles: Outer
    high: int
    wide: int


def use(shape: Shape, sides: tuple[int, int], buffer_bytes: int, window_bytes: int) -> Use | None:
    """What a layer uses; ``None`` if the buffer or the window is too small.

    Args:
        shape: The layer.
        sides: Axes of the array: rows, columns.
        buffer_bytes: Capacity of the buffer.
        window_bytes: Capacity of the window.
    """
    high, wide = min(shape.rows.made, sides[0]), min(shape.columns.made, sides[1])
    while (room := _window_bytes(shape, high, wide)) > window_bytes and (high > 1 or wide > 1):
        high, wide = (-(-high // 2), wide) if high >= wide else (high, -(-wide // 2))
    if room > window_bytes:
        return None
    bits = max(shape.bits[2], ACCUMULATOR_BITS) if shape.channels > 1 else shape.bits[2]
    limits = Limits(1, high, shape.rows.made, bits, one_block=shape.channels == 1)
    tiles = outer(shape, buffer_bytes, limits)
    return None if tiles is None else Use(tiles, min(high, tiles.rows), wide)


def output_stationary(shape: Shape, used: Use) -> Flow:
    """A layer on the template.

    For each tile of pixels and each feature the sums stay in the elements; channel by channel the
    window takes the part of the image that they need, and weights are read one by one for all
    elements.
    """
    tiles, high, wide = used
    rows, columns = tiled(shape.rows, high), tiled(shape.columns, wide)
    num_tiles = len(rows.sizes) * len(columns.sizes)
    taps = shape.rows.taps * shape.columns.taps
    tally = Tally()
    tally.fill(shape, tiles)
    tally.move("buffer", "", shape.images * shape.num_weights * num_tiles, shape.bits[1])
    windows = _windows(shape, rows, columns)
    tally.move("buffer", "window", shape.images * windows, shape.bits[0])
    seen = shape.images * shape.features * shape.channels * rows.pairs * columns.pairs
    tally.move("window", "", seen, shape.bits[0])
    tally.gather("sum", shape, shape.channels * taps)
    tally.move("sum", "buffer", shape.num_results, shape.bits[2])
    cycles = shape.images * shape.features * shape.channels * taps * num_tiles
    return Flow(
        cycles, tally.amounts,
        (("P", high, -1), ("Q", wide, -1), ("M", 1, -1), ("C", 1, -1), ("P", 1, 0), ("Q", 1, 1),
         ("R", 1, -1), ("S", 1, -1)),
        (("window", "input", 4), ("sum", "output", 6)), tiles,
    )  # fmt: skip


def _window_bytes(shape: Shape, high: int, wide: int) -> int:
    return -(-2 * shape.rows.reach(high) * shape.columns.reach(wide) * shape.bits[0] // 8)


def _windows(shape: Shape, rows: Tiled, columns: Tiled) -> int:
    """Pixels that come into the window for one image.

    With several channels nothing of the last window is in the next one; with one channel the
    window slides from tile to tile, and all features of a tile share it.
    """
    high, wide = sum(rows.sizes), sum(columns.sizes)
    if shape.channels > 1:
        return shape.features * shape.channels * high * wide
    return high * wide - high * sum(columns.shared) - sum(rows.shared) * columns.wrapped
