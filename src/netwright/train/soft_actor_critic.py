"""Environments and networks as Stable-Baselines3 takes them; imported where it is installed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from gymnasium import Env
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from netwright.errors import ConfigError
from netwright.models.policies import Front, front_of

if TYPE_CHECKING:
    from netwright.train.reinforced import Reinforcement


@runtime_checkable
class Kept(Protocol):
    """An environment that says where it stands."""

    def state(self) -> dict[str, Any]:
        """Arrays and plain values."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there."""


class SideBySide(VecEnv):
    """A vectorized environment of Gymnasium as one of Stable-Baselines3.

    Args:
        environment: It resets an episode in the step that ends it.
        seed: Of the first reset.
        reward_scale: Rewards are multiplied by it.
    """

    def __init__(
        self, environment: VectorEnv[Any, Any, Any], *, seed: int, reward_scale: float
    ) -> None:
        self.environment, self.first_seed, self.scale = environment, seed, reward_scale
        super().__init__(
            environment.num_envs,
            environment.single_observation_space,
            environment.single_action_space,
        )

    def state(self) -> dict[str, Any] | None:
        """Where the environment stands, if it can say so."""
        if not isinstance(self.environment, Kept):
            return None
        found = self.environment.state()
        return {
            k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in found.items()
        }

    def restore(self, state: dict[str, Any] | None) -> None:
        """Go on from there; an environment that cannot begins new episodes."""
        if isinstance(self.environment, Kept) and state is not None:
            self.environment.restore(
                {k: v.numpy() if isinstance(v, Tensor) else v for k, v in state.items()}
            )
        else:
            self.environment.reset(seed=self.first_seed + 1)

    def reset(self) -> NDArray[np.float32]:
        """Begin all episodes."""
        return np.asarray(self.environment.reset(seed=self.first_seed)[0])

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the next step."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Do the step; of an ended episode the last observation is told beside the next one's."""
        seen, rewards, ended, cut, told = self.environment.step(self._actions)
        done = ended | cut
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(done):
            infos[row] = {
                "terminal_observation": np.asarray(told["final_obs"][row]),
                "TimeLimit.truncated": bool(cut[row] and not ended[row]),
            }
        return seen, (rewards * self.scale).astype(np.float32), done, infos

    def close(self) -> None:
        """Close the environment."""
        self.environment.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Nothing: the machines have no attributes of their own."""
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Nothing."""

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **_: Any) -> list[Any]:
        """Nothing."""
        return []

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No machine is wrapped."""
        return [False] * self.num_envs


class FrontEnd(BaseFeaturesExtractor):
    """The front end of a policy, for actor and critics, over scaled observations."""

    def __init__(self, observation_space: Box, *, front: Front, scale: float) -> None:
        made, features = front_of(front, observation_space.shape[0])
        super().__init__(observation_space, features)
        self.front, self.scale = made, scale

    def forward(self, observations: Tensor) -> Tensor:
        """Features of observations."""
        found: Tensor = self.front(observations * self.scale)
        return found


def beside(environment: Env[Any, Any], settings: Reinforcement) -> SideBySide:
    """Machines of an environment side by side.

    Raises:
        ConfigError: Its spaces are of another kind.
    """
    seen, said = environment.observation_space, environment.action_space
    if not (isinstance(seen, Box) and len(seen.shape) == 1):
        raise ConfigError(f"observations must be one axis of values, not {seen}")
    if not (isinstance(said, Box) and len(said.shape) == 1):
        raise ConfigError(f"actions must be one axis of values, not {said}")
    if not (np.all(said.low == -1) and np.all(said.high == 1)):
        raise ConfigError(f"actions must be from -1 to 1, not {said}")
    count = settings.side_by_side
    made: VectorEnv[Any, Any, Any] | None = None
    if hasattr(environment, "side_by_side"):
        made = environment.side_by_side(count)
    if made is None:
        copies = [lambda: copy.deepcopy(environment)] * count
        made = SyncVectorEnv(copies, autoreset_mode=AutoresetMode.SAME_STEP)
    return SideBySide(made, seed=settings.seed, reward_scale=settings.reward_scale)


def make_model(vectors: SideBySide, settings: Reinforcement) -> SAC:
    """The actor, the critics and the memory, untrained."""
    model = SAC(
        "MlpPolicy",
        vectors,
        learning_rate=settings.learning_rate,
        buffer_size=settings.memory,
        learning_starts=settings.warmup,
        batch_size=settings.batch_size,
        gamma=settings.discount,
        train_freq=1,
        gradient_steps=settings.updates,
        ent_coef=f"auto_{settings.temperature!r}",
        seed=settings.seed,
        device="cpu",
        policy_kwargs={
            "net_arch": list(settings.hidden),
            "features_extractor_class": FrontEnd,
            "features_extractor_kwargs": {
                "front": settings.front,
                "scale": settings.input_scale,
            },
        },
    )
    model.set_logger(Logger(None, []))
    return model
