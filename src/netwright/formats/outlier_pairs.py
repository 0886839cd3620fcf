"""Outlier-victim pairs: two neighbors in one byte or two, of which one may reach far.

Where one of two neighbors is too large for the normal codes, it takes a floating-point code of the
same width (*abfloat*), and the other, its victim, becomes zero; the victim's word is the one that
no normal value has, and says so. (Guo et al., "OliVe", ISCA 2023, arXiv 2304.07493.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import NumericsError
from netwright.formats.number import Words, first_place, refuse_nan, refuse_part_of_group, vector

Normal = Literal["int4", "flint4", "int8"]
Outlier = Literal["e2m1", "e4m3", "e2m5"]
Rule = Literal["larger", "left"]

FLINT4 = (0, 1, 2, 3, 16, 8, 4, 6)
"""Magnitude of each three bits of a flint (Guo et al., "ANT", MICRO 2022, leading-zero code)."""

LARGEST_OUTLIER = (1 << 15) - 1
"""Codes of more are not used: operands fit 16 bits, and products of two of them 32."""

_OUTLIERS: dict[str, tuple[str, ...]] = {
    "int4": ("e2m1",),
    "flint4": ("e2m1",),
    "int8": ("e4m3", "e2m5"),
}
_RULES = ("larger", "left")


@dataclass(frozen=True, slots=True)
class OutlierPairs:
    """Integers in pairs of neighbors along the last axis.

    A word is four or eight bits. An outlier is ``sign * ((2**m + mantissa) << (exponent + bias))``
    with `m` bits of mantissa; the code whose exponent and mantissa are 0 is reserved. Nearest
    values: of two as near, the one of smaller magnitude. The first element of a pair is the high
    half of a byte (:meth:`pack`).

    Attributes:
        normal: Codes of values that are no outliers: ``int4`` (-7 to 7), ``flint4`` (0, 1, 2, 3, 4,
            6, 8, 16 and their negatives), or ``int8`` (-127 to 127).
        bias: Added to an outlier's exponent; the smallest for which every outlier is beyond the
            normal values if not given (2 for ``int4``, 3 for ``flint4``, 4 for ``int8`` with
            ``e4m3``, 2 with ``e2m5``).
        outlier: Codes of outliers: ``e2m1`` beside four bits, ``e4m3`` (the paper's) or ``e2m5``
            (its repository's) beside eight; the first of these if not given.
        rule: Which of two outliers stays: the ``larger`` (the first of two as large), as the paper
            says, or the ``left``, as its repository does.

    Raises:
        NumericsError: A value is not accepted.

    Example:
        >>> pairs = OutlierPairs()
        >>> pairs.outliers
        (12, 16, 24, 32, 48, 64, 96)
        >>> words = pairs.encode([5, -3, 2, 50, -20, 90])
        >>> [f"{byte:08b}" for byte in pairs.pack(words).tolist()]
        ['01011101', '10000101', '10000111']
        >>> pairs.decode(words).tolist()
        [5, -3, 0, 48, 0, 96]
    """

    normal: Normal = "int4"
    bias: int | None = None
    outlier: Outlier | None = None
    rule: Rule = "larger"

    def __post_init__(self) -> None:
        if self.normal not in _OUTLIERS:
            raise NumericsError(
                f"normal must be one of {', '.join(_OUTLIERS)}, not {self.normal!r}"
            )
        accepted = _OUTLIERS[self.normal]
        if self.outlier is None:
            object.__setattr__(self, "outlier", accepted[0])
        elif self.outlier not in accepted:
            raise NumericsError(
                f"outlier beside {self.normal} must be one of {', '.join(accepted)}, "
                f"not {self.outlier!r}"
            )
        if self.rule not in _RULES:
            raise NumericsError(f"rule must be one of {', '.join(_RULES)}, not {self.rule!r}")
        low = self._usual_bias
        high = LARGEST_OUTLIER.bit_length() - self._mantissa_bits - 1
        if self.bias is None:
            object.__setattr__(self, "bias", low)
        elif isinstance(self.bias, bool) or not isinstance(self.bias, int):
            raise NumericsError(f"bias must be an integer, not {self.bias!r}")
        elif not low <= self.bias <= high:
            raise NumericsError(
                f"bias of {self.outlier} beside {self.normal} must be from {low} to {high}, "
                f"not {self.bias}",
                hint=f"outliers must lie beyond the normal values, which end at "
                f"{self.normals[-1]}, and below {LARGEST_OUTLIER + 1}",
            )

    @property
    def kind(self) -> str:
        """The name of this kind of format in files."""
        return "outlier-pairs"

    @property
    def bits(self) -> int:
        """Storage width of one value, in bits: 4 or 8."""
        return int(self.normal[-1])

    @property
    def group(self) -> int:
        """2: a pair."""
        return 2

    @property
    def group_bits(self) -> int:
        """0: which one is the outlier, the codes say."""
        return 0

    @property
    def word_bits(self) -> int:
        """Width of a word: that of one value."""
        return self.bits

    @property
    def identifier(self) -> int:
        """The word of a victim."""
        return 1 << (self.bits - 1)

    @property
    def _mantissa_bits(self) -> int:
        assert self.outlier is not None
        return int(self.outlier[-1])

    @property
    def _usual_bias(self) -> int:
        """The smallest with which the smallest outlier is beyond the normal values."""
        return (self.normals[-1] // ((1 << self._mantissa_bits) + 1)).bit_length()

    @property
    def normals(self) -> tuple[int, ...]:
        """Magnitudes of normal values, ascending, 0 first."""
        return tuple(sorted(FLINT4)) if self.normal == "flint4" else tuple(range(self.identifier))

    @property
    def outliers(self) -> tuple[int, ...]:
        """Magnitudes of outliers, ascending."""
        codes = _codes(self)
        return tuple(sorted(abs(int(v)) for v in codes.outlier[: self.identifier] if v))

    @property
    def table(self) -> NDArray[np.int16]:
        """The two values of each byte of a pair of four bits, (256, 2); zeros where none can occur.

        Raises:
            NumericsError: A pair takes two bytes.
        """
        if self.bits != 4:
            raise NumericsError(f"a pair of {self} takes two bytes: it has no table of 256")
        words = self.unpack(np.arange(256, dtype=np.uint8)).reshape(256, 2)
        return np.where(self._fault_mask(words), 0, self._values(words)).astype(np.int16)

    @property
    def max(self) -> int:
        """Largest value."""
        return self.outliers[-1]

    @property
    def min(self) -> int:
        """Smallest value."""
        return -self.max

    @property
    def signed(self) -> bool:
        """True: a value may be negative."""
        return True

    @property
    def is_integer(self) -> bool:
        """True: normal values and outliers are integers."""
        return True

    @property
    def wraps(self) -> bool:
        """False: what is beyond the largest outlier becomes the largest outlier."""
        return False

    def allowed(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Which of `values` are stored as they are: not the victims of a neighbor, if not 0."""
        array = np.asarray(values)
        finite = np.isfinite(array.astype(np.float64))
        kept = np.where(finite, array, 0)
        return np.asarray(finite & (self.decode(self.encode(kept)) == kept), np.bool_)

    def encode(self, values: ArrayLike) -> Words:
        """Words of the nearest values, victims included."""
        array = np.asarray(values)
        refuse_part_of_group(array.shape, self)
        refuse_nan(array, self)
        codes = _codes(self)
        magnitudes = np.abs(array.astype(np.float64))
        near = np.searchsorted(codes.middles, magnitudes, side="left")
        words = np.where(array < 0, codes.negative[near], codes.positive[near])
        first, second = near[..., 0::2], near[..., 1::2]
        far = len(self.normals)
        keeps_first = first >= far
        if self.rule == "larger":
            keeps_first &= first >= second
        keeps_second = (second >= far) & ~keeps_first
        words[..., 1::2][keeps_first] = self.identifier
        words[..., 0::2][keeps_second] = self.identifier
        return words

    def decode(self, words: Words) -> NDArray[np.generic]:
        """The values of words: int64.

        Raises:
            NumericsError: A word or a pair of words cannot occur; the message says where.
        """
        words = np.asarray(words).astype(np.uint64)
        refuse_part_of_group(words.shape, self)
        bad = self._fault_mask(words)
        if bad.any():
            place = first_place(bad)
            start = place[-1] // 2 * 2
            first, second = (
                f"{int(word):0{self.bits}b}" for word in words[place[:-1]][start : start + 2]
            )
            raise NumericsError(
                f"{self} has no pair {first} {second}, the words at {(*place[:-1], start)} "
                "and after it"
            )
        return self._values(words)

    def _values(self, words: Words) -> NDArray[np.int64]:
        codes = _codes(self)
        partner = np.stack([words[..., 1::2], words[..., 0::2]], -1).reshape(words.shape)
        mask = np.uint64((1 << self.bits) - 1)
        values = np.where(
            partner == self.identifier, codes.outlier[words & mask], codes.normal[words & mask]
        )
        return np.where(words == self.identifier, 0, values)

    def _fault_mask(self, words: Words) -> NDArray[np.bool_]:
        """Which words cannot occur: too wide, no outlier beside a victim, two victims."""
        codes = _codes(self)
        partner = np.stack([words[..., 1::2], words[..., 0::2]], -1).reshape(words.shape)
        mask = np.uint64((1 << self.bits) - 1)
        no_outlier = (partner == self.identifier) & (codes.outlier[words & mask] == 0)
        return np.asarray((words > mask) | no_outlier, np.bool_)

    def pack(self, words: Words) -> NDArray[np.uint8]:
        """Bytes of words: of four bits the first of a pair is the high half of a byte.

        Returns:
            The shape of `words`, of four bits with half its last extent.
        """
        refuse_part_of_group(words.shape, self)
        small = words.astype(np.uint8)
        if self.bits == 8:
            return small
        return (small[..., 0::2] << np.uint8(4)) | small[..., 1::2]

    def unpack(self, data: NDArray[np.uint8]) -> Words:
        """The words of bytes that :meth:`pack` made."""
        if self.bits == 8:
            return data.astype(np.uint64)
        halves = np.stack([data >> np.uint8(4), data & np.uint8(15)], axis=-1)
        return halves.reshape(*data.shape[:-1], 2 * data.shape[-1]).astype(np.uint64)

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
        moved = "" if self.bias == self._usual_bias else f"b{self.bias}"
        left = "-left" if self.rule == "left" else ""
        return f"{self.normal}+{self.outlier}{moved}{left}"


@dataclass(frozen=True, slots=True)
class _Codes:
    """The value of each word, the words of each magnitude, and what lies between magnitudes."""

    normal: NDArray[np.int64]
    outlier: NDArray[np.int64]
    positive: Words
    negative: Words
    middles: NDArray[np.float64]


@cache
def _codes(pairs: OutlierPairs) -> _Codes:
    half, mantissa_bits = pairs.identifier, pairs._mantissa_bits
    assert pairs.bias is not None
    if pairs.normal == "flint4":
        normal = [(-FLINT4[w - 8] if w >= 8 else FLINT4[w]) for w in range(16)]
    else:
        normal = [w - 2 * half if w > half else w % half for w in range(2 * half)]
    outlier = [0]
    for code in range(1, half):
        exponent, mantissa = divmod(code, 1 << mantissa_bits)
        value = ((1 << mantissa_bits) + mantissa) << (exponent + pairs.bias)
        outlier.append(value if value <= LARGEST_OUTLIER else 0)
    outlier += [-value for value in outlier]
    magnitudes = (*pairs.normals, *sorted(value for value in outlier if value > 0))
    word_of = {value: word for word, value in enumerate(outlier)}
    word_of |= {value: word for word, value in enumerate(normal) if word != half}
    middles = np.array(magnitudes, np.float64)
    return _Codes(
        normal=np.array(normal, np.int64),
        outlier=np.array(outlier, np.int64),
        positive=np.array([word_of[value] for value in magnitudes], np.uint64),
        negative=np.array([word_of[-value] for value in magnitudes], np.uint64),
        middles=(middles[1:] + middles[:-1]) / 2,
    )
