"""The injector as an environment of Gymnasium."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.testing import EnvironmentSuite

pytest.importorskip("gymnasium", reason="needs the extra rl")

from netwright.tasks.injector import InjectorRules
from netwright.tasks.injector_environment import InjectorEnvironment


class TestInjector(EnvironmentSuite):
    makers = (InjectorEnvironment,)


def test_measuring_is_of_the_seeds_machines() -> None:
    environment = InjectorEnvironment()
    still = environment.measure(lambda seen: np.zeros((len(seen), 6)), machines=30)
    assert still == environment.measure(lambda seen: np.zeros((len(seen), 6)), machines=30)
    assert 0 <= still[0] < 0.5
    last, success = environment.rollout(lambda seen: -np.ones((len(seen), 6)), machines=30, seed=1)
    assert last.shape == success.shape == (30,)


def test_another_plant_answers() -> None:
    def whole(machines: np.ndarray, settings: np.ndarray) -> np.ndarray:
        return np.ones((len(machines), 2))

    environment = InjectorEnvironment(plant=whole)
    environment.reset(seed=1)
    _, reward, terminated, truncated, told = environment.step(np.zeros(6, np.float32))
    assert (reward, terminated, truncated, told["transmission"]) == (10.0, True, False, 1.0)


def test_trainings_of_other_plants_or_rules_are_told_apart() -> None:
    plain = InjectorEnvironment().settings
    assert plain == InjectorEnvironment().settings
    assert plain != InjectorEnvironment(rules=InjectorRules(steps=41)).settings
    assert plain != InjectorEnvironment(plant=lambda m, s: np.ones((len(m), 2))).settings
