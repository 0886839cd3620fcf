from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from pydantic import ValidationError

from netwright.errors import ConfigError
from netwright.explore import Choice, Constraint, Derived, Goal, Real, Space, Whole
from netwright.explore.space import differences

A, B = Whole(name="a", low=1, high=4), Whole(name="b", low=1, high=4)
IF = Choice(name="c", values=("x", "y"), when={"a": (4,)})
GOAL = Goal(value="cost")


def space(*constraints: str, **more) -> Space:
    rules = tuple(Constraint(rule=rule) for rule in constraints)
    return Space(parameters=(A, B, IF), goals=(GOAL,), constraints=rules, **more)


def test_points_are_those_of_a_loop_over_all():
    found = [tuple(p.values()) for p in space("a * b <= 4", "cost <= 1").points()]
    expected = [
        (a, b, *c)
        for a, b in product(range(1, 5), range(1, 5))
        if a * b <= 4
        for c in ([("x",), ("y",)] if a == 4 else [()])
    ]
    assert found == expected


def test_draws_meet_the_rules_and_reach_everything():
    searched = space("a * b <= 4")
    random = np.random.default_rng(0)
    drawn = {tuple(searched.draw(random).values()) for _ in range(300)}
    assert drawn == {tuple(point.values()) for point in searched.points()}


def test_margins_are_signed_and_only_of_what_is_known():
    searched = space("a * b <= 4", "cost <= 1", "a / (b - b) <= 1")
    assert searched.margins({"a": 2, "b": 3}, {}) == {
        "a * b <= 4": -2.0, "a / (b - b) <= 1": -float("inf"),
    }  # fmt: skip
    assert searched.margins({"a": 2, "b": 1}, {"cost": 0.25})["cost <= 1"] == 0.75
    assert [rule.title for rule in searched.rules] == ["a * b <= 4", "a / (b - b) <= 1"]
    assert searched.needed == ("cost",)


def test_derived_values_make_rules_and_goals():
    derived = (Derived(name="size", formula="a * b"), Derived(name="both", formula="size + cost"))
    searched = Space(
        parameters=(A, B), goals=(Goal(value="both"), Goal(value="size")), derived=derived,
        constraints=(Constraint(rule="size <= 4"), Constraint(rule="both <= 9")),
    )  # fmt: skip
    assert searched.needed == ("cost",)
    assert [rule.title for rule in searched.rules] == ["size <= 4"]
    assert searched.computed({"a": 2, "b": 2}, {"cost": 1.0}) == {"size": 4.0, "both": 5.0}
    assert searched.broken_rule({"a": 3, "b": 2}).title == "size <= 4"


def test_what_first_values_break_is_not_gone_through():
    many = tuple(Whole(name=name, low=0, high=1000) for name in ("p", "q", "r", "s"))
    rules = (Constraint(rule="twice >= 1990"), Constraint(rule="q <= 3"))
    large = Space(
        parameters=many, goals=(GOAL,), constraints=rules,
        derived=(Derived(name="twice", formula="2 * p"),),
    )  # fmt: skip
    assert next(large.points()) == {"p": 995, "q": 0, "r": 0, "s": 0}


def test_a_space_without_points_names_the_constraint():
    with pytest.raises(ConfigError, match=r'"a \* b >= 17" stands in the way .*none of the 20 poi'):
        space("a * b >= 17", "a >= 2").check()
    real = Space(parameters=(Real(name="r", low=0.0, high=1.0),), goals=(GOAL,),
                 constraints=(Constraint(rule="r >= 2", name="large"),))  # fmt: skip
    with pytest.raises(ConfigError, match=r'"large" stands in the way .*random points'):
        real.check()
    space("a * b >= 16").check()


def test_faults_of_a_point():
    searched = space("a * b <= 4")
    assert searched.faults({"a": 1, "b": 1}) == []
    assert searched.faults({"a": 4, "b": 1}) == ['"c" is missing']
    assert searched.faults({"a": 1, "b": 1, "c": "x"}) == [
        '"c" does not exist beside the other values'
    ]
    assert searched.faults({"a": 5, "b": 1, "d": 1}) == [
        '"d" is not a parameter', '"a" cannot be 5',
    ]  # fmt: skip
    assert searched.faults({"a": 3, "b": 3}) == ['"a * b <= 4" is broken']


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"parameters": (A, A)}, 'two parameters "a"'),
        ({"parameters": (IF, A)}, 'depends on "a", which is no earlier parameter'),
        ({"parameters": (A, Whole(name="d", low=0, high=1, when={"a": (9,)}))}, "it never is"),
        ({"goals": (Goal(value="a"),)}, "is a parameter, not a value"),
        ({"goals": (GOAL, GOAL)}, 'two goals "cost"'),
        ({"derived": (Derived(name="a", formula="b"),)}, "which is a parameter"),
        ({"derived": (Derived(name="u", formula="v"), Derived(name="v", formula="a"))},
         'derives "u" from "v", which is not derived before it'),
        ({"constraints": (Constraint(rule="a <= 1"),) * 2}, "two constraints"),
        ({"constraints": (Constraint(rule="c <= 1"),)}, """on "c", which is 'y' and no number"""),
        ({"derived": (Derived(name="u", formula="a * c"),)}, 'derives "u" from "c", which is'),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(more, message):
    with pytest.raises(ValidationError, match=message):
        Space(**{"parameters": (A, B, IF), "goals": (GOAL,), **more})


def test_what_has_no_margin_is_not_met():
    searched = space("cost - cost <= 0", f"a <= {10**400}")
    assert searched.margins({"a": 1}, {"cost": np.inf}) == {
        "cost - cost <= 0": -np.inf, f"a <= {10**400}": -np.inf
    }  # fmt: skip


def test_differences_are_named():
    other = Space(
        parameters=(A, Whole(name="b", low=1, high=5), Whole(name="d", low=0, high=1)),
        goals=(GOAL,),
    )
    assert differences(space(), other) == [
        'parameter "b" differs in high', 'parameter "c" was there', 'parameter "d" is new',
    ]  # fmt: skip
    assert differences(space(), space("a <= 2")) == ["the constraints are others"]
    assert differences(space(), space()) == []
