"""Products of bfloat16 matrices in the order in which units beside banks add up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.formats.bfloat import (
    Floats,
    Halves,
    bfloat16_values,
    bfloat16_words,
    lane_product,
    order_faults,
)
from netwright.kernels.arguments import check_array, check_threads
from netwright.kernels.isa import check_isa, native, selected_isa

LANES = (1, 2, 4, 8, 16)
"""Products of a step that the compiled kernel knows."""


def bank_product(
    x: Floats,
    vectors: Halves,
    *,
    lanes: int = 16,
    piece: int = 1024,
    sum_bits: int = 32,
    num_threads: int = 1,
    isa: str | None = None,
) -> Floats:
    """``x @ vectors.T`` as :func:`netwright.formats.bfloat.lane_product` adds it up.

    Args:
        x: (rows, terms), float32; rounded to bfloat16.
        vectors: (outputs, terms), words of bfloat16, each vector as it lies in a bank.
        lanes: Products of a step, a power of two up to 1024.
        piece: Terms that are multiplied with one filling of the buffer, up to 2**24.
        sum_bits: 16 if a sum is rounded to bfloat16 when it leaves, else 32.
        num_threads: Threads to share the outputs, 1 to 256. The NumPy path ignores it.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`.

    Returns:
        (rows, outputs), equal in every bit on every path.

    Raises:
        DataError: An array has another format or shape, or the order is none of a unit's.
        ConfigError: The path does not exist or cannot be executed here.

    >>> words = np.array([[0x3F80, 0x4000], [0xBF80, 0x3F80]], np.uint16)     # 1, 2; -1, 1
    >>> bank_product(np.float32([[3, 1]]), words).tolist()
    [[5.0, -2.0]]
    """
    path = selected_isa() if isa is None else check_isa(isa)
    check_threads(num_threads)
    check_array("x", x, np.float32, ("rows", "terms"))
    check_array("vectors", vectors, np.uint16, ("outputs", x.shape[1]))
    faults = order_faults(lanes, piece, sum_bits)
    if faults:
        raise DataError("; ".join(faults))
    if native is None or path == "numpy" or lanes not in LANES:
        matrix = bfloat16_values(vectors).T
        return lane_product(x, matrix, lanes=lanes, piece=piece, sum_bits=sum_bits)
    made: NDArray[np.float32] = np.empty((len(x), len(vectors)), np.float32)
    native.bank_product(
        bfloat16_words(x), np.ascontiguousarray(vectors), made, lanes, min(piece, x.shape[1]),
        sum_bits == 16, num_threads, path,
    )  # fmt: skip
    return made
