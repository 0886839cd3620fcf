"""Formats by name."""

from __future__ import annotations

import re

import pytest

from netwright.errors import NumericsError
from netwright.formats import (
    E4M3,
    MXFP4,
    MXINT8,
    NAMED,
    NVFP4,
    Bipolar,
    BlockScaled,
    Fixed,
    Float,
    Int,
    MiniFloat,
    NumberFormat,
    OutlierPairs,
    number_named,
)


@pytest.mark.parametrize(
    "number",
    [
        Int(8), Int(4, signed=False), Int(4, narrow=True), Bipolar(), Float(16), Fixed(8, 3),
        Fixed(6, -1, signed=False), E4M3, MiniFloat(4, 3, "negative-zero", 11), MXFP4, NVFP4,
        BlockScaled(E4M3, 64, E4M3), OutlierPairs(),
        OutlierPairs("flint4", 4, rule="left"), OutlierPairs("int8", outlier="e2m5"),
    ],
    ids=str,
)  # fmt: skip
def test_a_format_is_found_by_what_is_printed(number: NumberFormat) -> None:
    assert number_named(str(number)) == number


def test_names_of_their_own() -> None:
    assert {name: number_named(name) for name in NAMED} == NAMED
    assert (NAMED["mxfp4"], NAMED["nvfp4"], NAMED["mxint8"]) == (MXFP4, NVFP4, MXINT8)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mxfp5", '"mxfp5" is no number format; did you mean "mxfp8"?'),
        ("", '"" is no number format'),
        ("int0", "bits must be an integer from 1 to 64, not 0"),
        ("int4+e2m1b1", "bias of e2m1 beside int4 must be from 2 to 13, not 1"),
        ("e2m1fx1-e8m0", "group must be an integer from 2 to 1024, not 1"),
        ("int4+e2m1x4-e8m0", '"int4+e2m1" is no number format'),
        ("e9m1", "exponent_bits must be an integer from 1 to 8, not 9"),
        ("e8m2b-9999", "the values of e8m2b-9999 must be those of float64, bias -9999"),
        ("e5m2b-9999x16-e8m0", "the values of e5m2b-9999 must be those of float64, bias -9999"),
        ("fixed<8,9999>", "the values of fixed<8,9999> must be those of float64: integer_bits"),
        ("fixed<8,-9999>", "the values of fixed<8,-9999> must be those of float64: integer_bits"),
        ("int\u0664", '"int\u0664" is no number format'),
    ],
)
def test_names_of_no_format_are_refused(name: str, message: str) -> None:
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}"):
        number_named(name)
