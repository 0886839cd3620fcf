"""The systolic array for outlier-victim pairs: decoders on two borders, elements that shift."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.backends.rtl.arrays.design import TIMEOUT_S, ArrayDesign, ArrayProduct
from netwright.backends.rtl.arrays.driver import Ports, Streams
from netwright.backends.rtl.arrays.operands import (
    check_entering,
    check_product,
    integer_matrix,
    refuse_overflow,
    tiled,
)
from netwright.backends.rtl.arrays.structure import ACC_BITS, STEP_BITS, Structure, check_sides
from netwright.backends.rtl.simulate.verilator import packed
from netwright.cost.systolic import matrix_product
from netwright.errors import ConfigError, DataError, NumericsError
from netwright.formats import OutlierPairs

MAX_BIAS = 8
"""Largest bias whose products fit the sum."""


@dataclass(frozen=True, slots=True)
class OutlierArray:
    """An output-stationary array that multiplies matrices of outlier-victim pairs.

    Attributes:
        rows: Rows of elements, 1 to 64.
        columns: Columns of elements, 1 to 64.
        number: The codes of both matrices.

    Raises:
        ConfigError: A value is not accepted.
    """

    rows: int
    columns: int
    number: OutlierPairs = field(default_factory=OutlierPairs)

    def __post_init__(self) -> None:
        check_sides(rows=self.rows, columns=self.columns)
        if not isinstance(self.number, OutlierPairs):
            raise ConfigError(f"number must be OutlierPairs, not {self.number!r}")
        if self.number.bits == 4 and self._bias > MAX_BIAS:
            raise ConfigError(f"bias must be at most {MAX_BIAS} in an array, not {self._bias}")

    @property
    def _bias(self) -> int:
        assert self.number.bias is not None
        return self.number.bias

    @property
    def mantissa_bits(self) -> int:
        """Bits of an outlier's mantissa."""
        return {"e2m1": 1, "e4m3": 3, "e2m5": 5}[str(self.number.outlier)]

    @property
    def max_exponent(self) -> int:
        """Largest exponent that a decoder gives."""
        return self.number.max.bit_length() - 1 - self.mantissa_bits

    @property
    def structure(self) -> Structure:
        """What it is in Verilog."""
        bits = self.number.bits
        return Structure(
            name=f"outlier_array_{self.rows}x{self.columns}",
            module="ovp_array",
            parameters={
                "ROWS": self.rows,
                "COLUMNS": self.columns,
                "INT_BITS": bits,
                "FLINT": int(self.number.normal == "flint4"),
                "MANTISSA_BITS": self.mantissa_bits,
                "BIAS": self._bias,
                "EXPONENT_BITS": max(self.max_exponent.bit_length(), 3),
                "MAX_SHIFT": 2 * self.max_exponent,
                "ACC_BITS": ACC_BITS,
                "STEP_BITS": STEP_BITS,
            },
            ports=Ports(self.rows, self.columns, 2 * bits, 2 * bits, modes=False),
            parts=("ovp_pe", "ovp_border"),
        )

    def cycles(self, rows: int, depth: int, columns: int) -> int:
        """Clocks of a product by the formula of the cost room; what is simulated takes as many.

        Args:
            rows: Rows of the left matrix.
            depth: Terms of a sum, an even number.
            columns: Columns of the right matrix.
        """
        return matrix_product(rows, depth, columns, (self.rows, self.columns), "output")

    def generate(self, out: str | Path) -> OutlierDesign:
        """Write the Verilog to the folder `out`, whole or not at all.

        Raises:
            RunError: `out` holds something else, or cannot be written.
        """
        structure = self.structure
        root, files = ArrayDesign.written(structure, out)
        return OutlierDesign(root, structure, files, self)

    def streams(self, x: NDArray[np.uint8], w: NDArray[np.uint8]) -> Streams:
        """What enters the array for a product of packed matrices, tile after tile.

        Args:
            x: Bytes of the rows of the left matrix, as :meth:`OutlierPairs.pack` makes them.
            w: Bytes of the columns of the right matrix, one column after the other.

        Raises:
            DataError: They are no bytes of pairs, or do not fit each other.
        """
        rows = tiled(self._pairs(x, "x"), self.rows)
        columns = tiled(self._pairs(w, "w"), self.columns)
        if x.shape[1] != w.shape[1]:
            raise DataError(f"x has {x.shape[1]} bytes in a row, but w {w.shape[1]}")
        down, right, steps = len(rows), len(columns), rows.shape[2]
        tiles = down * right
        check_entering(tiles, rows[0].size, columns[0].size)
        left = np.repeat(rows, right, axis=0).transpose(1, 0, 2).reshape(self.rows, -1, 1)
        top = np.tile(columns, (down, 1, 1)).transpose(1, 0, 2).reshape(self.columns, -1, 1)
        bits = 2 * self.number.bits
        return Streams(
            x=packed(left, bits),
            w=packed(top, bits),
            steps=np.full(tiles, 2 * steps, np.uint32),
            modes=np.zeros(tiles, np.uint32),
            num_results=tiles * self.rows,
        )

    def _pairs(self, data: NDArray[np.uint8], name: str) -> NDArray[np.int64]:
        """Bytes as pairs: a byte each, or of eight bits two, the first one lower."""
        size = self.number.bits // 4
        if data.ndim != 2 or data.dtype != np.uint8 or 0 in data.shape or data.shape[1] % size:
            raise DataError(
                f"{name} must be a matrix of bytes, {size} for each pair, not {data.dtype} of "
                f"shape {data.shape}"
            )
        whole = data.astype(np.int64)
        return whole if size == 1 else whole[:, 0::2] | whole[:, 1::2] << 8


@dataclass(frozen=True)
class OutlierDesign(ArrayDesign):
    """An array for outlier-victim pairs in a folder.

    Attributes:
        array: The array.
    """

    array: OutlierArray

    def simulate(self, a: ArrayLike, b: ArrayLike, *, timeout_s: float = TIMEOUT_S) -> ArrayProduct:
        """Multiply two matrices on the simulated array; builds it first if need be.

        Args:
            a: Values (rows, sums); neighbors along its last axis are a pair.
            b: Values (sums, columns); neighbors along its first axis are a pair.
            timeout_s: Wall-clock seconds each program gets to build it.

        Returns:
            The product, int64, and the clocks that it took.

        Raises:
            NumericsError: A value is no code beside its neighbor, the sums have an odd number of
                terms, or a result needs more than 32 bits.
            DataError: The shapes do not fit.
            ToolMissing: Verilator or g++ is not installed.
        """
        number = self.array.number
        left, right = integer_matrix(a, "a"), integer_matrix(b, "b")
        check_product(left, right, STEP_BITS)
        refuse_overflow(left, right, ACC_BITS)
        x, w = _bytes(left, number, "a", 1), _bytes(right.T, number, "b", 0)
        return self.simulate_bytes(x, w, timeout_s=timeout_s)

    def simulate_bytes(
        self, x: NDArray[np.uint8], w: NDArray[np.uint8], *, timeout_s: float = TIMEOUT_S
    ) -> ArrayProduct:
        """Multiply two packed matrices; bytes that no pair is stored as are zeros.

        Args:
            x: Bytes of the rows of the left matrix, as :meth:`OutlierPairs.pack` makes them.
            w: Bytes of the columns of the right matrix, one column after the other.
            timeout_s: Wall-clock seconds each program gets to build it.

        Returns:
            The product in sums of 32 bits that wrap, as int64, and the clocks that it took.

        Raises:
            DataError: They are no bytes of pairs, or do not fit each other.
            ToolMissing: Verilator or g++ is not installed.
        """
        array = self.array
        streams = array.streams(x, w)
        played = self.play(streams, timeout_s=timeout_s)
        down, right = -(-len(x) // array.rows), -(-len(w) // array.columns)
        sums = played.results.view(np.int32).astype(np.int64)
        blocks = sums.reshape(array.columns, down, right, array.rows)[..., ::-1]
        values = blocks.transpose(1, 3, 2, 0).reshape(down * array.rows, right * array.columns)
        return ArrayProduct(
            values[: len(x), : len(w)], played.cycles, played.cycles_until_last, down * right
        )


def _bytes(
    rows: NDArray[np.int64], number: OutlierPairs, name: str, axis: int
) -> NDArray[np.uint8]:
    """Packed rows; every value must be stored as it is."""
    if rows.shape[1] % 2:
        raise NumericsError(
            f"{name} must have an even extent along axis {axis}, where neighbors are pairs, "
            f"not {rows.shape[1]}",
            hint="append a zero",
        )
    words = number.encode(rows)
    bad = number.decode(words) != rows
    if bad.any():
        row, place = (int(i) for i in np.argwhere(bad)[0])
        where = (row, place) if axis else (place, row)
        first = place // 2 * 2
        pair = ", ".join(str(int(value)) for value in rows[row, first : first + 2])
        raise NumericsError(
            f"{name} holds {int(rows[row, place])} at {where}, which {number} has no code for in "
            f"the pair {pair}",
            hint="take the nearest values: number.decode(number.encode(values))",
        )
    return number.pack(words)
