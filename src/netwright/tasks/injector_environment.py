"""The transmission of an injector as an environment of Gymnasium."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import MissingExtra
from netwright.tasks.beam_optics import Array, Flags
from netwright.tasks.injector import (
    KNOBS,
    InjectorLoop,
    InjectorRules,
    Response,
    draw_injectors,
    transmission,
)

try:
    from gymnasium import Env
    from gymnasium.spaces import Box
except ModuleNotFoundError as error:
    raise MissingExtra("rl", package="gymnasium", purpose="an environment") from error

Values = NDArray[np.float32]

VALIDATION = 77
"""Seed of the machines on which policies are chosen."""


class InjectorEnvironment(Env[Values, Values]):
    """Bring the transmission of an RFQ above 85 %, on a machine drawn anew in every episode.

    An observation holds both changes of the currents in front of and behind the RFQ, the currents,
    and the settings; an action changes two solenoids and four steerers.

    Args:
        rules: Constants of the decision process.
        plant: What the diagnostics show: the envelope, or a surrogate of it.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (of Gymnasium)

    def __init__(
        self, *, rules: InjectorRules | None = None, plant: Response = transmission
    ) -> None:
        self.rules = InjectorRules() if rules is None else rules
        self.plant = plant
        self.observation_space = Box(-2.0, 2.0, (6 + len(KNOBS),), np.float32)
        self.action_space = Box(-1.0, 1.0, (len(KNOBS),), np.float32)
        self._loop: InjectorLoop | None = None

    @property
    def settings(self) -> str:
        """Rules and plant, a plant by what it answers to a few machines: a training is of both."""
        random = np.random.default_rng(0)
        asked = draw_injectors(16, random), random.uniform(-1, 1, (16, len(KNOBS)))
        answer = np.round(self.plant(*asked), 4)
        return f"{self.rules} {hashlib.sha256(answer.tobytes()).hexdigest()[:12]}"

    @property
    def loop(self) -> InjectorLoop:
        """The episode that goes on."""
        if self._loop is None:
            self.reset()
        assert self._loop is not None
        return self._loop

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Values, dict[str, Any]]:
        """Draw a machine and begin an episode."""
        super().reset(seed=seed)
        machine = draw_injectors(1, self.np_random)
        self._loop = InjectorLoop(machine, self.rules, response=self.plant)
        return self._seen(), self._told()

    def step(self, action: Values) -> tuple[Values, float, bool, bool, dict[str, Any]]:
        """Change the settings and read.

        Raises:
            DataError: The action does not fit, or is not finite; no setting is changed then.
        """
        loop = self.loop
        rewards, success, ended = loop.step(np.asarray(action, dtype=np.float64)[None])
        done = bool(success[0])
        return self._seen(), float(rewards[0]), done, ended and not done, self._told()

    def rollout(
        self, policy: Callable[[Values], NDArray[np.floating]], *, machines: int, seed: int
    ) -> tuple[Array, Flags]:
        """Return the last transmission of the RFQ, and which machines were successful.

        Args:
            policy: Says actions for observations.
            machines: How many.
            seed: Of the machines.
        """
        drawn = draw_injectors(machines, np.random.default_rng(seed))
        loop = InjectorLoop(drawn, self.rules, response=self.plant)
        last, success = loop.rfq, np.zeros(machines, dtype=np.bool_)
        for _ in range(self.rules.steps):
            said = policy(_values(loop.observations)).astype(np.float64)
            _, reached, _ = loop.step(said)
            last = np.where(success, last, loop.rfq)
            success |= reached
        return last, success

    def measure(
        self, policy: Callable[[Values], NDArray[np.floating]], *, machines: int = 100,
        seed: int = VALIDATION,
    ) -> tuple[float, ...]:  # fmt: skip
        """Return the share of successful machines and the mean transmission at the end."""
        last, success = self.rollout(policy, machines=machines, seed=seed)
        return float(success.mean()), float(last.mean())

    def _seen(self) -> Values:
        found: Values = _values(self.loop.observations[0])
        return found

    def _told(self) -> dict[str, Any]:
        return {"transmission": float(self.loop.rfq[0])}


def _values(array: Array) -> Values:
    return np.clip(array, -2.0, 2.0).astype(np.float32)
