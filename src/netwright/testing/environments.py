"""What environments must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from netwright.errors import DataError

if TYPE_CHECKING:
    from gymnasium import Env

SEED, OTHER_SEED = 3, 4
_STEPS = 12


class EnvironmentSuite:
    """Tests of environments; inherit it and name what makes them.

    Attributes:
        makers: Functions that make an environment of :mod:`gymnasium`.

    Example:
        >>> from netwright.tasks.beam_environment import BeamEnvironment
        >>> class TestMine(EnvironmentSuite):
        ...     makers = (BeamEnvironment,)
        >>> TestMine().test_a_seed_gives_the_same_episode_again()
    """

    makers: ClassVar[tuple[Callable[[], Any], ...]] = ()

    def test_gymnasium_accepts_it(self) -> None:
        """The checker of Gymnasium finds nothing."""
        from gymnasium.utils.env_checker import check_env

        for environment in self._all():
            check_env(environment, skip_render_check=True)

    def test_actions_are_from_minus_one_to_one(self) -> None:
        """Policies end in a hyperbolic tangent."""
        from gymnasium.spaces import Box

        for environment in self._all():
            space = environment.action_space
            assert isinstance(space, Box), space
            assert len(space.shape) == 1, space
            assert np.all(space.low == -1), space
            assert np.all(space.high == 1), space

    def test_a_seed_gives_the_same_episode_again(self) -> None:
        """Equal seeds and actions give equal episodes, another seed another one."""
        for make in self._makers():
            first, again, other = (_episode(make(), seed) for seed in (SEED, SEED, OTHER_SEED))
            assert np.array_equal(first, again), "a seed does not decide an episode"
            assert first.shape != other.shape or not np.array_equal(first, other), "no seed counts"

    def test_an_episode_ends(self) -> None:
        """Sooner or later an episode is terminated or truncated, and never both by chance."""
        for environment in self._all():
            environment.reset(seed=SEED)
            nothing = np.zeros_like(environment.action_space.sample())
            for _ in range(10_000):
                *_, terminated, truncated, _ = environment.step(nothing)
                if terminated or truncated:
                    break
            else:
                raise AssertionError("10 000 steps do not end an episode")

    def test_actions_that_are_no_numbers_change_nothing(self) -> None:
        """They are refused; the episode then goes on as if they had not been said."""
        for make in self._makers():
            plain, disturbed = make(), make()
            action = _actions(plain, SEED)[0]
            seen = []
            for environment in (plain, disturbed):
                environment.reset(seed=SEED)
                if environment is disturbed:
                    _refuses(environment, np.full_like(action, np.nan))
                    _refuses(environment, np.zeros(len(action) + 1, np.float32))
                seen.append(environment.step(action)[0])
            assert np.array_equal(*seen), "an action that was refused had an effect"

    def test_machines_side_by_side_are_like_one(self) -> None:
        """Where many run in one call, they have the same spaces, and none disturbs another."""
        for environment in self._all():
            if not hasattr(environment, "side_by_side"):
                continue
            many = environment.side_by_side(3)
            if many is None:
                continue
            assert many.single_observation_space == environment.observation_space
            assert many.single_action_space == environment.action_space
            many.reset(seed=SEED)
            kept = many.state()
            actions = np.stack([_actions(environment, seed)[0] for seed in range(3)])
            first = [np.array(part) for part in many.step(actions)[:4]]
            many.restore(kept)
            again = [np.array(part) for part in many.step(actions)[:4]]
            assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True)), "state"
            many.restore(kept)
            actions[1] = -actions[1]
            other = many.step(actions)[0]
            assert np.array_equal(other[[0, 2]], first[0][[0, 2]]), "one machine disturbs another"

    def _makers(self) -> tuple[Callable[[], Any], ...]:
        assert self.makers, "name what makes the environments to test in `makers`"
        return self.makers

    def _all(self) -> Iterator[Env[Any, Any]]:
        for make in self._makers():
            yield make()


def _actions(environment: Env[Any, Any], seed: int) -> list[Any]:
    environment.action_space.seed(seed)
    return [environment.action_space.sample() for _ in range(_STEPS)]


def _episode(environment: Env[Any, Any], seed: int) -> Any:
    """Observations and rewards of an episode with actions that depend on nothing."""
    first, _ = environment.reset(seed=seed)
    rows = [np.append(first, 0.0)]
    for action in _actions(environment, SEED):
        seen, reward, terminated, truncated, _ = environment.step(action)
        assert np.isfinite(float(reward)), "a reward must be a finite number"
        assert np.all(np.isfinite(seen)), "an observation must be finite"
        rows.append(np.append(seen, float(reward)))
        if terminated or truncated:
            break
    return np.array(rows)


def _refuses(environment: Env[Any, Any], action: Any) -> None:
    try:
        environment.step(action)
    except DataError:
        return
    raise AssertionError(f"the action {action} is accepted")
