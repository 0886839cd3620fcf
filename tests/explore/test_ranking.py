from __future__ import annotations

import random

from netwright.explore import Goal, Space, Trial, Whole, best, dominates, front
from netwright.explore.ranking import order, ranked

SPACE = Space(
    parameters=(Whole(name="x", low=0, high=9),),
    goals=(Goal(value="a"), Goal(value="b", direction="maximize")),
)
THREE = Space(parameters=SPACE.parameters, goals=(*SPACE.goals, Goal(value="c")))


def trial(number: int, margin: float = 0.0, state="complete", **values: float) -> Trial:
    return Trial(number, 0, {"x": 0}, state, values, {"m": margin})


def test_feasible_ones_come_first_then_those_that_miss_least():
    trials = [
        trial(0, a=1, b=1, state="failed"), trial(1, -3, a=0, b=9), trial(2, -1, a=5, b=0),
        trial(3, a=9, b=0), trial(4, a=1, b=2),
    ]  # fmt: skip
    assert order(trials, SPACE) == [4, 3, 2, 1, 0]
    assert best(trials, SPACE).number == 4
    assert best(trials[:3], SPACE) is None


def test_the_front_is_what_none_dominates():
    source = random.Random(1)
    for space in (SPACE, THREE):
        for _ in range(20):
            trials = [
                trial(n, source.choice((-1, 0)),
                      a=source.randrange(5), b=source.randrange(5), c=source.randrange(5))
                for n in range(12)
            ]  # fmt: skip
            found = front(trials, space)
            feasible = [t for t in trials if t.is_feasible]
            expected = {
                t.costs(space)
                for t in feasible
                if not any(dominates(o, t, space) for o in feasible)
            }
            assert [t.costs(space) for t in found] == sorted(expected)


def test_ranks_peel_the_front():
    trials = [trial(n, a=n, b=b) for n, b in enumerate((1, 0, 5, 4))]
    assert ranked(trials, SPACE) == [0, 1, 0, 1]
