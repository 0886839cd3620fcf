"""The suite for environments finds faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

from netwright.tasks.beam import Rules
from netwright.tasks.beam_environment import BeamEnvironment, BeamVectorEnvironment
from netwright.testing import EnvironmentSuite


def failed(maker: Any, test: str) -> bool:
    """Whether a test of the suite finds a fault."""

    class Suite(EnvironmentSuite):
        makers = (maker,)

    try:
        getattr(Suite(), test)()
    except AssertionError:
        return True
    return False


class Forgetful(BeamEnvironment):
    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return super().reset(seed=None if seed is None else np.random.randint(1000))  # noqa: NPY002


class Deaf(BeamEnvironment):
    def step(self, action: Any) -> Any:
        return super().step(np.resize(np.nan_to_num(action), 10))


class Coupled(BeamEnvironment):
    def side_by_side(self, count: int) -> BeamVectorEnvironment:
        class Many(BeamVectorEnvironment):
            def step(self, actions: Any) -> Any:
                return super().step(np.broadcast_to(actions.mean(axis=0), actions.shape))

        return Many(count)


@pytest.mark.parametrize(
    ("maker", "test"),
    [
        (Forgetful, "test_a_seed_gives_the_same_episode_again"),
        (Deaf, "test_actions_that_are_no_numbers_change_nothing"),
        (Coupled, "test_machines_side_by_side_are_like_one"),
        (
            lambda: BeamEnvironment(rules=Rules(steps=20_000)),
            "test_an_episode_ends",
        ),
    ],
)
def test_a_fault_is_found(maker: Any, test: str) -> None:
    assert failed(maker, test)
    assert not failed(BeamEnvironment, test)


def test_a_suite_without_environments_is_refused() -> None:
    with pytest.raises(AssertionError, match="makers"):
        EnvironmentSuite().test_an_episode_ends()
