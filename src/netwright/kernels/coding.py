"""How the kernels see a number format: small integers times a step, and scales of groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.formats import E4M3, BlockScaled, Int, NumberFormat, OutlierPairs

STEP_INPUTS = 8
"""Inputs that the compiled kernels take at once: groups hold whole steps."""

MARK = 8
"""The word of a victim, beside which a word of four bits is that of an outlier."""

ScaleName = Literal["", "e8m0", "e4m3"]

_E8M0_NAN = 255
_ACCEPTED = (
    "OutlierPairs, Int of at most 8 bits, and BlockScaled elements that are integers times a step: "
    "E2M1 and E2M3, or fixed point of 8 bits"
)


@dataclass(frozen=True, eq=False)
class Coding:
    """Elements of a number format as the kernels multiply them.

    Attributes:
        bits: 4 where two elements share a byte, the first in the upper half; 8 where an element is
            a signed byte; 16 where only NumPy multiplies it.
        tables: Integer of each word of four bits, ``(2, 16)``: as usual, and where the other word
            of its byte is that of a victim. ``None`` for bytes.
        step: Value of one.
        offset: What is taken from an element before it is stored as a signed byte.
        group: Inputs that share a scale; 0 without.
        scale: Format of these scales.
        largest: Largest magnitude of an element, the offset taken off.
    """

    bits: int
    tables: NDArray[np.int16] | None
    step: float
    offset: int
    group: int
    scale: ScaleName
    largest: int

    @cached_property
    def elements(self) -> NDArray[np.int16]:
        """The two integers of each byte of two words, ``(256, 2)``."""
        assert self.tables is not None
        first, second = np.divmod(np.arange(256), 16)
        plain, marked = self.tables
        pair = (
            np.where(second == MARK, marked[first], plain[first]),
            np.where(first == MARK, marked[second], plain[second]),
        )
        return np.stack(pair, axis=-1)

    def scale_values(self, words: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the words of scales mean."""
        if self.scale == "e8m0":
            return np.ldexp(1.0, words.astype(np.int32) - 127).astype(np.float32)
        return E4M3.decode(words.astype(np.uint64)).astype(np.float32)

    def scale_fault(self, words: NDArray[np.uint8]) -> str:
        """Why some words are no scales; empty if all are."""
        bad = words == _E8M0_NAN if self.scale == "e8m0" else words >= 0x7F
        if not bad.any():
            return ""
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        return f"the scale at {place} is negative or no number, word {int(words[place])}"


def coding_of(number: NumberFormat) -> Coding:
    """How the kernels see `number`.

    Raises:
        DataError: They have no product for it.

    >>> coding_of(Int(4)).step, coding_of(Int(8, signed=False)).offset
    (1.0, 128)
    """
    if isinstance(number, OutlierPairs):
        return _coding_of_pairs(number)
    if isinstance(number, BlockScaled):
        element = coding_of_element(number.element)
        if number.group % STEP_INPUTS:
            raise DataError(
                f"a group of {number} must have a multiple of {STEP_INPUTS} elements to be "
                f"multiplied, not {number.group}"
            )
        scale: ScaleName = "e8m0" if isinstance(number.scale, str) else "e4m3"
        if scale == "e4m3" and number.scale != E4M3:
            raise DataError(f"there is no product for scales in {number.scale}, only e8m0 and e4m3")
        return Coding(
            element.bits, element.tables, element.step, 0, number.group, scale, element.largest
        )
    return coding_of_element(number)


@cache
def _coding_of_pairs(number: OutlierPairs) -> Coding:
    if number.bits == 8:
        return Coding(16, None, 1.0, 0, 0, "", number.max)
    # The second word 0 says that the first is a normal one, the mark that it is none.
    first = number.table[:, 0].reshape(16, 16)
    return Coding(4, np.stack([first[:, 0], first[:, MARK]]), 1.0, 0, 0, "", number.max)


@cache
def pairs_that_occur(number: OutlierPairs) -> NDArray[np.bool_]:
    """Which of the 256 bytes of a pair of four-bit words the format writes."""
    written = number.pack(number.encode(number.table))
    return np.asarray(written[:, 0] == np.arange(256), np.bool_)


def coding_of_element(number: NumberFormat) -> Coding:
    """How the kernels see elements without groups.

    Raises:
        DataError: They have no product for it.
    """
    if number.group > 1 or number.bits > 8:
        raise DataError(f"there is no product for {number}", hint=f"there is one for {_ACCEPTED}")
    if isinstance(number, Int) and number.bits > 4:
        offset = 0 if number.signed else 1 << (number.bits - 1)
        return Coding(8, None, 1.0, offset, 0, "", max(-number.min, number.max) - offset + 1)
    values = number.decode(np.arange(1 << number.bits, dtype=np.uint64)).astype(np.float64)
    step = float(np.min(np.abs(values), where=values != 0, initial=np.inf))
    integers = values / step
    largest = int(np.abs(integers).max()) if np.isfinite(integers).all() else 256
    if (integers != np.rint(integers)).any() or not -128 <= integers.min() <= integers.max() < 128:
        raise DataError(f"there is no product for {number}", hint=f"there is one for {_ACCEPTED}")
    if number.bits > 4:
        return Coding(8, None, step, 0, 0, "", largest)
    table = np.zeros(16, np.int16)
    table[: len(integers)] = integers
    return Coding(4, np.stack([table, table]), step, 0, 0, "", largest)
