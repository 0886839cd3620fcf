"""Goals and constraints as one number, for proposers that follow a gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.explore.space import Space
from netwright.explore.trial import Trial

MOST_VIOLATION = 3.0
"""A violation, in its scale, beyond which it counts no more; else one bad trial rules the rest."""


MOST_GOAL = 10.0
"""Most that a goal counts, in its scale."""

LARGEST = 1e150
"""Values beyond are taken for this, so that their differences are numbers."""


def rewards(
    trials: Sequence[Trial], known: Sequence[Trial], space: Space, *, penalty: float
) -> NDArray[np.float64]:
    """What each trial is worth: weighted goals less penalties of violations.

    A goal without a scale counts from the median of the known trials in the spread of their middle
    half, at most ten of it; a constraint without one in the spread of its margins. So no single
    trial rules the rest.

    Args:
        trials: What is judged.
        known: The trials that say what is usual.
        space: The goals and constraints.
        penalty: Weight of a violation of one scale.
    """
    centers, scales = _goal_scales(known, space)
    widths = _margin_scales(known, space)
    found = []
    for trial in trials:
        worth = 0.0
        costs = trial.costs(space)
        for goal, cost, center, scale in zip(space.goals, costs, centers, scales, strict=True):
            if math.isfinite(cost):
                worth -= goal.weight * min(max((cost - center) / scale, -MOST_GOAL), MOST_GOAL)
        missed = [
            min(max(-trial.margins.get(constraint.title, 0.0) / width, 0.0), MOST_VIOLATION)
            for constraint, width in zip(space.constraints, widths, strict=True)
        ]
        if trial.state == "failed":
            missed.append(MOST_VIOLATION)
        found.append(worth - penalty * sum(missed))
    return np.array(found)


def _goal_scales(known: Sequence[Trial], space: Space) -> tuple[list[float], list[float]]:
    centers, scales = [], []
    for place, goal in enumerate(space.goals):
        costs = [t.costs(space)[place] for t in known]
        finite = [cost for cost in costs if math.isfinite(cost)]
        if goal.scale is not None or not finite:
            centers.append(0.0)
            scales.append(goal.scale or 1.0)
        else:
            centers.append(float(np.median(finite)))
            scales.append(_spread(finite))
    return centers, scales


def _margin_scales(known: Sequence[Trial], space: Space) -> list[float]:
    widths = []
    for constraint in space.constraints:
        margins = [t.margins[constraint.title] for t in known if constraint.title in t.margins]
        widths.append(constraint.scale or _spread(margins))
    return widths


def _spread(values: Sequence[float]) -> float:
    """Width of the middle half of some values; of all where that is nothing, and 1 where none."""
    if not values:
        return 1.0
    low, first, third, high = np.percentile(np.clip(values, -LARGEST, LARGEST), (0, 25, 75, 100))
    return float(third - first) or float(high - low) or 1.0
