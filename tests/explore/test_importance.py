from __future__ import annotations

import numpy as np
import pytest

from netwright.explore import Choice, Function, Goal, Listed, Random, Real, Search, Space, Whole
from netwright.explore.importance import importance

SPACE = Space(
    parameters=(
        Choice(name="much", values=(0, 1, 2)),
        Real(name="little", low=0.0, high=1.0),
        Whole(name="nothing", low=0, high=99),
        Choice(name="rare", values=("a", "b"), when={"much": (2,)}),
    ),
    goals=(Goal(value="y"),),
)


def test_what_decides_is_first_and_chance_counts_for_nothing():
    measured = Function(lambda s: {"y": 4.0 * s["much"] + s["little"]})
    study = Search(SPACE, measured, Random()).run(trials=400)
    shares = importance(study)
    assert next(iter(shares)) == "much"
    assert shares["much"] == pytest.approx(8 / 9, abs=0.03)  # of ranks in three equal groups
    assert 0.02 < shares["little"] < 0.15
    assert shares["nothing"] < 0.02


def test_shares_of_a_sum_are_those_of_variances():
    """Two uniform parts of equal ranges; ranks of their sum keep nearly the shares of values."""
    both = Space(parameters=(Real(name="a", low=0.0, high=1.0), Real(name="b", low=0.0, high=1.0)),
                 goals=(Goal(value="y"),))  # fmt: skip
    study = Search(both, Function(lambda s: {"y": s["a"] + s["b"]}), Random()).run(trials=600)
    shares = importance(study)
    within = 1 / 12 / 25  # of values in five equal bins, which grouping cannot see
    expected = 0.5 * (1 - within / (1 / 12))
    assert shares["a"] == pytest.approx(expected, abs=0.06)
    assert shares["b"] == pytest.approx(expected, abs=0.06)


def test_few_trials_say_nothing():
    measured = Function(lambda s: {"y": float(np.sum(s["much"]))})
    assert importance(Search(SPACE, measured, Random()).run(trials=9)) == {}
    constant = Search(SPACE, Function(lambda s: {"y": 1.0}), Random()).run(trials=20)
    assert set(importance(constant).values()) == {0.0}


def test_a_number_that_no_trial_has_explains_nothing():
    space = Space(
        parameters=(
            Choice(name="kind", values=("a", "b")),
            Real(name="share", low=0.0, high=1.0, when={"kind": ("b",)}),
        ),
        goals=(Goal(value="y"),),
    )
    study = Search(space, Function(lambda _: {"y": 1.0}), Listed(({"kind": "a"},) * 12))
    assert importance(study.run(trials=12)) == {"kind": 0.0, "share": 0.0}
