"""The block Hadamard rotation: orthogonal, symmetric, its own inverse."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from netwright.errors import NumericsError


def block_of(extent: int, most: int) -> int:
    """The largest power of two up to `most` that divides `extent`.

    Raises:
        NumericsError: That is 1.
    """
    block = math.gcd(extent, 1 << (most.bit_length() - 1))
    if block < 2:
        raise NumericsError(
            f"a Hadamard rotation needs an even extent, not {extent}",
            hint="give this tensor another quantizer",
        )
    return block


def rotated(values: NDArray[np.floating], block: int, *, axis: int = -1) -> NDArray[np.floating]:
    """Blocks of neighbors times the Hadamard matrix of their number, over its square root.

    Twice gives the values again, up to rounding.

    Args:
        values: Real values.
        block: Neighbors in a block, a power of two that divides the extent.
        axis: The axis along which they lie.

    Raises:
        NumericsError: The block does not divide the extent, or is no power of two.

    >>> rotated(np.array([8.0, 0.0, 0.0, 0.0]), 4).tolist()
    [4.0, 4.0, 4.0, 4.0]
    """
    moved = np.moveaxis(values, axis, -1)
    if block < 1 or block & (block - 1) or moved.shape[-1] % block:
        raise NumericsError(
            f"a block must be a power of two that divides {moved.shape[-1]}, not {block}"
        )
    parts = (*moved.shape[:-1], moved.shape[-1] // block)
    found = moved.reshape(*parts, block)
    half = 1
    while half < block:
        pairs = found.reshape(*parts, block // (2 * half), 2, half)
        low, high = pairs[..., 0, :], pairs[..., 1, :]
        found = np.stack([low + high, low - high], axis=-2)
        half *= 2
    found = found.reshape(moved.shape) / np.asarray(math.sqrt(block), moved.dtype)
    return np.moveaxis(found, -1, axis)
