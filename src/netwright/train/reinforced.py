"""Policies trained by soft actor-critic (Haarnoja et al. 2018), as Stable-Baselines3 has it.

An environment is one of Gymnasium. Where it has a method ``side_by_side`` that gives one, its
machines run beside each other in one call, which is many times faster; any other one is run copy by
copy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict
from torch import Tensor, nn

from netwright.errors import ConfigError, RunError, require
from netwright.models.policies import Front, Policy
from netwright.models.widths import check_widths
from netwright.progress import Progress, silent
from netwright.train.sealed import read_sealed, write_sealed

if TYPE_CHECKING:
    from gymnasium import Env
    from stable_baselines3 import SAC

Judge = Callable[[Policy], tuple[float, ...]]
"""Measures a policy: the first value is what decides, larger being better."""

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Reinforcement:
    """Settings of a training by soft actor-critic.

    Attributes:
        front: Front end of the policy and of both critics.
        hidden: Widths of the dense layers behind it.
        steps: Decisions, over all machines together.
        side_by_side: Machines that run beside each other.
        updates: Gradient steps after each decision of all of them.
        batch_size: Transitions in a gradient step.
        learning_rate: Of actor, critics and temperature.
        discount: Of later rewards.
        memory: Transitions that are kept.
        warmup: Decisions drawn evenly before the first gradient step.
        temperature: Of the entropy at the start; it is learned.
        reward_scale: Rewards are multiplied by it, which changes no optimum.
        input_scale: Observations are multiplied by it; folded into the first layer afterwards.
        evaluations: How often the policy is measured; the best one is kept.
        seed: Of everything random.

    Raises:
        ConfigError: A value is out of range.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    front: Front = "convolution"
    hidden: tuple[int, ...] = (128, 128)
    steps: int = 20_000
    side_by_side: int = 8
    updates: int = 4
    batch_size: int = 128
    learning_rate: float = 1e-3
    discount: float = 0.9
    memory: int = 100_000
    warmup: int = 1_000
    temperature: float = 0.05
    reward_scale: float = 0.1
    input_scale: float = 0.25
    evaluations: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        whole = ("steps", "side_by_side", "updates", "batch_size", "memory", "evaluations")
        check_widths("hidden", self.hidden)
        faults = [
            f"{n} must be 1 or more, not {getattr(self, n)!r}"
            for n in whole
            if not getattr(self, n) >= 1
        ]
        faults += [
            f"{n} must be above 0, not {getattr(self, n)!r}"
            for n in ("learning_rate", "temperature", "reward_scale", "input_scale")
            if not 0 < getattr(self, n) < math.inf
        ]
        if not 0 <= self.discount < 1:
            faults.append(f"discount must be 0 or more and below 1, not {self.discount!r}")
        if not 0 <= self.warmup < self.steps:
            faults.append(
                f"warmup must be 0 or more and fewer than the {self.steps} steps, not {self.warmup}"
            )
        if faults:
            raise ConfigError(faults)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a policy achieved in the midst of a training.

    Attributes:
        steps: Decisions before.
        values: What the judge gave.
    """

    steps: int
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Reinforced:
    """A trained policy.

    Attributes:
        policy: The best one, in evaluation mode.
        history: What was measured, in the order of the training.
        best: The measurement of the policy.
    """

    policy: Policy
    history: tuple[Measured, ...]
    best: Measured


def reinforce(
    environment: Env[Any, Any],
    settings: Reinforcement,
    judge: Judge | None = None,
    *,
    checkpoint: Path | str | None = None,
    progress: Progress = silent,
) -> Reinforced:
    """Train a policy in an environment of Gymnasium.

    Equal settings give equal policies on one machine, also after an interruption if the environment
    has ``side_by_side`` with ``state`` and ``restore``; another one begins new episodes then.

    Args:
        environment: Observations of one axis, actions of -1 to 1.
        settings: Of the training.
        judge: Measures policies, on other machines than those for reported figures; the
            environment's own ``measure``, or the mean return of episodes, if not given.
        checkpoint: A file in which the training is kept; it goes on from there.
        progress: Told of every measurement.

    Raises:
        ConfigError: The spaces are of another kind.
        RunError: The checkpoint cannot be read, or is that of another training.
        MissingExtra: Stable-Baselines3 is not installed.
    """
    require("stable_baselines3", extra="rl", purpose="reinforcement learning")
    from netwright.train.soft_actor_critic import beside, make_model

    judge = _judge(environment) if judge is None else judge
    checkpoint = None if checkpoint is None else Path(checkpoint)
    origin = {"settings": repr(settings), "environment": _told(environment)}
    with _own_random_numbers():
        vectors = beside(environment, settings)
        model = make_model(vectors, settings)
        kept = None if checkpoint is None else read_sealed(checkpoint, version=_VERSION)
        history: list[Measured] = []
        best: dict[str, Tensor] = {}
        if kept is not None and checkpoint is not None:
            history, best = _resume(model, kept, origin, checkpoint)
        policy = _exported(model, settings)
        chunk = -(-settings.steps // (settings.evaluations * settings.side_by_side))
        while model.num_timesteps < settings.steps:
            model.learn(chunk * settings.side_by_side, reset_num_timesteps=False)
            policy = _exported(model, settings)
            found = Measured(model.num_timesteps, tuple(judge(policy)))
            if not history or found.values > max(item.values for item in history):
                best = {key: value.clone() for key, value in policy.state_dict().items()}
            history.append(found)
            if checkpoint is not None:
                _keep(model, checkpoint, origin, history, best)
            said = ", ".join(f"{value:.4g}" for value in found.values)
            progress(min(found.steps, settings.steps), settings.steps, said)
    policy.load_state_dict(best)
    return Reinforced(policy.eval(), tuple(history), max(history, key=lambda item: item.values))


def new_policy(environment: Env[Any, Any], settings: Reinforcement) -> Policy:
    """Return the network that a training in an environment gives, its weights not trained."""
    return _new(environment.observation_space, environment.action_space, settings)


def _new(seen: Any, said: Any, settings: Reinforcement) -> Policy:
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn
        return Policy(seen.shape[0], said.shape[0], front=settings.front, hidden=settings.hidden)


def acting(policy: nn.Module) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return a policy as a function of arrays, (rows, observations) to (rows, actions)."""

    @torch.no_grad()
    def act(seen: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(policy(torch.from_numpy(np.ascontiguousarray(seen))).numpy())

    return act


_EPISODES = 20


def _judge(environment: Env[Any, Any]) -> Judge:
    measure = getattr(environment, "measure", None)
    if measure is not None:
        return lambda policy: tuple(measure(acting(policy)))

    def returns(policy: Policy) -> tuple[float, ...]:
        decide, total = acting(policy), 0.0
        for seed in range(_EPISODES):
            seen, _ = environment.reset(seed=seed)
            done = False
            while not done:
                action = decide(np.asarray(seen, dtype=np.float32)[None])[0]
                seen, reward, ended, cut, _ = environment.step(action)
                total += float(reward)
                done = ended or cut
        return (total / _EPISODES,)

    return returns


def _told(environment: Env[Any, Any]) -> str:
    """What an environment is, as far as it says so."""
    kind = type(environment)
    settings = getattr(environment, "settings", "")
    return f"{kind.__module__}.{kind.__qualname__} {settings}".strip()


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Leave the generators that everybody shares as they were, and one torch thread inside."""
    numpy_state = np.random.get_state()  # noqa: NPY002 (Stable-Baselines3 draws from it)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        torch.set_num_threads(threads)


@torch.no_grad()
def _exported(model: SAC, settings: Reinforcement) -> Policy:
    """The actor's mean as a network of its own, the scale of the inputs in its first layer."""
    actor = model.actor
    policy = _new(model.observation_space, model.action_space, settings)
    policy.front.load_state_dict(actor.features_extractor.get_submodule("front").state_dict())
    policy.body.load_state_dict(actor.latent_pi.state_dict())
    mean = actor.mu
    assert isinstance(mean, nn.Linear)
    policy.head.load_state_dict(mean.state_dict())
    for layer in policy.first_layers:
        layer.weight.mul_(settings.input_scale)
    return policy.eval()


_MEMORY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def _keep(
    model: SAC,
    path: Path,
    origin: Mapping[str, str],
    history: Sequence[Measured],
    best: Mapping[str, Tensor],
) -> None:
    memory = model.replay_buffer
    assert memory is not None
    assert model.ent_coef_optimizer is not None
    used = memory.buffer_size if memory.full else memory.pos
    name, keys, place, has_gauss, cached = np.random.get_state()  # noqa: NPY002
    content = {
        "version": _VERSION,
        "origin": dict(origin),
        "networks": dict(model.policy.state_dict()),
        "optimizers": [_plain(optimizer.state_dict()) for optimizer in _optimizers(model)],
        "temperature": _temperature(model).detach().clone(),
        "memory": {key: torch.from_numpy(getattr(memory, key)[:used]) for key in _MEMORY},
        "place": memory.pos,
        "full": memory.full,
        "counts": [model.num_timesteps, model._n_updates, model._episode_num],
        "seen": torch.from_numpy(np.array(model._last_obs)),
        "environment": model.get_env().state(),  # type: ignore[union-attr]
        "torch": torch.get_rng_state(),
        "numpy": torch.from_numpy(np.asarray(keys).astype(np.int64)),
        "numpy_place": [str(name), int(place), int(has_gauss), float(cached)],
        "history": [(item.steps, list(item.values)) for item in history],
        "best": dict(best),
    }
    write_sealed(path, content)


def _resume(
    model: SAC, kept: dict[str, Any], origin: Mapping[str, str], path: Path
) -> tuple[list[Measured], dict[str, Tensor]]:
    written = kept.get("origin")
    if written != origin:
        raise RunError(
            f"{path}: was written by another training: {written}, not {dict(origin)}",
            hint="remove it, use another file, or train with the same",
        )
    memory = model.replay_buffer
    assert memory is not None
    try:
        model.policy.load_state_dict(kept["networks"])
        for optimizer, state in zip(_optimizers(model), kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        _temperature(model).data.copy_(kept["temperature"])
        for key in _MEMORY:
            stored = kept["memory"][key].numpy()
            getattr(memory, key)[: len(stored)] = stored
        memory.pos, memory.full = int(kept["place"]), bool(kept["full"])
        model.num_timesteps, model._n_updates, model._episode_num = map(int, kept["counts"])
        model.get_env().restore(kept["environment"])  # type: ignore[union-attr]
        model._last_obs = kept["seen"].numpy().copy()
        model._last_episode_starts = np.zeros(len(kept["seen"]), dtype=bool)
        torch.set_rng_state(kept["torch"])
        name, place, has_gauss, cached = kept["numpy_place"]
        keys = kept["numpy"].numpy().astype(np.uint32)
        np.random.set_state((name, keys, place, has_gauss, cached))  # noqa: NPY002
        history = [Measured(int(s), tuple(map(float, v))) for s, v in kept["history"]]
        return history, dict(kept["best"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise RunError(f"{path}: is damaged ({type(error).__name__})", hint="remove it") from error


def _temperature(model: SAC) -> Tensor:
    assert model.log_ent_coef is not None
    return model.log_ent_coef


def _optimizers(model: SAC) -> list[torch.optim.Optimizer]:
    assert model.ent_coef_optimizer is not None
    return [model.actor.optimizer, model.critic.optimizer, model.ent_coef_optimizer]


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return {"state": state["state"], "param_groups": [dict(g) for g in state["param_groups"]]}
