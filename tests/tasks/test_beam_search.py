"""The objective of a search: what a step costs, when it ends, and what Nelder-Mead makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks.beam import (
    CM1,
    AffinePlant,
    Machines,
    Objective,
    Rules,
    nelder_mead,
    rms,
    search_orbits,
)
from netwright.tasks.beam_search import Finished


def machines(count: int) -> Machines:
    return Machines.draw(CM1, count, np.random.default_rng(6))


def objective(steps: int = 20) -> Objective:
    return Objective(AffinePlant(machines(1)), Rules(steps=steps), seed=1)


def test_going_there_takes_as_many_steps_as_the_farthest_corrector() -> None:
    found = objective()
    wanted = np.zeros(10)
    wanted[2], wanted[3] = 3.5, -1.0
    assert found(wanted) == pytest.approx(float(rms(found.plant.orbit(wanted[None]))[0]))
    assert found.steps == 4
    found(wanted)
    assert found.steps == 5  # a reading is a step, too
    found(np.zeros(10))
    assert found.steps == 9


def test_a_search_ends_with_the_budget_and_keeps_the_best() -> None:
    found = objective(steps=6)
    far = np.full(10, 5.0)
    first = found(far / 5)
    with pytest.raises(Finished):
        found(far * 3)
    assert found.steps == 6
    assert not found.success
    start = float(rms(found.readings))
    assert np.all(found.best == (far / 5 if first < start else 0))


def test_success_ends_it() -> None:
    found = objective(steps=100)
    plant = found.plant
    assert isinstance(plant, AffinePlant)
    with pytest.raises(Finished):
        found(-np.linalg.solve(plant.response[0], plant.base[0]))
    assert found.success


def test_nelder_mead_needs_hundreds_of_steps() -> None:
    few, many = (
        search_orbits(machines(4), nelder_mead, rules=Rules(steps=steps)) for steps in (50, 600)
    )
    assert few.share_below(1.0) == 0.0
    assert many.share_below(1.0) == 1.0
    assert many.steps.mean() > 100


def test_one_machine_at_a_time() -> None:
    with pytest.raises(ConfigError, match="a search is of one machine, not 2"):
        Objective(AffinePlant(machines(2)), Rules(), seed=0)
