"""Neighbors that share a scale: MXFP4, MXFP6, MXFP8, MXINT8 (OCP MX 1.0) and NVFP4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import NumericsError
from netwright.formats.fixed import Fixed
from netwright.formats.minifloat import E2M1, E2M3, E3M2, E4M3, E5M2, MiniFloat
from netwright.formats.number import (
    NumberFormat,
    Words,
    first_place,
    refuse_nan,
    refuse_part_of_group,
    vector,
)
from netwright.formats.rounding import Overflow, Rounding

MAX_GROUP = 1024
MAX_ELEMENT_BITS = 8
SCALE_BITS = 8
E8M0_BIAS = 127
E8M0_NAN = 255


@dataclass(frozen=True, slots=True)
class BlockScaled:
    """Elements of a small format and, for each group of neighbors, a scale of eight bits.

    A value is element times scale, exact in float64. A word is the scale's word above the
    element's; all words of a group have the same scale. Groups lie along the last axis.

    The scale of a group is that of OCP MX 1.0 (section 6.3) for ``e8m0``: two to the exponent of
    the largest magnitude, less the exponent of the largest element. Where scales are small floats
    it is the largest magnitude divided by the largest element, to the nearest, ties to even. Groups
    that are exact under another scale only keep that one, so that what is read is written again as
    it was. Elements are the nearest, ties to even,
    saturated. A group of zeros has the scale of word 0. Where the word of a scale is NaN, decoded
    values are, too; such words are read, not written.

    Attributes:
        element: Format of an element, of at most 8 bits and without groups.
        group: Neighbors that share a scale, 2 to 1024.
        scale: ``e8m0``, powers of two from 2**-127 to 2**127; or the small float of which the
            positive values are scales, of 8 bits.

    Raises:
        NumericsError: A value is not accepted.

    Example:
        >>> MXFP4.encode([6.5, -1.0] + [0.1] * 30)[:2].tolist()  # scale word 127, elements 6 and -1
        [2039, 2042]
        >>> NVFP4.decode(NVFP4.encode([100.0, 9.0] + [0.0] * 14))[:2].tolist()
        [96.0, 8.0]
    """

    element: NumberFormat
    group: int
    scale: MiniFloat | Literal["e8m0"] = "e8m0"

    def __post_init__(self) -> None:
        element, group = self.element, self.group
        if not isinstance(element, NumberFormat) or element.group > 1:
            raise NumericsError(f"element must be a format without groups, not {element}")
        if element.bits > MAX_ELEMENT_BITS or element.wraps or element.max <= 0:
            raise NumericsError(
                f"element must have at most {MAX_ELEMENT_BITS} bits, saturate and hold values "
                f"beyond 0, which {element} does not"
            )
        if isinstance(group, bool) or not isinstance(group, int) or not 2 <= group <= MAX_GROUP:
            raise NumericsError(f"group must be an integer from 2 to {MAX_GROUP}, not {group!r}")
        is_float = isinstance(self.scale, MiniFloat) and self.scale.bits == SCALE_BITS
        if self.scale != "e8m0" and not is_float:
            raise NumericsError(
                f"scale must be e8m0 or a small float of {SCALE_BITS} bits, not {self.scale}"
            )

    @property
    def kind(self) -> str:
        """The name of this kind of format in files."""
        return "block-scaled"

    @property
    def bits(self) -> int:
        """Storage width of one element, in bits."""
        return self.element.bits

    @property
    def group_bits(self) -> int:
        """Bits of a scale."""
        return SCALE_BITS

    @property
    def word_bits(self) -> int:
        """Width of a word: a scale's bits above an element's."""
        return self.bits + SCALE_BITS

    @property
    def max(self) -> float:
        """Largest value that is finite."""
        return self.element.max * self._largest_scale

    @property
    def min(self) -> float:
        """Smallest value."""
        return self.element.min * self._largest_scale

    @property
    def _largest_scale(self) -> float:
        return 2.0**E8M0_BIAS if isinstance(self.scale, str) else self.scale.max

    @property
    def signed(self) -> bool:
        """Whether a value may be negative."""
        return self.element.signed

    @property
    def is_integer(self) -> bool:
        """False: scales below 1 make fractions."""
        return False

    @property
    def wraps(self) -> bool:
        """False: elements saturate."""
        return False

    def allowed(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` are stored as they are, beside those of their group."""
        array = np.asarray(values, np.float64)
        finite = np.isfinite(array)
        kept = np.where(finite, array, 0.0)
        return np.asarray(finite & (self.decode(self.encode(kept)) == kept), np.bool_)

    def encode(self, values: ArrayLike) -> Words:
        """Words of the nearest elements under the scales of their groups."""
        array = np.asarray(values, np.float64)
        refuse_part_of_group(array.shape, self)
        refuse_nan(array, self)
        parts = (*array.shape[:-1], array.shape[-1] // self.group, self.group)
        grouped = np.clip(array, self.min, self.max).reshape(parts)
        largest = np.abs(grouped).max(axis=-1, initial=0.0)
        scale_words = self._usual_scales(largest)
        for found, other in self._other_scales(largest, scale_words):
            keeps = self._are_exact(grouped[found], other)
            keeps &= ~self._are_exact(grouped[found], scale_words[found])
            scale_words[found] = np.where(keeps, other, scale_words[found])
        elements = self._elements(grouped, self._scales(scale_words))
        words = (scale_words[..., None] << np.uint64(self.bits)) | elements
        return words.reshape(array.shape)

    def _elements(self, grouped: NDArray[np.float64], scales: NDArray[np.float64]) -> Words:
        divisors = np.where(scales > 0, scales, 1.0)[..., None]
        return self.element.encode(np.where(scales[..., None] > 0, grouped / divisors, 0.0))

    def _usual_scales(self, largest: NDArray[np.float64]) -> Words:
        """Words of the scales that bring each largest magnitude near the largest element."""
        if not isinstance(self.scale, str):
            return self.scale.encode(largest / self.element.max)
        _, exponents = np.frexp(largest)
        _, top = np.frexp(self.element.max)
        words = np.clip(exponents - top + E8M0_BIAS, 0, E8M0_NAN - 1)
        return np.where(largest > 0, words, 0).astype(np.uint64)

    def _other_scales(
        self, largest: NDArray[np.float64], words: Words
    ) -> Iterator[tuple[NDArray[np.bool_], Words]]:
        """Groups that may be exact under a scale that is not the usual one, and its word."""
        if isinstance(self.scale, str):
            beyond = largest > self.element.max * self._scales(words)
            beyond &= words < E8M0_NAN - 1
            yield beyond, words[beyond] + np.uint64(1)
            return
        every = self.element.decode(np.arange(1 << self.bits, dtype=np.uint64))
        magnitudes = np.abs(every.astype(np.float64))
        for step in np.unique(magnitudes[np.isfinite(magnitudes) & (magnitudes > 0)])[::-1]:
            found = (largest > 0) & self.scale.allowed(largest / step)
            if found.any():
                yield found, self.scale.encode(largest[found] / step)

    def _are_exact(self, groups: NDArray[np.float64], words: Words) -> NDArray[np.bool_]:
        scales = self._scales(words)
        made = self.element.decode(self._elements(groups, scales)).astype(np.float64)
        return np.asarray((made * scales[..., None] == groups).all(axis=-1), np.bool_)

    def _scales(self, words: Words) -> NDArray[np.float64]:
        if isinstance(self.scale, str):
            powers = np.ldexp(1.0, words.astype(np.int64) - E8M0_BIAS)
            return np.where(words == E8M0_NAN, np.nan, powers)
        return self.scale.decode(words).astype(np.float64)

    def parts(self, words: Words) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The words of the scales, one for each group, and those of the elements.

        Raises:
            NumericsError: A word is too wide, or a group has two scales.
        """
        words = np.asarray(words).astype(np.uint64)
        refuse_part_of_group(words.shape, self)
        wide = words >> np.uint64(self.word_bits) > 0
        if wide.any():
            raise NumericsError(f"a word of {self} is too wide, the one at {first_place(wide)}")
        scales = words >> np.uint64(self.bits)
        grouped = scales.reshape(*words.shape[:-1], words.shape[-1] // self.group, self.group)
        other = grouped != grouped[..., :1]
        if other.any():
            place = first_place(other.reshape(words.shape))
            raise NumericsError(
                f"a group of {self} has two scales, the second at {place}",
                hint=f"all {self.group} words of a group repeat its scale above the element",
            )
        elements = words & np.uint64((1 << self.bits) - 1)
        return grouped[..., 0].astype(np.uint8), elements.astype(np.uint8)

    def join(self, scales: NDArray[np.uint8], elements: NDArray[np.uint8]) -> Words:
        """The words of which :meth:`parts` are `scales` and `elements`."""
        repeated = np.repeat(scales.astype(np.uint64), self.group, axis=-1)
        return (repeated << np.uint64(self.bits)) | elements.astype(np.uint64)

    def decode(self, words: Words) -> NDArray[np.generic]:
        """The values of words: float64.

        Raises:
            NumericsError: A word cannot occur: too wide, a second scale of a group, a negative one.
        """
        scale_words, elements = self.parts(words)
        scales = self._scales(scale_words.astype(np.uint64))
        if (scales < 0).any():
            place = first_place(scales < 0)
            raise NumericsError(f"a scale of {self} is negative, that of the group at {place}")
        values = self.element.decode(elements.astype(np.uint64)).astype(np.float64)
        return values * np.repeat(scales, self.group, axis=-1)

    def qonnx_name(self) -> str:
        """QONNX has no such data type."""
        raise NumericsError(f"QONNX has no name for {self}")

    def ap_fixed_name(self) -> str:
        """Vitis HLS has no such type."""
        raise NumericsError(f"Vitis HLS has no name for {self}")

    def verilog_name(self) -> str:
        """How a Verilog declaration says the type of a word: its bits."""
        return vector(self.word_bits, signed=False)

    def __str__(self) -> str:
        return f"{self.element}x{self.group}-{self.scale}"


MXFP4 = BlockScaled(E2M1, 32)
"""Four bits (OCP MX 1.0)."""
MXFP6 = BlockScaled(E2M3, 32)
"""Six bits (OCP MX 1.0); its other form is :data:`MXFP6_E3M2`."""
MXFP6_E3M2 = BlockScaled(E3M2, 32)
"""Six bits with a wider range (OCP MX 1.0)."""
MXFP8 = BlockScaled(E4M3, 32)
"""Eight bits (OCP MX 1.0); its other form is :data:`MXFP8_E5M2`."""
MXFP8_E5M2 = BlockScaled(E5M2, 32)
"""Eight bits with a wider range (OCP MX 1.0)."""
MXINT8 = BlockScaled(
    Fixed(8, 2, rounding=Rounding.HALF_EVEN, overflow=Overflow.SATURATE, narrow=True), 32
)
"""Integers of eight bits, of which six are fraction (OCP MX 1.0); -2 is not used."""
NVFP4 = BlockScaled(E2M1, 16, E4M3)
"""Four bits; the scale of the whole tensor is that of its :class:`~netwright.formats.Format`."""
