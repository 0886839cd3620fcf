"""Which trials are better than others: feasible ones first, then by dominance."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netwright.explore.space import Space
from netwright.explore.trial import Trial

_PLACES = {"complete": 0, "stopped": 1, "pruned": 2, "failed": 3}


def dominates(one: Trial, other: Trial, space: Space) -> bool:
    """Whether a trial is better than another whatever the weights of the goals.

    Feasible trials dominate infeasible ones; of two infeasible ones the one that misses less does.
    """
    ours, theirs = _class(one), _class(other)
    if ours != theirs:
        return ours < theirs
    a, b = one.costs(space), other.costs(space)
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


def front(trials: Sequence[Trial], space: Space) -> list[Trial]:
    """The feasible trials that none dominates, by the first goal; of equal ones the first."""
    feasible = sorted((t for t in trials if t.is_feasible), key=lambda t: t.costs(space))
    if len(space.goals) <= 2:
        return _plane(feasible, space)
    found: list[Trial] = []
    seen = set()
    for trial in feasible:
        costs = trial.costs(space)
        if costs not in seen and not any(dominates(other, trial, space) for other in found):
            found.append(trial)
            seen.add(costs)
    return found


def _plane(ordered: Sequence[Trial], space: Space) -> list[Trial]:
    """The front of at most two goals, of trials in the order of their costs."""
    found: list[Trial] = []
    lowest = math.inf
    for trial in ordered:
        last = trial.costs(space)[-1]
        if last < lowest:
            found.append(trial)
            lowest = last
        if len(space.goals) == 1:
            break
    return found


def best(trials: Sequence[Trial], space: Space) -> Trial | None:
    """The feasible trial that is best in the first goal."""
    return min((t for t in trials if t.is_feasible), key=lambda t: (*t.costs(space), t.number),
               default=None)  # fmt: skip


def order(trials: Sequence[Trial], space: Space) -> list[int]:
    """Places of the trials, best first: by class, then by rank of dominance, then by number."""
    ranks = ranked(trials, space)
    return sorted(range(len(trials)), key=lambda i: (ranks[i], trials[i].number))


def ranked(trials: Sequence[Trial], space: Space) -> list[int]:
    """The rank of each trial: 0 for those that none dominates, and so on."""
    left = list(range(len(trials)))
    ranks = [0] * len(trials)
    rank = 0
    while left:
        edge = [i for i in left if not any(dominates(trials[j], trials[i], space) for j in left)]
        for i in edge:
            ranks[i] = rank
        chosen = set(edge)
        left = [i for i in left if i not in chosen]
        rank += 1
    return ranks


def _class(trial: Trial) -> tuple[int, float]:
    """Feasible, then by what is missing, then pruned, then failed."""
    if trial.is_feasible:
        return (0, 0.0)
    return (1 + _PLACES[trial.state], trial.violation)
