"""Every proposer that this package brings; those of Optuna and torch where they are installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from netwright.explore import (
    Function,
    Goal,
    Grid,
    Point,
    Random,
    Search,
    Space,
    Trial,
    Whole,
)
from netwright.explore.space import canonical
from netwright.testing import ProposerSuite


class TestSimple(ProposerSuite):
    proposers = (Random(), Grid(levels=3))


class TestEvolution(ProposerSuite):
    from netwright.explore.proposers.evolution import Evolution

    proposers = (Evolution(population=8, sample=3),)

    def test_children_are_new_while_there_are_new_points(self) -> None:
        """Single steps would stay at the bottom of a bowl, whose neighbors are all known."""
        space = Space(
            parameters=tuple(Whole(name=name, low=0, high=9) for name in "xyz"),
            goals=(Goal(value="cost"),),
        )
        bowl = Function(lambda point: {"cost": sum(float(v) for v in point.values())})  # type: ignore[arg-type]
        search = Search(space, bowl, self.Evolution(population=8, sample=8), batch=6, seed=1)
        trials = search.run(trials=240).trials
        assert len({canonical(trial.parameters) for trial in trials[8:]}) >= 230
        assert sum(t.same_as != "" for t in trials[8:]) <= 2


class TestPolicy(ProposerSuite):
    from netwright.explore.proposers.policy import Policy

    proposers = (Policy(),)


class TestController(ProposerSuite):
    from netwright.explore.proposers.controller import Controller

    proposers = (Controller(hidden=8, entropy=0.01),)


class TestTpe(ProposerSuite):
    pytest.importorskip("optuna", reason="the extra explore is not installed")
    from netwright.explore.proposers.sampled import Tpe

    proposers = (Tpe(), Tpe(multivariate=False, startup=4))


class TestNsga2(ProposerSuite):
    from netwright.explore.proposers.sampled import Nsga2

    proposers = (Nsga2(population=6),)


@pytest.mark.slow
class TestGaussianProcess(ProposerSuite):
    from netwright.explore.proposers.sampled import GaussianProcess

    proposers = (GaussianProcess(startup=6),)
    goals = 1
    trials = 8


@dataclass
class _Forgetful:
    """Proposes by how often it was asked: what no proposer may do."""

    packages: ClassVar[tuple[str, ...]] = ()
    asked: int = 0

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        self.asked += 1
        return Random().propose(history, space, count, seed + self.asked)


def test_the_suite_finds_what_depends_on_calls_before():
    class Suite(ProposerSuite):
        proposers = (_Forgetful(),)

    with pytest.raises(AssertionError):
        Suite().test_proposals_depend_on_the_arguments_alone()
