"""Integers of a given width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.formats.number import Ungrouped, Words, check_bits, refuse_nan, vector


@dataclass(frozen=True, slots=True)
class Int(Ungrouped):
    """Two's-complement or unsigned integers of a given width.

    Attributes:
        bits: Width, 1 to 64.
        signed: Two's complement if true.
        narrow: Leave out the most negative code (signed) or the largest (unsigned), as in QONNX.

    Raises:
        NumericsError: The width is not supported.

    Example:
        >>> Int(4).encode([-1, 7, 99]).tolist()
        [15, 7, 7]
        >>> Int(4).decode(np.array([15, 7], np.uint64)).tolist()
        [-1, 7]
    """

    bits: int
    signed: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        check_bits(self.bits)

    @property
    def kind(self) -> str:
        """The name of this kind of format in files."""
        return "int"

    @property
    def min(self) -> int:
        """Smallest code."""
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def max(self) -> int:
        """Largest code."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1 - self.narrow

    @property
    def is_integer(self) -> bool:
        """True: every value is a code."""
        return True

    @property
    def wraps(self) -> bool:
        """True: a result outside is taken modulo two to the width."""
        return True

    def allowed(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` are codes of the format."""
        array = np.asarray(values)
        inside = np.asarray((array >= self.min) & (array <= self.max), np.bool_)
        return inside & (array == np.floor(array)) if array.dtype.kind == "f" else inside

    def encode(self, values: ArrayLike) -> Words:
        """Two's complement of the nearest codes (ties to even), saturated."""
        array = np.asarray(values)
        refuse_nan(array, self)
        if array.dtype.kind == "f":
            array = _whole(np.rint(array.astype(np.float64)))
        low, high = array >= self.min, array <= self.max
        kept = np.where(low & high, array, 0).astype(np.int64 if self.signed else np.uint64)
        words = kept.astype(np.uint64)
        ends = np.where(low, np.uint64(self.max), np.uint64(self.min % 2**64))
        return np.where(low & high, words, ends) & np.uint64(2**self.bits - 1)

    def decode(self, words: Words) -> NDArray[np.generic]:
        """The codes of words: int64, and uint64 where these are too narrow."""
        if not self.signed:
            return words if self.bits == 64 else words.astype(np.int64)
        shift = np.int64(64 - self.bits)
        return (words << np.uint64(shift)).astype(np.int64) >> shift

    def qonnx_name(self) -> str:
        """The name of the data type in QONNX, which has no name for a narrow range."""
        return f"{'' if self.signed else 'U'}INT{self.bits}"

    def ap_fixed_name(self) -> str:
        """The name of the type in Vitis HLS."""
        return f"ap_{'' if self.signed else 'u'}int<{self.bits}>"

    def verilog_name(self) -> str:
        """How a Verilog declaration says the type."""
        return vector(self.bits, signed=self.signed)

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.bits}{'n' if self.narrow else ''}"


def _whole(values: NDArray[np.float64]) -> NDArray[np.generic]:
    """Whole numbers as integers of whatever size they need."""
    if np.all(np.abs(values) < 2.0**62):
        return values.astype(np.int64)
    return np.array([_integer(value) for value in values.flat], object).reshape(values.shape)


def _integer(value: float) -> int:
    return int(max(min(value, 2.0**65), -(2.0**65)))


def smallest_int(low: int, high: int) -> Int:
    """The narrowest integer format that holds every code from `low` to `high`.

    Raises:
        NumericsError: It would need more than 64 bits.

    >>> str(smallest_int(0, 9)), str(smallest_int(-3, 4)), str(smallest_int(-1, -1))
    ('uint4', 'int4', 'int1')
    """
    signed = low < 0
    magnitude_bits = max(int(max(high, 0)).bit_length(), int(max(-low - 1, 0)).bit_length())
    what = f"the width of the interval [{low}, {high}]"
    return Int(check_bits(max(magnitude_bits + signed, 1), what=what), signed)
