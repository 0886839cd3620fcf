"""Functions that check the claims in ``nasaic.toml``, one for each id."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from statistics import fmean, stdev

from netwright import explore
from netwright.studies import Context, Finding
from netwright.studies.nasaic_checks import (
    controller_over_random,
    enumerated,
    finding,
    greedy_gap,
    proven_splits,
    unlike_over_alike,
)
from netwright.studies.nasaic_cycles import (
    rank_correlation,
    stream_rank_correlation,
    template_rank_correlation,
)
from netwright.studies.nasaic_runs import (
    Trials,
    best,
    best_score,
    chip_then_nas,
    nas_then_chip,
    nearest,
    specification,
    together,
)
from netwright.studies.nasaic_spaces import LEVELS, WORKLOADS

Way = Callable[[str, str, int, int], Trials]


WAYS: dict[str, Way] = {
    "NAS, then chip": nas_then_chip, "chip, then NAS": chip_then_nas, "together": together,
}  # fmt: skip


def _size(context: Context) -> tuple[int, tuple[tuple[str, str, int], ...]]:
    """Evaluations of a search, and all cases: workload, level and seed."""
    if context.profile == "full":
        return 1000, tuple(product(WORKLOADS, LEVELS, (0, 1, 2)))
    return 30, (("classes twice", "middle", 0),)


@cache
def _case(way: str, case: tuple[str, str, int], trials: int) -> tuple[explore.Trial | None, Trials]:
    found = WAYS[way](*case, trials)
    return best(found), found


def _told(context: Context, way: str) -> str:
    """How many cases a way meets at each level."""
    trials, cases = _size(context)
    met = [
        f"{level} {sum(_case(way, c, trials)[0] is not None for c in cases if c[1] == level)}"
        for level in dict.fromkeys(case[1] for case in cases)
    ]
    return f"{way} meets {', '.join(met)} of {len(cases) // len(met)} a level"


def nas_first_violates(context: Context) -> Finding:
    """Share of the cases in which no chip makes the best networks meet the specification."""
    trials, cases = _size(context)
    missed = [_case("NAS, then chip", case, trials)[0] is None for case in cases]
    remark = f"{_told(context, 'NAS, then chip')}; {_told(context, 'chip, then NAS')}"
    return finding(context, fmean(missed), "", remark)


def together_violates_none(context: Context) -> Finding:
    """Cases that the joint search misses though one of the searches meets them."""
    trials, cases = _size(context)
    known = {c[:2] for c in cases if any(_case(way, c, trials)[0] for way in WAYS)}
    missed = [c for c in cases if c[:2] in known and _case("together", c, trials)[0] is None]
    return finding(context, len(missed), "cases", _told(context, "together"))


def _chosen(context: Context) -> dict[tuple[str, str, int], explore.Trial]:
    """What the joint search finds, where it finds something."""
    trials, cases = _size(context)
    found = {case: _case("together", case, trials)[0] for case in cases}
    return {case: own for case, own in found.items() if own is not None}


def accuracy_loss(context: Context) -> Finding:
    """Mean points of test score that the joint search gives away to the best networks."""
    lost = [
        100 * (best_score(case[0]) - own.values["score"]) for case, own in _chosen(context).items()
    ]
    spread = f", deviation {stdev(lost):.2f}" if len(lost) > 1 else ""
    remark = f"{len(lost)} cases{spread}, at most {max(lost):.2f}"
    return finding(context, fmean(lost), "points", remark)


def chosen_splits(context: Context) -> Finding:
    """Mean excess energy of the splits of all chosen chips over proven ones, in percent."""
    return proven_splits(context, _chosen(context))


def best_feasible(context: Context) -> Finding:
    """Most points that the best points within the specifications lose, by enumeration."""
    return enumerated(context, _chosen(context))


def _reduction(context: Context, what: str) -> tuple[float, str]:
    """Mean cost of the nearest chip of the best networks over that of the joint search."""
    ratios = []
    for case, own in _chosen(context).items():
        met, tried = _case("NAS, then chip", case, _size(context)[0])
        other = met or nearest(tried, specification(*case[:2]))
        ratios.append(other.values[what] / own.values[what])
    return fmean(ratios), f"{min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} cases"


def latency(context: Context) -> Finding:
    """Percent of the time that the joint search saves."""
    ratio, remark = _reduction(context, "seconds")
    return finding(context, 100 * (1 - 1 / ratio), "%", f"ratio {remark}")


def energy(context: Context) -> Finding:
    """Energy of successive optimization over that of the joint search."""
    ratio, remark = _reduction(context, "joules")
    return finding(context, ratio, "x", remark)


def area(context: Context) -> Finding:
    """Area likewise."""
    ratio, remark = _reduction(context, "area_m2")
    return finding(context, ratio, "x", remark)


__all__ = [
    "accuracy_loss", "area", "best_feasible", "chosen_splits", "controller_over_random", "energy",
    "greedy_gap", "latency", "nas_first_violates", "rank_correlation", "stream_rank_correlation",
    "template_rank_correlation", "together_violates_none", "unlike_over_alike",
]  # fmt: skip
