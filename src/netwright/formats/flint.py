"""Flints: four bits whose steps grow with the magnitude (Guo et al., "ANT", MICRO 2022)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import NumericsError
from netwright.formats.number import Ungrouped, Words, first_place, refuse_nan, vector
from netwright.formats.outlier_pairs import FLINT4

_VALUES = np.array([*FLINT4, *(-value for value in FLINT4)], np.int64)
"""The value of each word; that of minus zero is written nowhere, and read as zero."""

_ORDER = np.argsort(FLINT4)
_MIDDLES = (np.sort(FLINT4)[1:] + np.sort(FLINT4)[:-1]) / 2
_MINUS_ZERO = 8


@dataclass(frozen=True, slots=True)
class Flint(Ungrouped):
    """The integers 0, 1, 2, 3, 4, 6, 8, 16 and their negatives, in a sign and three bits.

    They are the normal values of :class:`~netwright.formats.OutlierPairs` of the same name, alone.
    Nearest values: of two as near, the one of smaller magnitude.

    Example:
        >>> Flint().encode([5.2, -11, 100]).tolist()
        [7, 13, 4]
        >>> Flint().decode(np.array([7, 13, 4], np.uint64)).tolist()
        [6, -8, 16]
    """

    @property
    def kind(self) -> str:
        """The name of this kind of format in files."""
        return "flint"

    @property
    def bits(self) -> int:
        """Storage width of one value, in bits: 4."""
        return 4

    @property
    def min(self) -> int:
        """Smallest value."""
        return -self.max

    @property
    def max(self) -> int:
        """Largest value."""
        return max(FLINT4)

    @property
    def signed(self) -> bool:
        """True: a value may be negative."""
        return True

    @property
    def is_integer(self) -> bool:
        """True: every value is an integer."""
        return True

    @property
    def wraps(self) -> bool:
        """False: results saturate."""
        return False

    def allowed(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` belong to the format."""
        return np.isin(np.asarray(values, np.float64), _VALUES)

    def encode(self, values: ArrayLike) -> Words:
        """Words of the nearest values, saturated."""
        array = np.asarray(values)
        refuse_nan(array, self)
        near = np.searchsorted(_MIDDLES, np.abs(array.astype(np.float64)), side="left")
        negative = (array < 0) & (near > 0)
        return np.asarray(_ORDER[near] + _MINUS_ZERO * negative, np.uint64)

    def decode(self, words: Words) -> NDArray[np.generic]:
        """The values of words: int64.

        Raises:
            NumericsError: A word is too wide; the message says where.
        """
        array = np.asarray(words)
        bad = array >= len(_VALUES)
        if bad.any():
            place = first_place(bad)
            raise NumericsError(f"{self} has no word {int(array[place])}, the one at {place}")
        return _VALUES[array.astype(np.int64)]

    def qonnx_name(self) -> str:
        """QONNX has no such data type."""
        raise NumericsError(f"QONNX has no name for {self}")

    def ap_fixed_name(self) -> str:
        """Vitis HLS has no such type."""
        raise NumericsError(f"Vitis HLS has no name for {self}")

    def verilog_name(self) -> str:
        """How a Verilog declaration says the type of a word: its bits."""
        return vector(self.bits, signed=False)

    def __str__(self) -> str:
        return "flint4"
