"""The sparse product in one table that all threads share, as near-memory machines make it.

For comparison: :func:`netwright.kernels.spgemm` needs no atomic operations, because rows of a
processor's threads are apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from netwright.errors import ConfigError, DataError
from netwright.kernels.arguments import check_threads
from netwright.kernels.isa import native
from netwright.kernels.sparse_rows import SparseRows, check_columns

MAX_SLOTS = 1 << 30


@dataclass(frozen=True, slots=True)
class SharedTableProduct:
    """A product and what it took.

    Attributes:
        matrix: The result; columns of a row come in the order of the table.
        looks: Looks into the table; at least one for each product of entries.
        windows: Windows of rows, each with a table of its own.
    """

    matrix: SparseRows
    looks: int
    windows: int


def shared_table_product(
    left: SparseRows,
    right: SparseRows,
    *,
    hashing: Literal["high", "low"] = "low",
    schedule: Literal["static", "dynamic"] = "dynamic",
    layout: Literal["joined", "split"] = "joined",
    slots: int = 1 << 18,
    num_threads: int = 1,
) -> SharedTableProduct:
    """Multiply two matrices of float64 by atomic additions into one table.

    On several threads the sums of an entry are added in any order, and so differ in their last bits
    from run to run.

    Args:
        left: ``(rows, inner)``.
        right: ``(inner, columns)``.
        hashing: Slots by the upper bits of row and column, or by the lower ones.
        schedule: Rows dealt out beforehand, or taken by whoever is free.
        layout: Tags beside their values, or apart.
        slots: Of a window's table, a power of two; at most half of them are used. A row that needs
            more gets a larger table.
        num_threads: Threads that share the table, 1 to 256.

    Raises:
        DataError: The shapes do not meet, values are not float64, or columns are not there.
        ConfigError: An option is none of these, or there are no compiled kernels.
    """
    for name, found, known in (
        ("hashing", hashing, ("high", "low")),
        ("schedule", schedule, ("static", "dynamic")),
        ("layout", layout, ("joined", "split")),
    ):
        if found not in known:
            raise ConfigError(f'must be {known[0]} or {known[1]}, not "{found}"', path=name)
    if not 2 <= slots <= MAX_SLOTS or slots & (slots - 1):
        raise ConfigError(f"must be a power of two from 2 to 2**30, not {slots}", path="slots")
    check_threads(num_threads)
    if left.shape[1] != right.shape[0]:
        raise DataError(
            f"the columns of left must be the rows of right, not {left.shape[1]} and "
            f"{right.shape[0]}"
        )
    for name, each in (("left", left), ("right", right)):
        if each.values.dtype != np.float64:
            raise DataError(f"{name}: values must be float64, not {each.values.dtype}")
        check_columns(name, each.columns, each.num_columns, each.offsets)
    if native is None or not hasattr(native, "shared_table_product"):
        raise ConfigError(
            "atomic operations need the compiled kernels, which this installation lacks",
            hint="install a C++ compiler, then install netwright again",
        )
    offsets = np.empty(len(left.offsets), np.int64)
    columns, values, looks, windows = native.shared_table_product(
        left.offsets, left.columns, left.values, right.offsets, right.columns, right.values,
        right.num_columns, hashing == "high", schedule == "dynamic", layout == "split", slots,
        offsets, num_threads,
    )  # fmt: skip
    return SharedTableProduct(
        SparseRows(right.num_columns, offsets, columns, values), looks, windows
    )
