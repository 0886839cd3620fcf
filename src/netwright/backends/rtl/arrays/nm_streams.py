"""Matrices as an N:M array reads them: tiles, compact weights, groups of inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.arrays.driver import Streams, Words
from netwright.backends.rtl.arrays.operands import check_entering, tiled
from netwright.backends.rtl.simulate.verilator import packed
from netwright.cost.nm_array import Stationary
from netwright.formats import NM

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NMStreams:
    """How an array cuts products into tiles.

    Attributes:
        rows: Rows of elements.
        columns: Columns of elements.
        group: Inputs that an element holds.
        slots: Weights that an element holds.
        index_bits: Width of a weight's place.
        value_bits: Width of an operand.
        stationary: What stays in the elements.
        dense: Whether all weights are multiplied.
        extent: Neighbors of a sum that an element takes together.
        clocks: Weights that it multiplies of them.
    """

    rows: int
    columns: int
    group: int
    slots: int
    index_bits: int
    value_bits: int
    stationary: Stationary
    dense: bool
    extent: int
    clocks: int

    def vectors(self, x: Codes) -> Codes:
        """Rows in groups (rows, groups, extent), zeros appended."""
        missing = -x.shape[1] % self.extent
        return np.pad(x, ((0, 0), (0, missing))).reshape(len(x), -1, self.extent)

    def compact(self, w: Codes) -> tuple[Codes, Codes]:
        """Weights of every column (columns, groups, clocks) and their places in their groups.

        Those that are not zero are among them, in their order; of zeros, the first.
        """
        groups = self.vectors(w.T)
        if self.dense:
            return groups, np.broadcast_to(np.arange(self.extent), groups.shape)
        mask = (1 << self.value_bits) - 1
        if self.value_bits == 16:
            mask >>= 1  # the sign of a floating-point zero does not count
        there = (groups & mask != 0).astype(np.int64)
        kept = NM(self.clocks, self.extent, axis=2).mask(there)
        places = np.nonzero(kept)[2].reshape(*groups.shape[:2], self.clocks)
        return np.take_along_axis(groups, places, axis=2), places

    def terms(self, x: Codes, w: Codes) -> tuple[Callable[[int], tuple[Codes, Codes]], int]:
        """What is multiplied, in the order of the groups and of the weights of each.

        Returns:
            The inputs (rows, columns) and the weights (columns) of a step, and the number of steps.
        """
        values, places = self.compact(w)
        vectors = self.vectors(x)

        def term(step: int) -> tuple[Codes, Codes]:
            group, slot = divmod(step, self.clocks)
            return vectors[:, group, places[:, group, slot]], values[:, group, slot]

        return term, values.shape[1] * self.clocks

    def streams(self, x: Codes, w: Codes) -> Streams:
        """What enters the array, tile after tile.

        Args:
            x: The left matrix (rows, sums).
            w: The right matrix (sums, columns).
        """
        values, places = self.compact(w)
        mask = (1 << self.value_bits) - 1
        words = (values & mask) | (0 if self.dense else places << self.value_bits)
        vectors = np.pad(self.vectors(x), ((0, 0), (0, 0), (0, self.group - self.extent)))
        if self.stationary == "output":
            return self._output_tiles(vectors, words)
        return self._weight_tiles(vectors, words)

    def _output_tiles(self, x: Codes, w: Codes) -> Streams:
        """Tiles of rows by columns of the product, the columns inside."""
        rows = tiled(x, self.rows)
        columns = tiled(w.reshape(len(w), -1, 1), self.columns)
        down, right = len(rows), len(columns)
        check_entering(down * right, rows[0].size, columns[0].size)
        left = np.repeat(rows, right, axis=0).transpose(1, 0, 2, 3)
        top = np.tile(columns, (down, 1, 1, 1)).transpose(1, 0, 2, 3)
        return self._joined(left, top, down * right, x.shape[1] * self.clocks, self.rows)

    def _weight_tiles(self, x: Codes, w: Codes) -> Streams:
        """Tiles of groups by columns of weights, the columns inside."""
        rows = tiled(x.transpose(1, 0, 2), self.rows)  # (tiles, rows, batch, group)
        columns = tiled(w, self.columns)
        columns = np.pad(columns, [(0, 0), (0, 0), (0, -w.shape[1] % self.rows), (0, 0)])
        down, right = len(rows), len(columns)
        check_entering(down * right, rows[0].size, self.rows * self.columns * self.slots)
        left = np.repeat(rows, right, axis=0).transpose(1, 0, 2, 3)
        loads = columns.reshape(right, self.columns, down, self.rows, -1)[:, :, :, ::-1]
        top = loads.transpose(1, 2, 0, 3, 4)  # (columns, down, right, rows from the last, slots)
        return self._joined(left, top, down * right, len(x) * self.clocks, len(x))

    def _joined(self, left: Codes, top: Codes, tiles: int, steps: int, results: int) -> Streams:
        top = top.reshape(self.columns, -1, top.shape[-1])
        top = np.pad(top, ((0, 0), (0, 0), (0, self.slots - top.shape[-1])))
        mode = int(self.stationary == "weight") | 2 * int(self.dense)
        return Streams(
            x=packed(left.reshape(self.rows, -1, self.group), self.value_bits),
            w=packed(top, self.index_bits + self.value_bits),
            steps=np.full(tiles, steps, np.uint32),
            modes=np.full(tiles, mode, np.uint32),
            num_results=tiles * results,
        )

    def parts(self, results: Words, rows: int, features: int) -> Words:
        """What left the array as products of parts of the sums (parts, rows, features)."""
        across = -(-features // self.columns)
        if self.stationary == "output":
            blocks = results.reshape(self.columns, -1, across, self.rows)[..., ::-1]
            whole = blocks.transpose(1, 3, 2, 0).reshape(1, -1, across * self.columns)
        else:
            blocks = results.reshape(self.columns, -1, across, rows)
            whole = blocks.transpose(1, 3, 2, 0).reshape(blocks.shape[1], rows, -1)
        return np.ascontiguousarray(whole[:, :rows, :features])
