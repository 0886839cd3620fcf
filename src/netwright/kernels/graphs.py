"""Random graphs as sparse matrices, for products whose size and skew are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.kernels.sparse_rows import SparseRows

SKEWED = (0.57, 0.19, 0.19, 0.05)
"""Shares of the four quarters of a matrix, as in the Graph 500 benchmark: few rows have much."""

UNIFORM = (0.25, 0.25, 0.25, 0.25)
"""Every entry is as likely as any other."""

MAX_SCALE = 30


def rmat(
    scale: int,
    *,
    edge_factor: int = 8,
    shares: tuple[float, float, float, float] = SKEWED,
    seed: int = 1,
) -> SparseRows:
    """A recursive random graph (R-MAT, Chakrabarti et al. 2004) with values from 0 to 1.

    Every bit of an entry's row and column is drawn by the four shares; entries of one place are
    added, and rows and columns are permuted alike.

    Args:
        scale: There are ``2**scale`` rows and columns; at most 30.
        edge_factor: Entries that are drawn for each row.
        shares: Of the upper left, upper right, lower left and lower right quarter; they sum to 1.
        seed: Of everything random.

    Raises:
        DataError: Scale or factor are out of range, or the shares do not sum to 1.

    >>> graph = rmat(5, edge_factor=2)
    >>> graph.shape, graph.num_entries <= 64
    ((32, 32), True)
    """
    if not 0 <= scale <= MAX_SCALE or edge_factor < 0:
        raise DataError(
            f"scale must be from 0 to {MAX_SCALE} and edge_factor not negative, not {scale} and "
            f"{edge_factor}"
        )
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise DataError(f"shares must not be negative and sum to 1, not {shares}")
    random = np.random.default_rng(seed)
    num = edge_factor << scale
    rows, columns = np.zeros(num, np.int64), np.zeros(num, np.int64)
    for _ in range(scale):
        quarters = random.choice(4, num, p=shares)
        rows, columns = 2 * rows + quarters // 2, 2 * columns + quarters % 2
    names = random.permutation(1 << scale)
    return from_entries((1 << scale, 1 << scale), names[rows], names[columns], random.random(num))


def from_entries(
    shape: tuple[int, int],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[np.float64],
) -> SparseRows:
    """A matrix with ascending columns from entries in any order; those of one place are added.

    Raises:
        DataError: A row or column is not there.
    """
    if len(rows) and not (rows.min() >= 0 and rows.max() < shape[0]):
        raise DataError(f"rows must be from 0 to {shape[0] - 1}")
    order = np.lexsort((columns, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    begins = np.flatnonzero(first)
    if len(rows) and not (columns.min() >= 0 and columns.max() < shape[1]):
        raise DataError(f"columns must be from 0 to {shape[1] - 1}")
    sums = np.add.reduceat(values, begins) if len(begins) else values
    offsets = np.searchsorted(rows[begins], np.arange(shape[0] + 1))
    return SparseRows(shape[1], offsets, columns[begins].astype(np.int32), sums)
