"""The systolic array for N:M sparse products: weight or output stationary, sparse or dense."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.backends.rtl.arrays.design import TIMEOUT_S, ArrayDesign, ArrayProduct
from netwright.backends.rtl.arrays.driver import Ports, Streams
from netwright.backends.rtl.arrays.operands import integer_matrix, refuse_overflow, tiled
from netwright.backends.rtl.arrays.structure import ACC_BITS, STEP_BITS, Structure, check_sides
from netwright.backends.rtl.simulate.verilator import packed
from netwright.cost.nm_array import Element, Stationary, nm_product
from netwright.errors import ConfigError, NumericsError
from netwright.formats import NM

VALUE_BITS = 8
MAX_GROUP = 32


@dataclass(frozen=True, slots=True)
class NMArray:
    """An array of elements that hold N weights and a group of M inputs, of eight bits each.

    Attributes:
        rows: Rows of elements, 1 to 64.
        columns: Columns of elements, 1 to 64.
        kept: Weights that are kept of a group: N.
        group: Extent of a group, 2 to 32: M.
        slots: Weights that an element can hold, `kept` to `group`; `kept` unless given. More are of
            use for dense products with weights stationary only.

    Raises:
        ConfigError: A value is not accepted.
    """

    rows: int
    columns: int
    kept: int = 2
    group: int = 8
    slots: int = 0

    def __post_init__(self) -> None:
        check_sides(rows=self.rows, columns=self.columns)
        if not self.slots:
            object.__setattr__(self, "slots", self.kept)
        ends = {
            "group": (2, MAX_GROUP),
            "kept": (1, self.group - 1),
            "slots": (self.kept, self.group),
        }
        for name, (low, high) in ends.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ConfigError(f"{name} must be an integer from {low} to {high}, not {value!r}")

    @property
    def index_bits(self) -> int:
        """Width of a weight's place in its group."""
        return (self.group - 1).bit_length()

    @property
    def structure(self) -> Structure:
        """What it is in Verilog."""
        weight_bits = self.index_bits + VALUE_BITS
        return Structure(
            name=f"nm_array_{self.rows}x{self.columns}_{self.kept}of{self.group}",
            module="nm_array",
            parameters={
                "ROWS": self.rows,
                "COLUMNS": self.columns,
                "KEPT": self.kept,
                "GROUP": self.group,
                "SLOTS": self.slots,
                "INDEX_BITS": self.index_bits,
                "VALUE_BITS": VALUE_BITS,
                "ACC_BITS": ACC_BITS,
                "STEP_BITS": STEP_BITS,
            },
            ports=Ports(
                self.rows, self.columns, self.group * VALUE_BITS, self.slots * weight_bits,
                modes=True,
            ),
            parts=("nm_pe", "nm_edge"),
        )  # fmt: skip

    @property
    def element(self) -> Element:
        """An element as the cost room knows it; sums are added up in one clock."""
        return Element(self.kept, self.group, self.slots)

    def cycles(
        self, rows: int, depth: int, features: int, *, stationary: Stationary, dense: bool = False
    ) -> int:
        """Clocks of a product by the formula of the cost room; what is simulated takes as many.

        Args:
            rows: Rows of the left matrix.
            depth: Terms of a sum.
            features: Columns of the right matrix.
            stationary: What stays in the elements.
            dense: Whether all weights are multiplied, not only N of M.
        """
        sides = (self.rows, self.columns)
        return nm_product(rows, depth, features, sides, self.element, stationary, dense=dense)

    def generate(self, out: str | Path) -> NMDesign:
        """Write the Verilog to the folder `out`, whole or not at all.

        Raises:
            RunError: `out` holds something else, or cannot be written.
        """
        structure = self.structure
        root, files = ArrayDesign.written(structure, out)
        return NMDesign(root, structure, files, self)

    def compact(self, weights: NDArray[np.int64], *, dense: bool, extent: int) -> NDArray[np.int64]:
        """Columns of weights as words of the array: a value and above it its place in the group.

        Args:
            weights: Weights (columns, groups * extent).
            dense: Whether all are kept.
            extent: Extent of a group.

        Returns:
            Words (columns, groups, kept); what is not zero is among them, in its order.
        """
        groups = weights.reshape(len(weights), -1, extent)
        if dense:
            return groups & 0xFF
        kept = NM(self.kept, self.group, axis=2).mask(groups)
        places = np.nonzero(kept)[2].reshape(*groups.shape[:2], self.kept)
        values = np.take_along_axis(groups, places, axis=-1)
        return (values & 0xFF) | places << VALUE_BITS

    def streams(
        self, x: NDArray[np.int64], w: NDArray[np.int64], stationary: Stationary, *, dense: bool
    ) -> Streams:
        """What enters the array for a product, tile after tile.

        Args:
            x: The left matrix (rows, sums).
            w: The right matrix (sums, columns).
            stationary: What stays in the elements.
            dense: Whether all weights are multiplied.
        """
        extent, clocks = self.element.span(stationary, dense=dense)
        depth = -(-x.shape[1] // extent) * extent
        missing = depth - x.shape[1]
        vectors = np.pad(x, ((0, 0), (0, missing))).reshape(len(x), -1, extent)
        vectors = np.pad(vectors, ((0, 0), (0, 0), (0, self.group - extent)))
        weights = self.compact(np.pad(w.T, ((0, 0), (0, missing))), dense=dense, extent=extent)
        mode = int(stationary == "weight") | 2 * int(dense)
        make = self._output_tiles if stationary == "output" else self._weight_tiles
        return make(vectors, weights, clocks, mode)

    def _output_tiles(
        self, x: NDArray[np.int64], w: NDArray[np.int64], clocks: int, mode: int
    ) -> Streams:
        """Tiles of rows by columns of the product, the columns inside."""
        groups = x.shape[1]
        rows, columns = tiled(x, self.rows), tiled(w.reshape(len(w), -1, 1), self.columns)
        down, right = len(rows), len(columns)
        left = np.repeat(rows, right, axis=0).transpose(1, 0, 2, 3)
        top = np.tile(columns, (down, 1, 1, 1)).transpose(1, 0, 2, 3)
        return self._streams(left, top, down * right, groups * clocks, mode, self.rows)

    def _weight_tiles(
        self, x: NDArray[np.int64], w: NDArray[np.int64], clocks: int, mode: int
    ) -> Streams:
        """Tiles of groups by columns of weights, the columns inside."""
        rows = tiled(x.transpose(1, 0, 2), self.rows)  # (tiles, rows, batch, group)
        columns = tiled(w, self.columns)
        columns = np.pad(columns, [(0, 0), (0, 0), (0, -w.shape[1] % self.rows), (0, 0)])
        down, right = len(rows), len(columns)
        left = np.repeat(rows, right, axis=0).transpose(1, 0, 2, 3)
        loads = columns.reshape(right, self.columns, down, self.rows, -1)[:, :, :, ::-1]
        top = loads.transpose(1, 2, 0, 3, 4)  # (columns, down, right, rows from the last, slots)
        return self._streams(left, top, down * right, len(x) * clocks, mode, len(x))

    def _streams(
        self,
        left: NDArray[np.int64],
        top: NDArray[np.int64],
        tiles: int,
        steps: int,
        mode: int,
        results: int,
    ) -> Streams:
        top = top.reshape(self.columns, -1, top.shape[-1])
        top = np.pad(top, ((0, 0), (0, 0), (0, self.slots - top.shape[-1])))
        return Streams(
            x=packed(left.reshape(self.rows, -1, self.group), VALUE_BITS),
            w=packed(top, self.index_bits + VALUE_BITS),
            steps=np.full(tiles, steps, np.uint32),
            modes=np.full(tiles, mode, np.uint32),
            num_results=tiles * results,
        )


@dataclass(frozen=True)
class NMDesign(ArrayDesign):
    """An array for N:M sparse products in a folder.

    Attributes:
        array: The array.
    """

    array: NMArray

    def simulate(
        self,
        x: ArrayLike,
        w: ArrayLike,
        *,
        stationary: Stationary = "output",
        dense: bool = False,
        timeout_s: float = TIMEOUT_S,
    ) -> ArrayProduct:
        """Multiply two matrices on the simulated array; builds it first if need be.

        Where the sums do not divide by the group, zeros are appended. Weight stationary, the parts
        of a sum that do not fit the array together are added outside of it.

        Args:
            x: Codes of eight bits (rows, sums).
            w: Codes of eight bits (sums, columns); of every group of M along its first axis at most
                N are not zero, unless `dense`.
            stationary: What stays in the elements.
            dense: Multiply all weights.
            timeout_s: Wall-clock seconds each program gets to build it.

        Returns:
            The product, int64, and the clocks that it took.

        Raises:
            NumericsError: A value does not fit eight bits, a group has more than N weights, or a
                result needs more than 32 bits.
            DataError: The shapes do not fit.
            ConfigError: `stationary` is something else.
            ToolMissing: Verilator or g++ is not installed.
        """
        if stationary not in ("weight", "output"):
            raise ConfigError(f'stationary must be "weight" or "output", not {stationary!r}')
        array = self.array
        left, right = _codes(x, "x"), _codes(w, "w")
        refuse_overflow(left, right, ACC_BITS, STEP_BITS)
        if not dense:
            padded = np.pad(right, ((0, -len(right) % array.group), (0, 0)))
            if fault := NM(array.kept, array.group, axis=0).fault(padded):
                raise NumericsError(f"w: {fault}", hint="dense=True multiplies all weights")
        streams = array.streams(left, right, stationary, dense=dense)
        played = self.play(streams, timeout_s=timeout_s)
        sums = played.results.view(np.int32).astype(np.int64)
        rows, features = left.shape[0], right.shape[1]
        across = -(-features // array.columns)
        if stationary == "output":
            blocks = sums.reshape(array.columns, -1, across, array.rows)[..., ::-1]
            values = blocks.transpose(1, 3, 2, 0).reshape(-1, across * array.columns)
        else:
            parts = sums.reshape(array.columns, -1, across, rows).sum(axis=1)
            values = parts.transpose(2, 1, 0).reshape(rows, -1)
        return ArrayProduct(
            values[:rows, :features], played.cycles, played.cycles_until_last, len(streams.steps)
        )


def _codes(values: ArrayLike, name: str) -> NDArray[np.int64]:
    """A matrix of codes of eight bits."""
    matrix = integer_matrix(values, name)
    bad = (matrix < -128) | (matrix > 127)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise NumericsError(
            f"{name} holds {int(matrix[place])} at {place}, which is no code of 8 bits"
        )
    return matrix
