"""Weight stationary: input channels along one axis of the array, features along the other."""

from __future__ import annotations

from typing import NamedTuple

from netwright.cost.dataflows.flow import ACCUMULATOR_BITS, Flow, Tally
from netwright.cost.dataflows.outer import Limits, Outer, outer
from netwright.cost.dataflows.shape import Shape, tiled

SUM_BYTES = ACCUMULATOR_BITS // 8


class Use(NamedTuple):
    """What a layer uses of the template.

    Attributes:
        tiles: Tiles of the buffer.
        channels: Input channels that it works on at a time.
        features: Features likewise.
    """

    tiles: Outer
    channels: int
    features: int


def use(shape: Shape, sides: tuple[int, int], buffer_bytes: int, sums_bytes: int) -> Use | None:
    """What a layer uses; ``None`` if the buffer or the accumulators are too small.

    Args:
        shape: The layer.
        sides: Axes of the array: channels, features.
        buffer_bytes: Capacity of the buffer.
        sums_bytes: Capacity of the accumulators.
    """
    along_channels, along_features = sides
    room = sums_bytes // (2 * SUM_BYTES * shape.columns.made)
    features = min(shape.features, along_features, room)
    if not features:
        return None
    most_rows = min(room // features, shape.rows.made)
    tiles = outer(shape, buffer_bytes, Limits(features, 1, most_rows, shape.bits[2]))
    if tiles is None:
        return None
    return Use(tiles, min(shape.channels, along_channels), min(features, tiles.features))


def weight_stationary(shape: Shape, used: Use) -> Flow:
    """A layer on the template.

    For each block of features, block of channels and place of the filter the weights stay in the
    elements while all pixels of the strip pass; every pixel is read once for all features, and the
    channels are added on the way to the accumulators.
    """
    tiles, channels, features = used
    columns = shape.columns.made
    rounds = sum(-(-block // features) for block in tiles.blocks(shape))
    folds = -(-shape.channels // channels)
    taps = shape.rows.taps * shape.columns.taps
    tally = Tally()
    tally.fill(shape, tiles)
    tally.move("buffer", "weights", _loaded(shape, tiles, features, folds * taps), shape.bits[1])
    tally.move("weights", "", shape.num_macs, shape.bits[1])
    seen = tiled(shape.rows, shape.rows.made).pairs * tiled(shape.columns, columns).pairs
    tally.move("buffer", "", shape.images * shape.channels * seen * rounds, shape.bits[0])
    tally.gather("accumulators", shape, folds * taps)
    tally.move("accumulators", "buffer", shape.num_results, shape.bits[2])
    cycles = shape.images * rounds * folds * taps * shape.rows.made * columns
    return Flow(
        cycles, tally.amounts,
        (("M", features, -1), ("C", channels, -1), ("R", 1, -1), ("S", 1, -1), ("C", 1, 0),
         ("M", 1, 1), ("P", 1, -1), ("Q", 1, -1)),
        (("accumulators", "output", 1), ("weights", "weight", 6)), tiles,
    )  # fmt: skip


def _loaded(shape: Shape, tiles: Outer, features: int, folds: int) -> int:
    """Weights that are loaded into the elements: again for each strip, unless they are there."""
    strips = shape.batch * tiles.num_strips(shape)
    each = shape.num_weights // shape.features
    if not tiles.blocks_first and tiles.num_blocks(shape) > 1:
        return shape.groups * shape.num_weights * strips
    return shape.groups * sum(
        block * each * (1 if -(-block // features) * folds == 1 else strips)
        for block in tiles.blocks(shape)
    )
