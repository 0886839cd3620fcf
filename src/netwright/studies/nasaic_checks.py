"""Comparisons of the study nasaic: halves, proposers, and greedy splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np

from netwright import explore, mapping
from netwright.quantities import Quantity
from netwright.studies import Context, Finding
from netwright.studies.nasaic_enumeration import best_point
from netwright.studies.nasaic_runs import (
    HOW,
    PROPOSERS,
    best,
    best_score,
    objective,
    search,
    specification,
)
from netwright.studies.nasaic_spaces import space

SOURCE = "templates in closed form, greedy splits, accuracies of trained networks"


def finding(context: Context, value: float, unit: str, remark: str) -> Finding:
    """A figure of searches; of the smoke profile one of a smaller scale."""
    less = "" if context.profile == "full" else "one case, few evaluations"
    return Finding(Quantity(value, unit, SOURCE, "modelled"), remark=remark, smaller_scale=less)


def _scores(context: Context, level: str, hows: tuple[str, ...], kind: str) -> list[float]:
    """Best feasible test scores in percent, over proposers and seeds; 0 where there is none."""
    seeds = (0, 1, 2) if context.profile == "full" else (0,)
    trials = 100 if context.profile == "full" else 30
    name = "classes twice" if kind or context.profile == "smoke" else "classes and nuclei"
    runs = (
        search(name, level, how, seed, trials, kind or "unlike") for how in hows for seed in seeds
    )
    found = [best(run) for run in runs]
    return [0.0 if own is None else 100 * own.values["score"] for own in found]


def _mean(values: list[float]) -> str:
    spread = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{fmean(values):.2f}{spread} %" + (
        f", {values.count(0.0)} without" if 0 in values else ""
    )


def unlike_over_alike(context: Context) -> Finding:
    """Points that unlike halves gain over alike ones, with equal totals."""
    found = {
        kind: _scores(context, "tight", (HOW,), kind) for kind in ("unlike", "alike", "single")
    }
    told = "; ".join(f"{kind} {_mean(values)}" for kind, values in found.items())
    return finding(context, fmean(found["unlike"]) - fmean(found["alike"]), "points", told)


def controller_over_random(context: Context) -> Finding:
    """Points that the recurrent controller gains over random search at equal evaluations."""
    found = {how: _scores(context, "middle", (how,), "") for how in PROPOSERS}
    told = "; ".join(f"{how} {_mean(values)}" for how, values in found.items())
    return finding(context, fmean(found["controller"]) - fmean(found["random"]), "points", told)


def _proven_joules(workload: str, level: str, trial: explore.Trial) -> float | None:
    """The least energy with which the chip of a trial is in time, by proof; none without proof."""
    own = specification(workload, level)
    exact = replace(objective(workload, own.limits[0]), solver="always")
    settings = space(workload, own).settings(trial.parameters)
    verdict = exact.judge(settings)
    return float(verdict.joules) if verdict.is_proven else None


def proven_splits(
    context: Context, chosen: Mapping[tuple[str, str, int], explore.Trial]
) -> Finding:
    """Mean excess energy of the splits of chips over proven ones, in percent."""
    proven = {case: _proven_joules(*case[:2], own) for case, own in chosen.items()}
    gaps = [
        100 * (own.values["joules"] / best - 1)
        for case, own in chosen.items()
        if (best := proven[case]) is not None
    ]
    remark = f"{len(gaps)} of {len(chosen)} proven, largest {max(gaps):.2f} %"
    return finding(context, fmean(gaps), "%", remark)


def enumerated(context: Context, chosen: Mapping[tuple[str, str, int], explore.Trial]) -> Finding:
    """Most points that the best feasible points lose, and how near those of the search are."""
    known = {case[:2]: best_point(*case[:2]) for case in chosen}
    found = {place: own for place, own in known.items() if own is not None}
    lost = {
        place: 100 * (best_score(place[0]) - own.values["score"]) for place, own in found.items()
    }
    apart = [
        100 * (found[case[:2]].values["validation"] - own.values["validation"])
        for case, own in chosen.items()
        if case[:2] in found
    ]
    proven = sum(own.is_proven for own in found.values())
    remark = (
        f"mean {fmean(lost.values()):.2f} over {len(lost)} specifications, {proven} proven; "
        f"the joint search reaches it in {sum(own < 1e-9 for own in apart)} of {len(apart)} "
        f"cases, and stays {fmean(apart):.2f} points of validation score below, "
        f"at most {max(apart):.2f}"
    )
    return finding(context, max(lost.values()), "points", remark)


def greedy_gap(context: Context) -> Finding:
    """Mean excess energy of greedy splits over proven ones, in percent."""
    gaps, missed, late = [], 0, 0
    for seed in range(200 if context.profile == "full" else 5):
        draw = np.random.default_rng(seed).integers
        steps = tuple(
            mapping.Step(f"{n}", (n - 1,) if n % 12 else (), tuple(map(int, draw(50, 1000, 2))),
                         tuple(map(int, draw(50, 1000, 2))))
            for n in range(24)
        )  # fmt: skip
        problem = mapping.SplitProblem(("a", "b"), steps)
        limit = int(1.2 * mapping.split_exactly(problem).makespan)
        proven = mapping.split_exactly(problem, aim="energy", limit=limit)
        greedy = mapping.split_greedily(problem, limit)
        missed += greedy is None
        late += mapping.split_within(problem, limit).makespan > limit
        if greedy is not None and proven.is_optimal:
            gaps.append(100 * (greedy.energy / proven.energy - 1))
    remark = (
        f"{missed} missed, {late} with the solver that a search asks then; "
        f"largest {max(gaps):.2f} %, {len(gaps)} compared"
    )
    less = "" if context.profile == "full" else "5 of 200 instances"
    found = Quantity(fmean(gaps), "%", "random costs, CP-SAT", "modelled")
    return Finding(found, remark=remark, smaller_scale=less)
