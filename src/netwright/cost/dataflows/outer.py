"""Tiles of a template's buffer: blocks of features and strips of rows, with the least traffic."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from netwright.cost.dataflows.shape import CACHED, Shape, tiled


class Outer(NamedTuple):
    """How the buffer is filled.

    Attributes:
        blocks_first: Whether strips follow each other inside a block of features; else blocks do
            inside a strip.
        features: Features of a block.
        rows: Rows of the result of a strip.
    """

    blocks_first: bool
    features: int
    rows: int

    def num_blocks(self, shape: Shape) -> int:
        """Blocks of a group."""
        return -(-shape.features // self.features)

    def num_strips(self, shape: Shape) -> int:
        """Strips of an image."""
        return -(-shape.rows.made // self.rows)

    def blocks(self, shape: Shape) -> tuple[int, ...]:
        """Features of each block."""
        whole, rest = divmod(shape.features, self.features)
        return (self.features,) * whole + ((rest,) if rest else ())

    def strips(self, shape: Shape) -> tuple[int, ...]:
        """Rows of each strip."""
        whole, rest = divmod(shape.rows.made, self.rows)
        return (self.rows,) * whole + ((rest,) if rest else ())

    def weights(self, shape: Shape) -> int:
        """Weights that come into the buffer."""
        again = not self.blocks_first and self.num_blocks(shape) > 1
        return shape.groups * shape.num_weights * (
            shape.batch * self.num_strips(shape) if again else 1
        )  # fmt: skip

    def inputs(self, shape: Shape) -> int:
        """Elements of the image that come into the buffer."""
        rows, columns = tiled(shape.rows, self.rows), tiled(shape.columns, shape.columns.made)
        blocks = self.num_blocks(shape)
        times = rows.fetched
        if self.blocks_first and blocks > 1:
            kept = rows.wrapped if shape.batch == 1 else 0
            times = blocks * rows.fetched - (blocks - 1) * kept
        return shape.images * shape.channels * times * columns.fetched

    def bits(self, shape: Shape) -> int:
        """Bits that cross the port."""
        widths = shape.bits
        return (
            self.inputs(shape) * widths[0]
            + self.weights(shape) * widths[1]
            + shape.num_results * widths[2]
        )

    def room(self, shape: Shape, result_bits: int) -> int:
        """Bytes of the buffer that the tiles take, twice where they change."""
        rows, columns = shape.rows, shape.columns
        all_features, all_rows = self.features == shape.features, self.rows == rows.made
        one_group, one_image = shape.groups == 1, shape.images == 1
        image = shape.channels * rows.reach(self.rows) * columns.reach(columns.made)
        weights = self.features * shape.channels * rows.taps * columns.taps
        results = self.features * self.rows * columns.made
        return (
            _bytes(image * shape.bits[0], stays=all_rows and one_image)
            + _bytes(weights * shape.bits[1], stays=all_features and one_group)
            + _bytes(results * result_bits, stays=all_features and all_rows and one_image)
        )


def _bytes(bits: int, *, stays: bool) -> int:
    return -(-bits * (1 if stays else 2) // 8)


class Limits(NamedTuple):
    """What the array of a template wants of the tiles.

    Attributes:
        features: Features that it works on at a time; blocks are multiples of them if they can be.
        rows: Rows of the result likewise.
        most_rows: Rows of a strip, at most.
        result_bits: Width of the results while they are in the buffer.
        one_block: Whether there must be one block.
    """

    features: int
    rows: int
    most_rows: int
    result_bits: int
    one_block: bool = False


@lru_cache(maxsize=CACHED)
def outer(shape: Shape, capacity: int, limits: Limits) -> Outer | None:
    """The tiles that fill the array most, of these with the least traffic; ``None`` if none fit."""
    whole = Outer(False, shape.features, shape.rows.made)
    if whole.rows <= limits.most_rows and whole.room(shape, limits.result_bits) <= capacity:
        return whole  # nothing fills the array more, nothing is fetched less
    found = [
        own
        for own in _candidates(shape, capacity, limits)
        if own.room(shape, limits.result_bits) <= capacity
    ]
    if not found:
        return None

    def key(own: Outer) -> tuple[int, int, int, int, bool]:
        busy = min(own.rows, limits.rows) * min(own.features, limits.features)
        return -busy, own.bits(shape), -own.rows, -own.features, own.blocks_first

    return min(found, key=key)


def _candidates(shape: Shape, capacity: int, limits: Limits) -> Iterator[Outer]:
    """Blocks as large as they can be for whole images or thin strips, and the other way round."""
    features = _sizes(shape.features, limits.features)
    most = min(shape.rows.made, limits.most_rows)
    if limits.rows < most < shape.rows.made:
        most -= most % limits.rows
    rows = _sizes(most, limits.rows)

    def fits(own: Outer) -> bool:
        return own.room(shape, limits.result_bits) <= capacity

    yield Outer(False, features[-1], rows[-1])  # what does not change takes its room once
    blocks = {features[-1], min(limits.features, features[-1]), features[0]}
    strips = {rows[-1], min(limits.rows, rows[-1]), rows[0]}
    if limits.one_block:
        blocks, strips = {features[-1]}, set()
    for strip in sorted(strips):
        place = _last(len(features), partial(_fits, fits, features, strip=strip))
        if place is not None:
            yield Outer(True, features[place], strip)
    for block in sorted(blocks):
        place = _last(len(rows), partial(_fits, fits, rows, block=block))
        if place is not None:
            yield Outer(False, block, rows[place])


def _fits(
    fits: Callable[[Outer], bool],
    sizes: Sequence[int],
    place: int,
    *,
    strip: int = 0,
    block: int = 0,
) -> bool:
    return fits(Outer(bool(strip), block or sizes[place], strip or sizes[place]))


@lru_cache(maxsize=CACHED)
def _sizes(extent: int, step: int) -> Sequence[int]:
    """Sizes of tiles, rising: up to a step all, then its multiples, and the whole extent."""
    small = range(1, min(step, extent) + 1)
    return tuple(sorted({*small, *range(step, extent + 1, step), extent}))


def _last(count: int, fits: Callable[[int], bool]) -> int | None:
    """The last place that fits, where all before it do."""
    place = bisect_right(range(count), 0, key=lambda n: 0 if fits(n) else 1)
    return place - 1 if place else None
