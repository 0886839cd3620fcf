"""Two codes in one bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.formats.number import Ungrouped, Words, refuse_nan, vector


@dataclass(frozen=True, slots=True)
class Bipolar(Ungrouped):
    """The two codes -1 and +1, stored in one bit: 0 and 1."""

    @property
    def kind(self) -> str:
        """The name of this kind of format in files."""
        return "bipolar"

    @property
    def bits(self) -> int:
        """Storage width of one value, in bits."""
        return 1

    @property
    def min(self) -> int:
        """Smallest code."""
        return -1

    @property
    def max(self) -> int:
        """Largest code."""
        return 1

    @property
    def signed(self) -> bool:
        """True: a code may be negative."""
        return True

    @property
    def is_integer(self) -> bool:
        """True: both values are integers."""
        return True

    @property
    def wraps(self) -> bool:
        """False: a result outside is a fault."""
        return False

    def allowed(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` are -1 or +1."""
        array = np.asarray(values)
        return np.asarray((array == -1) | (array == 1), np.bool_)

    def encode(self, values: ArrayLike) -> Words:
        """One bit: whether the value is 0 or more."""
        array = np.asarray(values)
        refuse_nan(array, self)
        return np.asarray(array >= 0).astype(np.uint64)

    def decode(self, words: Words) -> NDArray[np.generic]:
        """-1 for the word 0, +1 for the word 1."""
        return 2 * words.astype(np.int64) - 1

    def qonnx_name(self) -> str:
        """The name of the data type in QONNX."""
        return "BIPOLAR"

    def ap_fixed_name(self) -> str:
        """The name of the type in Vitis HLS: two bits, of which -1 and +1 are used."""
        return "ap_int<2>"

    def verilog_name(self) -> str:
        """How a Verilog declaration says the type: the one bit that is stored."""
        return vector(1, signed=False)

    def __str__(self) -> str:
        return "bipolar"
