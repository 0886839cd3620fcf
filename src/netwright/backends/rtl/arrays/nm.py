"""The systolic array for N:M sparse products: weight or output stationary, sparse or dense."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.backends.rtl.arrays import bfloat
from netwright.backends.rtl.arrays.design import TIMEOUT_S, ArrayDesign, ArrayProduct
from netwright.backends.rtl.arrays.driver import Ports
from netwright.backends.rtl.arrays.nm_streams import NMStreams
from netwright.backends.rtl.arrays.operands import (
    check_product,
    float_matrix,
    integer_matrix,
    refuse_overflow,
)
from netwright.backends.rtl.arrays.structure import ACC_BITS, STEP_BITS, Structure, check_sides
from netwright.cost.nm_array import Element, Stationary, nm_product
from netwright.errors import ConfigError, NumericsError
from netwright.formats import BFLOAT16, NM
from netwright.formats.bfloat import add, multiply

Number = Literal["int8", "bfloat16"]
"""What elements multiply: int8 into sums of int32, or bfloat16 into sums of float32."""

VALUE_BITS: dict[str, int] = {"int8": 8, "bfloat16": 16}
MAX_GROUP = 32


@dataclass(frozen=True, slots=True)
class NMArray:
    """An array of elements that hold N weights and a group of M inputs.

    Attributes:
        rows: Rows of elements, 1 to 64.
        columns: Columns of elements, 1 to 64.
        kept: Weights that are kept of a group: N.
        group: Extent of a group, 2 to 32: M.
        slots: Weights that an element can hold, `kept` to `group`; `kept` unless given. More are of
            use for dense products with weights stationary only.
        number: What elements multiply.

    Raises:
        ConfigError: A value is not accepted.
    """

    rows: int
    columns: int
    kept: int = 2
    group: int = 8
    slots: int = 0
    number: Number = "int8"

    def __post_init__(self) -> None:
        check_sides(rows=self.rows, columns=self.columns)
        if self.number not in VALUE_BITS:
            raise ConfigError(f'number must be "int8" or "bfloat16", not {self.number!r}')
        self._check("group", 2, MAX_GROUP)
        self._check("kept", 1, self.group - 1)
        if self.slots == 0:
            object.__setattr__(self, "slots", self.kept)
        self._check("slots", self.kept, self.group)

    def _check(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(f"{name} must be an integer from {low} to {high}, not {value!r}")

    @property
    def value_bits(self) -> int:
        """Width of an operand."""
        return VALUE_BITS[self.number]

    @property
    def index_bits(self) -> int:
        """Width of a weight's place in its group."""
        return (self.group - 1).bit_length()

    @property
    def structure(self) -> Structure:
        """What it is in Verilog."""
        return Structure(
            name=f"nm_array_{self.rows}x{self.columns}_{self.kept}of{self.group}_{self.number}",
            module="nm_array",
            parameters={
                "ROWS": self.rows,
                "COLUMNS": self.columns,
                "KEPT": self.kept,
                "GROUP": self.group,
                "SLOTS": self.slots,
                "INDEX_BITS": self.index_bits,
                "VALUE_BITS": self.value_bits,
                "ACC_BITS": ACC_BITS,
                "FLOAT": int(self.number == "bfloat16"),
                "STEP_BITS": STEP_BITS,
            },
            ports=Ports(
                self.rows,
                self.columns,
                self.group * self.value_bits,
                self.slots * (self.index_bits + self.value_bits),
                modes=True,
            ),
            parts=("nm_pe", "nm_edge"),
        )

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

    def streams(self, stationary: Stationary, *, dense: bool) -> NMStreams:
        """How matrices are cut into tiles for it."""
        extent, clocks = self.element.span(stationary, dense=dense)
        return NMStreams(
            self.rows, self.columns, self.group, self.slots, self.index_bits, self.value_bits,
            stationary, dense, extent, clocks,
        )  # fmt: skip

    def generate(self, out: str | Path) -> NMDesign:
        """Write the Verilog to the folder `out`, whole or not at all.

        Raises:
            RunError: `out` holds something else, or cannot be written.
        """
        structure = self.structure
        root, files = ArrayDesign.written(structure, out)
        return NMDesign(root, structure, files, self)

    def reference(
        self,
        x: ArrayLike,
        w: ArrayLike,
        *,
        stationary: Stationary = "output",
        dense: bool = False,
    ) -> NDArray[np.int64] | NDArray[np.float32]:
        """What the array computes, by NumPy: of integers the product, of floats in its own order.

        Args:
            x: As of :meth:`NMDesign.simulate`.
            w: As of :meth:`NMDesign.simulate`.
            stationary: As of :meth:`NMDesign.simulate`.
            dense: As of :meth:`NMDesign.simulate`.

        Raises:
            NumericsError: As :meth:`NMDesign.simulate`.
            DataError: As :meth:`NMDesign.simulate`.
            ConfigError: As :meth:`NMDesign.simulate`.
        """
        left, right = self.codes(x, w, stationary, dense=dense)
        if self.number == "int8":
            product: NDArray[np.int64] = left @ right
            return product
        term, steps = self.streams(stationary, dense=dense).terms(left, right)

        def multiplied(step: int) -> NDArray[np.float32]:
            return multiply(*(bfloat.decoded(codes) for codes in term(step)))

        if stationary == "output":
            return bfloat.output_stationary(multiplied, steps)
        clocks = self.element.span(stationary, dense=dense)[1]
        return bfloat.weight_stationary(multiplied, steps, self.rows, clocks)

    def codes(
        self, x: ArrayLike, w: ArrayLike, stationary: Stationary, *, dense: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The operands as their codes, checked: integers, or the words of bfloat16.

        Raises:
            NumericsError: As :meth:`NMDesign.simulate`.
            DataError: As :meth:`NMDesign.simulate`.
            ConfigError: As :meth:`NMDesign.simulate`.
        """
        if stationary not in ("weight", "output"):
            raise ConfigError(f'stationary must be "weight" or "output", not {stationary!r}')
        if self.number == "int8":
            left, right = integer_matrix(x, "x", 8), integer_matrix(w, "w", 8)
            check_product(left, right, STEP_BITS)
            refuse_overflow(left, right, ACC_BITS)
            self._check_pattern(right, dense)
            return left, right
        values, weights = float_matrix(x, "x", BFLOAT16), float_matrix(w, "w", BFLOAT16)
        check_product(values, weights, STEP_BITS)
        self._check_pattern(weights, dense)
        return bfloat.encoded(values), bfloat.encoded(weights)

    def _check_pattern(self, w: NDArray[Any], dense: bool) -> None:
        padded = np.pad(w, ((0, -len(w) % self.group), (0, 0)))
        fault = "" if dense else NM(self.kept, self.group, axis=0).fault(padded)
        if fault:
            raise NumericsError(f"w: {fault}", hint="dense=True multiplies all weights")


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
            x: Values of the array's numbers (rows, sums).
            w: Values (sums, columns); of every group of M along its first axis at most N are not
                zero, unless `dense`.
            stationary: What stays in the elements.
            dense: Multiply all weights.
            timeout_s: Wall-clock seconds each program gets to build it.

        Returns:
            The product, int64 or float32, and the clocks that it took.

        Raises:
            NumericsError: A value is none of the array's numbers, a group has more than N weights,
                or a result needs more than 32 bits.
            DataError: The shapes do not fit.
            ConfigError: `stationary` is something else.
            ToolMissing: Verilator or g++ is not installed.
        """
        array = self.array
        left, right = array.codes(x, w, stationary, dense=dense)
        cut = array.streams(stationary, dense=dense)
        streams = cut.streams(left, right)
        played = self.play(streams, timeout_s=timeout_s)
        parts = cut.parts(played.results, left.shape[0], right.shape[1])
        values: NDArray[np.generic]
        if array.number == "int8":
            values = parts.view(np.int32).sum(axis=0, dtype=np.int64)
        else:
            floats: list[NDArray[np.float32]] = list(parts.view(np.float32))
            total = reduce(add, floats)
            values = total
        return ArrayProduct(values, played.cycles, played.cycles_until_last, len(streams.steps))
