"""How much of the differences between trials a parameter alone explains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.explore.parameter import Choice, Parameter, Real
from netwright.explore.study import Study
from netwright.explore.trial import Trial

MOST_BINS = 5
"""Groups into which the values of a number are put, each with as many trials."""

FEWEST = 10
"""Trials below which nothing is said."""


def importance(study: Study, goal: int = 0) -> Mapping[str, float]:
    """The share of the variance of a goal's ranks that each parameter alone explains.

    The ranks of the complete trials are grouped by the values of the parameter; the share is the
    variance between groups, less what chance would give (epsilon squared, Kelley 1935). Shares do
    not add up to 1: what parameters do together is in none of them, and a search that looks
    in one place sees little of what others would do.

    Args:
        study: The trials.
        goal: Place of the goal.

    Returns:
        Shares from 0 to 1 by name, the largest first; nothing of fewer than ten trials.
    """
    trials = [t for t in study.trials if math.isfinite(t.costs(study.space)[goal])]
    if len(trials) < FEWEST:
        return {}
    ranks = _ranks([t.costs(study.space)[goal] for t in trials])
    found = {p.name: _share(_groups(p, trials), ranks) for p in study.space.parameters}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Places of the values in their order; equal ones share the mean of their places."""
    array = np.array(values)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse])


def _groups(parameter: Parameter, trials: Sequence[Trial]) -> NDArray[np.int64]:
    """A number for each trial; equal where the parameter has nearly the same value."""
    values = [t.parameters.get(parameter.name) for t in trials]
    if isinstance(parameter, Choice):
        return np.array([-1 if v is None else parameter.index(v) or 0 for v in values])
    shares = np.array([math.nan if v is None else parameter.share(v) for v in values])
    known = shares[~np.isnan(shares)]
    if not len(known):
        return np.full(len(trials), -1)
    few = not isinstance(parameter, Real) and len(np.unique(known)) <= MOST_BINS
    if few:
        return np.array([-1 if math.isnan(s) else int(np.searchsorted(np.unique(known), s))
                         for s in shares])  # fmt: skip
    edges = np.unique(np.quantile(known, np.linspace(0, 1, MOST_BINS + 1)[1:-1]))
    return np.where(np.isnan(shares), -1, np.searchsorted(edges, shares, side="right"))


def _share(groups: NDArray[np.int64], ranks: NDArray[np.float64]) -> float:
    total = float(((ranks - ranks.mean()) ** 2).sum())
    kinds = np.unique(groups)
    count, num = len(ranks), len(kinds)
    if total == 0 or num < 2 or num >= count:
        return 0.0
    parts = [ranks[groups == kind] for kind in kinds]
    between = float(sum(len(p) * (p.mean() - ranks.mean()) ** 2 for p in parts))
    chance = (num - 1) * (total - between) / (count - num)
    return min(max((between - chance) / total, 0.0), 1.0)
