"""Number formats: which integers a tensor may hold, and what they are called elsewhere.

A format describes *codes* (integers). The real value of a code is ``code * scale``; the scale lives
in the tensor's type (:class:`netwright.ir.TensorType`), so one format serves every scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from netwright.errors import NumericsError

MAX_BITS = 64
"""Widest integer format; wider accumulators are refused."""


class Rounding(StrEnum):
    """How a value between two codes becomes a code.

    The text of a member is its name in files. QONNX names differ (its ``HALF_UP`` is our
    ``HALF_AWAY``), as do ``ap_fixed`` names; both are in :data:`QONNX_ROUNDING` and
    :data:`AP_FIXED_ROUNDING`.
    """

    FLOOR = "floor"
    """Toward minus infinity."""
    CEIL = "ceil"
    """Toward plus infinity."""
    TOWARD_ZERO = "toward-zero"
    """Truncation."""
    AWAY_FROM_ZERO = "away-from-zero"
    """To the larger magnitude."""
    HALF_EVEN = "half-even"
    """Nearest; ties to the even code."""
    HALF_UP = "half-up"
    """Nearest; ties toward plus infinity."""
    HALF_DOWN = "half-down"
    """Nearest; ties toward minus infinity."""
    HALF_AWAY = "half-away"
    """Nearest; ties to the larger magnitude."""
    HALF_TOWARD_ZERO = "half-toward-zero"
    """Nearest; ties to the smaller magnitude."""


class Overflow(StrEnum):
    """What happens to a value outside a format."""

    SATURATE = "saturate"
    """The nearest code of the format."""
    WRAP = "wrap"
    """Modulo two to the width."""


QONNX_ROUNDING = {
    Rounding.HALF_EVEN: "ROUND",
    Rounding.CEIL: "CEIL",
    Rounding.FLOOR: "FLOOR",
    Rounding.AWAY_FROM_ZERO: "UP",
    Rounding.TOWARD_ZERO: "DOWN",
    Rounding.HALF_AWAY: "HALF_UP",
    Rounding.HALF_TOWARD_ZERO: "HALF_DOWN",
}
"""Rounding modes that QONNX can name (qonnx 1.0.0, ``custom_op/general/intquant.py``)."""

AP_FIXED_ROUNDING = {
    Rounding.HALF_EVEN: "RND_CONV",
    Rounding.FLOOR: "TRN",
    Rounding.TOWARD_ZERO: "TRN_ZERO",
    Rounding.HALF_UP: "RND",
    Rounding.HALF_DOWN: "RND_MIN_INF",
    Rounding.HALF_AWAY: "RND_INF",
    Rounding.HALF_TOWARD_ZERO: "RND_ZERO",
}
"""Rounding modes that ``ap_fixed`` has (Vitis HLS, arbitrary-precision types)."""


@runtime_checkable
class DType(Protocol):
    """What every number format answers."""

    @property
    def bits(self) -> int:
        """Storage width of one value, in bits."""

    @property
    def min(self) -> int:
        """Smallest code."""

    @property
    def max(self) -> int:
        """Largest code."""

    @property
    def signed(self) -> bool:
        """Whether a code may be negative."""

    def allows(self, code: int) -> bool:
        """Whether `code` belongs to the format."""


def check_bits(bits: int, *, what: str = "bits", smallest: int = 1) -> int:
    """Return `bits` if it is an integer width this package supports.

    Raises:
        NumericsError: `bits` is not an integer from `smallest` to :data:`MAX_BITS`.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not smallest <= bits <= MAX_BITS:
        raise NumericsError(
            f"{what} must be an integer from {smallest} to {MAX_BITS}, not {bits!r}"
        )
    return bits


@dataclass(frozen=True, slots=True)
class Int:
    """Two's-complement or unsigned integers of a given width.

    Attributes:
        bits: Width, 1 to 64.
        signed: Two's complement if true.
        narrow: Leave out the most negative code (signed) or the largest (unsigned), as in QONNX.

    Raises:
        NumericsError: The width is not supported, or the format would hold no positive code.
    """

    bits: int
    signed: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        check_bits(self.bits)

    @property
    def min(self) -> int:
        """Smallest code."""
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def max(self) -> int:
        """Largest code."""
        return (1 << (self.bits - 1)) - 1 if self.signed else (1 << self.bits) - 1 - self.narrow

    def allows(self, code: int) -> bool:
        """Whether `code` belongs to the format."""
        return self.min <= code <= self.max

    def __str__(self) -> str:
        return f"{'' if self.signed else 'u'}int{self.bits}{'n' if self.narrow else ''}"


@dataclass(frozen=True, slots=True)
class Bipolar:
    """The two codes -1 and +1, stored in one bit."""

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
        """Whether a code may be negative."""
        return True

    def allows(self, code: int) -> bool:
        """Whether `code` belongs to the format."""
        return code in (-1, 1)

    def __str__(self) -> str:
        return "bipolar"


@dataclass(frozen=True, slots=True)
class Float:
    """Real values: a tensor of this format has no integer meaning."""

    bits: int = 32

    def __str__(self) -> str:
        return f"float{self.bits}"


@dataclass(frozen=True, slots=True)
class Fixed:
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
    def ap_fixed(self) -> str:
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
