"""The orbit of a beam line as environments of Gymnasium: one machine, or many side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, MissingExtra
from netwright.reading import parse_json
from netwright.tasks.beam_control import Episodes, Policy, run_closed_loop, without_trend
from netwright.tasks.beam_line import PER_MACHINE, BeamLine, Faults, Machines, find_line
from netwright.tasks.beam_optics import Array, Flags
from netwright.tasks.beam_plant import AffinePlant, Plant, rms
from netwright.tasks.beam_process import TREND, OrbitLoop, Rules

try:
    from gymnasium import Env
    from gymnasium.spaces import Box
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space
except ModuleNotFoundError as error:
    raise MissingExtra("rl", package="gymnasium", purpose="an environment") from error

Values = NDArray[np.float32]

VALIDATION = 77
"""Seed of the machines on which policies are chosen."""

LARGEST_MM = 1000.0
"""Bound of what monitors are taken to read; beyond it values are limited."""


def _values(array: Array) -> Values:
    return np.clip(array, -LARGEST_MM, LARGEST_MM).astype(np.float32)


def _spaces(line: BeamLine, *, trend: bool) -> tuple[Any, Any]:
    count = line.num_readings * (TREND if trend else 1)
    wide = Box(-LARGEST_MM, LARGEST_MM, (count,), np.float32)
    return wide, Box(-1.0, 1.0, (line.num_correctors,), np.float32)


class PlantMaker(Protocol):
    """Makes a plant of machines; :class:`~netwright.tasks.beam_plant.AffinePlant` is one."""

    def __call__(self, machines: Machines) -> Plant:
        """Return the plant of these machines."""


class BeamEnvironment(Env[Values, Values]):
    """Correct the orbit of a machine that is drawn anew in every episode.

    An observation holds the change before the last, the last change, and the readings of the
    monitors in mm; an action changes every corrector by up to one unit.

    Args:
        line: Name of the beam line: ``"cm1"`` or ``"cm2"``.
        faults: How far machines are from the drawing.
        rules: Constants of the decision process.
        trend: Whether an observation holds the changes; else it holds the readings alone.
        plant: What tracks the beam.

    Raises:
        ConfigError: There is no such beam line, or it has fewer parts than shall fail.

    >>> environment = BeamEnvironment()
    >>> observation, _ = environment.reset(seed=1)
    >>> observation.shape
    (30,)
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (of Gymnasium)

    def __init__(
        self,
        *,
        line: str = "cm1",
        faults: Faults | None = None,
        rules: Rules | None = None,
        trend: bool = True,
        plant: PlantMaker = AffinePlant,
    ) -> None:
        self.line = find_line(line)
        self.faults = Faults() if faults is None else faults
        self.rules = Rules() if rules is None else rules
        self.trend, self.plant = trend, plant
        self.observation_space, self.action_space = _spaces(self.line, trend=trend)
        Machines.draw(self.line, 1, np.random.default_rng(0), self.faults)  # its own message
        self._loop: OrbitLoop | None = None

    @property
    def settings(self) -> str:
        """What machines and episodes are drawn from, in words."""
        told = "trend" if self.trend else "no trend"
        name = getattr(self.plant, "__qualname__", type(self.plant).__qualname__)
        return f"{self.line.name}, {told}, {self.faults}, {self.rules}, {name}"

    @property
    def loop(self) -> OrbitLoop:
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
        machines = Machines.draw(self.line, 1, self.np_random, self.faults)
        noise = int(self.np_random.integers(2**31))
        self._loop = OrbitLoop(self.plant(machines), self.rules, seed=noise)
        return self._seen(), self._told()

    def step(self, action: Values) -> tuple[Values, float, bool, bool, dict[str, Any]]:
        """Change the settings and read.

        Raises:
            DataError: The action does not fit, or is not finite; no setting is changed then.
        """
        loop = self.loop
        rewards, success, ended = loop.step(np.asarray(action, dtype=np.float64)[None])
        return (
            self._seen(),
            float(rewards[0]),
            bool(success[0]),
            bool(ended[0]),
            self._told(),
        )

    def side_by_side(self, count: int) -> BeamVectorEnvironment | None:
        """Return an environment of several machines like this one's; none for another plant."""
        if self.plant is not AffinePlant:
            return None
        return BeamVectorEnvironment(
            count, line=self.line.name, faults=self.faults, rules=self.rules, trend=self.trend
        )

    def machines(self, count: int, seed: int) -> Plant:
        """Return the plant of machines that the seed draws."""
        drawn = Machines.draw(self.line, count, np.random.default_rng(seed), self.faults)
        return self.plant(drawn)

    def rollout(self, policy: Policy, *, machines: int, seed: int) -> Episodes:
        """Return what a policy does on machines that the seed draws.

        Args:
            policy: Says actions for observations like this environment's.
            machines: How many.
            seed: Of the machines and of the noise of their monitors.
        """
        decide = policy if self.trend else without_trend(policy)
        return run_closed_loop(self.machines(machines, seed), decide, rules=self.rules, seed=seed)

    def measure(
        self, policy: Policy, *, machines: int = 200, seed: int = VALIDATION
    ) -> tuple[float, ...]:
        """Return how well a policy corrects machines that the seed draws.

        Args:
            policy: Says actions for observations like this environment's.
            machines: How many.
            seed: Another one than that of the machines for reported figures.

        Returns:
            Shares of machines that end below 1 mm, and with success, and the mean RMS at the end in
            mm with its sign changed: larger is better in all three.
        """
        found = self.rollout(policy, machines=machines, seed=seed)
        success = float(np.mean(found.success))
        return found.share_below(1.0), success, -float(np.mean(found.last_mm))

    def _seen(self) -> Values:
        found = self.loop.observations[0]
        return _values(found if self.trend else found[-self.line.num_readings :])

    def _told(self) -> dict[str, Any]:
        loop = self.loop
        return {"rms_mm": float(rms(loop.seen[0, 0])), "settings": loop.settings[0].copy()}


class BeamVectorEnvironment(VectorEnv[Any, Any, Any]):
    """Many machines side by side, each drawn anew when its episode ends.

    Args:
        count: How many.
        line: Name of the beam line.
        faults: How far machines are from the drawing.
        rules: Constants of the decision process.
        trend: Whether an observation holds the changes.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(
        self,
        count: int,
        *,
        line: str = "cm1",
        faults: Faults | None = None,
        rules: Rules | None = None,
        trend: bool = True,
    ) -> None:
        self.num_envs = count
        self.line, self.faults = find_line(line), Faults() if faults is None else faults
        self.rules, self.trend = Rules() if rules is None else rules, trend
        self.single_observation_space, self.single_action_space = _spaces(self.line, trend=trend)
        self.observation_space = batch_space(self.single_observation_space, count)
        self.action_space = batch_space(self.single_action_space, count)
        self._random = np.random.default_rng(0)
        self._loop = self._new_loop()

    def _new_loop(self) -> OrbitLoop:
        machines = Machines.draw(self.line, self.num_envs, self._random, self.faults)
        return OrbitLoop(AffinePlant(machines), self.rules, seed=int(self._random.integers(2**31)))

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Values, dict[str, Any]]:
        """Draw all machines and begin all episodes."""
        if seed is not None:
            self._random = np.random.default_rng(seed if isinstance(seed, int) else None)
        self._loop = self._new_loop()
        return self._seen(), {}

    def step(self, actions: Values) -> tuple[Values, Array, Flags, Flags, dict[str, Any]]:
        """Change the settings and read; the last observations of ended episodes are told."""
        loop = self._loop
        rewards, success, ended = loop.step(np.asarray(actions, dtype=np.float64))
        rows = np.flatnonzero(success | ended)
        told: dict[str, Any] = {}
        if len(rows):
            told = {"final_obs": self._seen(), "_final_obs": success | ended}
            plant = loop.plant
            assert isinstance(plant, AffinePlant)
            drawn = Machines.draw(self.line, len(rows), self._random, self.faults)
            plant.replace(rows, AffinePlant(drawn))
            loop.reset(rows)
        return self._seen(), rewards, success, ended, told

    def _seen(self) -> Values:
        found = self._loop.observations
        return _values(found if self.trend else found[:, -self.line.num_readings :])

    def state(self) -> dict[str, Any]:
        """Where all machines stand: arrays, and the generators as text."""
        loop = self._loop
        plant = loop.plant
        assert isinstance(plant, AffinePlant)
        arrays = {name: getattr(plant.machines, name) for name in PER_MACHINE}
        arrays |= {"base": plant.base, "response": plant.response, "settings": loop.settings}
        arrays |= {"seen": loop.seen, "step_number": loop.step_number}
        generators = [self._random.bit_generator.state, loop.random.bit_generator.state]
        return {**arrays, "generators": json.dumps(generators)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave.

        Raises:
            DataError: It is that of other machines.
        """
        loop = self._loop
        plant = loop.plant
        assert isinstance(plant, AffinePlant)
        places: dict[str, tuple[object, str]] = {n: (plant.machines, n) for n in PER_MACHINE}
        places |= {name: (plant, name) for name in ("base", "response")}
        places |= {name: (loop, name) for name in ("settings", "seen", "step_number")}
        for name, (owner, attribute) in places.items():
            array, own = np.asarray(state.get(name)), getattr(owner, attribute)
            if array.shape != own.shape or array.dtype != own.dtype:
                raise DataError(f'"{name}" is that of other machines: {array.dtype} {array.shape}')
            own[...] = array
        generators = parse_json(str(state.get("generators")).encode(), "generators")
        try:
            mine, noise = generators
            self._random.bit_generator.state = mine
            loop.random.bit_generator.state = noise
        except (KeyError, TypeError, ValueError):
            raise DataError('"generators" holds no states of two generators') from None
