"""The array for outlier-victim pairs against formats and NumPy, all pairs of bytes included."""

from pathlib import Path

import numpy as np
import pytest

from netwright.backends import arrays
from netwright.backends.rtl.arrays import OutlierArray, OutlierDesign
from netwright.errors import ConfigError, DataError, NumericsError
from netwright.formats import Int, OutlierPairs
from tests.backends.rtl.graphs import needs_verilator

SHAPES = ((1, 2, 1), (3, 4, 2), (7, 10, 5), (4, 6, 9), (2, 300, 3), (13, 2, 1))
"""Rows, terms and columns: one element, whole tiles, parts of tiles, long sums."""


def pairs(random: np.random.Generator, number: OutlierPairs, rows: int, depth: int) -> np.ndarray:
    """Rows of codes, a good share of them outliers and their victims."""
    spread = random.standard_t(2, (rows, depth)) * number.normals[-1] / 2
    return np.asarray(number.decode(number.encode(spread)), np.int64)


@pytest.fixture(
    scope="module",
    params=[
        OutlierArray(3, 2),
        OutlierArray(2, 3, OutlierPairs("flint4", rule="left")),
        OutlierArray(1, 1, OutlierPairs("int8")),
        pytest.param(
            OutlierArray(3, 2, OutlierPairs("int8", outlier="e2m5")), marks=pytest.mark.slow
        ),
        pytest.param(OutlierArray(2, 2, OutlierPairs(bias=8)), marks=pytest.mark.slow),
    ],
    ids=lambda array: f"{array.rows}x{array.columns}-{array.number}",
)
def design(request: pytest.FixtureRequest, tmp_path_factory) -> OutlierDesign:
    return request.param.generate(tmp_path_factory.mktemp("ovp") / "array")


@pytest.mark.tool("g++")
@needs_verilator
def test_products_and_clocks(design: OutlierDesign) -> None:
    number, random = design.array.number, np.random.default_rng(4)
    sides = (design.array.rows, design.array.columns)
    tried = 0
    for rows, depth, columns in SHAPES:
        a = pairs(random, number, rows, depth)
        b = pairs(random, number, columns, depth).T
        if np.abs(a @ b).max() >= 2**31:
            continue
        tried += 1
        found = design.simulate(a, b)
        assert np.array_equal(found.values, a @ b), (rows, depth, columns)
        assert found.cycles == design.array.cycles(rows, depth, columns)
        tiles = -(-rows // sides[0]) * -(-columns // sides[1])
        assert (found.num_tiles, found.cycles) == (tiles, tiles * (depth + sum(sides) - 2))
        assert found.cycles_until_last == found.cycles + sides[0] + 2
    assert tried >= 4


@pytest.mark.tool("g++")
@needs_verilator
def test_every_word_of_a_pair(design: OutlierDesign) -> None:
    """Of four bits 65 536 products of two bytes, those included that no pair is stored as."""
    number = design.array.number
    if number.bits == 4:
        packed = np.arange(256, dtype=np.uint8)[:, None]
        values = number.table.astype(np.int64)
    else:
        victim = number.identifier
        words = [(word, 0) for word in range(256) if word != victim]
        words += [(victim, word) for word in range(1, 64)]
        packed = number.pack(np.array(words, np.uint64))
        values = np.asarray(number.decode(np.array(words, np.uint64)), np.int64)
    found = design.simulate_bytes(packed, packed)
    wrapped = (values @ values.T).astype(np.int32)  # the largest outliers go beyond, as in a sum
    assert np.array_equal(found.values, wrapped)


def test_matrices_that_do_not_fit(tmp_path: Path) -> None:
    design = arrays.OutlierArray(2, 2).generate(tmp_path / "array")
    good = [[1, 2], [48, 0]]
    for a, b, message in (
        ([[1, 2, 3]], [[1], [2], [3]],
         "a must have an even extent along axis 1, where neighbors are pairs, not 3\n"
         "hint: append a zero"),
        ([[1, 2, 3, 11]], [[1], [0], [0], [2]],
         "a holds 3 at (0, 2), which int4+e2m1 has no code for in the pair 3, 11\n"
         "hint: take the nearest values: number.decode(number.encode(values))"),
        (good, [[1, 2], [3, 12]],
         "b holds 2 at (0, 1), which int4+e2m1 has no code for in the pair 2, 12\n"
         "hint: take the nearest values: number.decode(number.encode(values))"),
        ([[0.5, 1]], good, "a holds 0.5 at (0, 0), which is no code of 32 bits"),
        ([[float("nan"), 1]], good, "a holds nan at (0, 0), which is no code of 32 bits"),
    ):  # fmt: skip
        with pytest.raises(NumericsError) as caught:
            design.simulate(a, b)
        assert str(caught.value) == message
    for a, b, message in (
        (good, [[1, 2]], "the left matrix has 2 columns, but the right one 1 rows"),
        ([1, 2], good, r"a must be a matrix with elements, not of shape \(2,\)"),
        (good, np.zeros((2, 0)), r"b must be a matrix with elements, not of shape \(2, 0\)"),
    ):
        with pytest.raises(DataError, match=f"^{message}"):
            design.simulate(a, b)


def test_bytes_that_do_not_fit(tmp_path: Path) -> None:
    design = OutlierArray(2, 2, OutlierPairs("int8")).generate(tmp_path / "array")
    good = np.zeros((3, 4), np.uint8)
    for x, w, message in (
        (
            good.astype(int),
            good,
            "x must be a matrix of bytes, 2 for each pair, not int64 of shape",
        ),
        (
            good[:, :3],
            good,
            r"x must be a matrix of bytes, 2 for each pair, not uint8 of shape \(3, 3",
        ),
        (good, good[0], r"w must be a matrix of bytes, 2 for each pair, not uint8 of shape \(4,\)"),
        (good, good[:, :2], "x has 4 bytes in a row, but w 2"),
    ):
        with pytest.raises(DataError, match=f"^{message}"):
            design.simulate_bytes(x, w)
    with pytest.raises(DataError, match="is too large to be simulated clock by clock"):
        design.simulate(np.ones((12000, 2)), np.ones((2, 12000)))


def test_sums_of_more_than_32_bits_are_refused(tmp_path: Path) -> None:
    design = OutlierArray(1, 1, OutlierPairs("int8")).generate(tmp_path / "array")
    row = np.array([[30720, 0] * 3])
    with pytest.raises(NumericsError) as caught:
        design.simulate(row, row.T)
    assert str(caught.value) == (
        "the product has 2831155200 at (0, 0), which needs more than the 32 bits of a sum"
    )


def test_arrays_that_there_are_not() -> None:
    for options, message in (
        ((0, 1), "rows must be an integer from 1 to 64, not 0"),
        ((1, 10**9), "columns must be an integer from 1 to 64, not 1000000000"),
        ((1, 1.5), "columns must be an integer from 1 to 64, not 1.5"),
        ((1, 1, OutlierPairs(bias=9)), "bias must be at most 8 in an array, not 9"),
        ((1, 1, Int(4)), "number must be OutlierPairs, not Int(bits=4, signed=True, narrow=False)"),
    ):
        with pytest.raises(ConfigError) as caught:
            OutlierArray(*options)  # type: ignore[arg-type]
        assert str(caught.value) == message
