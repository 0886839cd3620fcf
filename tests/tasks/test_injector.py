"""The envelope of the injector: symmetry, losses, and the episode's rules."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.tasks.injector import (
    InjectorLoop,
    InjectorRules,
    draw_injectors,
    transmission,
)

IDEAL = np.zeros((1, 5))


def settings(*values: float) -> np.ndarray:
    return np.array([list(values) + [0.0] * (6 - len(values))])


def test_a_centered_beam_is_matched_by_the_solenoids_alone() -> None:
    ((before, behind),) = transmission(IDEAL, settings(0.6, -0.2))
    assert before > 0.99
    assert behind > 0.95
    assert transmission(IDEAL, settings(-1, -1))[0, 1] < 0.6


def test_rays_are_symmetric_about_the_axis() -> None:
    # A source on the other side with all steerers the other way gives the same currents.
    machines = draw_injectors(20, np.random.default_rng(1))
    other = machines * [-1, -1, -1, -1, 1]
    knobs = np.random.default_rng(2).uniform(-1, 1, (20, 6))
    mirrored = knobs * [1, 1, -1, -1, -1, -1]
    assert np.array_equal(transmission(machines, knobs), transmission(other, mirrored))


def test_what_is_behind_was_in_front() -> None:
    random = np.random.default_rng(3)
    found = transmission(draw_injectors(200, random) * 3, random.uniform(-1, 1, (200, 6)))
    assert np.all(found[:, 1] <= found[:, 0])
    assert 0 <= found.min() < 0.2 < found.max() <= 1


def test_an_episode_begins_with_a_step_of_all_knobs_and_ends_with_success() -> None:
    loop = InjectorLoop(IDEAL, InjectorRules(steps=30))
    first, second = transmission(IDEAL, settings()), transmission(IDEAL, np.full((1, 6), 0.1))
    assert np.allclose(
        loop.observations[0, :6], np.hstack([np.zeros(2), *(second - first), *second])
    )
    assert loop.observations[0, 6:].tolist() == [0.1] * 6
    action = np.array([[1.0, -1.0, -1.0, -1.0, -1.0, -1.0]])
    for _ in range(3):
        rewards, success, ended = loop.step(action)
        assert rewards[0] == pytest.approx(loop.seen[0, 0, 1] - 1 + 10 * success[0])
        action = np.array([[1.0, -0.3, 0.0, 0.0, 0.0, 0.0]])
    assert success[0]
    assert not ended


def test_actions_that_do_not_fit_change_nothing() -> None:
    loop = InjectorLoop(IDEAL)
    before = loop.settings.copy()
    for wrong in (np.zeros((1, 5)), np.full((1, 6), np.nan)):
        with pytest.raises(DataError, match="one for each of solenoid 1, solenoid 2, X1"):
            loop.step(wrong)
    assert np.array_equal(loop.settings, before)


def test_wrong_rules_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"not 0 and 0\.1"):
        InjectorRules(steps=0)
