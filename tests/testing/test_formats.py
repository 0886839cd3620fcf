"""The suites pass for our own formats and patterns, and fail for ones with a fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netwright.formats import (
    BFLOAT16,
    E2M1,
    E2M3,
    E3M2,
    E4M3,
    E5M2,
    MXFP4,
    MXFP6,
    MXFP6_E3M2,
    MXFP8,
    MXFP8_E5M2,
    MXINT8,
    NM,
    NVFP4,
    Bipolar,
    Blocks,
    BlockScaled,
    Density,
    Fixed,
    Float,
    Int,
    MiniFloat,
    OutlierPairs,
    Overflow,
    Rounding,
)
from netwright.testing import NumberFormatSuite, PatternSuite


class TestIntegers(NumberFormatSuite):
    numbers = (
        *(Int(bits, signed) for bits in (1, 3, 8, 13, 53, 64) for signed in (True, False)),
        Int(4, narrow=True),
        Int(4, signed=False, narrow=True),
        Int(64, narrow=True),
        Bipolar(),
    )

    # Half of the numbers of such a format lie beyond what float64 tells apart.
    def test_a_value_between_two_becomes_one_of_them(self) -> None:
        class Narrow(NumberFormatSuite):
            numbers = tuple(number for number in self.numbers if number.bits <= 53)

        Narrow().test_a_value_between_two_becomes_one_of_them()


class TestFloats(NumberFormatSuite):
    numbers = (
        E2M1, E2M3, E3M2, E4M3, E5M2, BFLOAT16, Float(16), Float(32),
        MiniFloat(4, 3, "negative-zero"), MiniFloat(1, 2, "none"), MiniFloat(3, 0, "none"),
        MiniFloat(8, 23),
    )  # fmt: skip


class TestPairs(NumberFormatSuite):
    numbers = (
        OutlierPairs(), OutlierPairs("flint4"), OutlierPairs("int8"), OutlierPairs(rule="left"),
        OutlierPairs("int8", outlier="e2m5"), OutlierPairs(bias=4),
    )  # fmt: skip


class TestBlockScaled(NumberFormatSuite):
    numbers = (
        MXFP4, MXFP6, MXFP6_E3M2, MXFP8, MXFP8_E5M2, MXINT8, NVFP4,
        BlockScaled(E4M3, 4, E5M2), BlockScaled(MiniFloat(3, 0, "none"), 2),
    )  # fmt: skip


class TestRegisters(NumberFormatSuite):
    numbers = (
        Fixed(6, 2),
        Fixed(6, 2, signed=False, rounding=Rounding.HALF_EVEN, overflow=Overflow.SATURATE),
        Fixed(6, -1, overflow=Overflow.SATURATE, narrow=True, rounding=Rounding.CEIL),
        Fixed(4, 7, overflow=Overflow.SATURATE),
    )

    def test_values_of_integer_formats_are_integers(self) -> None:
        assert Fixed(6, 6).decode(np.array([63], np.uint64)).tolist() == [-1]


class TestPatterns(PatternSuite):
    patterns = (
        (NM(2, 4), (8,)),
        (NM(1, 4, axis=1), (2, 4)),
        (NM(0, 2), (4, 2)),
        (NM(3, 3, axis=1), (2, 3)),
        (Blocks(2, density=0.5), (4, 2)),
        (Blocks(4, axis=1, density=0.3), (3, 4)),
        (Blocks(1, density=1.0), (5,)),
        (Density(0.5), (3, 3)),
        (Density(0.13), (8,)),
        (Density(0), (4,)),
    )


@dataclass(frozen=True)
class _Forgetful(Int):
    """Its words lose the sign."""

    def decode(self, words: NDArray[np.uint64]) -> NDArray[Any]:
        return words.astype(np.int64)


@dataclass(frozen=True)
class _Optimistic(NM):
    """Its metadata are too few."""

    def metadata_bits(self, shape: tuple[int, ...]) -> int:
        return 1


def test_suites_find_faults() -> None:
    class Numbers(NumberFormatSuite):
        numbers = (_Forgetful(4),)

    class Patterns(PatternSuite):
        patterns = ((_Optimistic(1, 4), (8,)),)

    class Nothing(NumberFormatSuite):
        pass

    with pytest.raises(AssertionError):
        Numbers().test_a_value_is_stored_and_read_again()
    with pytest.raises(AssertionError, match="_Optimistic"):
        Patterns().test_the_metadata_tell_all_places_apart()
    with pytest.raises(AssertionError, match="name the formats to test"):
        Nothing().test_it_is_a_plain_value_with_names()
