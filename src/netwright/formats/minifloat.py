"""Floating point in few bits: E2M1, E4M3, E5M2, bfloat16 and others."""

from __future__ import annotations

from dataclasses import dataclass
from math import ldexp
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import NumericsError
from netwright.formats.number import Ungrouped, Words, refuse_nan, vector

MAX_EXPONENT_BITS = 8
MAX_MANTISSA_BITS = 23

Special = Literal["none", "nan", "ieee", "negative-zero"]
"""Which words are no finite numbers: none; those of all ones (NaN); those of the highest exponent
(infinities and NaN, IEEE 754); the one of -0 (NaN, so that there is one zero)."""


@dataclass(frozen=True, slots=True)
class MiniFloat(Ungrouped):
    """A sign, an exponent and a mantissa, with subnormal numbers.

    Values beyond the largest saturate, infinities included, as the OCP formats ask for; IEEE
    arithmetic makes infinities of them.

    Attributes:
        exponent_bits: Width of the exponent, 1 to 8.
        mantissa_bits: Width of the mantissa, 0 to 23.
        special: Which words are no finite numbers.
        bias: Taken from the exponent; ``2**(exponent_bits - 1) - 1`` if not given, one more
            where -0 is no number.

    Raises:
        NumericsError: A width is not accepted, or no number would be left.

    Example:
        >>> E2M1.decode(np.arange(8, dtype=np.uint64)).tolist()
        [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]
        >>> E4M3.max, E5M2.max, str(E4M3)
        (448.0, 57344.0, 'e4m3fn')
    """

    exponent_bits: int
    mantissa_bits: int
    special: Special = "ieee"
    bias: int | None = None

    def __post_init__(self) -> None:
        for what, bits, low, high in (
            ("exponent_bits", self.exponent_bits, 1, MAX_EXPONENT_BITS),
            ("mantissa_bits", self.mantissa_bits, 0, MAX_MANTISSA_BITS),
        ):
            if isinstance(bits, bool) or not isinstance(bits, int) or not low <= bits <= high:
                raise NumericsError(f"{what} must be an integer from {low} to {high}, not {bits!r}")
        accepted = ("none", "nan", "ieee", "negative-zero")
        if self.special not in accepted:
            raise NumericsError(
                f"special must be one of {', '.join(accepted)}, not {self.special!r}"
            )
        if self._top < 1 or (self.special == "ieee" and not self.mantissa_bits):
            raise NumericsError(f"{self} has too few words for its numbers and for NaN")
        if self.bias is None:
            object.__setattr__(self, "bias", self._usual_bias)
        if isinstance(self.bias, bool) or not isinstance(self.bias, int):
            raise NumericsError(f"bias must be an integer, not {self.bias!r}")
        smallest = self._exponent_of(1) - self.mantissa_bits
        if smallest <= -1023 or self._exponent_of(self._top >> self.mantissa_bits) > 995:
            raise NumericsError(f"the values of {self} must be those of float64, bias {self.bias}")

    @property
    def kind(self) -> str:
        """The name of this kind of format in files."""
        return "minifloat"

    @property
    def bits(self) -> int:
        """Storage width of one value, in bits."""
        return 1 + self.exponent_bits + self.mantissa_bits

    @property
    def _usual_bias(self) -> int:
        half = 1 << (self.exponent_bits - 1)
        return half if self.special == "negative-zero" else half - 1

    @property
    def _top(self) -> int:
        """The largest word without sign that is a finite number."""
        magnitudes = 1 << (self.exponent_bits + self.mantissa_bits)
        match self.special:
            case "ieee":
                return magnitudes - (1 << self.mantissa_bits) - 1
            case "nan":
                return magnitudes - 2
            case _:
                return magnitudes - 1

    def _exponent_of(self, field: int) -> int:
        assert self.bias is not None
        return max(field, 1) - self.bias

    @property
    def min(self) -> float:
        """Smallest value."""
        return -self.max

    @property
    def max(self) -> float:
        """Largest value that is finite."""
        field, mantissa = divmod(self._top, 1 << self.mantissa_bits)
        whole = mantissa + (1 << self.mantissa_bits) * (field > 0)
        return ldexp(whole, self._exponent_of(field) - self.mantissa_bits)

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
        """False: results saturate."""
        return False

    def allowed(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` are finite numbers of the format."""
        array = np.asarray(values, np.float64)
        finite = np.where(np.isfinite(array), array, 0.0)
        return np.isfinite(array) & (self._nearest(finite) == finite)

    def _nearest(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest values, ties to even, saturated; finite inputs."""
        assert self.bias is not None
        _, exponents = np.frexp(values)
        steps = np.maximum(exponents - 1, 1 - self.bias) - self.mantissa_bits
        rounded = np.ldexp(np.rint(np.ldexp(values, -steps)), steps)
        return np.clip(rounded, self.min, self.max)

    def encode(self, values: ArrayLike) -> Words:
        """Words of the nearest values, ties to an even mantissa, saturated."""
        assert self.bias is not None
        array = np.asarray(values, np.float64)
        unknown = np.isnan(array)
        if self.special == "none":
            refuse_nan(array, self)
        near = self._nearest(np.clip(np.where(unknown, 0.0, array), self.min, self.max))
        _, exponents = np.frexp(np.abs(near))
        steps = np.maximum(exponents - 1, 1 - self.bias)
        whole = np.ldexp(np.abs(near), self.mantissa_bits - steps).astype(np.int64)
        one = 1 << self.mantissa_bits
        fields = np.where(whole >= one, steps + self.bias, 0)
        magnitude = (fields << self.mantissa_bits) + np.where(whole >= one, whole - one, whole)
        negative = np.signbit(array) & ~unknown
        if self.special == "negative-zero":
            negative &= magnitude > 0
        words = magnitude + (negative.astype(np.int64) << (self.bits - 1))
        return np.where(unknown, self._nan, words).astype(np.uint64)

    @property
    def _nan(self) -> int:
        if self.special == "negative-zero":
            return 1 << (self.bits - 1)
        if self.special == "nan":
            return (1 << (self.bits - 1)) - 1
        return self._top + 1 + (1 << self.mantissa_bits) // 2

    def decode(self, words: Words) -> NDArray[np.generic]:
        """The values of words: float64, infinities and NaN where the format has them."""
        assert self.bias is not None
        whole = np.asarray(words).astype(np.int64)
        magnitude = whole & ((1 << (self.bits - 1)) - 1)
        fields, mantissa = (
            magnitude >> self.mantissa_bits,
            magnitude & ((1 << self.mantissa_bits) - 1),
        )
        steps = np.maximum(fields, 1) - self.bias - self.mantissa_bits
        values = np.ldexp(
            (mantissa + (fields > 0) * (1 << self.mantissa_bits)).astype(np.float64), steps
        )
        if self.special == "ieee":
            beyond = np.where(mantissa == 0, np.inf, np.nan)
            values = np.where(magnitude > self._top, beyond, values)
        elif self.special == "nan":
            values = np.where(magnitude > self._top, np.nan, values)
        values = np.where(whole >> (self.bits - 1) & 1, -values, values)
        if self.special == "negative-zero":
            values = np.where(whole == 1 << (self.bits - 1), np.nan, values)
        return values

    def qonnx_name(self) -> str:
        """The name of the data type in QONNX, whose small floats are all finite."""
        if self.special != "none":
            raise NumericsError(f"QONNX has no name for {self}: its small floats have no NaN")
        return f"FLOAT<{self.exponent_bits},{self.mantissa_bits},{self.bias}>"

    def ap_fixed_name(self) -> str:
        """Vitis HLS has no such type."""
        raise NumericsError(f"Vitis HLS has no name for {self}")

    def verilog_name(self) -> str:
        """How a Verilog declaration says the type: its bits."""
        return vector(self.bits, signed=False)

    def __str__(self) -> str:
        suffix = {"none": "f", "nan": "fn", "ieee": "", "negative-zero": "fnuz"}[self.special]
        moved = "" if self.bias in (None, self._usual_bias) else f"b{self.bias}"
        return f"e{self.exponent_bits}m{self.mantissa_bits}{moved}{suffix}"


E2M1 = MiniFloat(2, 1, "none")
"""Four bits (OCP MX 1.0, FP4)."""
E2M3 = MiniFloat(2, 3, "none")
"""Six bits (OCP MX 1.0, FP6)."""
E3M2 = MiniFloat(3, 2, "none")
"""Six bits (OCP MX 1.0, FP6)."""
E4M3 = MiniFloat(4, 3, "nan")
"""Eight bits (OCP 8-bit floating point 1.0)."""
E5M2 = MiniFloat(5, 2, "ieee")
"""Eight bits (OCP 8-bit floating point 1.0)."""
BFLOAT16 = MiniFloat(8, 7, "ieee")
"""The upper half of a float32."""
