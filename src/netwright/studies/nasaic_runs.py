"""Searches of the study nasaic: specifications fixed before, and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import numpy as np

from netwright import explore
from netwright.registry import resolve
from netwright.studies import data
from netwright.studies.nasaic_spaces import (
    COSTS,
    LEVELS,
    NETWORKS,
    Point,
    Specification,
    arguments,
    choices,
    networks,
    space,
)

PROPOSERS = ("random", "grid", "evolution", "nsga2", "tpe", "gp", "policy", "controller")
DRAWN, BATCH, HOW, CHIP = 120, 10, "evolution", ("template", "elements", "port")


def proposer(name: str) -> explore.Proposer:
    """A proposer; those that follow a gradient weigh violations ten times, as published."""
    options = {"penalty": 10.0} if name in ("policy", "controller") else {}
    return cast(explore.Proposer, cast(Any, resolve("proposers", name))(**options))


@cache
def objective(workload: str, limit_s: float, kind: str = "unlike") -> Any:
    """Networks on a chip, split towards a limit."""
    options = cast(Any, resolve("objectives", "chip"))
    machine = str(data("nasaic", "single.toml")) if kind == "single" else "unlike_pair"
    return options(networks=networks(workload), machine=machine, limit_s=limit_s,
                   scores=data("nasaic", "accuracies.jsonl")).make()  # fmt: skip


@cache
def drawn(workload: str) -> Trials:
    """Random points, each with the energy and time of its cheapest split."""
    search = explore.Search(space(workload, None), objective(workload, 1e-4), explore.Random(),
                            batch=BATCH, seed=2026)  # fmt: skip
    return search.run(trials=DRAWN).trials


@cache
def specification(workload: str, level: str) -> Specification:
    """Fixed by random points alone."""
    costs = np.array([[trial.values[name] for name in COSTS] for trial in drawn(workload)])
    limits = np.quantile(costs, LEVELS[level], axis=0)
    return Specification(tuple(limits.tolist()), tuple(costs.max(axis=0).tolist()))


Trials = tuple[explore.Trial, ...]
Fixed = tuple[tuple[str, explore.Value], ...]


@cache
def search(
    workload: str, level: str, how: str, seed: int, trials: int,
    kind: str = "unlike", fixed: Fixed = (),
) -> Trials:  # fmt: skip
    """A search with one of the proposers; what is fixed has one value."""
    own = specification(workload, level)
    varied = space(workload, own, dict(fixed), kind)
    measured = objective(workload, own.limits[0], kind)
    found = explore.Search(varied, measured, proposer(how), batch=BATCH, seed=seed)
    return found.run(trials=trials).trials


def best_networks(workload: str) -> Point:
    """The decisions of the networks with the best validation scores, whatever they cost."""
    chip = objective(workload, 1e-4)
    found: Point = {}
    for place, own in enumerate(chip.networks):
        known = list(choices(own.family))
        scores = [chip.scores_of([_with(own, choice)])["validation"] for choice in known]
        best = known[int(np.argmax(scores))]
        found |= {f"{d[0]}_{place}": v for d, v in zip(NETWORKS[own.family], best, strict=True)}
    return found


def best_score(workload: str) -> float:
    """Test score of the networks with the best validation scores, mean over networks and seeds."""
    chip = objective(workload, 1e-4)
    decided = best_networks(workload)
    chosen = [
        _with(
            own, tuple(int(str(decided[f"{name}_{place}"])) for name, _, _ in NETWORKS[own.family])
        )
        for place, own in enumerate(chip.networks)
    ]
    return float(chip.scores_of(chosen)["score"])


def _with(own: Any, values: tuple[int, ...]) -> Any:
    return own.model_copy(update={"arguments": arguments(own.family, values)})


def nearest_chip(workload: str, level: str) -> Point:
    """The chip, small enough, of the random point whose costs are nearest to the specification."""
    own = specification(workload, level)

    def apart(trial: explore.Trial) -> float:
        costs = (trial.values[name] / limit for name, limit in zip(COSTS, own.limits, strict=True))
        return sum((cost - 1) ** 2 for cost in costs)

    area = own.limits[COSTS.index("area_m2")]
    best = min((t for t in drawn(workload) if t.values["area_m2"] <= area), key=apart)
    return {n: v for n, v in best.parameters.items() if n.startswith(CHIP)}


def nas_then_chip(workload: str, level: str, seed: int, trials: int) -> Trials:
    """The best networks first, then only the chip is searched."""
    fixed = tuple(best_networks(workload).items())
    return search(workload, level, HOW, seed, trials, fixed=fixed)


def chip_then_nas(workload: str, level: str, seed: int, trials: int) -> Trials:
    """A chip near the specification first, then only the networks are searched."""
    fixed = tuple(nearest_chip(workload, level).items())
    return search(workload, level, HOW, seed, trials, fixed=fixed)


def together(workload: str, level: str, seed: int, trials: int) -> Trials:
    """The networks and the chip at once."""
    return search(workload, level, HOW, seed, trials)


def best(trials: Sequence[explore.Trial]) -> explore.Trial | None:
    """The feasible trial with the best validation score, of equal ones the first."""
    met = [trial for trial in trials if trial.is_feasible]
    return max(met, key=lambda trial: trial.values["validation"], default=None)


def nearest(trials: Sequence[explore.Trial], own: Specification) -> explore.Trial:
    """The trial that breaks the specification least, in shares of its limits."""

    def over(trial: explore.Trial) -> float:
        shares = (trial.values[n] / limit for n, limit in zip(COSTS, own.limits, strict=True))
        return sum(max(share - 1, 0.0) for share in shares)

    return min((trial for trial in trials if "area_m2" in trial.values), key=over)
