"""Integers of a given width."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.formats.number import check_bits


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
