"""Energy mover's distance: the least work that turns one distribution of charge into another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, require
from netwright.progress import Progress, silent

EMPTY_INPUT, EMPTY_OUTPUT = -1.0, -0.5
"""Marks of rows that have no distance: nothing was there, or nothing came out."""

ROUNDING = 1e-15
"""Shares below are what is left of equal ones."""

OCCUPANCY_EDGES = (0, 4, 8, 12, 16, 20, 25, 30)
"""Where intervals of occupancy begin."""

_STEP = 256


@dataclass(frozen=True, slots=True)
class MeanDistance:
    """Mean of the distances that exist.

    Attributes:
        mean: In the unit of the costs; NaN where no row has a distance.
        error: Standard error of the mean.
        excluded: Share of the rows without a distance, 0 to 1.
    """

    mean: float
    error: float
    excluded: float


def energy_movers_distance(
    true: NDArray[np.floating],
    found: NDArray[np.floating],
    cost: NDArray[np.float64],
    *,
    progress: Progress = silent,
) -> NDArray[np.float64]:
    """The distance of each pair of rows, both scaled to a sum of one (Python Optimal Transport).

    What both have in a place stays there: costs that obey the triangle inequality allow it, and
    it makes the problem smaller.

    Args:
        true: Charges, not negative, shape ``(rows, cells)``.
        found: Charges; negative ones count as zero, as behind a decoder's ReLU.
        cost: Distances between cells: symmetric, zero on the diagonal, with the triangle
            inequality, shape ``(cells, cells)``.
        progress: Told of the rows.

    Returns:
        Shape ``(rows,)``; :data:`EMPTY_INPUT` where `true` is zero and :data:`EMPTY_OUTPUT` where
        `found` is.

    Raises:
        MissingExtra: POT is not installed.
        DataError: The shapes do not fit, a value is not finite, or a true charge is negative.
    """
    emd2 = require("ot", extra="data", purpose="the energy mover's distance").emd2
    first, second = _checked(true, found, cost)
    sums = first.sum(axis=1), second.sum(axis=1)
    distance = np.zeros(len(first))
    distance[sums[1] <= 0] = EMPTY_OUTPUT
    distance[sums[0] <= 0] = EMPTY_INPUT
    rows = np.flatnonzero((sums[0] > 0) & (sums[1] > 0))
    for step, row in enumerate(rows.tolist()):
        if step % _STEP == 0:
            progress(step, len(rows), "distances")
        moved = first[row] / sums[0][row] - second[row] / sums[1][row]
        gives, takes = np.flatnonzero(moved > ROUNDING), np.flatnonzero(moved < -ROUNDING)
        if len(gives) and len(takes):
            supply, demand = moved[gives], -moved[takes]
            mass = supply.sum()
            work = emd2(
                supply / mass, demand / demand.sum(),
                np.ascontiguousarray(cost[np.ix_(gives, takes)]),
            )  # fmt: skip
            distance[row] = mass * float(work)
    progress(len(rows), len(rows), "distances")
    return distance


def mean_distance(distances: NDArray[np.float64]) -> MeanDistance:
    """Mean and standard error of :func:`energy_movers_distance`, rows without a distance apart."""
    known = distances[distances >= 0]
    if not len(known):
        return MeanDistance(float("nan"), float("nan"), 1.0 if len(distances) else 0.0)
    error = float(known.std() / np.sqrt(len(known)))
    return MeanDistance(float(known.mean()), error, 1.0 - len(known) / len(distances))


def by_occupancy(
    distances: NDArray[np.float64],
    occupied: NDArray[np.int64],
    edges: Sequence[int] = OCCUPANCY_EDGES,
) -> tuple[MeanDistance, ...]:
    """Mean distance of the rows in each interval of occupancy; a mean over all hides the most.

    Args:
        distances: See :func:`energy_movers_distance`, (rows,).
        occupied: How many cells of each row are occupied, (rows,).
        edges: Beginnings of the intervals; the last has no end.
    """
    place = np.searchsorted(np.asarray(edges), occupied, side="right") - 1
    return tuple(mean_distance(distances[place == index]) for index in range(len(edges)))


def _checked(
    true: NDArray[np.floating], found: NDArray[np.floating], cost: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cells = cost.shape[0]
    if cost.shape != (cells, cells):
        raise DataError(f"costs must have shape (cells, cells), not {cost.shape}")
    for name, values in (("true", true), ("found", found)):
        if values.shape != (len(true), cells):
            raise DataError(
                f"{name} charges must have shape ({len(true)}, {cells}), not {values.shape}"
            )
        if not np.isfinite(values).all():
            row, cell = np.argwhere(~np.isfinite(values))[0].tolist()
            raise DataError(f"{name} charge at row {row}, cell {cell} must be finite")
    if (true < 0).any():
        row, cell = np.argwhere(true < 0)[0].tolist()
        raise DataError(f"true charge at row {row}, cell {cell} must not be negative")
    return true.astype(np.float64), np.maximum(found.astype(np.float64), 0.0)
