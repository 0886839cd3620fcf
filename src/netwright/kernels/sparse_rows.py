"""Sparse matrices as compressed rows, and the checks that every kernel on them relies on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError

MAX_COLUMNS = 1 << 31
"""Most columns: a column is an int32."""

FORMATS = ("bool", "int32", "int64", "float32", "float64")
"""Kinds of values that can be multiplied."""


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """A matrix of which only some entries are stored, row after row (CSR).

    Columns of a row may have any order, and a column may come again: its values then add up.

    Attributes:
        num_columns: Columns of the matrix, at most 2**31.
        offsets: Where each row begins, and the end, ``(rows + 1,)`` int64.
        columns: The column of each entry, ``(entries,)`` int32.
        values: Their values, ``(entries,)``: bool, int32, int64, float32 or float64.

    Raises:
        DataError: The arrays do not fit together, or a column is not there.

    >>> matrix = SparseRows(3, [0, 2, 2], [2, 0], [5.0, 7.0])
    >>> matrix.shape, matrix.dense().tolist()
    ((2, 3), [[7.0, 0.0, 5.0], [0.0, 0.0, 0.0]])
    """

    num_columns: int
    offsets: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[Any]

    def __post_init__(self) -> None:
        if not 0 <= self.num_columns <= MAX_COLUMNS:
            raise DataError(f"columns must be from 0 to 2**31, not {self.num_columns}")
        for name, wanted in (("offsets", np.int64), ("columns", np.int32)):
            found = np.asarray(getattr(self, name))
            if found.ndim != 1 or (found.dtype.kind not in "iu" and found.size):
                raise DataError(f"{name} must be a list of integers, not {_kind(found)}")
            if name == "columns" and found.dtype != np.int32:
                check_columns("", found, self.num_columns, self.offsets)
            object.__setattr__(self, name, np.ascontiguousarray(found, wanted))
        values = np.ascontiguousarray(self.values)
        if values.ndim != 1 or values.dtype.name not in FORMATS:
            raise DataError(
                f"values must be a list of {', '.join(FORMATS)}, not {_kind(values)}",
                hint="convert them first, as with matrix.astype(numpy.float64)",
            )
        object.__setattr__(self, "values", values)
        self._check_offsets()

    def _check_offsets(self) -> None:
        if not len(self.offsets):
            raise DataError("offsets must have an entry more than there are rows, not none")
        if len(self.columns) != len(self.values):
            raise DataError(
                f"each entry must have a column and a value, but there are {len(self.columns)} "
                f"columns and {len(self.values)} values"
            )
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        if first != 0 or last != len(self.columns):
            raise DataError(
                f"offsets must lead from 0 to {len(self.columns)}, the number of entries, not from "
                f"{first} to {last}"
            )
        falls = np.flatnonzero(self.offsets[1:] < self.offsets[:-1])
        if len(falls):
            row = int(falls[0])
            raise DataError(
                f"offsets must not decrease, but row {row} begins at {self.offsets[row]} and ends "
                f"at {self.offsets[row + 1]}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.offsets) - 1, self.num_columns

    @property
    def num_entries(self) -> int:
        """How many entries are stored."""
        return len(self.columns)

    def rows(self) -> NDArray[np.int64]:
        """The row of each entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.offsets))

    def dense(self) -> NDArray[Any]:
        """The matrix with every zero; entries of one place are added (of booleans: or)."""
        found = np.zeros(self.shape, self.values.dtype)
        add = np.logical_or if found.dtype == bool else np.add
        add.at(found, (self.rows(), self.columns), self.values)
        return found


def check_columns(name: str, columns: NDArray[Any], num_columns: int, offsets: Any) -> None:
    """Refuse columns that a matrix does not have.

    Args:
        name: What the caller knows the matrix as, or nothing.
        columns: The column of each entry.
        num_columns: Columns of the matrix.
        offsets: Where each row begins, for the message.

    Raises:
        DataError: One is negative or too large.
    """
    if not len(columns) or (columns.min() >= 0 and columns.max() < num_columns):
        return
    at = int(np.flatnonzero((columns < 0) | (columns >= num_columns))[0])
    row = int(np.searchsorted(np.asarray(offsets), at, side="right")) - 1
    where = f"{name}: row {row}" if name else f"row {row}"
    if not num_columns:
        raise DataError(f"{where}: there must be no entry, because the matrix has no columns")
    raise DataError(f"{where}: columns must be from 0 to {num_columns - 1}, not {columns[at]}")


def _kind(found: NDArray[Any]) -> str:
    return f"{found.dtype} of shape {found.shape}"
