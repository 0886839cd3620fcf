"""Units that share Einsums, against all ways to share them; lags against a walk over tiles."""

from __future__ import annotations

import random
from itertools import product

import pytest

from netwright.cost.plans import assignments, every_assignment, least_time, pipelined
from netwright.mapping import Loop
from netwright.workload import cascade


@pytest.mark.parametrize("seed", range(20))
def test_best_share_of_all(seed):
    rng = random.Random(seed)
    units = ["x", "y", "z"][: rng.choice([2, 3])]
    seconds, joules, always = [], [], []
    for _ in range(rng.choice([2, 4, 5])):
        able = rng.sample(units, rng.randint(1, len(units)))
        seconds.append({unit: float(rng.randint(1, 9)) for unit in able})
        joules.append({unit: float(rng.randint(1, 9)) for unit in able})
        always.append(rng.random() < 0.7)
    share = rng.choice([1.0, 0.25])

    def longest(choice):
        loads = dict.fromkeys(units, (0.0, 0.0))
        for unit, spent, often in zip(choice, seconds, always, strict=True):
            one, other = loads[unit]
            loads[unit] = (one + spent[unit], other) if often else (one, other + spent[unit])
        most = (1 - share) * max(one for one, _ in loads.values())
        return most + max(share * one + other for one, other in loads.values())

    every = list(product(*seconds))
    found = assignments(seconds, joules, always, "latency", share=share, spread=())
    best = min(found, key=lambda state: state.key("latency", share))
    assert best.longest(share) == pytest.approx(min(map(longest, every)))
    least = assignments(seconds, joules, always, "energy", share=share, spread=())
    energies = [
        sum(own[unit] for own, unit in zip(joules, choice, strict=True)) for choice in every
    ]
    assert min(state.joules for state in least) == min(energies)


def test_every_assignment_is_there_with_its_loads():
    seconds = [{"a": 1.0, "b": 2.0}, {"a": 4.0, "b": 3.0}]
    found = list(every_assignment(seconds, seconds, [True, False], ()))
    assert {own.units: (own.often, own.rarely) for own in found} == {
        ("a", "a"): ((1.0, 0.0), (4.0, 0.0)),
        ("a", "b"): ((1.0, 0.0), (0.0, 3.0)),
        ("b", "a"): ((0.0, 2.0), (4.0, 0.0)),
        ("b", "b"): ((0.0, 2.0), (0.0, 3.0)),
    }


def test_least_time_is_below_every_way_to_share_and_reached_where_units_are_alike():
    rng = random.Random(5)
    for _ in range(20):
        seconds = [{"a": rng.uniform(1, 9), "b": rng.uniform(1, 9)} for _ in range(4)]
        every = every_assignment(seconds, seconds, [True] * 4, ())
        least = min(max(own.often) for own in every)
        assert least_time(seconds, {"a": 2.0, "b": 1.0}) <= least
    alike = [{"a": 1.0, "b": 1.0}] * 4
    assert least_time(alike, {"a": 1.0, "b": 1.0}) == 2.0


RUNNING = cascade.parse("""
    rank m = 8, p = 4
    input X[m, p]
    initial R = 0
    L[m, p] = exp(X[m, p])
    R[m + 1, p] = R[m, p] + L[m, p]
    D[m, p] = R[m, p] - R[m + 1, p]
""")


def state(*units):
    seconds = [{unit: 1.0} for unit in units]
    (found,) = assignments(seconds, seconds, [True] * 3, "latency", share=1.0, spread=())
    return found


def test_lags_follow_who_makes_what_is_read():
    """One tile behind another unit, none behind the own one."""
    extents = {"m": 8, "p": 4}
    loops = (Loop("m", 1),)
    plan = pipelined(RUNNING.einsums, state("a", "b", "a"), loops, extents, frozenset(), 1.0)
    assert plan is not None
    assert plan.lags == (0, 1, 2)
    plan = pipelined(RUNNING.einsums, state("a", "a", "a"), loops, extents, frozenset(), 1.0)
    assert plan is not None
    assert plan.lags == (0, 0, 0)


def test_values_added_up_along_an_array_are_read_a_tile_later():
    loops = (Loop("m", 1),)
    extents = {"m": 8, "p": 4}
    plan = pipelined(RUNNING.einsums, state("a", "a", "a"), loops, extents, frozenset({0}), 1.0)
    assert plan is not None
    assert plan.lags == (0, 1, 1)
