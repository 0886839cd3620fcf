"""Requests of units beside banks: products with what lies there, and new rows of caches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Dram
from netwright.cost.events.program import COLUMNS
from netwright.cost.events.table import Table
from netwright.mapping.bank_columns import (
    Filling,
    Growth,
    elements_of,
    fillings,
    held,
    places,
)
from netwright.mapping.layout import Layout, Product

Integers = NDArray[np.int64]


def product_requests(
    layout: Layout, product: Product, dram: Dram, table: Table, bits: int, repeats: int
) -> Integers:
    """Fill the buffer, multiply every vector with it, read the sums: channel after channel.

    Args:
        layout: Of the second operand.
        product: What is multiplied.
        dram: The memory.
        table: Numbers of its commands.
        bits: Of an element.
        repeats: Steps in which a unit takes a column.
    """
    known: dict[tuple[int, int], Integers] = {}
    every = []
    for channel in range(dram.channels):
        has = held(layout, product, dram, channel)
        if has not in known:
            known[has] = _channel(layout, product, dram, table, bits, repeats, has)
        own = known[has].copy()
        own[:, COLUMNS.index("channel")] = channel
        every.append(own)
    return np.tile(np.concatenate(every), (product.inputs, 1))


def _channel(
    layout: Layout, product: Product, dram: Dram, table: Table, bits: int, repeats: int,
    has: tuple[int, int],
) -> Integers:  # fmt: skip
    num_groups, num_slots = has
    elements = elements_of(dram, bits)
    parts = [np.zeros((0, len(COLUMNS)), np.int64)]
    for filling in fillings(layout, product, dram, bits):
        last = min(filling.first_group + filling.num_groups, num_groups)
        groups = np.arange(filling.first_group, last)
        if not filling.size or not groups.size:
            continue
        loads = groups.size * -(-filling.size // elements)
        command = table.number[_command(dram, "load")]
        parts.append(np.array([[command, 0, 0, 0, 0, loads, 0]], np.int64))
        slots = np.repeat(np.arange(num_slots), groups.size)
        starts = filling.starts(slots, np.tile(groups, num_slots), layout, elements)
        parts.append(_vectors(layout, filling, starts, dram, table, elements, repeats))
    return np.concatenate(parts)


def _vectors(
    layout: Layout, filling: Filling, starts: Integers, dram: Dram, table: Table, elements: int,
    repeats: int,
) -> Integers:  # fmt: skip
    """For each vector its columns, cut where rows end, and then its sums."""
    columns = -(-filling.size // elements) if layout.summed_along_rows else filling.size
    starts, width = starts + layout.first_row * dram.columns, dram.columns
    first = starts // width
    last = (starts + columns - 1) // width
    runs = (last - first + 1) * repeats
    own = np.repeat(np.arange(len(starts)), runs + 1)
    place = np.arange(len(own)) - np.repeat(np.cumsum(runs + 1) - (runs + 1), runs + 1)
    is_sum = place == runs[own]
    row = first[own] + np.where(is_sum, 0, place // repeats)
    begin = np.maximum(starts[own], row * width)
    end = np.minimum(starts[own] + columns, (row + 1) * width)
    compute, unload = (table.number[_command(dram, does)] for does in ("compute", "unload"))
    found = np.zeros((len(own), len(COLUMNS)), np.int64)
    found[:, 0] = np.where(is_sum, unload, compute)
    found[:, 3] = np.where(is_sum, 0, row)
    found[:, 4] = np.where(is_sum, 0, begin - row * width)
    found[:, 5] = np.where(is_sum, 1, end - begin)
    return found


def append_requests(
    layout: Layout, product: Product, growth: Growth, rows: int, dram: Dram, table: Table, bits: int
) -> Integers:
    """Writes of the last tokens of a cache, bank by bank, so that rows open side by side.

    A column is written once for all of its elements that are new; others of it are masked.

    Args:
        layout: Of the cache.
        product: That the cache is in; it counts the new tokens.
        growth: Along what the cache grows.
        rows: Tokens that are written.
        dram: The memory.
        table: Numbers of its commands.
        bits: Of an element.
    """
    outputs, elements = np.arange(product.outputs), np.arange(product.length)
    if growth == "outputs":
        outputs = outputs[-rows:]
    else:
        elements = elements[-rows:]
    points = np.meshgrid(np.arange(product.groups), outputs, elements, indexing="ij")
    groups, outputs, elements = (axis.ravel() for axis in points)
    found = places(layout, product, dram, bits, groups, outputs, elements)
    columns = np.unique(found[:, [0, 2, 1, 3]], axis=0)  # channel, row, bank, column
    return _runs(columns, dram, table, "write")


def read_requests(layout: Layout, columns: int, dram: Dram, table: Table) -> Integers:
    """Reads of the first columns of a tensor, over the pins: of the same share of each channel.

    Args:
        layout: Of a tensor that no unit multiplies, or of a matrix of which a vector is looked up;
            that one lies in a single bank.
        columns: How many are read.
        dram: The memory.
        table: Numbers of its commands.
    """
    channels = 1 if layout.dealt else layout.channels
    per_bank = columns if layout.dealt else layout.per_bank
    every = np.arange(columns)
    channel, place = every % channels, every // channels
    bank, slot = place // per_bank, place % per_bank
    row = layout.first_row + slot // dram.columns
    found = np.column_stack([channel, row, bank, slot % dram.columns])
    return _runs(np.unique(found, axis=0), dram, table, "read")


def _runs(columns: Integers, dram: Dram, table: Table, does: str) -> Integers:
    """Requests to columns (channel, row, bank, column) in order, those side by side as one."""
    follows = (np.diff(columns[:, :3], axis=0) == 0).all(axis=1) & (np.diff(columns[:, 3]) == 1)
    begins = np.flatnonzero(np.concatenate([[True], ~follows]))
    made = np.zeros((len(begins), len(COLUMNS)), np.int64)
    made[:, 0] = table.number[_command(dram, does)]
    made[:, [1, 3, 2, 4]] = columns[begins]
    made[:, 5] = np.diff(np.concatenate([begins, [len(columns)]]))
    return made


def _command(dram: Dram, does: str) -> str:
    """The command of a memory that does something."""
    return next(name for name, command in dram.commands.items() if command.does == does)
