from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import Infeasible
from netwright.mapping import SplitProblem, Step, split_exactly, split_greedily, split_within
from tests.mapping.test_split import check, problems


def every_schedule(problem: SplitProblem) -> list[tuple[int, int]]:
    """Time and energy of all assignments with all orders of the steps."""
    found = []
    orders = [
        order
        for order in permutations(range(len(problem.steps)))
        if all(
            order.index(n) < order.index(p) for p, s in enumerate(problem.steps) for n in s.needs
        )
    ]
    for units in product((0, 1), repeat=len(problem.steps)):
        least = []
        for order in orders:
            free, ends = [0, 0], [0] * len(units)
            for place in order:
                step, unit = problem.steps[place], units[place]
                start = max([free[unit], *(ends[need] for need in step.needs)])
                cycles = step.cycles[unit]
                assert cycles is not None
                free[unit] = ends[place] = start + cycles
            least.append(max(ends))
        found.append((min(least), problem.energy_of(units)))
    return found


@settings(max_examples=12, deadline=None)
@given(problem=problems(2), slack=st.integers(0, 8))
def test_the_best_of_all_schedules(problem: SplitProblem, slack: int) -> None:
    known = every_schedule(problem)
    fast = split_exactly(problem)
    assert (fast.makespan, fast.energy) == min(known)
    assert fast.is_optimal
    assert fast.bound == fast.makespan
    check(problem, fast.units, fast.starts, fast.makespan)
    limit = fast.makespan + slack
    cheap = split_exactly(problem, aim="energy", limit=limit)
    allowed = [(energy, time) for time, energy in known if time <= limit]
    assert (cheap.energy, cheap.makespan) == min(allowed)
    assert cheap.is_optimal
    greedy = split_greedily(problem, limit)
    assert greedy is None or greedy.energy >= cheap.energy
    within = split_within(problem, limit)
    assert within.makespan <= limit
    assert within == greedy if greedy else within.energy == cheap.energy
    assert split_within(problem, limit, always=True).energy == cheap.energy
    check(problem, within.units, within.starts, within.makespan)
    late = split_within(problem, fast.makespan - 1)
    assert late.makespan >= fast.makespan
    assert late.is_optimal
    assert problem.least_makespan <= fast.makespan


def test_what_no_split_meets_is_named():
    from tests.mapping.test_split import UNITS, chain

    problem = SplitProblem(UNITS, tuple(chain("a", 0, ((10, 6), (1, 9)), ((10, 5), (1, 2)))))
    with pytest.raises(Infeasible) as caught:
        split_exactly(problem, aim="energy", limit=10)
    assert caught.value.message == (
        "no split of the steps ends in 10 cycles; the shortest takes 11"
    )
    assert caught.value.smallest == 11


def test_a_proven_split_is_the_best_where_steps_take_unlike_times():
    """OR-Tools 9.15 proved 23 where the intervals of a step shared their end."""
    costs = (
        ((), (8, 1, None), (7, 3, None)),
        ((), (None, 6, 6), (None, 2, 1)),
        ((), (9, 6, 8), (8, 4, 1)),
        ((0,), (7, 7, 2), (9, 4, 5)),
        ((), (None, None, 4), (None, None, 8)),
        ((2, 4), (7, 4, 7), (5, 2, 3)),
    )  # fmt: skip
    steps = tuple(Step(f"s{n}", *cost) for n, cost in enumerate(costs))
    problem = SplitProblem(("a", "b", "c"), steps)
    every = product(*problem.able)
    least = min(problem.energy_of(units) for units in every if problem.starts_of(units)[1] <= 16)
    found = split_exactly(problem, aim="energy", limit=16)
    assert (found.energy, found.is_optimal, least) == (21, True, 21)
    assert found.makespan <= 16
