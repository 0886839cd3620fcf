"""Every accumulator of the sparse product equals NumPy and SciPy, in every bit."""

from __future__ import annotations

import gc
import itertools
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from netwright.errors import ConfigError, DataError, NumericsError
from netwright.kernels import Pool, SparseRows, multiply_rows, multiply_rows_reference, spgemm
from netwright.kernels.isa import native
from netwright.kernels.spgemm import ACCUMULATORS, SEMIRINGS, zero_of
from tests.kernels.paths import COMPILED

KINDS = ("bool", "int32", "int64", "float32", "float64")
SPECIAL = (0.0, -0.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324)


def matrix_of(
    seed: int, rows: int, columns: int, *, kind: str, density: float = 0.1, special: bool = False
) -> SparseRows:
    """Random entries; columns of a row in any order, some again."""
    random = np.random.default_rng(seed)
    counts = random.binomial(columns, density, rows) * (random.random(rows) < 0.9)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    places = random.integers(0, max(columns, 1), offsets[-1])
    if seed % 2:  # ascending, each once
        once = [np.unique(places[a:b]) for a, b in itertools.pairwise(offsets)]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in once])]).astype(np.int64)
        places = np.concatenate([*once, np.zeros(0, np.int64)])
    values: NDArray[Any] = random.integers(-4, 5, len(places))
    if kind.startswith("float"):
        values = values * random.random(len(places))
        if special:
            values = np.where(
                random.random(len(places)) < 0.3, random.choice(SPECIAL, len(places)), values
            )
    elif kind.startswith("int") and special:
        largest = np.iinfo(kind).max
        values = np.where(random.random(len(places)) < 0.5, largest - abs(values), values)
    with np.errstate(over="ignore"):
        return SparseRows(columns, offsets, places, values.astype(kind))


def sorted_rows(matrix: SparseRows) -> SparseRows:
    order = np.lexsort((matrix.columns, matrix.rows()))
    return SparseRows(
        matrix.num_columns, matrix.offsets, matrix.columns[order], matrix.values[order]
    )


def assert_same(found: SparseRows, expected: SparseRows) -> None:
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    np.testing.assert_array_equal(found.columns, expected.columns)
    assert found.values.dtype == expected.values.dtype
    np.testing.assert_array_equal(found.values, expected.values)


@pytest.mark.parametrize("isa", COMPILED)
@settings(max_examples=50)
@given(
    kind=st.sampled_from(KINDS),
    semiring=st.sampled_from(SEMIRINGS),
    accumulator=st.sampled_from(ACCUMULATORS),
    shape=st.tuples(st.integers(0, 30), st.integers(0, 50), st.integers(0, 700)),
    cache_bytes=st.sampled_from((0, 512, 4096)),
    num_threads=st.sampled_from((1, 2)),
    special=st.booleans(),
    seed=st.integers(0, 9999),
)
def test_every_accumulator_equals_numpy(
    isa: str, kind: str, semiring: Any, accumulator: Any, shape: tuple[int, int, int],
    cache_bytes: int, num_threads: int, special: bool, seed: int,
) -> None:  # fmt: skip
    if semiring == "min-plus" and kind == "bool":
        return
    rows, inner, columns = shape
    left = matrix_of(seed, rows, inner, kind=kind, special=special)
    right = matrix_of(seed + 7, inner, columns, kind=kind, special=special)
    expected = multiply_rows_reference(left, right, semiring=semiring)
    for ascending in (False, True):
        made = multiply_rows(
            left, right, semiring=semiring, ascending=ascending, accumulator=accumulator,
            cache_bytes=cache_bytes, num_threads=num_threads, isa=isa,
        )  # fmt: skip
        if made.ascending:
            assert_same(made.matrix, expected)
        assert made.ascending or not ascending
        assert_same(sorted_rows(made.matrix), expected)
        busy = np.count_nonzero(_products(left, right))
        assert sum(made.rows.values()) == busy


def _products(left: SparseRows, right: SparseRows) -> NDArray[np.int64]:
    counts = np.zeros(left.shape[0], np.int64)
    np.add.at(counts, left.rows(), np.diff(right.offsets)[left.columns])
    return counts


@settings(max_examples=30)
@given(
    kind=st.sampled_from(KINDS),
    shape=st.tuples(st.integers(1, 30), st.integers(1, 50), st.integers(1, 300)),
    special=st.booleans(),
    seed=st.integers(0, 9999),
)
def test_reference_equals_scipy(
    kind: str, shape: tuple[int, int, int], special: bool, seed: int
) -> None:
    rows, inner, columns = shape
    left = matrix_of(seed, rows, inner, kind=kind, special=special)
    right = matrix_of(seed + 7, inner, columns, kind=kind, special=special)
    expected = scipy_of(left) @ scipy_of(right)
    expected.sort_indices()
    found = multiply_rows_reference(left, right)
    np.testing.assert_array_equal(found.offsets, expected.indptr)
    np.testing.assert_array_equal(found.columns, expected.indices)
    np.testing.assert_array_equal(found.values, expected.data)


def scipy_of(matrix: SparseRows) -> Any:
    parts = (matrix.values, matrix.columns, matrix.offsets.astype(np.int32))
    return sparse.csr_array(parts, shape=matrix.shape)


@pytest.mark.parametrize("semiring", SEMIRINGS)
def test_reference_equals_loops(semiring: Any) -> None:
    left = matrix_of(4, 9, 11, kind="float64", density=0.3)
    right = matrix_of(5, 11, 8, kind="float64", density=0.3)
    zero = zero_of(semiring, np.float64)
    dense = np.full((9, 8), zero)
    for row in range(9):
        for k in range(left.offsets[row], left.offsets[row + 1]):
            inner = left.columns[k]
            for i in range(right.offsets[inner], right.offsets[inner + 1]):
                at = row, right.columns[i]
                a, b = left.values[k], right.values[i]
                if semiring == "plus-times":
                    dense[at] += a * b
                elif semiring == "or-and":
                    dense[at] = dense[at] or (a != 0 and b != 0)
                else:
                    dense[at] = min(dense[at], a + b)
    found = multiply_rows_reference(left, right, semiring=semiring)
    rows, columns = np.nonzero(dense != zero)
    np.testing.assert_array_equal(found.rows(), rows)
    np.testing.assert_array_equal(found.columns, columns)
    np.testing.assert_array_equal(found.values, dense[rows, columns])


@pytest.mark.parametrize("num_threads", [1, 2, 7])
def test_blocks_of_many_threads_come_in_order(num_threads: int) -> None:
    random = sparse.random_array((3000, 3000), density=0.01, rng=np.random.default_rng(3)).tocsr()
    expected = random @ random
    expected.sort_indices()
    pool = Pool()
    for _ in range(3):
        found = spgemm(random, random, num_threads=num_threads, ascending=True, pool=pool)
        np.testing.assert_array_equal(found.indptr, expected.indptr)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.data, expected.data)


@pytest.mark.skipif(native is None, reason="there is no compiled module")
@pytest.mark.parametrize("kind", ["bool", "int32", "float64"])
def test_memory_of_small_blocks_is_not_lent_to_larger_ones(kind: str) -> None:
    lengths = [33_000] * 4 + [40_000] * 4
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.concatenate([np.arange(length) * 2 for length in lengths])
    right = SparseRows(1 << 17, offsets, columns, np.ones(len(columns), kind))
    picked = np.arange(40) // 20 * 4
    left = SparseRows(8, np.arange(41), picked, np.ones(40, kind))
    expected = multiply_rows(left, right).matrix
    for _ in range(3):
        assert_same(multiply_rows(left, right, num_threads=2).matrix, expected)


@pytest.mark.skipif(native is None, reason="there is no compiled module")
@pytest.mark.parametrize("accumulator", ["list", "bitmap", "chunks"])
def test_wide_rows_take_little_memory_whatever_is_forced(accumulator: Any) -> None:
    wide = SparseRows((1 << 31) - 1, [0, 2], [0, (1 << 31) - 2], [1.0, 2.0])
    one = SparseRows(1, [0, 1], [0], [3.0])
    made = multiply_rows(one, wide, accumulator=accumulator, cache_bytes=1 << 36)
    assert made.rows["chunks"] == 1
    assert made.matrix.columns.tolist() == [0, (1 << 31) - 2]
    assert made.matrix.values.tolist() == [3.0, 6.0]


def test_rows_get_the_accumulator_that_suits_them() -> None:
    wide = 1 << 20
    right = matrix_of(1, 400, wide, kind="float64", density=0.0002)
    left = SparseRows(400, [0, 1, 3, 83, 83], [*range(1), *range(2), *range(80)], np.ones(83))
    made = multiply_rows(left, right, cache_bytes=1 << 11)
    assert made.rows == {"copy": 1, "list": 0, "bitmap": 0, "hash": 0, "sort": 0, "chunks": 2}
    made = multiply_rows(left, right, cache_bytes=1 << 20)
    assert made.rows["hash"] == 2
    assert not made.ascending
    made = multiply_rows(left, right, cache_bytes=1 << 24)
    assert made.rows["list"] == 2
    made = multiply_rows(left, right, cache_bytes=1 << 24, accumulator="sort")
    assert made.rows["sort"] == 3
    assert made.ascending
    narrow = matrix_of(1, 400, 200, kind="float64", density=0.5)
    made = multiply_rows(left, narrow)
    assert made.rows["copy"] + made.rows["bitmap"] == 3
    assert made.ascending


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("reach", [1, 2, 3, 9])
def test_rows_with_columns_close_together_are_summed_in_order(isa: str, reach: int) -> None:
    offsets = [*range(-reach, reach + 1)]
    values = [(-1.0) ** offset + 0.1 * offset for offset in offsets]
    band = sparse.diags_array(values, offsets=offsets, shape=(300, 300)).tocsr()
    found, expected = spgemm(band, band, isa=isa), band @ band
    expected.sort_indices()
    assert found.has_canonical_format
    assert np.array_equal(found.indices, expected.indices)
    assert np.array_equal(found.data, expected.data)


def test_pool_lends_memory_of_results_that_are_gone() -> None:
    random = sparse.random_array((500, 500), density=0.1, rng=np.random.default_rng(3)).tocsr()
    pool = Pool()
    first = spgemm(random, random, pool=pool)
    address, copy = first.data.ctypes.data, first.copy()
    second = spgemm(random, random, pool=pool)
    assert second.data.ctypes.data != address
    np.testing.assert_array_equal(first.data, copy.data)
    view = first.data[5:]
    del first
    gc.collect()
    np.testing.assert_array_equal(view, copy.data[5:])
    assert pool.kept_bytes == copy.indices.nbytes
    del view
    gc.collect()
    assert pool.kept_bytes == copy.indices.nbytes + copy.data.nbytes
    third = spgemm(random, random, pool=pool)
    assert third.data.ctypes.data == address
    assert pool.kept_bytes == 0
    del second, third
    gc.collect()
    pool.clear()
    assert pool.kept_bytes == 0


def test_pool_keeps_no_more_than_its_limit() -> None:
    random = sparse.random_array((300, 300), density=0.1, rng=np.random.default_rng(3)).tocsr()
    pool = Pool(limit_bytes=100)
    spgemm(random, random, pool=pool)
    gc.collect()
    assert pool.kept_bytes == 0
    with pytest.raises(DataError, match="limit_bytes must not be negative, not -1"):
        Pool(limit_bytes=-1)


def test_scipy_formats_and_types_come_and_go() -> None:
    dense = np.array([[0, 2, 0], [1, 0, 3], [0, 0, 4]])
    for make in (sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.lil_array):
        found = spgemm(make(dense.astype(np.int32)), make(dense.astype(np.float32)))
        assert isinstance(found, sparse.csr_array)
        assert found.dtype == np.result_type(np.int32, np.float32)
        np.testing.assert_array_equal(found.toarray(), dense @ dense)
    found = spgemm(sparse.csr_matrix(dense), sparse.csr_array(dense))
    assert isinstance(found, sparse.csr_matrix)
    assert found.indices.dtype == found.indptr.dtype == np.int32
    assert spgemm(sparse.csr_array((3, 0)), sparse.csr_array((0, 5))).shape == (3, 5)
    boolean = spgemm(sparse.csr_array(dense), sparse.csr_array(dense), semiring="or-and")
    assert boolean.dtype == bool
    np.testing.assert_array_equal(boolean.toarray(), (dense @ dense) != 0)


def test_more_columns_than_an_int32_counts() -> None:
    far = (1 << 40) + np.array([5, 9, 5])
    right = sparse.coo_array((np.ones(3), ([0, 1, 2], far)), shape=(3, 1 << 41)).tocsr()
    left = sparse.csr_array(np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]]))
    found = spgemm(left, right, ascending=True)
    assert found.shape == (2, 1 << 41)
    assert found.indices.tolist() == [(1 << 40) + 5, (1 << 40) + 9]
    assert found.data.tolist() == [5.0, 2.0]


@pytest.mark.skipif(native is None, reason="NumPy takes memory without asking")
@pytest.mark.parametrize("num_threads", [1, 2])
def test_results_beyond_the_memory_are_refused_with_their_size(num_threads: int) -> None:
    many = np.arange(5000)
    column = SparseRows(1, np.arange(5001), 0 * many, np.ones(5000, np.float32))
    row = SparseRows(5000, [0, 5000], many, np.ones(5000, np.float32))
    with pytest.raises(NumericsError, match=r"at least (\d+) entries, which need (\d+)") as caught:
        multiply_rows(column, row, memory_bytes=1 << 20, num_threads=num_threads)
    count, num_bytes = map(int, re.findall(r"\d+", str(caught.value))[:2])
    assert 1 << 17 < count < 25_000_000
    assert num_bytes == 8 * count
    # What could be too large, and is not, is counted first.
    few = SparseRows(5000, [0, *[40] * 5000], many[:40], np.ones(40, np.float32))
    made = multiply_rows(column, SparseRows(5000, [0, 1], [7], np.ones(1, np.float32)))
    assert made.matrix.num_entries == 5000
    copies = SparseRows(5000, [0, 5000], many, np.ones(5000, np.float32))
    again = multiply_rows(copies, few, memory_bytes=500, num_threads=num_threads)
    assert again.matrix.columns.tolist() == list(range(40))
    assert again.matrix.values.tolist() == [1.0] * 40


def unchecked(**changed: Any) -> Any:
    found = sparse.csr_array(np.array([[1.0, 0.0], [2.0, 3.0]]))
    for name, value in changed.items():
        setattr(found, name, np.array(value, getattr(found, name).dtype))
    return found


SOUND = unchecked()


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (SOUND, sparse.csr_array((3, 2)), "but left is 2 x 2 and right 3 x 2"),
        (SOUND, np.ones((2, 2)), "right must be a sparse matrix of SciPy, not ndarray of shape (2"),
        (None, SOUND, "left must be a sparse matrix of SciPy, not NoneType"),
        (
            SOUND.astype(complex),
            SOUND,
            "values must be bool, int32, int64, float32, float64, not c",
        ),
        (SOUND.astype("i1"), SOUND.astype("i1"), "not int8"),
        (unchecked(indices=[0, 0, 2]), SOUND, "left: row 1: columns must be from 0 to 1, not 2"),
        (SOUND, unchecked(indices=[-1, 0, 1]), "right: row 0: columns must be from 0 to 1, not -1"),
        (SOUND, unchecked(indptr=[0, 3, 2]), "right: offsets must not decrease, but row 1"),
        (unchecked(indptr=[0, -4, 3]), SOUND, "left: offsets must not decrease, but row 0 begins"),
    ],
)
@pytest.mark.parametrize("isa", ["numpy", None])
def test_operands_that_do_not_fit_are_refused(
    left: Any, right: Any, message: str, isa: str | None
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        spgemm(left, right, isa=isa)


def test_entries_behind_the_last_row_are_none() -> None:
    spare = sparse.csr_array((3, 3))
    spare.data, spare.indices = np.array([1.0, 2.0, 9.0]), np.array([0, 1, 7])
    spare.indptr = np.array([0, 1, 2, 2])
    eye = sparse.eye_array(3, format="csr")
    assert spgemm(spare, eye).toarray().tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert spgemm(eye, spare).toarray().tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 0]]


@pytest.mark.parametrize("columns", [3, 1 << 40])
def test_missing_offsets_are_refused(columns: int) -> None:
    broken = sparse.csr_array((3, columns))
    broken.indptr = np.array([0, 0, 0])
    with pytest.raises(DataError, match="3 rows must have 4 offsets, not 3"):
        spgemm(sparse.eye_array(3, format="csr"), broken)


def test_rows_beyond_the_memory_are_refused() -> None:
    tall = sparse.coo_array(([1.0], ([0], [0])), shape=(1 << 50, 1))
    with pytest.raises(NumericsError, match="left: compressed rows of 1125899906842624 x 1 need"):
        spgemm(tall, sparse.eye_array(1, format="csr"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_threads": 1.5}, "num_threads must be from 1 to 256, not 1.5"),
        ({"num_threads": None}, "num_threads must be from 1 to 256, not None"),
        ({"pool": 3}, "pool must be a Pool or nothing, not int"),
    ],
)
def test_options_of_other_types_are_refused(options: Any, message: str) -> None:
    eye = sparse.eye_array(3, format="csr")
    with pytest.raises(DataError, match=re.escape(message)):
        spgemm(eye, eye, **options)


@pytest.mark.parametrize("limit", [-1, 1.5, None, "1"])
def test_limits_that_are_no_size_are_refused(limit: Any) -> None:
    with pytest.raises(DataError, match="limit_bytes must"):
        Pool(limit_bytes=limit)
    assert Pool(limit_bytes=1 << 70).kept_bytes == 0


def test_options_that_do_not_exist_are_refused() -> None:
    wrong: Any = "max-plus"
    with pytest.raises(ConfigError, match="semiring: must be one of plus-times, or-and, min-plus"):
        spgemm(SOUND, SOUND, semiring=wrong)
    with pytest.raises(ConfigError, match="accumulator: must be one of auto, list"):
        spgemm(SOUND, SOUND, accumulator=wrong)
    with pytest.raises(DataError, match="num_threads must be from 1 to 256, not 0"):
        spgemm(SOUND, SOUND, num_threads=0)
    with pytest.raises(DataError, match="min-plus needs numbers, not booleans"):
        spgemm(SOUND.astype(bool), SOUND.astype(bool), semiring="min-plus")
