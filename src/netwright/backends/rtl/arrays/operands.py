"""Operands of arrays: numbers in matrices that fit, cut into tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import DataError, NumericsError
from netwright.formats import NumberFormat

MAX_OPERATIONS = 1 << 30
"""Most multiplications of a product that is simulated."""

MAX_ENTERING = 1 << 24
"""Most operands that enter an array from one side, those included that enter again."""


def integer_matrix(values: ArrayLike, name: str, bits: int = 32) -> NDArray[np.int64]:
    """A matrix of whole numbers.

    Raises:
        DataError: It is no matrix, or has no elements.
        NumericsError: A value is no whole number, or does not fit the bits.
    """
    array = _matrix(values, name)
    limit = 2.0 ** (bits - 1)
    finite = np.isfinite(array)
    known = np.where(finite, array, 0).astype(np.float64)
    good = finite & (known == np.rint(known)) & (known >= -limit) & (known < limit)
    _refuse(array, good, name, f"no code of {bits} bits")
    return array.astype(np.int64)


def float_matrix(values: ArrayLike, name: str, number: NumberFormat) -> NDArray[np.float64]:
    """A matrix of finite values of a format.

    Raises:
        DataError: It is no matrix, or has no elements.
        NumericsError: A value is none of the format.
    """
    array = _matrix(values, name).astype(np.float64)
    _refuse(array, number.allowed(array), name, f"no finite value of {number}")
    return array


def _matrix(values: ArrayLike, name: str) -> NDArray[np.generic]:
    array = np.asarray(values)
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"{name} must be a matrix with elements, not of shape {array.shape}")
    if array.dtype.kind not in "iufb":
        raise NumericsError(f"{name} must hold numbers, not {array.dtype}")
    return array


def _refuse(array: NDArray[np.generic], good: NDArray[np.bool_], name: str, what: str) -> None:
    if not good.all():
        place = tuple(int(i) for i in np.argwhere(~good)[0])
        raise NumericsError(f"{name} holds {array[place]} at {place}, which is {what}")


def check_product(a: NDArray[np.generic], b: NDArray[np.generic], step_bits: int) -> None:
    """Refuse matrices that do not fit each other, or whose product takes too long to simulate.

    Raises:
        DataError: They do not, or it does.
    """
    if a.shape[1] != b.shape[0]:
        raise DataError(
            f"the left matrix has {a.shape[1]} columns, but the right one {b.shape[0]} rows"
        )
    operations = a.shape[0] * a.shape[1] * b.shape[1]
    if operations > MAX_OPERATIONS or max(*a.shape, *b.shape) >= 1 << (step_bits - 8):
        raise _too_large(f"of {a.shape} and {b.shape}")


def check_entering(tiles: int, left: int, top: int) -> None:
    """Refuse products of which too much enters an array.

    Args:
        tiles: Tiles of the product.
        left: Operands that enter from the left in a tile.
        top: Operands that enter from above in a tile.

    Raises:
        DataError: It does.
    """
    if tiles * max(left, top) > MAX_ENTERING:
        raise _too_large(f"in {tiles} tiles of {left} and {top} operands")


def _too_large(what: str) -> DataError:
    return DataError(
        f"a product {what} is too large to be simulated clock by clock",
        hint="the formulas of the cost room give the cycles of any size",
    )


def refuse_overflow(a: NDArray[np.int64], b: NDArray[np.int64], acc_bits: int) -> None:
    """Refuse matrices whose product does not fit the sums.

    Raises:
        NumericsError: A result needs more than `acc_bits`.
    """
    product = a @ b
    limit = 1 << (acc_bits - 1)
    bad = (product < -limit) | (product >= limit)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise NumericsError(
            f"the product has {int(product[row, column])} at ({row}, {column}), which needs more "
            f"than the {acc_bits} bits of a sum"
        )


def tiled(rows: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Rows (rows, ...) in tiles of `size` (tiles, size, ...), zeros where there are no more."""
    missing = -len(rows) % size
    padded = np.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1))
    return padded.reshape(-1, size, *rows.shape[1:])
