"""The scale of a tensor that is chosen on its values: the one place where a scale is searched.

Every quantizer, of graphs and of torch modules, before and after training, ends here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.formats.nearest import Reals, nearest
from netwright.formats.number import NumberFormat
from netwright.formats.rounding import Rounding

SMALLEST_RATIO = 2.0**-16
"""Smallest peak of a row beside the largest of all rows that is still looked at.

Rows of zeros, or of values that are tiny beside those of the other rows, get a scale that decides
nothing, near enough to the others for one requantizer."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Scales that are tried, from the one that clips nothing downward.

    Attributes:
        octaves: How far down.
        steps: Scales in each octave; powers of two alone if ``None``.
        single: Round them to single precision, so that a file of them is exact.
    """

    octaves: int
    steps: int | None = None
    single: bool = False

    def below(self, largest: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """The scales to try, one array of the shape of `largest` for each step."""
        if self.steps is None:
            top = np.exp2(np.ceil(np.log2(largest)))
            return [top * 2.0**-k for k in range(self.octaves)]
        found = [largest * 2.0 ** (-k / self.steps) for k in range(self.octaves * self.steps)]
        if self.single:
            return [scale.astype(np.float32).astype(np.float64) for scale in found]
        return found


def peak_scales(peaks: NDArray[np.float64], *, unused: float = 1.0) -> NDArray[np.float64]:
    """Scales of rows from the scales that their largest values ask for; never zero.

    Args:
        peaks: For each row the scale with which its largest value is the largest code; 0 for a row
            of zeros.
        unused: The scale where all rows are zeros.
    """
    smallest = float(peaks.max()) * SMALLEST_RATIO
    return np.maximum(peaks, smallest if smallest > 0 else unused)


def sampling_stride(values: int, most: int, *, row: int = 1) -> int:
    """A stride that leaves about so many values, and meets every place of a row.

    A stride with a factor in common with the row would see the same few places again and again:
    the first sample of every pulse, the left edge of every image. It is 1 or a prime.

    Args:
        values: How many there are, row after row.
        most: About how many shall be left.
        row: Values of a row, if that is known.

    >>> sampling_stride(1 << 20, 1 << 16, row=256), sampling_stride(100, 1000)
    (17, 1)
    """
    stride = values // most
    if stride <= 1:
        return 1
    while row % stride == 0 or any(stride % n == 0 for n in range(2, math.isqrt(stride) + 1)):
        stride += 1
    return stride


def least_error(
    rows: Reals,
    number: NumberFormat,
    candidates: Sequence[NDArray[np.float64]],
    *,
    norm: float = 2.0,
    rounding: Rounding = Rounding.HALF_EVEN,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each row of values the scale of smallest sum of ``|error| ** norm``.

    Args:
        rows: Real values, (rows, values).
        number: The number format; neighbors in a row are its groups.
        candidates: Scales to try, (rows,) each; of equal errors the first wins.
        norm: Exponent of the errors.
        rounding: Of integers.

    Returns:
        The scales and their errors, (rows,) each.
    """
    best = candidates[0].copy()
    least = np.full(len(rows), np.inf)
    for scale in candidates:
        step = scale[:, None].astype(rows.dtype)
        errors = nearest(rows / step, number, rounding=rounding) * step - rows
        powers = np.square(errors) if norm == 2.0 else np.abs(errors) ** norm
        found = powers.sum(axis=1, dtype=np.float64)
        better = found < least
        best[better], least[better] = scale[better], found[better]
    return best, least
