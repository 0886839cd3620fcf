"""Controllers of beam lines, and the one closed loop in which all of them are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.tasks.beam_line import BeamLine
from netwright.tasks.beam_optics import Array, Flags
from netwright.tasks.beam_plant import Plant, nominal_response, rms
from netwright.tasks.beam_process import TREND, OrbitLoop, Rules, corrector_name, monitor_name

READBACK = 0.1
"""Largest difference between a setting and what its power supply says (ElivisC/TBSAC,
engines/real_engine)."""

Policy = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""Says actions of -1 to 1 for observations: (machines, 3 * readings) to (machines, correctors)."""


class Controller(Protocol):
    """Corrects machines side by side."""

    def begin(self, loop: OrbitLoop) -> None:
        """Prepare for the machines of a loop, whose episodes have just begun."""

    def act(self, loop: OrbitLoop) -> Array:
        """Return the next actions, (machines, correctors).

        It may look at what a control room sees: readings, settings, and the beam line as drawn.
        """


@dataclass(frozen=True, slots=True)
class ByPolicy:
    """A controller that has no memory: what it says depends on the observation alone.

    Attributes:
        policy: Any function of observations.
    """

    policy: Policy

    def begin(self, loop: OrbitLoop) -> None:
        """Nothing."""

    def act(self, loop: OrbitLoop) -> Array:
        """Return what the policy says.

        Raises:
            ConfigError: The policy is one of another machine.
        """
        seen = np.nan_to_num(loop.observations, posinf=0.0, neginf=0.0).astype(np.float32)
        line = loop.plant.line
        wanted = (len(seen), line.num_correctors)
        try:
            found = np.asarray(self.policy(seen), dtype=np.float64)
        except (ConfigError, DataError, RuntimeError, ValueError, TypeError) as error:
            raise ConfigError(
                f"the policy does not read the observations of {line.name}, {seen.shape[1]} values "
                f"each: {str(error).splitlines()[0]}",
                hint="a policy belongs to one beam line; train one for this",
            ) from error
        if found.shape != wanted:
            raise ConfigError(
                f"the policy gives actions of shape {found.shape}, and {line.name} has "
                f"{line.num_correctors} correctors: {wanted}",
                hint="a policy belongs to one beam line; train one for this",
            )
        return found


def without_trend(policy: Policy) -> Policy:
    """Return a policy for whole observations from one that reads the readings alone."""

    def decide(seen: NDArray[np.float32]) -> NDArray[np.floating]:
        return policy(seen[:, -(seen.shape[1] // TREND) :])

    return decide


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """What a controller achieved on machines side by side.

    Attributes:
        first_mm: RMS of the orbit when the episodes began, (machines,).
        last_mm: RMS of the orbit when they ended.
        steps: Decisions that were taken.
        success: Whether the readings fell below the limit of success.
        held: Why a machine was left at its last safe setting; empty if it was not, (machines,).
        orbits: Orbit at the beginning and at the end in mm, (2, machines, readings).
        settings: Of the correctors at the end, (machines, correctors).
        actions: Of every step, (steps, machines, correctors); NaN where an episode had ended.
        observations: What every action was decided on, (steps, machines, 3 * readings).
    """

    first_mm: Array
    last_mm: Array
    steps: NDArray[np.int64]
    success: Flags
    held: tuple[str, ...]
    orbits: Array
    settings: Array
    actions: Array
    observations: Array

    def __len__(self) -> int:
        """Return the number of machines."""
        return len(self.first_mm)

    def share_below(self, limit_mm: float) -> float:
        """Return the share of machines of which the last RMS is below a limit."""
        return float(np.mean(self.last_mm < limit_mm))

    @property
    def mean_steps(self) -> float:
        """Mean number of decisions of the successful episodes; NaN if there is none."""
        return float(np.mean(self.steps[self.success])) if self.success.any() else float("nan")


def run_closed_loop(
    plant: Plant,
    controller: Controller | Policy,
    *,
    rules: Rules | None = None,
    seed: int = 0,
) -> Episodes:
    """Run an episode on every machine of a plant.

    A machine whose monitors read no number, whose controller says none, or whose power supply does
    not do what it is told is left at its last safe setting, and the reason is kept; the others go
    on.

    Args:
        plant: The machines.
        controller: What decides; any function of observations will do.
        rules: Constants of the decision process.
        seed: Of the noise of the monitors.

    Raises:
        ConfigError: The policy is one of another machine.
    """
    loop = OrbitLoop(plant, rules, seed=seed)
    decide: Controller = (
        ByPolicy(controller) if not hasattr(controller, "act") else controller  # type: ignore[assignment]
    )
    count = len(plant)
    going = np.ones(count, dtype=np.bool_)
    success = np.zeros(count, dtype=np.bool_)
    held = [""] * count
    steps = np.zeros(count, dtype=np.int64)
    settings = loop.settings.copy()
    begun = plant.orbit(np.zeros_like(settings))
    actions, observations = [], []
    _hold(going, held, _blind(loop) | _unsupplied(loop))
    decide.begin(loop)
    for _ in range(loop.rules.steps):
        if not going.any():
            break
        seen = loop.observations
        said = decide.act(loop)
        _hold(going, held, _unsaid(said))
        made = np.where(going[:, None], said, 0.0)
        before = loop.settings.copy()
        actions.append(np.where(going[:, None], said, np.nan))
        observations.append(seen)
        _, reached, _ = loop.step(made)
        steps += going
        bad = _blind(loop) | _unsupplied(loop)
        if bad:
            _hold(going, held, bad)
            rows = np.array(sorted(bad))
            loop.settings[rows] = before[rows]
        settings[going] = loop.settings[going]
        success |= reached & going
        going &= ~reached
    ended = plant.orbit(settings)
    shape = (len(actions), count)
    return Episodes(
        first_mm=rms(begun),
        last_mm=rms(ended),
        steps=steps,
        success=success,
        held=tuple(held),
        orbits=np.stack([begun, ended]),
        settings=settings,
        actions=np.reshape(actions, (*shape, plant.line.num_correctors)),
        observations=np.reshape(observations, (*shape, TREND * plant.line.num_readings)),
    )


def _hold(going: Flags, held: list[str], found: dict[int, str]) -> None:
    for row, why in found.items():
        if going[row]:
            going[row], held[row] = False, why


def _blind(loop: OrbitLoop) -> dict[int, str]:
    """Machines with a reading that is no number."""
    found: dict[int, str] = {}
    for row, index in np.argwhere(~np.isfinite(loop.seen[0])).tolist():
        found.setdefault(row, f"{monitor_name(index)} is {loop.seen[0][row, index]}")
    return found


def _unsaid(actions: Array) -> dict[int, str]:
    """Machines for which an action is no number."""
    found: dict[int, str] = {}
    for row, index in np.argwhere(~np.isfinite(actions)).tolist():
        found.setdefault(row, f"the action for {corrector_name(index)} is {actions[row, index]}")
    return found


def _unsupplied(loop: OrbitLoop) -> dict[int, str]:
    """Machines with a power supply that does not do what it is told."""
    given = loop.plant.readback(loop.settings)
    found: dict[int, str] = {}
    for row, index in np.argwhere(np.abs(given - loop.settings) > READBACK).tolist():
        found.setdefault(
            row,
            f"{corrector_name(index)} is set to {loop.settings[row, index]:.3g} and reads back "
            f"{given[row, index]:.3g}",
        )
    return found


@dataclass(frozen=True, slots=True)
class Nothing:
    """Leaves every machine as it is."""

    def begin(self, loop: OrbitLoop) -> None:
        """Nothing."""

    def act(self, loop: OrbitLoop) -> Array:
        """Return zeros."""
        return np.zeros_like(loop.settings)


@dataclass(slots=True)
class Random:
    """Says anything.

    Attributes:
        seed: Of what it says.
    """

    seed: int = 0

    def begin(self, loop: OrbitLoop) -> None:
        """Nothing."""

    def act(self, loop: OrbitLoop) -> Array:
        """Return actions drawn evenly; they depend on the seed and the step alone."""
        drawn = np.random.default_rng([self.seed, int(loop.step_number.max())])
        found: Array = drawn.uniform(-1, 1, loop.settings.shape)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A linear policy without memory: the action is a matrix times the reading.

    Attributes:
        gain: (correctors, readings).
    """

    gain: Array

    def begin(self, loop: OrbitLoop) -> None:
        """Nothing."""

    def act(self, loop: OrbitLoop) -> Array:
        """Return ``-K S``."""
        found: Array = -loop.seen[0] @ self.gain.T
        return found


GAIN = 0.7
"""Share of what singular values say that is corrected at once."""
CUT = 0.02
"""Singular values below this share of the largest one are taken for zero."""


def pseudo_inverse(response: Array, cut: float) -> Array:
    """Return the pseudo-inverse without the directions of small singular values."""
    return np.linalg.pinv(response, rcond=cut).astype(np.float64)


def svd_controller(line: BeamLine, *, gain: float = GAIN, cut: float = CUT) -> Linear:
    """Return the textbook controller: the pseudo-inverse of the response matrix as drawn.

    Args:
        line: The beam line.
        gain: Share that is corrected at once.
        cut: Relative singular value below which directions are left alone.
    """
    return Linear(gain * pseudo_inverse(nominal_response(line), cut))


@dataclass(slots=True)
class Measured:
    """Measures the response matrix of every machine first, which takes a step for each corrector.

    Attributes:
        kick: By how much each corrector is moved.
        gain: See :func:`svd_controller`.
        cut: See :func:`svd_controller`.
    """

    kick: float = 1.0
    gain: float = GAIN
    cut: float = CUT
    _number: int = 0
    _columns: list[Array] | None = None
    _inverse: Array | None = None

    def begin(self, loop: OrbitLoop) -> None:
        """Forget all machines."""
        self._number, self._columns, self._inverse = 0, [], None

    def act(self, loop: OrbitLoop) -> Array:
        """Return the next kick, or the correction once all responses are known."""
        assert self._columns is not None
        correctors = loop.settings.shape[1]
        if 0 < self._number <= correctors:
            self._columns.append((loop.seen[0] - loop.seen[1]) / (self.kick * loop.rules.stride))
        actions = np.zeros_like(loop.settings)
        if self._number < correctors:
            actions[:, self._number] = self.kick
        else:
            if self._inverse is None:
                found = np.stack(self._columns, axis=-1)
                found = np.nan_to_num(found)
                self._inverse = self.gain * pseudo_inverse(found, self.cut)
            actions = -(self._inverse @ loop.seen[0][..., None])[..., 0] / loop.rules.stride
        self._number += 1
        return actions


@dataclass(slots=True)
class Broyden:
    """Begins with the response matrix as drawn and corrects it after every step.

    The update is the least change that explains what the last step did (Broyden 1965, "good").

    Attributes:
        gain: See :func:`svd_controller`.
        cut: See :func:`svd_controller`.
        damping: Share of the update that is taken.
    """

    gain: float = GAIN
    cut: float = CUT
    damping: float = 0.7
    _response: Array | None = None
    _before: Array | None = None

    def begin(self, loop: OrbitLoop) -> None:
        """Begin with the drawing for all machines."""
        nominal = nominal_response(loop.plant.line)
        self._response = np.repeat(nominal[None], len(loop.plant), axis=0)
        self._before = np.zeros_like(loop.settings)  # the probe was a step of all correctors

    def act(self, loop: OrbitLoop) -> Array:
        """Return the correction by the matrix that explains the last step."""
        assert self._response is not None
        assert self._before is not None
        moved = loop.settings - self._before
        changed = loop.seen[0] - loop.seen[1]
        unexplained = changed - (self._response @ moved[..., None])[..., 0]
        length = np.square(moved).sum(axis=1)
        use = (length > 1e-6) & np.isfinite(unexplained).all(axis=1)
        share = np.where(use, self.damping / np.where(use, length, 1.0), 0.0)
        unexplained = np.where(use[:, None], unexplained, 0.0)
        self._response += share[:, None, None] * unexplained[..., None] * moved[:, None, :]
        self._before = loop.settings.copy()
        inverse = pseudo_inverse(self._response, self.cut)
        found: Array = -self.gain * (inverse @ loop.seen[0][..., None])[..., 0] / loop.rules.stride
        return found
