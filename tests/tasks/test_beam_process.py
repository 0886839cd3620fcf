"""Observation, action, reward, reset and success against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from netwright.errors import ConfigError, DataError
from netwright.tasks.beam import (
    CM1,
    AffinePlant,
    Machines,
    OrbitLoop,
    Rules,
    observation,
    rms,
    trend_reward,
)


def loop(count: int = 3, rules: Rules | None = None) -> OrbitLoop:
    return OrbitLoop(AffinePlant(Machines.draw(CM1, count, np.random.default_rng(1))), rules)


def test_observation_is_two_changes_and_the_reading() -> None:
    before_last, last, now = np.array([[1.0, 2.0]]), np.array([[1.5, 1.0]]), np.array([[0.5, 4.0]])
    assert observation(before_last, last, now).tolist() == [[0.5, -1.0, -1.0, 3.0, 0.5, 4.0]]


def test_rms_is_over_both_planes() -> None:
    assert rms(np.array([[3.0, 4.0, 0.0, 0.0]])).tolist() == [2.5]


@pytest.mark.parametrize(
    ("after", "reward"),
    [
        # four readings; the RMS of (1, 1, 1, 1) is 1
        ([1.0, 1.0, 1.0, 1.0], -1.0 + 0.4 * (4 / 16)),  # all smaller
        ([-1.0, 1.0, -1.0, 1.0], -1.0 + 0.4 * (4 / 16)),  # the sign does not count
        ([3.0, 3.0, 3.0, 3.0], -3.0 - 0.4 * (16 / 16)),  # all larger
        ([2.0, 2.0, 2.0, 2.0], -2.0 - 0.4 * (16 / 16)),  # the same is not smaller
        ([1.0, 1.0, 1.0, 3.0], -np.sqrt(3.0) + 0.4 * (3 - 4) / 16),
    ],
)
def test_reward_by_hand(after: list[float], reward: float) -> None:
    before = np.full((1, 4), 2.0)
    assert trend_reward(before, np.array([after]), Rules())[0] == pytest.approx(reward, abs=1e-12)


def test_reset_probes_all_correctors() -> None:
    found = loop()
    plant = found.plant
    zero, probe = plant.orbit(np.zeros((3, 10))), plant.orbit(np.full((3, 10), 0.3))
    assert_allclose(found.observations, np.hstack([np.zeros((3, 10)), probe - zero, probe]))
    assert np.all(found.settings == 0.3)


def test_step_adds_limited_actions_and_keeps_the_trend() -> None:
    found = loop()
    first = found.seen[0].copy()
    actions = np.full((3, 10), 0.5)
    actions[:, 0], actions[:, 1] = 7.0, -7.0
    found.step(actions)
    assert found.settings[0].tolist() == [1.3, -0.7, *[0.8] * 8]
    now = found.plant.orbit(found.settings)
    zero = found.plant.orbit(np.zeros((3, 10)))
    assert_allclose(found.observations, np.hstack([first - zero, now - first, now]))


def test_settings_stay_within_the_limit() -> None:
    found = loop(rules=Rules(limit=2.0))
    for _ in range(4):
        found.step(np.ones((3, 10)))
    assert np.all(found.settings == 2.0)


def test_success_gives_the_bonus_and_time_alone_ends_without() -> None:
    found = loop(rules=Rules(steps=4))
    plant = found.plant
    assert isinstance(plant, AffinePlant)
    plant.base[0] = -(plant.response[0] @ np.full(10, 0.3)) + 0.1  # a reading of 0.1 mm each
    found.reset()
    before = found.seen[0].copy()
    rewards, success, ended = found.step(np.zeros((3, 10)))
    assert success.tolist() == [True, False, False]
    assert not ended.any()
    plain = trend_reward(before, found.seen[0], found.rules)
    assert_allclose(rewards, plain + np.array([50 + 3 * 3, 0, 0]))
    for _ in range(3):
        _, success, ended = found.step(np.zeros((3, 10)))
    assert ended.tolist() == [False, True, True]


def test_some_machines_begin_anew() -> None:
    found = loop()
    found.step(np.ones((3, 10)))
    kept = found.seen[:, 0].copy()
    found.reset(np.array([1]))
    assert np.array_equal(found.seen[:, 0], kept)
    assert found.step_number.tolist() == [1, 0, 1]
    assert np.all(found.settings[1] == 0.3)


def test_actions_that_do_not_fit_change_nothing() -> None:
    found = loop()
    before = found.settings.copy()
    hole = np.zeros((3, 10))
    hole[1, 3] = np.nan
    for wrong, text in (
        (np.zeros((3, 8)), "actions must have the shape (3, 10), one for each corrector of cm1, "
         "not (3, 8)"),
        (hole, "actions must be finite, not nan for corrector Y2 of machine 1"),
    ):  # fmt: skip
        with pytest.raises(DataError) as caught:
            found.step(wrong)
        assert str(caught.value) == text
    assert np.array_equal(found.settings, before)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"limit": 0.0}, {"success_mm": float("inf")}])
def test_wrong_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Rules(**wrong)  # type: ignore[arg-type]
