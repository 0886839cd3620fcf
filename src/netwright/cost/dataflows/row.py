"""Row stationary: filter rows along one axis of the array, rows of the result along the other."""

from __future__ import annotations

from typing import NamedTuple

from netwright.cost.dataflows.flow import ACCUMULATOR_BITS, Flow, Tally
from netwright.cost.dataflows.outer import Limits, Outer, outer
from netwright.cost.dataflows.shape import Shape, tiled


class Use(NamedTuple):
    """What a layer uses of the template.

    Attributes:
        tiles: Tiles of the buffer.
        channels: Input channels of which an element keeps weights.
        rows: Rows of the result that the array makes at a time.
        up: Features one above the other.
        side: Features side by side.
    """

    tiles: Outer
    channels: int
    rows: int
    up: int
    side: int


def use(
    shape: Shape, sides: tuple[int, int], buffer_bytes: int, filter_bytes: int, image_bytes: int
) -> Use | None:
    """What a layer uses; ``None`` if a memory is too small or the filter has too many rows.

    Args:
        shape: The layer.
        sides: Axes of the array: up, sideways.
        buffer_bytes: Capacity of the buffer.
        filter_bytes: Capacity of an element for weights.
        image_bytes: Capacity of an element for the image.
    """
    height, width = sides
    taps = shape.columns.taps
    channels = min(shape.channels, 4 * filter_bytes // (shape.bits[1] * taps),
                   4 * image_bytes // (shape.bits[0] * taps))  # fmt: skip
    if shape.rows.taps > height or not channels:
        return None
    rows = min(shape.rows.made, width)
    wanted = min(shape.features, height // shape.rows.taps * (width // rows))
    bits = max(shape.bits[2], ACCUMULATOR_BITS) if shape.channels > channels else shape.bits[2]
    tiles = outer(shape, buffer_bytes, Limits(wanted, rows, shape.rows.made, bits))
    if tiles is None:
        return None
    rows = min(rows, tiles.rows)
    up = min(height // shape.rows.taps, tiles.features)
    return Use(tiles, channels, rows, up, min(width // rows, tiles.features // up))


def row_stationary(shape: Shape, used: Use) -> Flow:
    """A layer on the template.

    An element keeps one row of the filter for some channels and slides along a row of the image;
    its column adds the rows of the filter. Further rows and columns of the array make further
    features at the same time.
    """
    tiles, channels, rows, up, side = used
    features = up * side
    taps, folds = shape.columns.taps, -(-shape.channels // channels)
    rounds = sum(-(-block // features) for block in tiles.blocks(shape))
    columns = tiled(shape.columns, 1)
    sliding = columns.pairs - sum(columns.shared)
    tally = Tally()
    tally.fill(shape, tiles)
    loaded = _loaded(shape, tiles, features, rows, folds)
    tally.move("buffer", "filters", loaded, shape.bits[1], copies=rows)
    fetched, arriving = _images(shape, tiles, features, rows, folds, sliding)
    tally.add("buffer", "read", fetched * shape.bits[0])
    tally.add("images", "write", arriving * features * shape.bits[0])
    tally.move("filters", "", shape.num_macs, shape.bits[1])
    seen = tiled(shape.rows, shape.rows.made).pairs * columns.pairs
    seen *= shape.images * shape.features * shape.channels
    tally.move("images", "", seen, shape.bits[0])
    tally.gather("sums", shape, shape.channels * shape.rows.taps * taps, shape.rows.taps)
    _spill(tally, shape, folds if shape.columns.made > 1 else 1)
    strips = sum(-(-strip // rows) for strip in tiles.strips(shape))
    cycles = shape.images * rounds * strips * shape.channels * taps * shape.columns.made
    return Flow(
        cycles, tally.amounts,
        (("M", features, -1), ("P", rows, -1), ("C", channels, -1), ("R", 1, 0), ("M", side, 0),
         ("P", 1, 1), ("M", 1, 1), ("Q", 1, -1), ("C", 1, -1), ("S", 1, -1)),
        (("filters", "weight", 7), ("images", "input", 8), ("sums", "output", 8)), tiles,
    )  # fmt: skip


def _loaded(shape: Shape, tiles: Outer, features: int, rows: int, folds: int) -> int:
    """Weights that are read for the elements."""
    strips = shape.batch * tiles.num_strips(shape)
    each = shape.num_weights // shape.features
    if folds > 1:
        passes = shape.batch * sum(-(-strip // rows) for strip in tiles.strips(shape))
        return shape.groups * shape.num_weights * passes
    if not tiles.blocks_first and tiles.num_blocks(shape) > 1:
        return shape.groups * shape.num_weights * strips
    return shape.groups * sum(
        block * each * (1 if block <= features else strips) for block in tiles.blocks(shape)
    )


def _images(
    shape: Shape, tiles: Outer, features: int, rows: int, folds: int, sliding: int
) -> tuple[int, int]:
    """Elements of the image that are read for all elements, and that arrive at those of a feature.

    Windows slide along the columns. Where all channels fit, a window that is left from the last
    features is still there if nothing but the features has changed.
    """
    cut = tiled(shape.rows, rows)
    blocks = tiles.blocks(shape)
    rounds = [-(-block // features) for block in blocks]
    read = shape.images * sum(rounds) * sum(cut.sizes) * shape.channels * sliding
    arriving = shape.images * sum(rounds) * cut.pairs * shape.channels * sliding
    left = tiled(shape.columns, 1).wrapped
    if folds > 1 or not left:
        return read, arriving
    again = sum(rounds) - (len(rounds) if tiles.blocks_first else 1)
    alone, first = [], 0
    for strip in tiles.strips(shape):
        if strip <= rows:
            alone.append(first)
        first += -(-strip // rows)
    held = shape.images * again * sum(cut.sizes[n] for n in alone)
    held_each = shape.images * again * sum(cut.pairs_of[n] for n in alone)
    if tiles.blocks_first and shape.batch == 1 and len(cut.sizes) == 1:
        held += shape.groups * (len(blocks) - 1) * cut.sizes[0]
        held_each += shape.groups * (len(blocks) - 1) * cut.pairs_of[0]
    return read - held * shape.channels * left, arriving - held_each * shape.channels * left


def _spill(tally: Tally, shape: Shape, visits: int) -> None:
    """Sums between the elements and the buffer, once for each part of the channels."""
    results, final, copies = shape.num_results, shape.bits[2], shape.rows.taps
    wide = max(final, ACCUMULATOR_BITS)
    again = results * (visits - 1)
    tally.add("buffer", "read", again * wide)
    tally.add("sums", "write", again * copies * wide)
    tally.add("buffer", "write", results * final + again * wide)
    whole = results if copies == 1 else 0
    leaving = results * visits * copies
    tally.add("sums", "read", whole * final + (leaving - whole) * wide)
