"""The environment of Gymnasium: one machine, and many side by side."""

from __future__ import annotations

import json

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.tasks.beam import CM1, AffinePlant, Faults, Machines, Rules
from netwright.testing import EnvironmentSuite

pytest.importorskip("gymnasium", reason="needs the extra rl")

from netwright.tasks.beam_environment import BeamEnvironment, BeamVectorEnvironment


class TestBeam(EnvironmentSuite):
    makers = (
        BeamEnvironment,
        lambda: BeamEnvironment(line="cm2", trend=False),
        lambda: BeamEnvironment(faults=Faults(monitor_noise_mm=0.1, dead_monitors=1)),
    )


def test_spaces_are_the_published_ones() -> None:
    environment = BeamEnvironment()
    assert environment.observation_space.shape == (30,)
    assert environment.action_space.shape == (10,)
    assert BeamEnvironment(trend=False).observation_space.shape == (10,)


def test_a_step_is_that_of_the_process() -> None:
    environment = BeamEnvironment()
    seen, told = environment.reset(seed=4)
    assert told["rms_mm"] == pytest.approx(np.sqrt(np.mean(np.square(seen[20:]))), rel=1e-6)
    after, reward, terminated, truncated, told = environment.step(np.full(10, 0.5, np.float32))
    assert np.allclose(after[10:20], after[20:] - seen[20:], atol=1e-4)
    assert told["settings"].tolist() == [0.8] * 10
    assert -told["rms_mm"] - 0.16 <= reward <= -told["rms_mm"] + 0.04
    assert (terminated, truncated) == (False, False)


def test_machines_that_end_are_drawn_anew_in_the_same_step() -> None:
    many = BeamVectorEnvironment(3, rules=Rules(steps=2))
    many.reset(seed=1)
    zeros = np.zeros((3, 10), np.float32)
    many.step(zeros)
    seen, _, success, ended, told = many.step(zeros)
    assert ended.all()
    assert not success.any()
    assert told["final_obs"].shape == seen.shape
    assert not np.allclose(told["final_obs"], seen)
    assert np.all(seen[:, :10] == 0)  # the first observation has no change before the last


def test_a_state_is_taken_up_exactly_also_by_another_one() -> None:
    first = BeamVectorEnvironment(4, faults=Faults(monitor_noise_mm=0.1), rules=Rules(steps=3))
    other = BeamVectorEnvironment(4, faults=Faults(monitor_noise_mm=0.1), rules=Rules(steps=3))
    first.reset(seed=1)
    first.step(np.ones((4, 10), np.float32))
    other.restore(first.state())
    for _ in range(5):
        left, right = (e.step(np.ones((4, 10), np.float32)) for e in (first, other))
        assert all(np.array_equal(a, b) for a, b in zip(left[:4], right[:4], strict=True))


def test_a_state_of_other_machines_is_refused() -> None:
    kept = BeamVectorEnvironment(2).state()
    with pytest.raises(DataError, match='"offsets" is that of other machines'):
        BeamVectorEnvironment(3).restore(kept)
    assert json.loads(kept["generators"])[0]["bit_generator"] == "PCG64"
    for broken in ("[", "[1, 2]", "{}", None):
        with pytest.raises(DataError, match="generators"):
            BeamVectorEnvironment(2).restore({**kept, "generators": broken})


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigError):
        BeamEnvironment(line="cm7")
    with pytest.raises(ConfigError):
        BeamEnvironment(faults=Faults(dead_monitors=6))


def test_another_plant_can_track_the_beam() -> None:
    seen = []

    def plant(machines: Machines) -> AffinePlant:
        seen.append(len(machines))
        return AffinePlant(machines)

    BeamEnvironment(plant=plant).reset(seed=1)
    assert seen == [1]
    assert CM1.num_monitors == 5
