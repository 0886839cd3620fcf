"""Fixed-point registers."""

from __future__ import annotations

from dataclasses import dataclass
from math import ldexp

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import NumericsError
from netwright.formats.integers import Int
from netwright.formats.number import Ungrouped, Words, check_bits, refuse_nan
from netwright.formats.rounding import AP_FIXED_ROUNDING, Overflow, Rounding, round_real

LEAST_EXPONENT = -1022
MAX_INTEGER_BITS = 1023
"""Limits within which every value is one of float64."""


@dataclass(frozen=True, slots=True)
class Fixed(Ungrouped):
    """A fixed-point register: integer codes with a binary point, a rounding and an overflow mode.

    Attributes:
        bits: Width of the register.
        integer_bits: Bits left of the binary point, sign included; negative or above `bits` too.
        signed: Two's complement if true.
        rounding: What happens to bits right of the register when it is assigned.
        overflow: What happens to bits left of it.
        narrow: Saturate symmetrically (``AP_SAT_SYM``).
    """

    bits: int
    integer_bits: int
    signed: bool = True
    rounding: Rounding = Rounding.FLOOR
    overflow: Overflow = Overflow.WRAP
    narrow: bool = False

    def __post_init__(self) -> None:
        check_bits(self.bits)
        if isinstance(self.integer_bits, bool) or not isinstance(self.integer_bits, int):
            raise NumericsError(f"integer_bits must be an integer, not {self.integer_bits!r}")
        if self.exponent < LEAST_EXPONENT or self.integer_bits > MAX_INTEGER_BITS:
            raise NumericsError(
                f"the values of {self} must be those of float64: integer_bits must be from "
                f"{self.bits + LEAST_EXPONENT} to {MAX_INTEGER_BITS}"
            )
        for what, choices in (("rounding", Rounding), ("overflow", Overflow)):
            value = getattr(self, what)
            if value not in set(choices):
                accepted = ", ".join(choices)
                raise NumericsError(f"{what} must be one of {accepted}, not {value!r}")
            object.__setattr__(self, what, choices(value))

    @classmethod
    def of(
        cls,
        dtype: Int,
        exponent: int,
        *,
        rounding: Rounding = Rounding.FLOOR,
        overflow: Overflow = Overflow.WRAP,
    ) -> Fixed:
        """The register that holds the codes of `dtype` with scale ``2**exponent``."""
        return cls(
            dtype.bits, dtype.bits + exponent, dtype.signed, rounding, overflow, dtype.narrow
        )

    @property
    def kind(self) -> str:
        """The name of this kind of format in files."""
        return "fixed"

    @property
    def exponent(self) -> int:
        """Values are multiples of two to this power."""
        return self.integer_bits - self.bits

    @property
    def codes(self) -> Int:
        """The integers that the register holds."""
        return Int(self.bits, self.signed, self.narrow and self.overflow is Overflow.SATURATE)

    @property
    def min(self) -> float:
        """Smallest value."""
        return ldexp(self.codes.min, self.exponent)

    @property
    def max(self) -> float:
        """Largest value."""
        return ldexp(self.codes.max, self.exponent)

    @property
    def is_integer(self) -> bool:
        """Whether no bit lies right of the binary point."""
        return self.exponent >= 0

    @property
    def wraps(self) -> bool:
        """Whether a value outside is taken modulo two to the width."""
        return self.overflow is Overflow.WRAP

    def allowed(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` the register holds exactly."""
        return self.codes.allowed(np.ldexp(np.asarray(values, np.float64), -self.exponent))

    def encode(self, values: ArrayLike) -> Words:
        """The words of `values` after the register's own rounding and overflow."""
        array = np.asarray(values, np.float64)
        refuse_nan(array, self)
        steps = round_real(np.ldexp(array, -self.exponent), self.rounding)
        if self.wraps and np.all(np.isfinite(steps)):
            return np.mod(steps, 2.0**self.bits).astype(np.uint64)
        return self.codes.encode(steps)

    def decode(self, words: Words) -> NDArray[np.generic]:
        """The values of words."""
        codes = self.codes.decode(words)
        if not self.exponent:
            return codes
        return np.ldexp(codes.astype(np.float64), self.exponent)

    def qonnx_name(self) -> str:
        """The name of the data type in QONNX.

        Raises:
            NumericsError: QONNX has no such type: its fixed-point numbers are signed.
        """
        if not self.signed:
            raise NumericsError(f"QONNX has no name for {self}: its fixed-point types are signed")
        return f"FIXED<{self.bits},{self.integer_bits}>"

    def verilog_name(self) -> str:
        """How a Verilog declaration says the type: its codes."""
        return self.codes.verilog_name()

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}fixed<{self.bits},{self.integer_bits}>"

    def ap_fixed_name(self) -> str:
        """The name of this register in Vitis HLS.

        Raises:
            NumericsError: ``ap_fixed`` has no such rounding mode.
        """
        if self.rounding not in AP_FIXED_ROUNDING:
            raise NumericsError(
                f"rounding {self.rounding} has no ap_fixed name",
                hint="accepted: " + ", ".join(sorted(AP_FIXED_ROUNDING)),
            )
        sign = "" if self.signed else "u"
        if self.overflow is Overflow.WRAP:
            overflow = "WRAP"
        else:
            overflow = "SAT_SYM" if self.narrow and self.signed else "SAT"
        mode = AP_FIXED_ROUNDING[self.rounding]
        return f"{sign}fixed<{self.bits},{self.integer_bits},{mode},{overflow}>"
