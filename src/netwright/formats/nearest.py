"""The nearest values of a format in the arithmetic of what is given: ``decode(encode(...))``, fast.

A search of scales and every step of a training find nearest values of whole tensors, and need no
words. What is found is what the words would say, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from netwright.formats.flint import Flint
from netwright.formats.integers import Int
from netwright.formats.number import NumberFormat, refuse_nan, refuse_part_of_group
from netwright.formats.outlier_pairs import OutlierPairs
from netwright.formats.rounding import Rounding, round_real

Reals = NDArray[np.floating]


def nearest(
    values: Reals, number: NumberFormat, *, rounding: Rounding = Rounding.HALF_EVEN
) -> Reals:
    """The nearest values of a number format, groups along the last axis.

    Args:
        values: Real values in steps of the scale, float32 or float64; results have its type.
        number: The format.
        rounding: Of :class:`~netwright.formats.Int`; other formats have a rule of their own.

    Raises:
        NumericsError: A value is no number, or the last axis holds no whole groups.

    >>> nearest(np.array([1.4, -30.0, 9.6, 2.0]), OutlierPairs()).tolist()
    [0.0, -32.0, 12.0, 0.0]
    """
    refuse_nan(values, number)
    if isinstance(number, Int):
        whole = np.rint(values) if rounding is Rounding.HALF_EVEN else round_real(values, rounding)
        return np.clip(whole, number.min, number.max, out=whole)
    if isinstance(number, OutlierPairs):
        return _nearest_pairs(values, number)
    if isinstance(number, Flint):
        table = _table(number)
        return np.copysign(table.magnitudes[table.places(values)], values).astype(values.dtype) + 0
    return np.asarray(number.decode(number.encode(values)), values.dtype)


def _nearest_pairs(values: Reals, number: OutlierPairs) -> Reals:
    refuse_part_of_group(values.shape, number)
    table, far = _table(number), len(number.normals)
    places = table.places(values)
    found = table.magnitudes.astype(values.dtype)[places]
    first, second = places[..., 0::2], places[..., 1::2]
    keeps_first = first >= far
    if number.rule == "larger":
        keeps_first &= first >= second
    found[..., 1::2] *= ~keeps_first
    found[..., 0::2] *= keeps_first | (second < far)
    np.copysign(found, values, out=found)
    found += 0  # there is one zero
    return found


@dataclass(frozen=True, slots=True)
class _Table:
    """Magnitudes, and the place of the nearest one by twice a magnitude, rounded up.

    Middles between neighboring integers are multiples of a half, so that all that rounds up to one
    multiple is nearest to one integer; a middle belongs to the smaller one.
    """

    magnitudes: NDArray[np.float64]
    ranks: NDArray[np.uint8]

    def places(self, values: Reals) -> NDArray[np.uint8]:
        """The place of the nearest magnitude of each value."""
        doubled = np.abs(values)
        doubled *= 2
        np.ceil(doubled, out=doubled)
        np.minimum(doubled, len(self.ranks) - 1, out=doubled)
        return self.ranks[doubled.astype(np.int32)]


@cache
def _table(number: OutlierPairs | Flint) -> _Table:
    if isinstance(number, Flint):
        magnitudes = np.unique(np.abs(number.decode(np.arange(16, dtype=np.uint64))))
    else:
        magnitudes = np.array((*number.normals, *number.outliers))
    middles = (magnitudes[1:] + magnitudes[:-1]) / 2
    halves = np.arange(2 * int(middles[-1]) + 3) / 2
    ranks = np.searchsorted(middles, halves, side="left").astype(np.uint8)
    return _Table(magnitudes.astype(np.float64), ranks)
