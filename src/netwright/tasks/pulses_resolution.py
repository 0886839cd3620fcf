"""How far estimates are from the truth, by several figures that outliers move differently."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import DataError

Array = NDArray[np.float64]

GAUSSIAN_FWHM = 2.0 * float(np.sqrt(2.0 * np.log(2.0)))
"""Full width at half maximum of a Gaussian over its standard deviation: 2.355."""

TAIL_SIGMAS = 4.0
_MAD_SIGMA = 1.482602218505602
_BINS = 41


@dataclass(frozen=True, slots=True)
class Resolution:
    """Errors of many estimates, in the unit of the errors.

    Attributes:
        rms: Root mean square about the truth; a bias counts.
        bias: Mean error.
        sigma: Standard deviation of a Gaussian with the same median deviation from the median.
        fwhm: Full width at half maximum of a Gaussian fitted to the middle of the histogram.
        tail: Share beyond four such standard deviations from the median.
        rows: Estimates.
    """

    rms: float
    bias: float
    sigma: float
    fwhm: float
    tail: float
    rows: int

    @property
    def fwhm_of_rms(self) -> float:
        """2.355 times the root mean square: the full width of a Gaussian that has it."""
        return GAUSSIAN_FWHM * self.rms


def resolution(errors: ArrayLike) -> Resolution:
    """The figures of estimates less the truth.

    Args:
        errors: Shape ``(rows,)``.

    Raises:
        DataError: There are fewer than two, or one is not finite.
    """
    values = np.asarray(errors, np.float64).ravel()
    if len(values) < 2 or not np.isfinite(values).all():
        raise DataError(
            f"a resolution needs two finite errors or more, not {len(values)} of which "
            f"{int(np.isfinite(values).sum())} are finite"
        )
    away = values - np.median(values)
    sigma = float(np.median(np.abs(away))) * _MAD_SIGMA
    return Resolution(
        rms=float(np.sqrt(np.mean(np.square(values)))),
        bias=float(values.mean()),
        sigma=sigma,
        fwhm=GAUSSIAN_FWHM * _fitted(away, sigma),
        tail=float(np.mean(np.abs(away) > TAIL_SIGMAS * sigma)) if sigma else 0.0,
        rows=len(values),
    )


def _fitted(away: Array, sigma: float) -> float:
    """Standard deviation of a Gaussian fitted within two of the median's deviations.

    The logarithm of the counts is a parabola, fitted with the counts as weights.
    """
    if not sigma:
        return 0.0
    counts, edges = np.histogram(away / sigma, bins=_BINS, range=(-2.0, 2.0))
    known = counts > 0
    if known.sum() < 5:
        return sigma
    middles = (edges[1:] + edges[:-1])[known] / 2
    curve = np.polyfit(middles, np.log(counts[known]), 2, w=np.sqrt(counts[known]))[0]
    return sigma * float(np.sqrt(-0.5 / curve)) if curve < 0 else sigma
