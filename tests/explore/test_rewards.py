from __future__ import annotations

import pytest

from netwright.explore import Constraint, Goal, Space, Trial, Whole
from netwright.explore.rewards import rewards

X = (Whole(name="x", low=0, high=9),)


def trial(value: float, margin: float = 0.0, state="complete") -> Trial:
    values = {"y": value} if state == "complete" else {}
    return Trial(0, 0, {"x": 0}, state, values, {"m >= 1": margin})


def test_scales_that_are_given_count_as_written():
    space = Space(
        parameters=X, goals=(Goal(value="y", direction="maximize", scale=2.0, weight=3.0),),
        constraints=(Constraint(rule="m >= 1", scale=4.0),),
    )  # fmt: skip
    trials = [trial(2.0), trial(2.0, -2.0), trial(2.0, -400.0), trial(0, -4.0, "pruned"),
              trial(0, 0, "failed")]  # fmt: skip
    assert rewards(trials, trials, space, penalty=10.0) == pytest.approx([3, -2, -27, -10, -30])


def test_scales_that_are_not_given_come_from_the_trials():
    space = Space(parameters=X, goals=(Goal(value="y"),))
    trials = [trial(float(value)) for value in (1, 2, 3, 4, 5)]
    assert rewards(trials, trials, space, penalty=1.0) == pytest.approx([1, 0.5, 0, -0.5, -1])
    wild = [*trials, trial(1e300)]
    assert min(rewards(wild, wild, space, penalty=1.0)) == -10
