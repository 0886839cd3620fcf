"""Real values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import NumericsError
from netwright.formats.number import Ungrouped, Words

WIDTHS = {16: (np.float16, np.uint16), 32: (np.float32, np.uint32), 64: (np.float64, np.uint64)}


@dataclass(frozen=True, slots=True)
class Float(Ungrouped):
    """Real values in an IEEE 754 format: a tensor of this format has no integer meaning.

    Attributes:
        bits: 16, 32 or 64.

    Raises:
        NumericsError: There is no such format.
    """

    bits: int = 32

    def __post_init__(self) -> None:
        if isinstance(self.bits, bool) or self.bits not in WIDTHS:
            raise NumericsError(
                f"a float must have 16, 32 or 64 bits, not {self.bits!r}",
                hint="narrower ones are MiniFloat(exponent_bits, mantissa_bits)",
            )

    @property
    def kind(self) -> str:
        """The name of this kind of format in files."""
        return "float"

    @property
    def min(self) -> float:
        """Smallest value that is finite."""
        return -self.max

    @property
    def max(self) -> float:
        """Largest value that is finite."""
        return float(np.finfo(f"float{self.bits}").max)

    @property
    def signed(self) -> bool:
        """True: a value may be negative."""
        return True

    @property
    def is_integer(self) -> bool:
        """False: there are fractions."""
        return False

    @property
    def wraps(self) -> bool:
        """False: results are rounded."""
        return False

    def allowed(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` are finite numbers of the format."""
        array = np.asarray(values, np.float64)
        with np.errstate(over="ignore"):
            same = array.astype(WIDTHS[self.bits][0]).astype(np.float64) == array
        return np.isfinite(array) & same

    def encode(self, values: ArrayLike) -> Words:
        """The words of the nearest values, ties to even, saturated."""
        real, word = WIDTHS[self.bits]
        array = np.clip(np.asarray(values, np.float64), self.min, self.max)
        return np.asarray(array.astype(real)).view(word).astype(np.uint64)

    def decode(self, words: Words) -> NDArray[np.generic]:
        """The values of words: float64."""
        real, word = WIDTHS[self.bits]
        with np.errstate(invalid="ignore"):  # a NaN that signals
            return np.asarray(words).astype(word).view(real).astype(np.float64)

    def qonnx_name(self) -> str:
        """The name of the data type in QONNX."""
        if self.bits == 64:
            raise NumericsError("QONNX has no name for float64")
        return f"FLOAT{self.bits}"

    def ap_fixed_name(self) -> str:
        """The name of the type in Vitis HLS."""
        return {16: "half", 32: "float", 64: "double"}[self.bits]

    def verilog_name(self) -> str:
        """How a Verilog declaration says the type: its bits."""
        return f"[{self.bits - 1}:0]"

    def __str__(self) -> str:
        return f"float{self.bits}"
