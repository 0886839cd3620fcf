"""The telescope error: differences between wafers on three scales of length.

Cells, 36 overlapping windows of 2 × 2 cells, and the three rhombi, as in fastml-science,
``sensor-data-compression/telescope.py``. The loss of the same name is in :mod:`netwright.train`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.tasks.calorimeter_geometry import membership, tiles, windows
from netwright.tasks.scores import Score
from netwright.tasks.split import Split

Weights = Literal["published", "consistent"]
"""``consistent`` weighs every cell alike: a window's weight is a quarter of the sum over its cells
of one over the number of windows that the cell is in. ``published`` is the authors' table, which
breaks this rule in six windows."""

WEIGHTS: tuple[Weights, ...] = ("published", "consistent")

FACTORS = (4.0, 2.0, 1.0)
"""Of the mean over cells, windows and rhombi."""

_PUBLISHED = {
    (2, 3, 6, 7): 1 / 4 + 1 / 12,
    (18, 19, 22, 23): 1 / 4 + 1 / 12,
    (34, 35, 38, 39): 1 / 4 + 1 / 12,
    (2, 3, 19, 23): 1 / 4 + 1 / 6,
    (3, 7, 34, 35): 1 / 4 + 1 / 6,
    (18, 19, 39, 35): 1 / 4 + 1 / 6,
}
"""The windows at the inner corners of the rhombi, where the authors' table differs."""


def window_weights(weights: Weights) -> NDArray[np.float64]:
    """The weight of each window, (36,).

    Raises:
        ConfigError: There are no such weights.
    """
    if weights not in WEIGHTS:
        raise ConfigError(f'weights must be {" or ".join(WEIGHTS)}, not "{weights}"')
    groups = windows()
    shares = 1.0 / membership(groups).sum(axis=1)
    found = shares[groups].sum(axis=1) / 4
    if weights == "published":
        for index, group in enumerate(groups.tolist()):
            found[index] = _PUBLISHED.get(tuple(group), found[index])
    return found


def scales(weights: Weights) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of each scale, the matrix that sums cells, (48, groups), and what each sum weighs.

    The mean over a scale's groups and its factor are in the weights: the telescope error is the sum
    of weight · (difference of the sums)² · (the larger of the sums).
    """
    rhombi = tiles(cells=16)
    found = [
        (np.eye(48), np.ones(48)),
        (membership(windows()), window_weights(weights)),
        (membership(rhombi), np.ones(len(rhombi))),
    ]
    return [
        (matrix, factor * each / len(each))
        for factor, (matrix, each) in zip(FACTORS, found, strict=True)
    ]


def telescope_error(
    true: NDArray[np.floating], found: NDArray[np.floating], *, weights: Weights = "published"
) -> NDArray[np.float64]:
    """The telescope error of each row.

    Args:
        true: Normalized charges, (rows, 48).
        found: Of the same shape.
        weights: Which table of window weights.
    """
    first, second = np.asarray(true, np.float64), np.asarray(found, np.float64)
    total = np.zeros(len(first))
    for matrix, weight in scales(weights):
        sums, others = first @ matrix, second @ matrix
        total += (np.square(sums - others) * np.maximum(sums, others)) @ weight
    return total


def _telescope(outputs: NDArray[Any], split: Split) -> float:
    return float(telescope_error(split.targets, outputs).mean())


telescope_score = Score("telescope error", "", False, _telescope)
"""Mean telescope error with the published weights: differences of charge on three scales."""
