"""Which columns of which banks the elements of a layout lie in, and in what order units take them.

A bank holds its vectors in blocks, one for each filling of the buffer of its channel: a filling is
what some groups are multiplied with, or one piece of what a long vector is. Within a block, the
vectors of one token (or output) of all its groups follow each other; so heads share rows, and a
cache that grows fills its blocks from the front.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Dram
from netwright.mapping.layout import Layout, Product

Integers = NDArray[np.int64]

Growth = Literal["", "outputs", "length"]
"""Along what a tensor grows with every token: vectors are added, or become longer."""


@dataclass(frozen=True, slots=True)
class Filling:
    """A block of every bank, and what fills the buffer meanwhile.

    Attributes:
        first_group: The first group of the block, of those of a channel.
        num_groups: Groups of the block.
        first: First element of the vectors.
        size: Elements of each vector that are used.
        room: Elements of each vector for which there is room.
        column: First column of the block, from the first row of the layout on.
        step: Columns from a vector to the next; of those that lie element by element, 1.
    """

    first_group: int
    num_groups: int
    first: int
    size: int
    room: int
    column: int
    step: int

    def starts(self, slots: Integers, groups: Integers, layout: Layout, elements: int) -> Integers:
        """The first column of a vector of each slot and group."""
        vectors = slots * self.num_groups + (groups - self.first_group)
        if layout.summed_along_rows:
            return self.column + vectors * self.step
        return self.column + vectors // elements * self.room


def elements_of(dram: Dram, bits: int) -> int:
    """Elements of a column."""
    return max(dram.access_bytes * 8 // bits, 1)


def room_of(layout: Layout, product: Product) -> int:
    """Elements of a vector for which there is room."""
    return max(layout.length, product.length)


def fillings(layout: Layout, product: Product, dram: Dram, bits: int) -> Iterator[Filling]:
    """Blocks of a bank in order, those for tokens to come included (they have size 0)."""
    column = 0
    for first_group, groups, first, room in _cuts(layout, room_of(layout, product)):
        size = min(max(product.length - first, 0), room)
        step = _step(layout, room, dram, bits)
        yield Filling(first_group, groups, first, size, room, column, step)
        column += _columns(layout, groups, room, dram, bits)


def columns_of(layout: Layout, product: Product, dram: Dram, bits: int) -> int:
    """Columns of a bank that a layout takes."""
    room = room_of(layout, product)
    alone = room > layout.piece  # a group and a piece, else some groups and whole vectors
    most, cut = (room, layout.piece) if alone else (layout.groups, layout.shared)
    whole, rest = divmod(most, cut)

    def one(number: int) -> int:
        groups, size = (1, number) if alone else (number, room)
        return _columns(layout, groups, size, dram, bits)

    columns = whole * one(cut) + (one(rest) if rest else 0)
    return columns * (layout.groups if alone else 1)


def rows_of(layout: Layout, product: Product, dram: Dram, bits: int) -> int:
    """Rows of a bank that a layout takes."""
    return -(-columns_of(layout, product, dram, bits) // dram.columns)


def _cuts(layout: Layout, room: int) -> Iterator[tuple[int, int, int, int]]:
    """First group, groups, first element and elements of each filling."""
    if room <= layout.piece:
        for group in range(0, layout.groups, layout.shared):
            yield group, min(layout.shared, layout.groups - group), 0, room
        return
    for group in range(layout.groups):
        for first in range(0, room, layout.piece):
            yield group, 1, first, min(layout.piece, room - first)


def _step(layout: Layout, size: int, dram: Dram, bits: int) -> int:
    if not layout.summed_along_rows:
        return 1
    columns = -(-size // elements_of(dram, bits))
    return columns if layout.packed else -(-columns // dram.columns) * dram.columns


def _columns(layout: Layout, groups: int, size: int, dram: Dram, bits: int) -> int:
    vectors = groups * layout.per_bank
    if layout.summed_along_rows:
        return vectors * _step(layout, size, dram, bits)
    return -(-vectors // elements_of(dram, bits)) * size


def held(layout: Layout, product: Product, dram: Dram, channel: int) -> tuple[int, int]:
    """Groups and vectors of each of them that the fullest bank of a channel uses."""
    if channel >= layout.channels:
        return 0, 0
    groups, first = product.groups, channel * dram.banks
    banks = layout.channels * dram.banks
    if layout.spread == "channels":
        groups = min(max(product.groups - channel * layout.groups, 0), layout.groups)
        first, banks = 0, dram.banks
    if layout.dealt:
        vectors = max(-(-(product.outputs - first) // banks), 0)
    else:
        vectors = min(max(product.outputs - first * layout.per_bank, 0), layout.per_bank)
    return (groups, vectors) if groups and vectors else (0, 0)


def places(
    layout: Layout, product: Product, dram: Dram, bits: int,
    groups: Integers, outputs: Integers, elements: Integers,
) -> Integers:  # fmt: skip
    """Where elements lie: one row of channel, bank, row, column and lane for each.

    Args:
        layout: Of the tensor.
        product: Of the tensor, which says how much of the layout is used.
        dram: The memory.
        bits: Of an element.
        groups: Number of the group of each element, of all those of the product.
        outputs: Number of its vector.
        elements: Its number within the vector.
    """
    width = elements_of(dram, bits)
    groups, outputs, elements = np.broadcast_arrays(groups, outputs, elements)
    wide = layout.spread == "banks"
    number = dram.banks * (layout.channels if wide else 1)
    if layout.dealt:
        place, slots = outputs % number, outputs // number
    else:
        place, slots = outputs // layout.per_bank, outputs % layout.per_bank
    own = groups if wide else groups % layout.groups
    channels = place // dram.banks if wide else groups // layout.groups
    found = np.zeros((groups.size, 5), np.int64)
    found[:, 0], found[:, 1] = channels.ravel(), (place % dram.banks).ravel()
    for filling in fillings(layout, product, dram, bits):
        inside = (own >= filling.first_group) & (own < filling.first_group + filling.num_groups)
        inside &= (elements >= filling.first) & (elements < filling.first + filling.room)
        if not inside.any():
            continue
        chosen = inside.ravel()
        start = filling.starts(slots[inside], own[inside], layout, width)
        offset = elements[inside] - filling.first
        if layout.summed_along_rows:
            column, lane = start + offset // width, offset % width
        else:
            vectors = slots[inside] * filling.num_groups + own[inside] - filling.first_group
            column, lane = start + offset, vectors % width
        found[chosen, 2] = layout.first_row + column // dram.columns
        found[chosen, 3], found[chosen, 4] = column % dram.columns, lane
    return found
