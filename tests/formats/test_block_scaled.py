"""Neighbors with a shared scale: by hand, and against independent arithmetic."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from netwright.errors import NumericsError
from netwright.formats import (
    E2M1,
    E4M3,
    E5M2,
    MXFP4,
    MXFP6,
    MXFP6_E3M2,
    MXFP8,
    MXFP8_E5M2,
    MXINT8,
    NVFP4,
    BlockScaled,
    Float,
    Format,
    Int,
    MiniFloat,
    NumberFormat,
    OutlierPairs,
    stored,
)

# OCP MX 1.0, table 1: bits of an element and exponent of the largest; ml_dtypes' name.
PUBLISHED = {
    "mxfp4": (MXFP4, 4, 2, "float4_e2m1fn"),
    "mxfp6": (MXFP6, 6, 2, "float6_e2m3fn"),
    "mxfp6_e3m2": (MXFP6_E3M2, 6, 4, "float6_e3m2fn"),
    "mxfp8": (MXFP8, 8, 8, "float8_e4m3fn"),
    "mxfp8_e5m2": (MXFP8_E5M2, 8, 15, "float8_e5m2"),
    "mxint8": (MXINT8, 8, 0, ""),
}


def heavy(shape: tuple[int, ...], seed: int = 6) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    values = random.standard_t(2, shape) * np.exp2(random.integers(-20, 20, (*shape[:-1], 1)))
    return values.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("name", PUBLISHED)
def test_groups_are_those_of_the_published_rule(name: str) -> None:
    number, bits, top, peer_name = PUBLISHED[name]
    assert (number.bits, number.group, number.group_bits) == (bits, 32, 8)
    groups = heavy((200, 32))
    made = number.decode(number.encode(groups))
    scales, _ = number.parts(number.encode(groups))
    for group, row, scale_word in zip(groups, made, scales[:, 0], strict=True):
        # OCP MX 1.0, section 6.3, with Python's integers: the largest power of two not above max.
        largest = Fraction(max(abs(group)))
        exponent = -200
        while Fraction(2) ** (exponent + 1) <= largest:
            exponent += 1
        assert int(scale_word) == exponent - top + 127
        scale = 2.0 ** (exponent - top)
        if peer_name:
            peer = np.dtype(getattr(pytest.importorskip("ml_dtypes"), peer_name))
            limit = number.element.max
            wanted = np.clip(group / scale, -limit, limit).astype(peer).astype(np.float64)
        else:
            wanted = np.clip(np.rint(group / scale * 64), -127, 127) / 64
        assert np.array_equal(row, wanted * scale)


def test_a_group_by_hand() -> None:
    # Largest 6.5: exponent 2, scale 2**0; 2.5 is a tie between 2 and 3, 0.25 one between 0 and 0.5.
    values = [6.5, -2.5, 1.75, 0.25, -0.3, 7.9] + [0.0] * 26
    words = MXFP4.encode(values)
    assert MXFP4.decode(words)[:6].tolist() == [6.0, -2.0, 2.0, 0.0, -0.5, 6.0]
    assert set((words >> np.uint64(4)).tolist()) == {127}
    # NVFP4: 100 / 6 = 16.67; e4m3 has steps of 2 there, and 16 is nearer than 18.
    nv = NVFP4.encode([100.0, 30.0, -9.0, 3.9] + [0.0] * 12)
    assert NVFP4.parts(nv)[0].tolist() == [int(E4M3.encode([16.0])[0])]
    assert NVFP4.decode(nv)[:4].tolist() == [96.0, 32.0, -8.0, 0.0]


def test_scales_of_nvfp4_are_the_nearest_of_an_independent_library() -> None:
    peer = np.dtype(pytest.importorskip("ml_dtypes").float8_e4m3fn)
    element = np.dtype(pytest.importorskip("ml_dtypes").float4_e2m1fn)
    groups = np.random.default_rng(7).standard_t(3, (500, 16)) * 40
    wanted = (abs(groups).max(axis=1) / 6).astype(np.float32).astype(peer).astype(np.float64)
    inside = np.clip(groups / wanted[:, None], -6, 6).astype(element).astype(np.float64)
    assert np.array_equal(NVFP4.decode(NVFP4.encode(groups)), inside * wanted[:, None])


@pytest.mark.parametrize(
    "number", [MXFP4, NVFP4, MXFP8, MXINT8, BlockScaled(E2M1, 4, E5M2)], ids=str
)
def test_what_is_read_is_written_again(number: BlockScaled) -> None:
    random = np.random.default_rng(8)
    scales = np.arange(256, dtype=np.uint8)[:, None]
    elements = random.integers(0, 1 << number.bits, (256, number.group), np.uint8)
    words = number.join(scales, elements)
    assert [part.tolist() for part in number.parts(words)] == [scales.tolist(), elements.tolist()]
    known = [row for row, word in zip(words, range(256), strict=True) if scale_is(number, word)]
    values = number.decode(np.stack(known))
    kept = np.isfinite(values).all(axis=1)
    if number == MXINT8:
        kept &= (elements[: len(kept)] != 128).all(axis=1)
    assert kept.sum() > 100
    assert np.array_equal(number.decode(number.encode(values[kept])), values[kept])
    assert number.allowed(values[kept]).all()


def scale_is(number: BlockScaled, word: int) -> bool:
    """Whether a word is one of a positive scale."""
    if number.scale == "e8m0":
        return word < 255
    scale = number.scale.decode(np.array([word], np.uint64))[0]
    return bool(np.isfinite(scale) and not np.signbit(scale))


def test_zeros_and_large_values() -> None:
    for number, sign in product((MXFP4, NVFP4, MXINT8), (1, -1)):
        zeros = np.zeros((2, number.group))
        assert not number.encode(zeros).any()
        assert not number.decode(number.encode(zeros)).any()
        ends = np.full(number.group, sign * np.inf)
        assert number.decode(number.encode(ends)).tolist() == [sign * number.max] * number.group


def test_scales_that_are_no_number_make_values_that_are_none() -> None:
    assert np.isnan(MXFP4.decode(np.full(32, 255 << 4, np.uint64))).all()
    assert np.isnan(NVFP4.decode(np.full(16, 127 << 4, np.uint64))).all()


@pytest.mark.parametrize(
    ("number", "words", "message"),
    [
        (MXFP4, [1 << 12] + [0] * 31, "a word of e2m1fx32-e8m0 is too wide, the one at (0,)"),
        (
            MXFP4, [2 << 4] * 31 + [3 << 4],
            "a group of e2m1fx32-e8m0 has two scales, the second at (31,)",
        ),
        (
            NVFP4, [0] * 16 + [0x8A << 4] * 16,
            "a scale of e2m1fx16-e4m3fn is negative, that of the group at (1,)",
        ),
        (
            MXFP4, [0] * 31,
            "e2m1fx32-e8m0 codes 32 neighbors together, which do not divide the extent 31",
        ),
    ],
)  # fmt: skip
def test_words_that_cannot_occur_are_refused(
    number: BlockScaled, words: list[int], message: str
) -> None:
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}(\nhint|$)"):
        number.decode(np.array(words, np.uint64))


def test_nan_is_refused_with_its_place() -> None:
    values = np.zeros((2, 32))
    values[1, 3] = np.nan
    for number in (MXFP4, MXFP8, NVFP4):
        message = f"{number} has no word for NaN, the value at (1, 3)"
        with pytest.raises(NumericsError, match=f"^{re.escape(message)}(\nhint|$)"):
            number.encode(values)


@pytest.mark.parametrize(
    ("element", "group", "scale", "message"),
    [
        (OutlierPairs(), 4, "e8m0", "element must be a format without groups, not int4+e2m1"),
        (MXFP4, 4, "e8m0", "element must be a format without groups, not e2m1fx32-e8m0"),
        (Float(16), 4, "e8m0", "element must have at most 8 bits, saturate"),
        (Int(4), 4, "e8m0", "element must have at most 8 bits, saturate"),
        (E2M1, 1, "e8m0", "group must be an integer from 2 to 1024, not 1"),
        (E2M1, True, "e8m0", "group must be an integer from 2 to 1024, not True"),
        (E2M1, 1 << 40, "e8m0", "group must be an integer from 2 to 1024, not 1099511627776"),
        (E2M1, 4, "e8m1", "scale must be e8m0 or a small float of 8 bits, not e8m1"),
        (E2M1, 4, E2M1, "scale must be e8m0 or a small float of 8 bits, not e2m1f"),
    ],
)
def test_formats_that_are_none_are_refused(
    element: NumberFormat, group: int, scale: MiniFloat, message: str
) -> None:
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}"):
        BlockScaled(element, group, scale)


def test_stored_bits() -> None:
    for number, payload, shared in ((MXFP4, 4096, 256), (NVFP4, 4096, 512), (MXFP6, 6144, 256)):
        found = stored(Format(number), (16, 64))
        assert (found.payload_bits, found.metadata_bits) == (payload, shared)
