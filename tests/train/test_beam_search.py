"""Bayesian optimization with the drawn matrix as its mean, and without."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.tasks.beam import CM2, Machines, Rules, search_orbits
from netwright.train import Bayesian

pytest.importorskip("botorch", reason="needs the extra beam")

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_right_model_finds_the_settings_at_once() -> None:
    machines = Machines.draw(CM2, 1, np.random.default_rng(6))
    rules = Rules(steps=40)
    found = search_orbits(machines, Bayesian(model=True, first=1), rules=rules)
    assert found.success.all()
    again = search_orbits(machines, Bayesian(model=True, first=1), rules=rules)
    assert np.array_equal(found.last_mm, again.last_mm)


def test_without_a_model_few_points_do_not_do() -> None:
    machines = Machines.draw(CM2, 1, np.random.default_rng(6))
    found = search_orbits(machines, Bayesian(first=2), rules=Rules(steps=12))
    assert not found.success.any()
    assert found.steps.tolist() == [12]
