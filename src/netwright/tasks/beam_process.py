"""Orbit correction as a decision process, for many machines at once.

Observation, action, reward, reset and success are those of the published trend-based controller
(Chen et al. 2023, arXiv 2305.13869; ElivisC/TBSAC, envs/orbit_correction_env).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from netwright.errors import ConfigError, DataError
from netwright.tasks.beam_optics import Array, Flags, Rows
from netwright.tasks.beam_plant import Plant, rms

TREND = 3
"""Parts of an observation: the change before the last, the last change, and the reading."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Constants of the decision process.

    Attributes:
        steps: Decisions after which an episode ends.
        success_mm: An episode ends with success below this RMS.
        stride: Setting units of an action of 1.
        limit: Largest absolute setting.
        probe: Setting of all correctors at which an episode begins, which makes the first change.
        trend_weight: Of the shaping term.
        worse: What a reading that did not get smaller counts against one that did.
        bonus: Reward of success.
        bonus_per_step: Reward for every step that success leaves unused.

    Raises:
        ConfigError: A value is out of range.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    steps: int = 50
    success_mm: float = 0.5
    stride: float = 1.0
    limit: float = 40.0
    probe: float = 0.3
    trend_weight: float = 0.4
    worse: float = 4.0
    bonus: float = 50.0
    bonus_per_step: float = 3.0

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 100_000:
            raise ConfigError(f"steps must be from 1 to 100000, not {self.steps}")
        for name in ("success_mm", "stride", "limit"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} must be above 0, not {getattr(self, name)}")


def observation(before_last: Array, last: Array, now: Array) -> Array:
    """Return the changes of the readings and the readings, ``[dS(t-1), dS(t), S(t)]``, in mm.

    Args:
        before_last: Readings two steps ago, (machines, readings).
        last: Readings one step ago.
        now: Readings.

    Returns:
        (machines, 3 * readings), in float64.
    """
    return np.concatenate([last - before_last, now - last, now], axis=-1)


def trend_reward(before: Array, after: Array, rules: Rules) -> Array:
    """Return ``-RMS + 0.4 delta`` for readings before and after an action, (machines,).

    ``delta`` is the mean of 1/n for every reading of which the absolute value got smaller, and
    -4/n for every other one, n being the number of readings.
    """
    count = before.shape[-1]
    smaller = np.abs(after) < np.abs(before)
    delta = np.where(smaller, 1.0, -rules.worse).sum(axis=-1) / count**2
    found: Array = -rms(after) + rules.trend_weight * delta
    return found


class OrbitLoop:
    """Episodes of orbit correction on machines side by side.

    Args:
        plant: The machines.
        rules: Constants of the decision process.
        seed: Of the noise of the monitors.

    Attributes:
        settings: Of the correctors, (machines, correctors).
        seen: What the monitors said last, before, and before that, (3, machines, readings).
        step_number: Decisions taken of every episode, (machines,).
    """

    def __init__(self, plant: Plant, rules: Rules | None = None, *, seed: int = 0) -> None:
        self.plant = plant
        self.rules = Rules() if rules is None else rules
        self.random = np.random.default_rng(seed)
        count, line = len(plant), plant.line
        self.settings = np.zeros((count, line.num_correctors))
        self.seen = np.zeros((TREND, count, line.num_readings))
        self.step_number = np.zeros(count, dtype=np.int64)
        self.reset()

    @property
    def observations(self) -> Array:
        """What a controller reads, (machines, 3 * readings)."""
        now, last, before_last = self.seen
        return observation(before_last, last, now)

    def reset(self, rows: Rows | None = None) -> Array:
        """Begin episodes: read with all correctors at zero, then at the probe.

        Args:
            rows: Machines that begin anew; all of them if not given.

        Returns:
            The observations of all machines.
        """
        chosen = np.arange(len(self.plant)) if rows is None else rows
        self.settings[chosen] = 0.0
        first = self.plant.read(self.settings, self.random)
        self.settings[chosen] = self.rules.probe
        second = self.plant.read(self.settings, self.random)
        self.seen[0, chosen] = second[chosen]
        self.seen[1:, chosen] = first[chosen]
        self.step_number[chosen] = 0
        return self.observations

    def step(self, actions: Array) -> tuple[Array, Flags, Flags]:
        """Change the settings and read.

        Args:
            actions: From -1 to 1, (machines, correctors); what is beyond is limited.

        Returns:
            Rewards, which episodes end with success, and which without, (machines,) each.

        Raises:
            DataError: The actions do not fit, or are not finite; no setting is changed then.
        """
        self._check(actions)
        rules = self.rules
        moved = self.settings + rules.stride * np.clip(actions, -1.0, 1.0)
        self.settings = np.clip(moved, -rules.limit, rules.limit)
        now = self.plant.read(self.settings, self.random)
        self.seen = np.stack([now, self.seen[0], self.seen[1]])
        self.step_number += 1
        rewards = trend_reward(self.seen[1], now, rules)
        success = rms(now) < rules.success_mm
        left = rules.steps - self.step_number
        rewards = rewards + success * (rules.bonus + rules.bonus_per_step * left)
        return rewards, success, ~success & (left <= 0)

    def _check(self, actions: Array) -> None:
        wanted = self.settings.shape
        if np.shape(actions) != wanted:
            raise DataError(
                f"actions must have the shape {wanted}, one for each corrector of "
                f"{self.plant.line.name}, not {np.shape(actions)}"
            )
        finite = np.isfinite(actions)
        if not finite.all():
            machine, corrector = np.argwhere(~finite)[0].tolist()
            raise DataError(
                f"actions must be finite, not {actions[machine, corrector]} for "
                f"{corrector_name(corrector)} of machine {machine}"
            )


def corrector_name(index: int) -> str:
    """Return the name of a corrector: X1, Y1, X2, ..."""
    return f"corrector {'XY'[index % 2]}{index // 2 + 1}"


def monitor_name(index: int) -> str:
    """Return the name of a reading: x1, y1, x2, ..."""
    return f"monitor reading {'xy'[index % 2]}{index // 2 + 1}"
