"""Transmission of an injector: an envelope through two solenoids into the acceptance of an RFQ.

The published task (Chen et al. 2023, arXiv 2305.13869) has two solenoids, steerers, a current
transformer in front of the RFQ and a Faraday cup behind it, and asks for a transmission of 85 %.
Its reward, its observation and its machine are not published: those here are our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from netwright.errors import ConfigError, DataError
from netwright.quantities import Quantity
from netwright.tasks.beam_optics import Array, Flags, Ion, drift, solenoid

PROTON = Ion(Quantity(938.272, "MeV", "CODATA 2018", "published"), 1)
ENERGY = Quantity(0.035, "MeV", "own choice", "assumed")
SOLENOID = Quantity(0.25, "m", "own choice", "assumed")
FIELD = Quantity(0.26, "T", "own choice: the envelope converges at the RFQ", "assumed")
SPACES_M = (0.3, 0.5, 0.25)
"""Drifts before, between and behind the solenoids; assumed."""
APERTURE_M = 6e-3
"""Half of the opening in front of the RFQ; assumed."""
SOURCE = ((2.5e-3, 0.012), (2.5e-3, 0.012))
"""Deviations of place and angle at the source, in meters and radians; assumed."""
ACCEPTANCE = (0.95, 0.08, 2.4e-4)
"""Alpha, beta in meters and area over pi in meter radians of the RFQ in both planes; assumed."""
STEERER = 4e-3
"""Angle of a steerer for a setting of 1; assumed."""
TUNING = 0.25
"""Relative change of a field for a setting of 1; assumed."""

KNOBS = ("solenoid 1", "solenoid 2", "X1", "Y1", "X2", "Y2")
"""What is set, each from -1 to 1."""
MACHINE = ("x", "x'", "y", "y'", "size")
"""What machines differ in: offset of the beam at the source, and its size."""

_PARTICLES = 400

Response = Callable[[Array, Array], Array]
"""Shares of the source's current in front of and behind the RFQ, (machines, 2), for what machines
differ in, (machines, 5), and settings, (machines, 6)."""


def _particles() -> Array:
    random = np.random.default_rng(20230522)
    half = random.normal(size=(_PARTICLES // 2, 4))
    found: Array = np.concatenate([half, -half]) * np.ravel(SOURCE)
    return found


def draw_injectors(count: int, random: np.random.Generator) -> Array:
    """Draw what machines differ in: deviations of 2 mm, 8 mrad and 10 %, (machines, 5)."""
    spread = np.array([2e-3, 8e-3, 2e-3, 8e-3, 0.1])
    found: Array = random.normal(size=(count, len(MACHINE))) * spread
    return found


def transmission(machines: Array, settings: Array) -> Array:
    """Return the currents in front of and behind the RFQ, over that of the source.

    400 rays go through hard-edged solenoids and thin steerers; what is beyond the opening is lost,
    and so is what is outside the ellipse of the RFQ in either plane.

    Args:
        machines: See :data:`MACHINE`, (machines, 5).
        settings: See :data:`KNOBS`, (machines, 6).

    Returns:
        (machines, 2), the second at most the first.
    """
    rigidity = PROTON.rigidity(ENERGY.value)
    rays = _particles()[None] * (1 + machines[:, 4])[:, None, None] + machines[:, None, :4]
    for index in (0, 1):
        field = FIELD.value * (1 + TUNING * settings[:, index]) * (-1) ** index
        rays = rays @ drift(SPACES_M[index]).T
        rays = rays @ np.swapaxes(solenoid(field, SOLENOID.value, rigidity), 1, 2)
        rays[..., 1::2] += STEERER * settings[:, None, 2 + 2 * index : 4 + 2 * index]
    rays = rays @ drift(SPACES_M[2]).T
    alpha, beta, area = ACCEPTANCE
    arrived = np.hypot(rays[..., 0], rays[..., 2]) < APERTURE_M
    accepted = arrived.copy()
    for plane in (0, 2):
        x, angle = rays[..., plane], rays[..., plane + 1]
        invariant = (
            (1 + alpha**2) * x**2 + 2 * alpha * beta * x * angle + (beta * angle) ** 2
        ) / beta
        accepted &= invariant < area
    return np.stack([arrived.mean(axis=1), accepted.mean(axis=1)], axis=1)


@dataclass(frozen=True, slots=True)
class InjectorRules:
    """Constants of the decision process.

    Attributes:
        steps: Decisions after which an episode ends.
        stride: Change of a setting for an action of 1.
        success: An episode ends with success above this transmission of the RFQ.
        least_current: Share of the source's current that must arrive at the RFQ, too.
        bonus: Reward of success.

    Raises:
        ConfigError: A value is out of range.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    steps: int = 40
    stride: float = 0.1
    success: float = 0.85
    least_current: float = 0.5
    bonus: float = 10.0

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 100_000 or not 0 < self.stride <= 2:
            raise ConfigError(
                "steps must be from 1 to 100000 and stride above 0 and at most 2, not "
                f"{self.steps} and {self.stride}"
            )


class InjectorLoop:
    """Episodes on injectors side by side.

    Args:
        machines: What they differ in, (machines, 5).
        rules: Constants of the decision process.
        response: What the diagnostics show; the envelope, or a surrogate of it.

    Attributes:
        settings: From -1 to 1, (machines, 6).
        seen: Currents now, before, and before that, (3, machines, 2).
    """

    def __init__(
        self, machines: Array, rules: InjectorRules | None = None, *,
        response: Response = transmission,
    ) -> None:  # fmt: skip
        self.machines, self.response = machines, response
        self.rules = InjectorRules() if rules is None else rules
        self.settings = np.zeros((len(machines), len(KNOBS)))
        first = response(machines, self.settings)
        self.settings = self.settings + self.rules.stride
        self.seen = np.stack([response(machines, self.settings), first, first])
        self.step_number = 0

    @property
    def rfq(self) -> Array:
        """Transmission of the RFQ, (machines,); 0 where no current arrives."""
        before, behind = self.seen[0].T
        return np.where(before > 0, behind / np.where(before > 0, before, 1.0), 0.0)

    @property
    def observations(self) -> Array:
        """Both changes and the currents, and the settings, (machines, 12)."""
        now, last, before_last = self.seen
        found: Array = np.hstack([last - before_last, now - last, now, self.settings])
        return found

    def step(self, actions: Array) -> tuple[Array, Flags, bool]:
        """Change the settings and read.

        Returns:
            Rewards, the share of the source's current behind the RFQ less 1; which machines are
            successful; and whether the time is up.

        Raises:
            DataError: The actions do not fit, or are not finite; no setting is changed then.
        """
        if np.shape(actions) != self.settings.shape or not np.isfinite(actions).all():
            raise DataError(
                f"actions must be finite, of shape {self.settings.shape}, one for each of "
                f"{', '.join(KNOBS)}"
            )
        moved = self.settings + self.rules.stride * np.clip(actions, -1, 1)
        self.settings = np.clip(moved, -1, 1)
        now = self.response(self.machines, self.settings)
        self.seen = np.stack([now, self.seen[0], self.seen[1]])
        self.step_number += 1
        success = (self.rfq > self.rules.success) & (now[:, 0] > self.rules.least_current)
        rewards = now[:, 1] - 1 + self.rules.bonus * success
        return rewards, success, self.step_number >= self.rules.steps
