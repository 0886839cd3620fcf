"""Products of two sparse matrices, over several semirings.

A row of the result is the sum of rows of the right matrix, weighted by a row of the left one
(Gustavson 1978). For each row one of several accumulators sums up; all add in the same order, that
of SciPy, so the result is the same bit by bit whatever is chosen, on any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError, NumericsError, require
from netwright.kernels.arguments import check_threads
from netwright.kernels.isa import check_isa, native, selected_isa
from netwright.kernels.sparse_rows import FORMATS, MAX_COLUMNS, SparseRows, check_columns

Semiring = Literal["plus-times", "or-and", "min-plus"]
Accumulator = Literal["auto", "list", "bitmap", "hash", "sort", "chunks"]

SEMIRINGS: tuple[Semiring, ...] = ("plus-times", "or-and", "min-plus")
ACCUMULATORS: tuple[Accumulator, ...] = ("auto", "list", "bitmap", "hash", "sort", "chunks")

MOST_BYTES = 1 << 62
"""More than any process can have."""


class Pool:
    """Memory of earlier results, used again for later ones.

    Half of the time of a product goes into pages of memory that nobody has touched before. A result
    made with a pool gives its memory back when nothing refers to it any more, and the next product
    finds it there. A result is never overwritten while it is in use.

    Args:
        limit_bytes: The most that stays between products; what was given back first goes first.

    Raises:
        DataError: The limit is negative.

    >>> pool = Pool(limit_bytes=1 << 28)
    >>> pool.kept_bytes
    0
    """

    def __init__(self, *, limit_bytes: int = 1 << 31) -> None:
        if not isinstance(limit_bytes, int | np.integer):
            raise DataError(f"limit_bytes must be an integer, not {limit_bytes!r}")
        if limit_bytes < 0:
            raise DataError(f"limit_bytes must not be negative, not {limit_bytes}")
        limit = min(int(limit_bytes), MOST_BYTES)
        self.handle: Any = None if native is None else native.RegionPool(limit)

    @property
    def kept_bytes(self) -> int:
        """Bytes that wait for the next product."""
        return 0 if self.handle is None else int(self.handle.kept_bytes)

    def clear(self) -> None:
        """Give everything that waits back to the operating system."""
        if self.handle is not None:
            self.handle.clear()


@dataclass(frozen=True, slots=True)
class SparseProduct:
    """A product and how it was made.

    Attributes:
        matrix: The result; entries that are the zero of the semiring are not stored.
        ascending: Whether the columns of each row ascend.
        rows: How many rows each accumulator made: ``copy`` for multiples of one row, and the names
            of ``ACCUMULATORS``. Empty on the NumPy path.
    """

    matrix: SparseRows
    ascending: bool
    rows: Mapping[str, int] = field(default_factory=dict)


def spgemm(
    left: Any,
    right: Any,
    *,
    semiring: Semiring = "plus-times",
    ascending: bool = False,
    pool: Pool | None = None,
    num_threads: int = 1,
    accumulator: Accumulator = "auto",
    isa: str | None = None,
) -> Any:
    """Multiply two sparse matrices of SciPy.

    Args:
        left: ``(rows, inner)``, of any of SciPy's formats; CSR is taken without conversion.
        right: ``(inner, columns)``.
        semiring: ``plus-times``, the ordinary product; ``or-and``: which entries there are, of
            values that are zero or not; ``min-plus``: the shortest of all sums, where what is not
            stored is infinitely far.
        ascending: Whether the columns of each row must ascend; they may do so anyway.
        pool: Where memory of the result comes from and returns to.
        num_threads: Threads to share the rows, 1 to 256. The NumPy path ignores it.
        accumulator: How rows are summed; chosen for each row by default.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`.

    Returns:
        A CSR array (a matrix, if `left` is one) of the type that NumPy gives: as ``left @ right``
        has it for ``plus-times``, in every bit; zeros that arise are not stored.

    Raises:
        DataError: The shapes do not meet, values are of another kind, or columns are not there.
        NumericsError: The result needs more memory than there is.
        ConfigError: There is no such semiring, accumulator or path.
        MissingExtra: SciPy is not installed.

    >>> from scipy.sparse import csr_array
    >>> roads = csr_array(np.array([[0.0, 3.0, 9.0], [0.0, 0.0, 4.0], [0.0, 0.0, 0.0]]))
    >>> spgemm(roads, roads, semiring="min-plus").toarray().tolist()
    [[0.0, 0.0, 7.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    sparse = require("scipy.sparse", extra="solve", purpose="products of SciPy's matrices")
    for name, matrix in (("left", left), ("right", right)):
        if not sparse.issparse(matrix) or matrix.ndim != 2:
            raise DataError(f"{name} must be a sparse matrix of SciPy, not {_described(matrix)}")
    kind = np.result_type(left.dtype, right.dtype)
    right_rows, names = _few_columns(*_stored("right", right, kind))
    made = multiply_rows(
        _rows_of("left", *_stored("left", left, kind)),
        right_rows,
        semiring=semiring,
        ascending=ascending,
        pool=pool,
        num_threads=num_threads,
        accumulator=accumulator,
        isa=isa,
    )
    matrix = made.matrix
    wide = matrix.num_entries > np.iinfo(np.int32).max or names is not None
    columns = matrix.columns.astype(np.int64) if wide else matrix.columns
    if names is not None:
        columns = names[columns]
    offsets = matrix.offsets if wide else matrix.offsets.astype(np.int32)
    container = sparse.csr_array if isinstance(left, sparse.sparray) else sparse.csr_matrix
    shape = (left.shape[0], right.shape[1])
    found = container((matrix.values, columns, offsets), shape=shape, copy=False)
    if made.ascending:
        found.has_canonical_format = True
    return found


def multiply_rows(
    left: SparseRows,
    right: SparseRows,
    *,
    semiring: Semiring = "plus-times",
    ascending: bool = False,
    pool: Pool | None = None,
    num_threads: int = 1,
    accumulator: Accumulator = "auto",
    cache_bytes: int = 0,
    memory_bytes: int = 0,
    isa: str | None = None,
) -> SparseProduct:
    """Multiply two matrices of compressed rows: :func:`spgemm` without SciPy.

    Args:
        left: ``(rows, inner)``.
        right: ``(inner, columns)``, with values of the same kind.
        semiring: See :func:`spgemm`.
        ascending: See :func:`spgemm`.
        pool: See :func:`spgemm`.
        num_threads: See :func:`spgemm`.
        accumulator: See :func:`spgemm`.
        cache_bytes: The cache that one thread shall use; by default the processor's second level.
        memory_bytes: The most that the result may take; by default what is available.
        isa: See :func:`spgemm`.

    Raises:
        DataError: The shapes do not meet, values are of another kind, or columns are not there.
        NumericsError: The result needs more memory than there is.
        ConfigError: There is no such semiring, accumulator or path.
    """
    path = selected_isa() if isa is None else check_isa(isa)
    _check_choice("semiring", semiring, SEMIRINGS)
    _check_choice("accumulator", accumulator, ACCUMULATORS)
    if not isinstance(pool, Pool | None):
        raise DataError(f"pool must be a Pool or nothing, not {type(pool).__name__}")
    check_threads(num_threads)
    if left.shape[1] != right.shape[0]:
        raise DataError(
            f"the columns of left must be the rows of right, but left is {_size(left.shape)} and "
            f"right {_size(right.shape)}"
        )
    if left.values.dtype != right.values.dtype:
        raise DataError(
            f"both must have the same kind of values, not {left.values.dtype} and "
            f"{right.values.dtype}"
        )
    boolean = semiring == "or-and" or left.values.dtype == bool
    if boolean and semiring == "min-plus":
        raise DataError("min-plus needs numbers, not booleans")
    if native is None or path == "numpy" or not hasattr(native, "spgemm"):
        return SparseProduct(multiply_rows_reference(left, right, semiring=semiring), True)
    offsets = np.empty(len(left.offsets), np.int64)
    try:
        found = native.spgemm(
            left.offsets, left.columns, _values(left, boolean),
            right.offsets, right.columns, _values(right, boolean),
            right.num_columns, "or-and" if boolean else semiring, accumulator, bool(ascending),
            min(cache_bytes, MOST_BYTES), min(memory_bytes, MOST_BYTES), offsets,
            None if pool is None else pool.handle, num_threads, path,
        )  # fmt: skip
    except ValueError:  # the kernels check everything; what is wrong is only said if something is
        _check_columns(left, right)
        raise
    except MemoryError as error:
        raise NumericsError(
            "the product needs more memory than this process can get",
            hint="multiply fewer rows of left at a time",
        ) from error
    if isinstance(found[0], int):
        raise _too_large(*found)
    columns, values, rows = found
    if boolean:
        values = values.view(bool)
    matrix = SparseRows(right.num_columns, offsets, columns, values)
    unordered = rows["list"] + rows["hash"]
    return SparseProduct(matrix, ascending or unordered == 0, rows)


def multiply_rows_reference(
    left: SparseRows, right: SparseRows, *, semiring: Semiring = "plus-times"
) -> SparseRows:
    """The same product with NumPy alone, columns ascending: what every accumulator must equal.

    Args:
        left: ``(rows, inner)``.
        right: ``(inner, columns)``, with values of the same kind.
        semiring: See :func:`spgemm`.

    Raises:
        DataError: A column is not there.
    """
    _check_columns(left, right)
    counts = np.diff(right.offsets)[left.columns]
    of_left = np.repeat(np.arange(left.num_entries), counts)
    begins = np.concatenate([[0], np.cumsum(counts)])[:-1]
    of_right = np.arange(len(of_left)) + np.repeat(right.offsets[left.columns] - begins, counts)
    places = left.rows()[of_left] * max(right.num_columns, 1) + right.columns[of_right]
    stored, sums_of = np.unique(places, return_inverse=True)
    boolean = semiring == "or-and" or left.values.dtype == bool
    a, b = left.values[of_left], right.values[of_right]
    zero = zero_of("or-and" if boolean else semiring, left.values.dtype)
    sums = np.full(len(stored), zero)
    with np.errstate(all="ignore"):
        if boolean:
            np.logical_or.at(sums, sums_of, (a != 0) & (b != 0))
        elif semiring == "min-plus":
            np.minimum.at(sums, sums_of, a + b)
        else:
            np.add.at(sums, sums_of, a * b)
    kept = sums != zero
    rows, columns = np.divmod(stored[kept], max(right.num_columns, 1))
    offsets = np.searchsorted(rows, np.arange(left.shape[0] + 1))
    return SparseRows(right.num_columns, offsets, columns, sums[kept])


def zero_of(semiring: Semiring, dtype: Any) -> Any:
    """The value that what is not stored has: 0, or as far as there is for ``min-plus``.

    >>> float(zero_of("min-plus", np.float32)), int(zero_of("min-plus", np.int32))
    (inf, 2147483647)
    """
    kind = np.dtype(bool if semiring == "or-and" else dtype)
    if semiring != "min-plus":
        return kind.type(0)
    return kind.type(math.inf) if kind.kind == "f" else kind.type(np.iinfo(kind).max)


def _check_columns(left: SparseRows, right: SparseRows) -> None:
    for name, each in (("left", left), ("right", right)):
        check_columns(name, each.columns, each.num_columns, each.offsets)


def _check_choice(name: str, found: str, known: tuple[str, ...]) -> None:
    if found not in known:
        raise ConfigError(f'must be one of {", ".join(known)}, not "{found}"', path=name)


def _values(matrix: SparseRows, boolean: bool) -> NDArray[Any]:
    if not boolean:
        return matrix.values
    if matrix.values.dtype == bool:
        return matrix.values.view(np.uint8)
    return (matrix.values != 0).view(np.uint8)


def _stored(name: str, matrix: Any, kind: np.dtype[Any]) -> tuple[int, Any, Any, Any]:
    """Columns, offsets, the column of each entry, and values, of which SciPy may keep too many."""
    if kind.name not in FORMATS:
        raise DataError(
            f"values must be {', '.join(FORMATS)}, not {kind}",
            hint="convert them first, as with matrix.astype(numpy.float64)",
        )
    try:
        rows = matrix.tocsr()
    except MemoryError as error:
        raise NumericsError(
            f"{name}: compressed rows of {_size(matrix.shape)} need more memory than this process "
            "can get"
        ) from error
    offsets, columns, values = rows.indptr, rows.indices, rows.data.astype(kind, copy=False)
    if len(offsets) != rows.shape[0] + 1:
        raise DataError(
            f"{name}: a matrix of {rows.shape[0]} rows must have {rows.shape[0] + 1} offsets, not "
            f"{len(offsets)}"
        )
    if len(columns) == len(values) > offsets[-1] >= 0:
        columns, values = columns[: offsets[-1]], values[: offsets[-1]]
    return rows.shape[1], offsets, columns, values


def _rows_of(name: str, num_columns: int, *arrays: Any) -> SparseRows:
    try:
        return SparseRows(num_columns, *arrays)
    except DataError as error:
        raise DataError(f"{name}: {error.message}", hint=error.hint) from None


def _few_columns(
    num_columns: int, offsets: Any, columns: Any, values: Any
) -> tuple[SparseRows, NDArray[np.int64] | None]:
    """The right rows; if an int32 does not count them, by columns used, and which these are."""
    if num_columns <= MAX_COLUMNS:
        return _rows_of("right", num_columns, offsets, columns, values), None
    check_columns("right", columns, num_columns, offsets)
    names, columns = np.unique(columns, return_inverse=True)
    return _rows_of("right", len(names), offsets, columns, values), names


def _described(found: Any) -> str:
    shape = getattr(found, "shape", None)
    return type(found).__name__ + ("" if shape is None else f" of shape {shape}")


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}"


def _too_large(count: int, num_bytes: int, available_bytes: int) -> NumericsError:
    return NumericsError(
        f"the product has at least {count} entries, which need {num_bytes} bytes, and may take "
        f"{available_bytes}",
        hint="multiply fewer rows of left at a time",
    )
