"""Proposers of Optuna: tree-structured Parzen estimators, NSGA-II, Gaussian processes.

The study stays ours: Optuna sees a fresh sampler for every batch, seeded by the number of trials,
and a study in memory that is made of the history. So a proposal depends on seed and history alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from netwright.errors import ConfigError, require
from netwright.explore.parameter import Choice, Parameter, Point, Real, Value, Whole
from netwright.explore.proposers.base import stream
from netwright.explore.space import Space
from netwright.explore.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

WORST = 1e30
"""Value of a goal, for samplers, where a trial has none."""

MOST_ASKED = 100
"""Points that a sampler is asked for until one meets the rules of the space and is new."""


@dataclass(frozen=True)
class _Sampled:
    """What all samplers share."""

    packages: ClassVar[tuple[str, ...]] = ("optuna",)

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        """Ask a sampler that has been told of the history."""
        optuna = _optuna()
        self.check(space)
        with quiet(optuna):
            study = self._study(history, space, _seed(seed, len(history)))
            points: list[Point] = []
            for index in range(count):
                points.append(_ask(study, space, points, (seed, len(history), index)))
        return points

    def check(self, space: Space) -> None:
        """Refuse a space that the sampler cannot search."""

    def sampler(self, seed: int, constraints: Callable[[FrozenTrial], Sequence[float]] | None,
                space: Space) -> BaseSampler:  # fmt: skip
        """The sampler of Optuna."""
        raise NotImplementedError

    def attributes(self, place: int) -> dict[str, Any]:
        """What the sampler notes at a trial."""
        return {}

    def _study(self, history: Sequence[Trial], space: Space, seed: int) -> Study:
        optuna = _optuna()
        sampler = self.sampler(seed, _constraints if space.constraints else None, space)
        directions = ["minimize"] * len(space.goals)
        study: Study = optuna.create_study(sampler=sampler, directions=directions)
        study.add_trials([
            frozen(trial, space, {**self.attributes(place), **_margins(trial, space)})
            for place, trial in enumerate(history)
        ])  # fmt: skip
        return study


@dataclass(frozen=True)
class Tpe(_Sampled):
    """Tree-structured Parzen estimators: a model of where good points are dense.

    Attributes:
        startup: Random trials at the beginning.
        multivariate: Whether parameters are modelled together.
    """

    startup: int = 10
    multivariate: bool = True

    def sampler(self, seed: int, constraints: Callable[[FrozenTrial], Sequence[float]] | None,
                space: Space) -> BaseSampler:  # fmt: skip
        """The sampler of Optuna."""
        conditional = any(parameter.when for parameter in space.parameters)
        return _optuna().samplers.TPESampler(
            n_startup_trials=self.startup, multivariate=self.multivariate,
            group=self.multivariate and conditional, constant_liar=True, seed=seed,
            constraints_func=constraints,
        )  # fmt: skip


@dataclass(frozen=True)
class Nsga2(_Sampled):
    """NSGA-II: generations, of which the least dominated and most spread survive.

    Attributes:
        population: Trials of a generation.
    """

    population: int = 24

    def __post_init__(self) -> None:
        if self.population < 2:
            raise ConfigError(f"population must be 2 or more, not {self.population}")

    def sampler(self, seed: int, constraints: Callable[[FrozenTrial], Sequence[float]] | None,
                space: Space) -> BaseSampler:  # fmt: skip
        """The sampler of Optuna."""
        return _optuna().samplers.NSGAIISampler(
            population_size=self.population, seed=seed, constraints_func=constraints
        )

    def attributes(self, place: int) -> dict[str, Any]:
        """The generation of a trial, by which Optuna finds parents."""
        key = _optuna().samplers.NSGAIISampler._get_generation_key()
        return {key: place // self.population}


@dataclass(frozen=True)
class GaussianProcess(_Sampled):
    """A Gaussian process with expected improvement; slow, and good with few trials.

    Attributes:
        startup: Random trials at the beginning.
    """

    startup: int = 10
    packages: ClassVar[tuple[str, ...]] = ("optuna", "torch", "scipy")

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        """Ask the sampler, on one thread: its matrices are small."""
        require("torch", extra="train", purpose="a Gaussian process")
        from netwright.train import single_threaded

        with single_threaded():
            return _Sampled.propose(self, history, space, count, seed)

    def sampler(self, seed: int, constraints: Callable[[FrozenTrial], Sequence[float]] | None,
                space: Space) -> BaseSampler:  # fmt: skip
        """The sampler of Optuna."""
        require("scipy", extra="solve", purpose="a Gaussian process")
        return _optuna().samplers.GPSampler(
            n_startup_trials=self.startup, seed=seed, deterministic_objective=True,
            constraints_func=constraints,
        )  # fmt: skip


def frozen(trial: Trial, space: Space, attributes: dict[str, Any]) -> FrozenTrial:
    """A trial of ours as one of Optuna; goals have the sign with which less is better."""
    optuna = _optuna()
    active = [p for p in space.parameters if p.name in trial.parameters]
    return optuna.trial.create_trial(
        values=[min(max(cost, -WORST), WORST) for cost in trial.costs(space)],
        params={p.name: stored(p, trial.parameters[p.name]) for p in active},
        distributions={p.name: distribution(p) for p in active},
        system_attrs=attributes,
    )


def distribution(parameter: Parameter) -> BaseDistribution:
    """What Optuna calls a parameter; an ordered choice is the whole number of its place."""
    distributions = _optuna().distributions
    if isinstance(parameter, Real):
        return distributions.FloatDistribution(
            parameter.low, parameter.high, log=parameter.logarithmic
        )
    if isinstance(parameter, Whole):
        return distributions.IntDistribution(
            parameter.low, parameter.high, log=parameter.logarithmic, step=parameter.step
        )
    if parameter.ordered:
        return distributions.IntDistribution(0, parameter.num_levels - 1)
    return distributions.CategoricalDistribution(list(range(parameter.num_levels)))


def stored(parameter: Parameter, value: Value) -> Value:
    """A value as Optuna keeps it: choices by their place."""
    return parameter.index(value) if isinstance(parameter, Choice) else value  # type: ignore[return-value]


def _ask(study: Study, space: Space, before: Sequence[Point], places: tuple[int, ...]) -> Point:
    """A point that meets the rules, and is not asked for twice in one batch."""
    point: dict[str, Value] = {}
    for _ in range(MOST_ASKED):
        trial = study.ask()
        point = {}
        for parameter in space.parameters:
            if parameter.is_active(point):
                found = trial._suggest(parameter.name, distribution(parameter))
                if isinstance(parameter, Choice):
                    found = parameter.level(found)
                point[parameter.name] = found
        if space.broken_rule(point) is None and point not in before:
            return point
        _refuse(study, trial, space, point)
    return space.draw(stream(*places))


def _refuse(study: Study, trial: Any, space: Space, point: Point) -> None:
    """Tell that a point breaks a rule, so that the sampler learns where not to look."""
    study.tell(trial, state=_optuna().trial.TrialState.FAIL)


def _constraints(trial: FrozenTrial) -> Sequence[float]:
    """What a sampler is told of constraints: at most 0 where they are met."""
    return trial.system_attrs.get("constraints", ())


def _margins(trial: Trial, space: Space) -> dict[str, Any]:
    if not space.constraints:
        return {}
    missing = 0.0 if trial.state == "complete" else WORST
    found = [-trial.margins.get(constraint.title, -missing) for constraint in space.constraints]
    return {"constraints": [value if math.isfinite(value) else WORST for value in found]}


def _seed(seed: int, place: int) -> int:
    return int(stream(seed, place).integers(2**31))


@contextmanager
def quiet(optuna: Any) -> Iterator[None]:
    """Keep Optuna's own messages away."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)


def _optuna() -> Any:
    optuna = require("optuna", extra="explore", purpose="this proposer")
    return optuna
