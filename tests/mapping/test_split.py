from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import ConfigError, Infeasible
from netwright.mapping import SplitProblem, Step, split_greedily
from netwright.mapping.split import cheapest

UNITS = ("left", "right")


def chain(name: str, first: int, *costs: tuple[tuple[int | None, ...], tuple[int | None, ...]]):
    """Steps that follow each other, from a place on."""
    return [
        Step(f"{name}{n}", (first + n - 1,) if n else (), cycles, energy)
        for n, (cycles, energy) in enumerate(costs)
    ]


@st.composite
def problems(draw: st.DrawFn, most: int = 4) -> SplitProblem:
    """Two chains on two units."""
    steps: list[Step] = []
    figures = st.tuples(st.integers(1, 9), st.integers(1, 9))
    for name in "ab":
        costs = [(draw(figures), draw(figures)) for _ in range(draw(st.integers(1, most)))]
        steps += chain(name, len(steps), *costs)
    return SplitProblem(UNITS, tuple(steps))


def check(problem: SplitProblem, units: tuple[int, ...], starts: tuple[int, ...], end: int) -> None:
    """A schedule in which every step waits for what it needs and a unit does one at a time."""
    ends = [s + step.cycles[u] for s, u, step in zip(starts, units, problem.steps, strict=True)]
    assert max(ends) == end
    for place, step in enumerate(problem.steps):
        assert all(ends[need] <= starts[place] for need in step.needs)
    for unit in range(len(problem.units)):
        own = sorted((starts[n], ends[n]) for n in range(len(units)) if units[n] == unit)
        assert all(a[1] <= b[0] for a, b in pairwise(own))


@settings(max_examples=40, deadline=None)
@given(problem=problems(), data=st.data())
def test_every_schedule_can_be_followed(problem: SplitProblem, data: st.DataObject) -> None:
    units = tuple(data.draw(st.sampled_from((0, 1))) for _ in problem.steps)
    check(problem, units, *problem.starts_of(units))


@settings(max_examples=30, deadline=None)
@given(problem=problems(3), limit=st.integers(1, 60))
def test_greedy_splits_are_legal_and_cost_what_they_say(problem: SplitProblem, limit: int) -> None:
    found = split_greedily(problem, limit)
    every = [problem.starts_of(units)[1] for units in product((0, 1), repeat=len(problem.steps))]
    if found is None:
        return
    assert found.makespan <= limit
    assert found.makespan >= min(every)
    assert found.energy == problem.energy_of(found.units)
    check(problem, found.units, found.starts, found.makespan)
    assert found.energy >= problem.energy_of(cheapest(problem))


def test_a_step_moves_where_that_costs_least():
    steps = chain("a", 0, ((10, 6), (1, 9)), ((10, 5), (1, 2)))
    problem = SplitProblem(UNITS, tuple(steps))
    loose, tight = split_greedily(problem, 20), split_greedily(problem, 15)
    assert loose is not None
    assert loose.units == (0, 0)
    assert tight is not None
    assert (tight.units, tight.makespan, tight.energy) == ((0, 1), 15, 3)
    assert split_greedily(problem, 5) is None


def test_a_step_that_runs_on_one_unit_stays_there():
    problem = SplitProblem(UNITS, tuple(chain("a", 0, ((None, 4), (None, 9)))))
    assert cheapest(problem) == (1,)
    assert split_greedily(problem, 3) is None


def test_problems_are_checked():
    with pytest.raises(Infeasible, match='step "a0" runs on no unit'):
        SplitProblem(UNITS, tuple(chain("a", 0, ((None, None), (None, None)))))
    with pytest.raises(ConfigError, match="must have cycles and energy of each unit"):
        SplitProblem(UNITS, (Step("a", (), (1,), (1,)),))
    with pytest.raises(ConfigError, match='step "a" needs a step that is not before it'):
        SplitProblem(UNITS, (Step("a", (0,), (1, 1), (1, 1)),))
