"""Packed int8 weights whose zeros come in blocks of R rows and one column.

A stripe is R consecutive rows. The columns in which a stripe is not zero are listed in ascending
order and taken four at a time as *groups*, so that a group is a dense tile of R rows and 4 columns:
one 32-bit word for each row. (The scheme of arXiv 2306.16601, with 16-bit indices.)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, NumericsError
from netwright.kernels.isa import native

GROUP_COLUMNS = 4
"""Columns in a group: the bytes of a 32-bit word."""

MAX_COLUMNS = 65_535
"""Most columns that 16-bit indices are used for."""

INT32_MAX = 2**31 - 1
ACTIVATION_MAX = 255


@dataclass(frozen=True, slots=True, eq=False)
class BlockSparse:
    """Block-sparse int8 weights of shape ``(rows, columns)``.

    Attributes:
        rows: Output features, M.
        columns: Input features, K.
        block_rows: Rows of a block, R: 4 or 8.
        offsets: First group of each stripe, and the number of groups; ``(rows / R + 1,)`` int32.
        indices: Columns of each group; ``(groups, 4)`` uint16. The last group of a stripe repeats
            its last column where it has fewer than four; the values there are zero.
        values: Weights of each group; ``(groups, R, 4)`` int8.
        positive_sums: Sum of the positive weights of each row, ``(rows,)``.
        negative_sums: Sum of the negative weights of each row, ``(rows,)``.
        handle: The compiled kernels' own copy; ``None`` without them.

    Raises:
        DataError: The arrays do not fit together. All faults are listed.
        NumericsError: A row could overflow an int32 sum.
    """

    rows: int
    columns: int
    block_rows: int
    offsets: NDArray[np.int32]
    indices: NDArray[np.uint16]
    values: NDArray[np.int8]
    positive_sums: NDArray[np.int64] = field(init=False, repr=False)
    negative_sums: NDArray[np.int64] = field(init=False, repr=False)
    handle: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        check_shape(self.rows, self.columns, self.block_rows)
        for name, dtype in (("offsets", np.int32), ("indices", np.uint16), ("values", np.int8)):
            array = np.asarray(getattr(self, name))
            if array.dtype != dtype:
                raise DataError(f"{name} must be {np.dtype(dtype)}, not {array.dtype}")
            frozen = np.array(array, order="C")
            frozen.flags.writeable = False
            object.__setattr__(self, name, frozen)
        faults = list(self._faults())
        if faults:
            raise DataError("packed weights are damaged: " + "; ".join(faults))
        object.__setattr__(self, "positive_sums", self._row_sums(np.maximum(self.values, 0)))
        object.__setattr__(self, "negative_sums", self._row_sums(np.minimum(self.values, 0)))
        check_bound(self.positive_sums, self.negative_sums)
        if native is not None:
            packed = native.PackedWeights(
                self.block_rows,
                self.columns,
                self.offsets,
                self.indices.reshape(-1),
                self.values.reshape(-1),
            )
            object.__setattr__(self, "handle", packed)

    def _faults(self) -> list[str]:
        num_stripes = self.rows // self.block_rows
        offsets = self.offsets
        if offsets.shape != (num_stripes + 1,):
            return [f"offsets must have shape ({num_stripes + 1},), not {offsets.shape}"]
        faults = []
        if offsets[0] != 0 or (np.diff(offsets.astype(np.int64)) < 0).any():
            faults.append("offsets must start with 0 and never decrease")
        groups = int(offsets[-1])
        if self.indices.shape != (groups, GROUP_COLUMNS):
            faults.append(f"indices must have shape ({groups}, 4), not {self.indices.shape}")
        elif groups and int(self.indices.max()) >= self.columns:
            faults.append(
                f"indices must be smaller than {self.columns}, not {int(self.indices.max())}"
            )
        if self.values.shape != (groups, self.block_rows, GROUP_COLUMNS):
            shape = f"({groups}, {self.block_rows}, 4)"
            faults.append(f"values must have shape {shape}, not {self.values.shape}")
        elif not faults and not self._ascends():
            faults.append("the columns of a stripe must ascend, and padding must be zero")
        return faults

    def _ascends(self) -> bool:
        steps = np.diff(self.indices.reshape(-1).astype(np.int64))
        zero = ~self.values.any(axis=1).reshape(-1)[1:]
        first = np.zeros(self.indices.size + 1, dtype=bool)
        first[self.offsets * GROUP_COLUMNS] = True
        allowed = (steps > 0) | ((steps == 0) & zero) | first[1 : len(steps) + 1]
        return bool(allowed.all())

    def _row_sums(self, values: NDArray[np.int8]) -> NDArray[np.int64]:
        ends = np.zeros((len(values) + 1, self.block_rows), dtype=np.int64)
        np.cumsum(values.sum(axis=2, dtype=np.int64), axis=0, out=ends[1:])
        return (ends[self.offsets[1:]] - ends[self.offsets[:-1]]).reshape(-1)

    @property
    def largest_sum(self) -> int:
        """No sum with uint8 activations is larger in magnitude."""
        sums = max(int(self.positive_sums.max()), -int(self.negative_sums.min()))
        return sums * ACTIVATION_MAX

    @property
    def stored_bytes(self) -> int:
        """Bytes of the three arrays."""
        return self.offsets.nbytes + self.indices.nbytes + self.values.nbytes

    def digest(self) -> str:
        """SHA-256 of the shape and the arrays, as a hex text; equal on every machine."""
        state = hashlib.sha256(f"{self.rows} {self.columns} {self.block_rows}".encode())
        for array in (self.offsets, self.indices, self.values):
            state.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        return state.hexdigest()

    def unpack(self) -> NDArray[np.int8]:
        """The dense weights, ``(rows, columns)`` int8."""
        num_stripes = self.rows // self.block_rows
        # Padding repeats a column with zeros, so the values are added rather than assigned.
        dense = np.zeros((num_stripes, self.columns, self.block_rows), dtype=np.int8)
        stripes = np.repeat(np.arange(num_stripes), np.diff(self.offsets))
        np.add.at(dense, (stripes[:, None], self.indices), self.values.transpose(0, 2, 1))
        return dense.transpose(0, 2, 1).reshape(self.rows, self.columns)


def pack(
    weights: NDArray[Any], *, block_rows: int = 4, max_density: float | None = None
) -> BlockSparse:
    """Pack dense weights; blocks that are all zero disappear.

    Args:
        weights: Integers from -128 to 127 of any dtype, ``(rows, columns)``.
        block_rows: Rows of a block, 4 or 8; must divide the number of rows.
        max_density: Refuse weights with a larger share of blocks that are not zero, so that a
            tensor without the pattern is noticed; any density if ``None``.

    Raises:
        DataError: The weights are no such matrix, or do not have the pattern.
        NumericsError: A row could overflow an int32 sum.

    >>> import numpy as np
    >>> packed = pack(np.eye(4, dtype=np.int8))
    >>> packed.indices.tolist(), bool((packed.unpack() == np.eye(4)).all())
    ([[0, 1, 2, 3]], True)
    """
    dense = int8_codes(np.asarray(weights))
    rows, columns = dense.shape
    check_shape(rows, columns, block_rows)
    blocks = dense.reshape(rows // block_rows, block_rows, columns)
    present = blocks.any(axis=1)
    density = float(present.mean())
    if max_density is not None and density > max_density:
        raise DataError(
            f"weights must have at most {max_density:.1%} of their {block_rows}x1 blocks not zero, "
            f"not {density:.1%}",
            hint=f"prune them with the pattern Blocks({block_rows}x1), or run them dense",
        )
    counts = present.sum(axis=1)
    groups = -(-counts // GROUP_COLUMNS)
    offsets = np.zeros(len(blocks) + 1, dtype=np.int32)
    np.cumsum(groups, out=offsets[1:])
    stripes, found = np.nonzero(present)
    first = np.cumsum(counts) - counts
    slots = offsets[stripes] * GROUP_COLUMNS + np.arange(len(found)) - first[stripes]
    num_slots = int(offsets[-1]) * GROUP_COLUMNS
    filled = np.zeros(num_slots, dtype=bool)
    filled[slots] = True
    # A padded slot takes the column of the slot before it, so that its load is legal.
    sources = np.maximum.accumulate(np.where(filled, np.arange(num_slots), 0))
    indices = np.zeros(num_slots, dtype=np.uint16)
    indices[slots] = found
    values = np.zeros((num_slots, block_rows), dtype=np.int8)
    values[slots] = blocks[stripes, :, found]
    return BlockSparse(
        rows,
        columns,
        block_rows,
        offsets,
        indices[sources].reshape(-1, GROUP_COLUMNS),
        values.reshape(-1, GROUP_COLUMNS, block_rows).transpose(0, 2, 1),
    )


def check_shape(rows: int, columns: int, block_rows: int) -> None:
    """Refuse shapes that cannot be packed.

    Raises:
        DataError: What is wrong with the shape.
    """
    if block_rows not in (4, 8):
        raise DataError(f"block_rows must be 4 or 8, not {block_rows}")
    if rows < 1 or rows % block_rows:
        raise DataError(
            f"rows must be a positive multiple of block_rows {block_rows}, not {rows}",
            hint="append rows of zeros",
        )
    if not 1 <= columns <= MAX_COLUMNS:
        raise DataError(
            f"columns must be from 1 to {MAX_COLUMNS} for 16-bit indices, not {columns}",
            hint="split the weights along their columns and add the products",
        )


def check_bound(
    positive_sums: NDArray[np.int64], negative_sums: NDArray[np.int64], bias: Any = 0
) -> None:
    """Refuse rows whose sum with uint8 activations could leave int32.

    Args:
        positive_sums: Sum of the positive weights of each row.
        negative_sums: Sum of the negative weights of each row.
        bias: Integer added to each row.

    Raises:
        NumericsError: A row could overflow; the message names the first and its bound.
    """
    highs = positive_sums * ACTIVATION_MAX + bias
    lows = negative_sums * ACTIVATION_MAX + bias
    bounds = np.maximum(highs, -lows - 1)
    worst = np.flatnonzero(bounds > INT32_MAX)
    if worst.size:
        row = int(worst[0])
        raise NumericsError(
            f"row {row} can reach {int(lows[row])} or {int(highs[row])} with uint8 activations, "
            f"and int32 sums hold -{INT32_MAX + 1} to {INT32_MAX}",
            hint="split the weights along their columns, or scale them down",
        )


def int8_codes(weights: NDArray[Any]) -> NDArray[np.int8]:
    """A matrix of integers from -128 to 127 as int8.

    Raises:
        DataError: It is no matrix, or an element is another number; the message says where.
    """
    if weights.ndim != 2:
        raise DataError(f"weights must be a matrix, not of shape {weights.shape}")
    if weights.dtype == np.int8:
        return weights
    if weights.dtype.kind not in "iuf":
        raise DataError(f"weights must be numbers, not {weights.dtype}")
    with np.errstate(invalid="ignore"):
        wrong = ~((weights >= -128) & (weights <= 127) & (weights == np.trunc(weights)))
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            "weights must be integers from -128 to 127, not "
            f"{weights[row, column].item()} at row {row}, column {column}"
        )
    return weights.astype(np.int8)
