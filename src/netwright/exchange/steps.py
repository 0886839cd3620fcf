"""Steps that are powers of two, and intervals, of all elements of a tensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError, NumericsError

Codes = NDArray[np.int64]
Reals = NDArray[np.float64]

NO_EXPONENT = 1 << 12
"""More than any exponent."""


def along(
    values: Codes, layer: str, ignored: NDArray[np.bool_] | None = None
) -> tuple[Codes, int | None]:
    """Values as one, or along the one axis of the tensor (batch first) on which they vary.

    Args:
        values: One for every element of a row.
        layer: The layer concerned, for messages.
        ignored: Elements whose values do not matter.

    Raises:
        GraphError: They vary along more than one axis.
    """
    live = values if ignored is None or ignored.all() else values[~ignored]
    if values.size and np.all(live == live.flat[0]):
        return live.reshape(-1)[:1], None
    for axis, extent in enumerate(values.shape):
        line = np.moveaxis(values, axis, 0).reshape(extent, -1)
        if np.all(line == line[:, :1]):
            return line[:, 0], axis + 1
    raise GraphError(
        "its formats vary along more than one axis",
        node=layer,
        hint="give the quantizer a homogeneous_axis, or flatten before it",
    )


def interval_pairs(
    lows: Codes, highs: Codes, layer: str
) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], int | None]:
    """Intervals as one, or along the one axis on which they vary."""
    pairs, numbers = np.unique(
        np.stack([lows.reshape(-1), highs.reshape(-1)]), axis=1, return_inverse=True
    )
    chosen, axis = along(numbers.reshape(lows.shape), layer)
    low, high = (tuple(int(v) for v in side[chosen]) for side in pairs)
    return (low, high), axis


def lowest_exponent(values: Reals) -> int:
    """The largest exponent of which all values are multiples; large if all are zero."""
    mantissas, exponents = np.frexp(values[values != 0])
    if not mantissas.size:
        return NO_EXPONENT
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    trailing = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return int((exponents - 53 + trailing).min())


def whole(values: Reals, name: str) -> Codes:
    """Whole numbers as integers.

    Raises:
        NumericsError: One is not, or needs more than 62 bits.
    """
    if np.any(values != np.rint(values)) or np.any(np.abs(values) >= 2.0**62):
        raise NumericsError("holds values that are no whole steps of 62 bits", tensor=name)
    return values.astype(np.int64)
