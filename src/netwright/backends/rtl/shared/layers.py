"""What the accelerator is told of one layer, and the clocks it takes for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.shared_options import SharedOptions
from netwright.formats import Rounding

WORD_BITS = 16
"""Bits of a word of the feature maps."""

MAX_PLANES = 4
"""Planes of words that one layer reads."""

MAX_DIGITS = 8
"""Bytes of a weight."""

MAX_PIECES = 3
"""Words of a result."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plane:
    """Words that a layer reads: a feature map, or the lower or upper words of a wide one.

    Attributes:
        tensor: Tensor that is stored.
        piece: Which words of it, 0 for the lowest.
        is_signed: Whether the words are two's complement.
    """

    tensor: str
    piece: int
    is_signed: bool


@dataclass(frozen=True, slots=True)
class Rescale:
    """What the requantizer does with every sum; the multiplier and the offset are the channel's.

    Attributes:
        shift: Bits that are dropped.
        rounding: How they are rounded.
        low: Smallest result, before the zero point is subtracted.
        high: Largest result.
        zero_point: What is subtracted at the end.
    """

    shift: int
    rounding: Rounding
    low: int
    high: int
    zero_point: int


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer as the accelerator computes it: windows of words times weights, requantized.

    Attributes:
        name: Name of the node whose result it stores.
        nodes: All nodes of the graph that it computes.
        planes: What it reads; all in the same places.
        size: Words of every plane; what lies outside counts as 0.
        first_index: Where the first window begins, in words; below 0 in the padding.
        source_stride: Words from a position's window to the next one's.
        block_stride: Words from the window of a block of channels to that of the next block.
        positions: Positions.
        channels: Channels, ``units x elements`` of them at the same time.
        weights: Byte of every multiplier in every row: (rows, elements, units, lanes).
        same_rows: Whether all blocks of channels use the same rows.
        digits: Bytes of a weight.
        multipliers: Of every channel.
        offsets: Of every channel.
        rescale: What follows.
        sums: Smallest and largest sum that is requantized.
        target: Tensor that is stored.
        target_first: Word of the tensor where the first result goes.
        target_stride: Words from a position's results to the next one's.
        pieces: Words of a result.
    """

    name: str
    nodes: tuple[str, ...]
    planes: tuple[Plane, ...]
    size: int
    first_index: int
    source_stride: int
    block_stride: int
    positions: int
    channels: int
    weights: Integers
    same_rows: bool
    digits: int
    multipliers: tuple[int, ...]
    offsets: tuple[int, ...]
    rescale: Rescale
    sums: tuple[int, int]
    target: str
    target_first: int
    target_stride: int
    pieces: int

    def blocks(self, options: SharedOptions) -> int:
        """Blocks of channels, one after the other."""
        return -(-self.channels // options.channels)

    def steps(self, options: SharedOptions) -> int:
        """Clocks in which a window of one plane is read, once for each byte of the weights."""
        blocks = 1 if self.same_rows else self.blocks(options)
        return len(self.weights) // (blocks * len(self.planes) * self.digits)

    def busy(self, options: SharedOptions) -> int:
        """Clocks in which a position's terms are multiplied."""
        return len(self.planes) * self.digits * self.steps(options)

    def leaving(self, options: SharedOptions, block: int) -> int:
        """Clocks in which the results of a position leave the units."""
        left = self.channels - block * options.channels
        return min(options.units, -(-left // options.elements)) * self.pieces


SETUP_CYCLES = 3
"""Clocks of a layer that go by with its descriptor: reading it, taking it over, going on."""

PIPELINE_CYCLES = 11
"""Registers from the last window of a layer to its last result, without those of the adder tree."""


def tree_stages(options: SharedOptions) -> int:
    """Registers in the adder tree of a unit, one after every second level."""
    return (options.lanes - 1).bit_length() // 2


def layer_cycles(layer: Layer, options: SharedOptions) -> int:
    """Clocks that the accelerator takes for a layer, exactly.

    Every position takes as long as its terms are multiplied or its results leave, whichever is
    longer; the last position does one after the other.
    """
    busy, blocks = layer.busy(options), layer.blocks(options)
    full, end = layer.leaving(options, 0), layer.leaving(options, blocks - 1)
    walk = layer.positions * ((blocks - 1) * max(busy, full) + max(busy, end))
    return SETUP_CYCLES + walk + min(busy, end) + PIPELINE_CYCLES + tree_stages(options)


def total_cycles(layers: Iterable[Layer], options: SharedOptions) -> int:
    """Clocks of a run: what the register ``cycles`` shows at its end."""
    return sum(layer_cycles(layer, options) for layer in layers)
