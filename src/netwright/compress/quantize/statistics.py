"""How outliers lie beside each other: what coding pairs of neighbors can lose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.compress.quantize.base import checked_values, pad_last

DEVIATIONS = 3.0
"""Beyond so many standard deviations from the mean a value is an outlier, as in the paper."""


@dataclass(frozen=True, slots=True)
class PairShares:
    """Pairs of neighbors of a tensor by their outliers.

    Attributes:
        none: Share of the pairs without one.
        one: With one.
        two: With two, of which coding keeps one.
        largest: Largest distance from the mean, in standard deviations.
    """

    none: float
    one: float
    two: float
    largest: float

    @property
    def outliers(self) -> float:
        """Share of the values that are outliers."""
        return (self.one + 2 * self.two) / 2

    @property
    def lost(self) -> float:
        """Share of the outliers that are lost to the outlier beside them; 0 where there is none."""
        found = self.one + 2 * self.two
        return self.two / found if found else 0.0


def pair_shares(
    values: NDArray[np.floating], *, group_axis: int = -1, deviations: float = DEVIATIONS
) -> PairShares:
    """Count pairs of neighbors along an axis by their outliers.

    Args:
        values: Real values; with an odd extent the last one has a zero beside it.
        group_axis: The axis of the pairs.
        deviations: Where outliers begin.

    Raises:
        NumericsError: A value is not finite, or there is none.

    >>> row = np.zeros(40)
    >>> row[[3, 8, 9]] = 100.0
    >>> found = pair_shares(row, deviations=2)
    >>> found.one, found.two, round(found.lost, 3)
    (0.05, 0.05, 0.333)
    """
    array = np.moveaxis(checked_values(values), group_axis, -1)
    spread = float(array.std(dtype=np.float64))
    away = np.abs(array - array.mean(dtype=np.float64))
    far = pad_last((away > deviations * spread).astype(np.float32), 2)
    count = far.reshape(-1, 2).sum(axis=1)
    none, one, two = (float((count == number).mean()) for number in range(3))
    return PairShares(none, one, two, float(away.max()) / spread if spread else 0.0)
