"""Small floats: every word, against the published tables and an independent library."""

from __future__ import annotations

import re

import numpy as np
import pytest

from netwright.errors import NumericsError
from netwright.formats import BFLOAT16, E2M1, E2M3, E3M2, E4M3, E5M2, Float, MiniFloat

FORMATS = {
    "float4_e2m1fn": E2M1,
    "float6_e2m3fn": E2M3,
    "float6_e3m2fn": E3M2,
    "float8_e4m3fn": E4M3,
    "float8_e5m2": E5M2,
    "float8_e4m3": MiniFloat(4, 3),
    "float8_e3m4": MiniFloat(3, 4),
    "float8_e4m3fnuz": MiniFloat(4, 3, "negative-zero"),
    "float8_e5m2fnuz": MiniFloat(5, 2, "negative-zero"),
    "float8_e4m3b11fnuz": MiniFloat(4, 3, "negative-zero", 11),
    "bfloat16": BFLOAT16,
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_word_is_that_of_ml_dtypes(name: str) -> None:
    number = FORMATS[name]
    peer = np.dtype(getattr(pytest.importorskip("ml_dtypes"), name))
    stored = np.uint16 if number.bits == 16 else np.uint8
    words = np.arange(1 << number.bits, dtype=np.uint64)
    with np.errstate(invalid="ignore"):
        theirs = words.astype(stored).view(peer).astype(np.float64)
    ours = number.decode(words)
    assert np.array_equal(ours, theirs, equal_nan=True)
    assert np.array_equal(
        np.signbit(ours), np.signbit(theirs) & ~np.isnan(theirs) | np.signbit(ours) & np.isnan(ours)
    )

    finite = np.unique(ours[np.isfinite(ours)])
    middle = (finite[1:] + finite[:-1]) / 2
    random = np.random.default_rng(2).normal(size=2000) * finite.max() / 3
    near = np.concatenate([finite, middle, np.nextafter(middle, 0), random])
    near = near[np.abs(near) <= finite.max()]
    wanted = near.astype(np.float32).astype(np.float64).astype(peer).view(stored)
    kept = near == near.astype(np.float32)
    assert np.array_equal(number.encode(near)[kept], wanted[kept])
    assert (number.min, number.max) == (finite.min(), finite.max())


def test_values_of_the_ocp_tables() -> None:
    assert np.unique(E2M1.decode(np.arange(16, dtype=np.uint64))).tolist() == [
        -6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6,
    ]  # fmt: skip
    assert (E2M3.max, E3M2.max, E4M3.max, E5M2.max) == (7.5, 28, 448, 57344)
    smallest = [n.decode(np.array([1], np.uint64))[0] for n in (E2M3, E3M2, E4M3, E5M2)]
    assert smallest == [0.125, 0.0625, 2**-9, 2**-16]


def test_values_saturate_and_infinities_too() -> None:
    for number in (E2M1, E4M3, E5M2, BFLOAT16):
        made = number.decode(number.encode([1e300, np.inf, -np.inf, -1e300]))
        assert made.tolist() == [number.max, number.max, number.min, number.min]


def test_zero_keeps_its_sign_where_there_are_two() -> None:
    assert E4M3.encode([0.0, -0.0]).tolist() == [0, 128]
    assert MiniFloat(4, 3, "negative-zero").encode([0.0, -0.0]).tolist() == [0, 0]


def test_nan_is_refused_where_it_has_no_word() -> None:
    assert np.isnan(E4M3.decode(E4M3.encode([np.nan]))).all()
    message = "e2m1f has no word for NaN, the value at (1,)"
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}$"):
        E2M1.encode([1.0, np.nan])


def test_wide_ones_are_those_of_ieee() -> None:
    words = np.random.default_rng(3).integers(0, 1 << 32, 2000, dtype=np.uint64)
    single = MiniFloat(8, 23)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(single.decode(words), Float(32).decode(words), equal_nan=True)
    assert (single.min, single.max) == (Float(32).min, Float(32).max)


def test_names() -> None:
    assert [str(n) for n in (E2M1, E4M3, E5M2)] == ["e2m1f", "e4m3fn", "e5m2"]
    assert str(MiniFloat(4, 3, "negative-zero", 11)) == "e4m3b11fnuz"
    assert E2M1.qonnx_name() == "FLOAT<2,1,1>"
    with pytest.raises(NumericsError, match="QONNX has no name for e4m3fn"):
        _ = E4M3.qonnx_name()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "exponent_bits must be an integer from 1 to 8, not 0"),
        ((4, -1), "mantissa_bits must be an integer from 0 to 23, not -1"),
        ((4, 3, "inf"), "special must be one of none, nan, ieee, negative-zero, not 'inf'"),
        ((1, 1, "ieee"), None),
        ((3, 0, "ieee"), "e3m0 has too few words for its numbers and for NaN"),
        ((4, 3, "nan", 1.5), "bias must be an integer, not 1.5"),
        ((4, 3, "nan", 1200), "the values of e4m3b1200fn must be those of float64, bias 1200"),
    ],
)
def test_formats_without_numbers_are_refused(arguments: tuple[int, int], message: str) -> None:
    if message is None:
        assert MiniFloat(*arguments).max == 1
        return
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}$"):
        MiniFloat(*arguments)
