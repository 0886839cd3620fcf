"""The best point within a specification, by bounds over all points of a space of study nasaic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations_with_replacement, product

import numpy as np

from netwright import cost, explore
from netwright.studies.nasaic_bounds import Floats, bounds
from netwright.studies.nasaic_runs import CHIP, objective, specification
from netwright.studies.nasaic_spaces import HALVES, NETWORKS, Point, choices, space

SLACK = 1e-6
"""Share by which rounding to whole cycles and femtojoules may lift what is bounded."""

LIMIT_S = 1e-4
"""Of an objective that is asked for figures that do not depend on a limit."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best point of a space within a specification.

    Attributes:
        values: Its scores, and what its chip takes.
        is_proven: Whether all points with better networks break the specification, by proof.
    """

    values: dict[str, float]
    is_proven: bool


@dataclass(frozen=True, slots=True)
class _Network:
    """A network, and what it takes at least on every chip: all its steps on their better halves.

    Attributes:
        point: The decisions.
        validation: Its score.
        way_s: The longest way through it.
        work_s: All of its steps.
        joules: Energy of all steps.
    """

    point: Point
    validation: float
    way_s: Floats
    work_s: Floats
    joules: Floats


@dataclass(frozen=True, slots=True)
class _Whole:
    """All chips of a workload but mirrored ones, their areas, and the networks of both places."""

    chips: tuple[Point, ...]
    areas_m2: Floats
    networks: tuple[tuple[_Network, ...], ...]


@cache
def best_point(workload: str, level: str) -> Best | None:
    """The feasible point with the best validation score; ``None`` if no point is feasible.

    Pairs of networks are tried from the best on. Chips that break the specification by their area,
    the least energy or the longest way are left out; every other one is asked, by the split of a
    search first and then by a proven one.
    """
    own, whole = specification(workload, level), _whole(workload)
    seconds, joules, area = (limit * (1 + SLACK) for limit in own.limits)
    is_proven = True
    pairs = sorted(product(*whole.networks), key=lambda pair: -sum(n.validation for n in pair))
    for one, other in pairs:
        least_s = np.maximum(one.way_s, other.way_s)
        least_s = np.maximum(least_s, (one.work_s + other.work_s) / len(HALVES))
        least_j = one.joules + other.joules
        fits = (whole.areas_m2 <= area) & (least_s <= seconds) & (least_j <= joules)
        left = np.flatnonzero(fits)
        tight = np.maximum(least_s[left] / seconds, least_j[left] / joules)
        for number in left[np.argsort(tight, kind="stable")]:
            point = {**one.point, **other.point, **whole.chips[int(number)]}
            met, is_decided = _met(workload, level, point)
            if met is not None:
                return Best(met, is_proven)
            is_proven = is_proven and is_decided
    return None


def _met(workload: str, level: str, point: Point) -> tuple[dict[str, float] | None, bool]:
    """The values of a point within the specification; if it is not, whether that is proven."""
    own = specification(workload, level)
    chip = objective(workload, own.limits[0])
    settings = space(workload, own).settings(point)
    verdict = chip.judge(settings)
    if verdict.seconds <= own.limits[0] and verdict.joules > own.limits[1]:
        verdict = replace(chip, solver="always").judge(settings)
    values = {"seconds": verdict.seconds, "joules": verdict.joules, "area_m2": verdict.area_m2}
    if own.is_met(values):
        return values | chip.scores_of(chip.seen(settings)[0]), True
    return None, verdict.is_proven or verdict.area_m2 > own.limits[2]


@cache
def _whole(workload: str) -> _Whole:
    """Costs of every step on every half that there may be, and from them bounds for every chip."""
    chip, varied = objective(workload, LIMIT_S), space(workload, None)
    values = {p.name: p.values for p in varied.parameters if isinstance(p, explore.Choice)}
    first: Point = {name: own[0] for name, own in values.items()}
    halves = list(product(*(values[f"{name}_0"] for name in CHIP)))
    units = []
    for half in halves:
        machine = chip.seen(varied.settings(first | _half(0, half)))[2]
        units.append(next(u for u in cost.units_of(machine) if u.name == HALVES[0]))
    chips: list[Point] = []
    places = []
    for a, b in combinations_with_replacement(range(len(halves)), 2):
        point = _half(0, halves[a]) | _half(1, halves[b])
        if varied.broken_rule(first | point) is None:
            chips.append(point)
            places.append((a, b))
    pairs = np.array(places).T
    areas = np.array([unit.size.area_m2 for unit in units if unit.size is not None])
    networks = []
    for place, own in enumerate(chip.networks):
        names = [f"{name}_{place}" for name, _, _ in NETWORKS[own.family]]
        known = []
        for decided in choices(own.family):
            point = dict(zip(names, decided, strict=True))
            options, layers, _ = chip.seen(varied.settings(first | point))
            score = chip.scores_of([options[place]])["validation"]
            known.append(_Network(point, score, *bounds(layers[place], units, pairs)))
        networks.append(tuple(known))
    return _Whole(tuple(chips), areas[pairs].sum(axis=0), tuple(networks))


def _half(place: int, values: Sequence[explore.Value]) -> Point:
    """The decisions of a half."""
    return {f"{name}_{place}": value for name, value in zip(CHIP, values, strict=True)}
