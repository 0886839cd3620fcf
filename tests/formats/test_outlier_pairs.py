"""Outlier-victim pairs: every byte, every two bytes, and the rules by hand."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from netwright.errors import NumericsError
from netwright.formats import Format, OutlierPairs, stored

INT4, FLINT4 = OutlierPairs(), OutlierPairs("flint4")
BYTES = np.arange(256, dtype=np.uint8)
# arXiv 2304.07493: int4 is <0, v>; a flint is <exponent, mantissa>; an outlier <e + bias, 2 + m>.
FLINT_PAIRS = ((0, 0), (0, 1), (0, 2), (0, 3), (4, 1), (3, 1), (2, 1), (1, 3))


def exponent_integer(pairs: OutlierPairs, nibble: int, *, outlier: bool) -> tuple[int, int]:
    """The exponent and the integer of a nibble, as a processing element has them."""
    sign, code = (-1 if nibble & 8 else 1), nibble & 7
    if outlier:
        assert pairs.bias is not None
        return (code >> 1) + pairs.bias, sign * (2 + (code & 1))
    if pairs.normal == "int4":
        return 0, nibble - 16 if nibble & 8 else nibble
    exponent, integer = FLINT_PAIRS[code]
    return exponent, sign * integer


def operands(pairs: OutlierPairs, byte: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Both operands of a byte by the published decoder; nothing for a byte that cannot occur."""
    high, low = byte >> 4, byte & 15
    if (low, high) == (8, 8) or (low == 8 and high == 0) or (high == 8 and low == 0):
        return None
    if low == 8:
        return exponent_integer(pairs, high, outlier=True), (0, 0)
    if high == 8:
        return (0, 0), exponent_integer(pairs, low, outlier=True)
    return (
        exponent_integer(pairs, high, outlier=False),
        exponent_integer(pairs, low, outlier=False),
    )


@pytest.mark.parametrize("pairs", [INT4, FLINT4, OutlierPairs(bias=3), OutlierPairs(rule="left")])
def test_every_byte_and_every_two_bytes(pairs: OutlierPairs) -> None:
    by_hand = [operands(pairs, byte) for byte in range(256)]
    known = [byte for byte, found in enumerate(by_hand) if found]
    assert len(known) == 253
    values = pairs.decode(pairs.unpack(BYTES[known])).reshape(-1, 2)
    exponents = np.array([[a for a, _ in by_hand[byte] or ()] for byte in known])
    integers = np.array([[b for _, b in by_hand[byte] or ()] for byte in known])
    assert np.array_equal(values, integers << exponents)
    assert np.array_equal(pairs.table[known], values)

    # Every two bytes through decoding and multiplication: (b * d) << (a + c), then the sum.
    products = integers[:, None] * integers[None] << exponents[:, None] + exponents[None]
    table = pairs.table.astype(np.int32)
    sums = np.einsum("xi,yi->xy", table, table)
    assert np.array_equal(sums[np.ix_(known, known)], products.sum(axis=-1))
    rest = sorted(set(range(256)) - set(known))
    assert sums.size == 65536
    assert not sums[rest].any()
    assert not sums[:, rest].any()
    assert abs(sums).max() < 1 << 31

    assert np.array_equal(pairs.pack(pairs.encode(values)).ravel(), known)


def test_pairs_of_eight_bits_are_read_and_written_again() -> None:
    words = np.stack(np.meshgrid(np.arange(256), np.arange(256), indexing="ij"), -1)
    for outlier, first, last in (("e4m3", 144, 30720), ("e2m5", 132, 2016)):
        pairs = OutlierPairs("int8", outlier=outlier)
        assert (pairs.outliers[0], pairs.outliers[-1]) == (first, last)
        victim = words == 128
        magnitude = {
            code: ((8 + code % 8) << (code // 8 + 4) if outlier == "e4m3"
                   else (32 + code % 32) << (code // 32 + 2))
            for code in range(1, 128)
        }  # fmt: skip
        far = np.array([magnitude.get(w & 127, 0) * (-1 if w & 128 else 1) for w in range(256)])
        far[abs(far) > 32767] = 0
        known = ~(victim & (far[words[..., ::-1]] == 0)).any(axis=-1)
        values = pairs.decode(words[known].astype(np.uint64))
        normal = (words + 128) % 256 - 128
        wanted = np.where(victim, 0, np.where(victim[..., ::-1], far[words], normal))
        assert np.array_equal(values, wanted[known])
        assert np.array_equal(pairs.encode(values), words[known])
        assert np.array_equal(pairs.unpack(pairs.pack(words[known])), words[known])


def test_published_values() -> None:
    assert INT4.normals == (0, 1, 2, 3, 4, 5, 6, 7)
    assert INT4.outliers == (12, 16, 24, 32, 48, 64, 96)
    assert FLINT4.normals == (0, 1, 2, 3, 4, 6, 8, 16)
    assert FLINT4.outliers == (24, 32, 48, 64, 96, 128, 192)
    assert (INT4.bias, FLINT4.bias) == (2, 3)
    assert (INT4.min, INT4.max, FLINT4.max) == (-96, 96, 192)


def nearest_by_search(pairs: OutlierPairs, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nearest pairs by trying every value of the union, then the rule of pairs."""
    grid = sorted({s * m for m in pairs.normals + pairs.outliers for s in (1, -1)}, key=abs)
    made = [min(grid, key=lambda g, v=v: (abs(g - v), abs(g))) for v in values.ravel()]
    out = np.array(made, np.float64).reshape(-1, 2)
    for pair in out:
        a, b = (abs(v) > pairs.normals[-1] for v in pair)
        if a and b:
            pair[0 if abs(pair[1]) > abs(pair[0]) and pairs.rule == "larger" else 1] = 0
        elif a or b:
            pair[1 if a else 0] = 0
    return out.reshape(values.shape)


@pytest.mark.parametrize(
    "pairs", [INT4, FLINT4, OutlierPairs(rule="left"), OutlierPairs("flint4", 4, rule="left")]
)
def test_values_become_the_nearest_and_victims_zero(pairs: OutlierPairs) -> None:
    random = np.random.default_rng(4)
    smooth = random.standard_t(2, (60, 16)) * 6
    halves = random.integers(-220, 220, (60, 16)) / 2
    for values in (smooth, halves, np.full((1, 4), 1e9), np.zeros((2, 4))):
        made = pairs.decode(pairs.encode(values))
        assert np.array_equal(made, nearest_by_search(pairs, values))
        assert np.array_equal(pairs.encode(-values), pairs.encode(-1.0 * values))


def test_ties_go_to_the_smaller_magnitude() -> None:
    middles = [0.5, -0.5, 6.5, 9.5, -9.5, 14.0, 80.0]
    made = INT4.decode(INT4.encode([[v, 0.0] for v in middles]))[:, 0]
    assert made.tolist() == [0, 0, 6, 7, -7, 12, 64]


def test_a_tensor_of_outliers_keeps_one_of_each_two() -> None:
    values = np.array([[50.0, -60.0], [90.0, 90.0], [-96.0, 12.0]])
    assert INT4.decode(INT4.encode(values)).tolist() == [[0, -64], [96, 0], [-96, 0]]
    left = OutlierPairs(rule="left")
    assert left.decode(left.encode(values)).tolist() == [[48, 0], [96, 0], [-96, 0]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([[1, 2], [8, 8]], "int4+e2m1 has no pair 1000 1000, the words at (1, 0) and after it"),
        ([1, 1, 0, 8], "int4+e2m1 has no pair 0000 1000, the words at (2,) and after it"),
        ([8, 0], "int4+e2m1 has no pair 1000 0000, the words at (0,) and after it"),
        ([16, 0], "int4+e2m1 has no pair 10000 0000, the words at (0,) and after it"),
        ([1, 2, 3], "int4+e2m1 codes 2 neighbors together, which do not divide the extent 3"),
    ],
)
def test_words_that_cannot_occur_are_refused(words: list[int], message: str) -> None:
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}(\nhint|$)"):
        INT4.decode(np.array(words, np.uint64))


def test_bad_values_are_refused() -> None:
    message = "int4+e2m1 has no word for NaN, the value at (0, 1)"
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}(\nhint|$)"):
        INT4.encode([[1.0, np.nan]])
    message = "int4+e2m1 codes 2 neighbors together, which do not divide the extent 3"
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}(\nhint|$)"):
        INT4.encode([1.0, 2.0, 3.0])
    with pytest.raises(NumericsError, match="takes two bytes: it has no table of 256"):
        _ = OutlierPairs("int8").table


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normal": "int5"}, "normal must be one of int4, flint4, int8, not 'int5'"),
        ({"outlier": "e4m3"}, "outlier beside int4 must be one of e2m1, not 'e4m3'"),
        ({"rule": "right"}, "rule must be one of larger, left, not 'right'"),
        ({"bias": 1}, "bias of e2m1 beside int4 must be from 2 to 13, not 1"),
        ({"bias": 14}, "bias of e2m1 beside int4 must be from 2 to 13, not 14"),
        ({"bias": 2.0}, "bias must be an integer, not 2.0"),
        ({"normal": "flint4", "bias": 2}, "bias of e2m1 beside flint4 must be from 3 to 13, not 2"),
    ],
)
def test_formats_that_are_none_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}(\nhint|$)"):
        OutlierPairs(**options)


def test_largest_bias_still_has_an_outlier() -> None:
    assert OutlierPairs(bias=13).outliers == (24576,)


def test_names_and_bytes() -> None:
    names = [str(OutlierPairs(*a)) for a in (("int4",), ("flint4", 4), ("int8", None, "e2m5"))]
    assert names == ["int4+e2m1", "flint4+e2m1b4", "int8+e2m5"]
    assert str(OutlierPairs(rule="left")) == "int4+e2m1-left"
    assert stored(Format(INT4), (3, 4)).num_bytes == INT4.pack(INT4.encode(np.ones((3, 4)))).size
