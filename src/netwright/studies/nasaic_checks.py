"""Comparisons of the study nasaic: halves, proposers, greedy splits, and modelled cycles."""

from __future__ import annotations

from itertools import product
from statistics import fmean, stdev

import numpy as np

from netwright import arch, cost, mapping, workload
from netwright.backends import arrays
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, data
from netwright.studies.nasaic_runs import HOW, PROPOSERS, best, search

PIXELS, CHANNELS, SIDES = (4, 9, 25, 64), (8, 24, 40), (5, 16)
"""Rows, terms and features of the products whose cycles are simulated."""


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


def rank_correlation(context: Context) -> Finding:
    """Spearman's coefficient of the systolic engine's cycles and those of simulated Verilog."""
    simulated, counted, _ = _cycles(context)
    equal = sum(a == b for a, b in zip(simulated, counted, strict=True))
    return _ranked(counted, simulated, f"{equal} of {len(counted)} are equal")


def template_rank_correlation(context: Context) -> Finding:
    """Likewise of the weight-stationary template's cycles, without fill and drain."""
    simulated, _, modelled = _cycles(context)
    return _ranked(modelled, simulated, "the array's elements hold a group of terms each")


def _cycles(context: Context) -> tuple[list[int], list[int], list[int]]:
    """Clocks of products: simulated, of the systolic engine, and of the template."""
    array = arrays.NMArray(8, 8, kept=4, group=8)
    design = array.generate(context.folder / "array")
    size = arch.Sized(str(data("nasaic", "square.toml")), 64, 64e9, 1 << 24)
    found: tuple[list[int], list[int], list[int]] = ([], [], [])
    for rows, terms, features in product(PIXELS, CHANNELS, SIDES):
        x, w = np.ones((rows, terms), int), np.ones((terms, features), int)
        found[0].append(design.simulate(x, w, stationary="weight", dense=True).cycles)
        found[1].append(array.cycles(rows, terms, features, stationary="weight", dense=True))
        b = workload.Builder("product")
        own = b.finish(b.linear(b.input((rows, terms)), features))
        shape, _ = cost.dataflows.shape_of(mapping.operation(own, own.einsums[0]))
        work = cost.dataflows.work(shape, size)
        found[2].append(work.cycles if work else 0)
    return found


def _ranked(modelled: list[int], simulated: list[int], remark: str) -> Finding:
    """Spearman's coefficient; equal values share the mean of their ranks."""
    ranks = []
    for values in (np.array(modelled), np.array(simulated)):
        ranks.append([(values < v).sum() + ((values == v).sum() - 1) / 2 for v in values])
    rho = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    told = f"{len(modelled)} products, {min(simulated)} to {max(simulated)} clocks; {remark}"
    return Finding(Quantity(rho, "", "Verilator beside our cycles", "simulated"), remark=told)
