from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import DataError, NumericsError
from netwright.kernels import BlockSparse, pack
from netwright.kernels.blocksparse import check_bound


@given(
    block_rows=st.sampled_from((4, 8)),
    num_stripes=st.integers(1, 5),
    columns=st.integers(1, 40),
    density=st.sampled_from((0.0, 0.1, 0.5, 1.0)),
    seed=st.integers(0, 999),
)
def test_unpack_inverts_pack(
    block_rows: int, num_stripes: int, columns: int, density: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    weights = random.integers(-128, 128, (num_stripes * block_rows, columns), dtype=np.int8)
    mask = random.random((num_stripes, columns)) < density
    weights *= np.repeat(mask, block_rows, axis=0).astype(np.int8)
    packed = pack(weights, block_rows=block_rows)
    np.testing.assert_array_equal(packed.unpack(), weights)
    np.testing.assert_array_equal(packed.positive_sums, np.maximum(weights, 0).sum(axis=1))
    np.testing.assert_array_equal(packed.negative_sums, np.minimum(weights, 0).sum(axis=1))


def test_layout_is_the_documented_one() -> None:
    weights = np.zeros((8, 7), np.int8)
    weights[:4, [0, 2, 3, 5, 6]] = np.arange(1, 21).reshape(4, 5)
    packed = pack(weights)
    assert packed.offsets.tolist() == [0, 2, 2]
    assert packed.indices.tolist() == [[0, 2, 3, 5], [6, 6, 6, 6]]
    assert packed.values[0, 1].tolist() == [6, 7, 8, 9]
    assert packed.values[1].tolist() == [[5, 0, 0, 0], [10, 0, 0, 0], [15, 0, 0, 0], [20, 0, 0, 0]]
    assert packed.stored_bytes == 3 * 4 + 8 * 2 + 32


def test_digest_depends_on_every_array() -> None:
    packed = pack(np.eye(8, dtype=np.int8))
    assert packed.digest() == pack(np.eye(8, dtype=np.float64)).digest()
    others = [pack(2 * np.eye(8, dtype=np.int8)), pack(np.eye(8, dtype=np.int8), block_rows=8)]
    others.append(pack(np.eye(8, 9, dtype=np.int8)))
    assert len({packed.digest(), *(other.digest() for other in others)}) == 4


def test_arrays_cannot_be_changed() -> None:
    packed = pack(np.eye(4, dtype=np.int8))
    with pytest.raises(ValueError, match="read-only"):
        packed.indices[0, 0] = 60_000


@pytest.mark.parametrize(
    ("weights", "options", "message"),
    [
        (np.zeros((6, 4), np.int8), {}, "rows must be a positive multiple of block_rows 4, not 6"),
        (np.zeros((0, 4), np.int8), {}, "rows must be a positive multiple of block_rows 4, not 0"),
        (np.zeros((4, 4), np.int8), {"block_rows": 3}, "block_rows must be 4 or 8, not 3"),
        (
            np.zeros((4, 65_536), np.int8),
            {},
            "columns must be from 1 to 65535 for 16-bit indices, not 65536",
        ),
        (
            np.zeros((4, 0), np.int8),
            {},
            "columns must be from 1 to 65535 for 16-bit indices, not 0",
        ),
        (
            np.full((4, 2), np.nan),
            {},
            "weights must be integers from -128 to 127, not nan at row 0, column 0",
        ),
        (
            np.array([[1.0], [2.0], [0.5], [0.0]]),
            {},
            "weights must be integers from -128 to 127, not 0.5 at row 2, column 0",
        ),
        (
            np.array([[1], [2], [3], [128]]),
            {},
            "weights must be integers from -128 to 127, not 128 at row 3, column 0",
        ),
        (np.zeros(4), {}, "weights must be a matrix, not of shape (4,)"),
        (np.array([["a"]] * 4), {}, "weights must be numbers, not <U1"),
        (
            np.ones((4, 4), np.int8),
            {"max_density": 0.5},
            "weights must have at most 50.0% of their 4x1 blocks not zero, not 100.0%",
        ),
    ],
)
def test_weights_that_cannot_be_packed_are_refused(
    weights: Any, options: Any, message: str
) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}(\n|$)"):
        pack(weights, **options)


@pytest.mark.parametrize(
    ("weight", "reach"), [(-128, "-2139062400 or 0"), (127, "0 or 2122350975")]
)
def test_largest_matrix_stays_within_int32(weight: int, reach: str) -> None:
    packed = pack(np.full((4, 65_535), weight, np.int8))
    low, high = int(packed.negative_sums[0]) * 255, int(packed.positive_sums[0]) * 255
    assert f"{low} or {high}" == reach
    assert -(2**31) <= low <= high < 2**31


def test_sums_beyond_int32_are_refused_with_the_bound() -> None:
    sums = np.array([0, 2**24], np.int64)
    message = (
        "row 1 can reach 0 or 4278190080 with uint8 activations, "
        "and int32 sums hold -2147483648 to 2147483647"
    )
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}\n"):
        check_bound(sums, np.zeros(2, np.int64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indices": np.full((1, 4), 4, np.uint16)}, "indices must be smaller than 4, not 4"),
        (
            {"indices": np.zeros((2, 4), np.uint16)},
            "indices must have shape (1, 4), not (2, 4)",
        ),
        (
            {"values": np.zeros((1, 4, 3), np.int8)},
            "values must have shape (1, 4, 4), not (1, 4, 3)",
        ),
        ({"offsets": np.array([1, 1], np.int32)}, "offsets must start with 0 and never decrease"),
        ({"offsets": np.array([0], np.int32)}, "offsets must have shape (2,), not (1,)"),
        (
            {"indices": np.array([[0, 2, 1, 3]], np.uint16)},
            "the columns of a stripe must ascend, and padding must be zero",
        ),
        (
            {"indices": np.array([[0, 1, 2, 2]], np.uint16)},
            "the columns of a stripe must ascend, and padding must be zero",
        ),
    ],
)
def test_damaged_arrays_are_refused(change: Any, message: str) -> None:
    packed = pack(np.eye(4, dtype=np.int8))
    arrays: dict[str, Any] = {
        "offsets": packed.offsets,
        "indices": packed.indices,
        "values": packed.values,
    }
    with pytest.raises(DataError, match=f"^packed weights are damaged: {re.escape(message)}"):
        BlockSparse(4, 4, 4, **{**arrays, **change})


def test_array_of_another_format_is_refused() -> None:
    packed = pack(np.eye(4, dtype=np.int8))
    with pytest.raises(DataError, match=r"^indices must be uint16, not int64$"):
        BlockSparse(4, 4, 4, packed.offsets, packed.indices.astype(np.int64), packed.values)
