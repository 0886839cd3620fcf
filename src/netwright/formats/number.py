"""Number formats: which values an element may hold, and the words that store them.

The values of a format count steps of the *scale* of a tensor: the real value of an element is
``value * scale``, and the scale is part of the tensor's :class:`~netwright.formats.Format`. So one
number format serves every scale. Of integer formats these values are the *codes* of a graph.

Most formats code each element by itself; those of a *group* code neighbors along one axis together.
"""

from __future__ import annotations

from typing import Protocol, TypeGuard, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import NumericsError

MAX_BITS = 64
"""Widest format; wider accumulators are refused."""

Words = NDArray[np.uint64]
"""Stored bits of one element each, in the low bits; above them those that its group shares."""


class _Sized(Protocol):
    @property
    def bits(self) -> int: ...


class Ungrouped:
    """What a number format answers whose elements are coded one by one; formats inherit it."""

    __slots__ = ()

    @property
    def group(self) -> int:
        """1: each element is coded by itself."""
        return 1

    @property
    def group_bits(self) -> int:
        """0: nothing is stored beside the elements."""
        return 0

    @property
    def word_bits(self: _Sized) -> int:
        """Width of a word: that of one value."""
        return self.bits


@runtime_checkable
class NumberFormat(Protocol):
    """What every number format answers; ``str`` of one is its name.

    ``netwright.testing.NumberFormatSuite`` checks an implementation.
    """

    @property
    def kind(self) -> str:
        """The name of this kind of format in files; registered under it."""

    @property
    def bits(self) -> int:
        """Storage width of one value, in bits, without what its group shares."""

    @property
    def group(self) -> int:
        """How many neighbors along one axis are coded together; 1 for each by itself."""

    @property
    def group_bits(self) -> int:
        """Bits that are stored for each group beside its values: a scale that they share."""

    @property
    def word_bits(self) -> int:
        """Width of a word: `bits`, and above them the `group_bits` of its group."""

    @property
    def min(self) -> float:
        """Smallest value."""

    @property
    def max(self) -> float:
        """Largest value that is finite."""

    @property
    def signed(self) -> bool:
        """Whether a value may be negative."""

    @property
    def is_integer(self) -> bool:
        """Whether all values are integers, so that exact integer arithmetic can use them."""

    @property
    def wraps(self) -> bool:
        """Whether a result outside is taken modulo two to the width, as in a register."""

    def allowed(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` belong to the format; neighbors along the last axis are a group.

        Raises:
            NumericsError: The extent of the last axis is no multiple of `group`.
        """

    def encode(self, values: ArrayLike) -> Words:
        """The words of the nearest values of the format; beyond its ends, those of its ends.

        Neighbors along the last axis are a group.

        Raises:
            NumericsError: A value is no number, and the format has no word for that; or the extent
                of the last axis is no multiple of `group`.
        """

    def decode(self, words: Words) -> NDArray[np.generic]:
        """The values of words; of integer formats as integers, else as float64.

        Raises:
            NumericsError: A word cannot occur, or not in its group; or the extent of the last axis
                is no multiple of `group`.
        """

    def qonnx_name(self) -> str:
        """The name of the data type in QONNX.

        Raises:
            NumericsError: QONNX has none.
        """

    def ap_fixed_name(self) -> str:
        """The name of the type in Vitis HLS.

        Raises:
            NumericsError: It has none.
        """

    def verilog_name(self) -> str:
        """How a Verilog declaration says the type: ``signed [7:0]``."""


@runtime_checkable
class IntegerFormat(NumberFormat, Protocol):
    """A number format all of whose values are integers."""

    @property
    def min(self) -> int:
        """Smallest code."""

    @property
    def max(self) -> int:
        """Largest code."""


def holds_integers(number: NumberFormat) -> TypeGuard[IntegerFormat]:
    """Whether all values of a format are integers."""
    return number.is_integer


def reach(number: IntegerFormat) -> tuple[int, int]:
    """The smallest and the largest code that a result of the format can have, after a wrap."""
    if number.wraps:
        return number.min, number.min + (1 << number.bits) - 1
    return number.min, number.max


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


def vector(bits: int, *, signed: bool) -> str:
    """The type of a Verilog vector of `bits`."""
    return f"{'signed ' if signed else ''}[{bits - 1}:0]"


def refuse_nan(values: NDArray[np.generic], number: NumberFormat) -> None:
    """Raise if a value is no number.

    Raises:
        NumericsError: One is; the message says where.
    """
    if values.dtype.kind == "f" and np.isnan(values).any():
        where = first_place(np.isnan(values))
        raise NumericsError(f"{number} has no word for NaN, the value at {where}")


def first_place(found: NDArray[np.bool_]) -> tuple[int, ...]:
    """The indices of the first element that is true."""
    return tuple(int(i) for i in np.argwhere(found)[0])


def refuse_part_of_group(shape: tuple[int, ...], number: NumberFormat) -> None:
    """Raise if the last axis of a shape does not hold whole groups.

    Raises:
        NumericsError: It does not.
    """
    extent = shape[-1] if shape else 1
    if extent % number.group:
        raise NumericsError(
            f"{number} codes {number.group} neighbors together, which do not divide the extent "
            f"{extent}",
            hint="pad the axis with zeros, or give this tensor a format without groups",
        )
