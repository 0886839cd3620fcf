"""Packed weights on disk: a header with a digest, then the arrays; never a pickle.

All numbers are little-endian. The header has 72 bytes: the magic text, four 64-bit numbers (rows,
columns, rows of a block, groups) and the SHA-256 of :meth:`BlockSparse.digest`. The offsets
(int32), indices (uint16) and values (int8) follow without gaps.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.files import write_atomic
from netwright.kernels.blocksparse import GROUP_COLUMNS, BlockSparse, check_shape
from netwright.reading import read_bytes

MAGIC = b"NWBLOCK1"
MAX_BYTES = 1 << 30
"""Most bytes of a file."""

_HEADER = struct.Struct("<8s4Q32s")
_HINT = "write it again with netwright.kernels.save_packed"


def save_packed(weights: BlockSparse, path: str | Path) -> Path:
    """Write packed weights; the file appears whole or not at all, equal for equal weights.

    Returns:
        `path`.

    Raises:
        RunError: The file cannot be written.
    """
    path = Path(path)
    header = _HEADER.pack(
        MAGIC,
        weights.rows,
        weights.columns,
        weights.block_rows,
        len(weights.values),
        bytes.fromhex(weights.digest()),
    )
    arrays = (
        array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        for array in (weights.offsets, weights.indices, weights.values)
    )
    return write_atomic(path, lambda stream: stream.write(b"".join((header, *arrays))))


def load_packed(path: str | Path) -> BlockSparse:
    """Read what :func:`save_packed` wrote. The file is not trusted.

    Raises:
        DataError: It is missing, truncated, altered, or describes weights that do not fit together.
        NumericsError: A row could overflow an int32 sum.
    """
    source = str(path)
    data = read_bytes(path, most=MAX_BYTES)
    if len(data) < _HEADER.size or not data.startswith(MAGIC):
        raise DataError("not a file of packed weights, version 1", source=source, hint=_HINT)
    _, rows, columns, block_rows, groups, digest = _HEADER.unpack_from(data)
    try:
        check_shape(rows, columns, block_rows)
    except DataError as error:
        raise DataError(error.message, source=source, hint=_HINT) from None
    num_offsets = rows // block_rows + 1
    num_slots = groups * GROUP_COLUMNS
    wanted = _HEADER.size + 4 * num_offsets + (2 + block_rows) * num_slots
    if len(data) != wanted:
        raise DataError(
            f"must have {wanted} bytes for the shape in its header, not {len(data)}",
            source=source,
            hint=_HINT,
        )
    indices_at = _HEADER.size + 4 * num_offsets
    values_at = indices_at + 2 * num_slots
    offsets: NDArray[np.int32] = np.frombuffer(data, "<i4", num_offsets, _HEADER.size)
    indices: NDArray[np.uint16] = np.frombuffer(data, "<u2", num_slots, indices_at)
    values: NDArray[np.int8] = np.frombuffer(data, np.int8, offset=values_at)
    try:
        weights = BlockSparse(
            rows,
            columns,
            block_rows,
            offsets.astype(np.int32),
            indices.astype(np.uint16).reshape(-1, GROUP_COLUMNS),
            values.reshape(-1, block_rows, GROUP_COLUMNS),
        )
    except DataError as error:
        raise DataError(error.message, source=source, hint=_HINT) from None
    if bytes.fromhex(weights.digest()) != digest:
        raise DataError("was altered: its digest does not fit", source=source, hint=_HINT)
    return weights
