"""Soft actor-critic: it learns, goes on where it was, and refuses what does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netwright.errors import ConfigError, RunError
from netwright.models import Policy
from netwright.tasks.beam import CM2, AffinePlant, Machines, run_closed_loop

pytest.importorskip("stable_baselines3", reason="needs the extra rl")

import gymnasium as gym
from gymnasium.spaces import Box

from netwright.tasks.beam_environment import BeamEnvironment
from netwright.train import Reinforcement, acting, reinforce

TINY = Reinforcement(
    front="dense", hidden=(32,), steps=96, side_by_side=4, updates=1, batch_size=16, warmup=32,
    evaluations=3, memory=64,
)  # fmt: skip


def judge(policy: Policy) -> tuple[float, ...]:
    with torch.no_grad():
        return (float(policy(torch.ones(1, 24)).sum()),)


class Stop(Exception):
    pass


def stop_after(steps: int) -> Any:
    def progress(done: float, total: float, text: str) -> None:
        if done >= steps:
            raise Stop

    return progress


@pytest.mark.parametrize("front", ["dense", "convolution"])
def test_an_interrupted_training_ends_with_the_same_bits(front: Any, tmp_path: Path) -> None:
    settings = replace(TINY, front=front)
    environment = BeamEnvironment(line="cm2")
    whole = reinforce(environment, settings, judge)
    for steps in (32, 64):
        path = tmp_path / f"{steps}.checkpoint"
        with pytest.raises(Stop):
            reinforce(environment, settings, judge, checkpoint=path, progress=stop_after(steps))
        again = reinforce(environment, settings, judge, checkpoint=path)
        assert again.history == whole.history
        pairs = zip(again.policy.parameters(), whole.policy.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    assert [item.steps for item in whole.history] == [32, 64, 96]
    assert whole.best.values == max(item.values for item in whole.history)


def test_the_shared_generators_stay_as_they_were() -> None:
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    reinforce(BeamEnvironment(line="cm2"), replace(TINY, steps=36), judge)
    found = np.random.random(), float(torch.rand(()))  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    assert found == (np.random.random(), float(torch.rand(())))  # noqa: NPY002


def test_the_policy_is_the_mean_of_the_actor() -> None:
    from netwright.train.reinforced import _exported
    from netwright.train.soft_actor_critic import beside, make_model

    settings = replace(TINY, front="convolution")
    model = make_model(beside(BeamEnvironment(line="cm2"), settings), settings)
    rows = 4 * torch.randn(16, 24)
    said, _ = model.predict(rows.numpy(), deterministic=True)
    assert np.allclose(_exported(model, settings)(rows).detach().numpy(), said, atol=1e-5)


@pytest.mark.slow
def test_a_short_training_corrects_most_machines() -> None:
    drawn = Machines.draw(CM2, 100, np.random.default_rng(8))
    plant = AffinePlant(drawn)

    def achieved(policy: Policy) -> tuple[float, ...]:
        with torch.no_grad():
            found = run_closed_loop(plant, lambda seen: policy(torch.from_numpy(seen)).numpy())
        return found.share_below(1.0), -float(found.last_mm.mean())

    settings = Reinforcement(hidden=(128, 128), steps=8000, discount=0.9, batch_size=128)
    found = reinforce(BeamEnvironment(line="cm2"), settings, achieved)
    assert found.best.values[0] >= 0.9


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    environment = BeamEnvironment(line="cm2")
    reinforce(environment, TINY, judge, checkpoint=path)
    with pytest.raises(RunError, match="was written by another training"):
        reinforce(environment, replace(TINY, seed=1), judge, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RunError, match="cannot be read as a checkpoint"):
        reinforce(environment, TINY, judge, checkpoint=path)


def test_environments_of_others_run_copy_by_copy() -> None:
    class Line(gym.Env[Any, Any]):
        """Move to zero."""

        observation_space = Box(-10, 10, (2,), np.float32)
        action_space = Box(-1, 1, (1,), np.float32)

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            super().reset(seed=seed)
            self.place, self.left = float(self.np_random.uniform(-5, 5)), 20
            return np.array([self.place, 0], np.float32), {}

        def step(self, action: Any) -> Any:
            self.place += float(action[0])
            seen = np.array([self.place, 1], np.float32)
            self.left -= 1
            return seen, -abs(self.place), abs(self.place) < 0.1, self.left == 0, {}

    found = reinforce(Line(), TINY)
    assert acting(found.policy)(np.zeros((1, 2), np.float32)).shape == (1, 1)
    assert all(item.values[0] < 0 for item in found.history)


def test_spaces_of_another_kind_are_refused() -> None:
    environment = BeamEnvironment()
    environment.action_space = Box(-2, 2, (10,), np.float32)
    with pytest.raises(ConfigError, match="actions must be from -1 to 1"):
        reinforce(environment, TINY, judge)


def test_wrong_settings_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        Reinforcement(steps=10, warmup=10, discount=1.0, updates=0)
    assert caught.value.message == (
        "updates must be 1 or more, not 0; discount must be 0 or more and below 1, not 1.0; "
        "warmup must be 0 or more and fewer than the 10 steps, not 10"
    )


def test_another_plant_is_the_one_that_is_trained_on() -> None:
    made: list[int] = []

    class Other(AffinePlant):
        def __init__(self, machines: Machines) -> None:
            super().__init__(machines)
            made.append(len(machines))

    environment = BeamEnvironment(line="cm2", plant=Other)
    assert environment.side_by_side(4) is None
    made.clear()
    reinforce(environment, replace(TINY, steps=16, warmup=8, evaluations=1), judge)
    assert made.count(1) >= 4
