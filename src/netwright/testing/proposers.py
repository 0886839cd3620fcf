"""What proposers must do."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from netwright.explore import (
    Choice,
    Constraint,
    Function,
    Goal,
    Point,
    Proposer,
    Real,
    Search,
    Space,
    Trial,
    Whole,
)

BATCH = 6


def _measured(point: Point) -> dict[str, float]:
    """A bowl whose bottom lies inside of the space, and a second goal against it."""
    x, y = float(point["x"]), float(point["y"])  # type: ignore[arg-type]
    return {"cost": (x - 3) ** 2 + (y - 0.2) ** 2, "size": 10 - x + y}


SPACE = Space(
    parameters=(
        Choice(name="kind", values=("a", "b", (1, 2))),
        Whole(name="x", low=-5, high=10),
        Real(name="y", low=1e-3, high=1.0, logarithmic=True),
        Whole(name="depth", low=2, high=8, step=2, when={"kind": ("a", "b")}),
        Choice(name="order", values=(1, 2, 4), ordered=True, when={"kind": ((1, 2),)}),
    ),
    goals=(Goal(value="cost"),),
    constraints=(Constraint(rule="x + y >= -4"), Constraint(rule="size <= 13")),
)
"""All kinds of parameters, conditions, a rule of the space and a constraint on a value."""

TWO_GOALS = Space(
    parameters=SPACE.parameters,
    goals=(Goal(value="cost"), Goal(value="size", direction="maximize")),
    constraints=SPACE.constraints,
)


class ProposerSuite:
    """Tests of proposers; inherit it and name some.

    Attributes:
        proposers: The proposers, each with the options that shall be tried.
        goals: How many goals they can follow.
        trials: Trials after which the best is compared with random ones.

    Example:
        >>> from netwright.explore import Random
        >>> class TestMine(ProposerSuite):
        ...     proposers = (Random(),)
        >>> TestMine().test_every_point_is_one_of_the_space()
    """

    proposers: ClassVar[tuple[Proposer, ...]] = ()
    goals: ClassVar[int] = 2
    trials: ClassVar[int] = 30

    def test_every_point_is_one_of_the_space(self) -> None:
        """Every active parameter has a value that it can have, and no rule is broken."""
        for proposer, space in self._all():
            for trial in self._searched(proposer, space):
                assert not space.faults(trial.parameters), (proposer, trial)

    def test_proposals_depend_on_the_arguments_alone(self) -> None:
        """A proposer that was asked before, a fresh one and a pickled one propose the same."""
        for proposer, space in self._all():
            trials = self._searched(proposer, space)
            history = [trial for trial in trials if trial.batch < trials[-1].batch]
            fresh = pickle.loads(pickle.dumps(proposer))  # noqa: S301
            first = proposer.propose(history, space, BATCH, 5)
            assert proposer.propose(history, space, BATCH, 5) == first, proposer
            assert fresh.propose(history, space, BATCH, 5) == first, proposer
            assert repr(fresh) == repr(proposer)

    def test_a_seed_gives_other_points(self) -> None:
        """Seeds matter, except to a proposer that has no choice."""
        for proposer, space in self._all():
            first = proposer.propose([], space, BATCH, 1)
            assert first == proposer.propose([], space, BATCH, 1)
            other = proposer.propose([], space, BATCH, 2)
            assert first != other or first == next_points(space, BATCH), proposer

    def test_no_outcome_stops_it(self) -> None:
        """Failed, pruned and stopped trials, and huge values, are a history like any other."""
        for proposer, space in self._all():
            history = self._searched(proposer, space)
            for place, trial in enumerate(history):
                changes = (
                    {"state": "failed", "values": {}, "margins": {}, "reason": "crashed"},
                    {"state": "pruned", "values": {}},
                    {"state": "stopped"},
                    {"values": {"cost": 1e300, "size": -1e300}},
                )[place % 4]
                history[place] = replace(trial, **changes)
            for point in proposer.propose(history, space, BATCH, 5):
                assert not space.faults(point), (proposer, point)

    def test_every_trial_may_have_failed(self) -> None:
        """A history without a single value is enough to go on."""
        for proposer, space in self._all():
            history = [
                replace(t, state="failed", values={}, margins={})
                for t in self._searched(proposer, space)
            ]
            points = proposer.propose(history, space, BATCH, 5)
            assert all(not space.faults(point) for point in points), proposer

    def _all(self) -> Iterator[tuple[Proposer, Space]]:
        assert self.proposers, "name the proposers to test in `proposers`"
        for proposer in self.proposers:
            for space in (SPACE, TWO_GOALS)[: self.goals]:
                yield proposer, space

    def _searched(self, proposer: Proposer, space: Space) -> list[Trial]:
        search = Search(space, Function(_measured), proposer, batch=BATCH, seed=5)
        return list(search.run(trials=self.trials).trials)


def next_points(space: Space, count: int) -> list[Point]:
    """The first points of a space in the order of a grid."""
    points = space.points()
    return [next(points) for _ in range(count)]
