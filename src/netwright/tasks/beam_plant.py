"""What the monitors of a beam line see of its correctors, for many machines at once."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from netwright.tasks.beam_line import (
    CAVITY_LENGTH,
    CELL_LENGTH,
    DRIFT,
    KICK,
    PER_MACHINE,
    SOLENOID_LENGTH,
    BeamLine,
    Machines,
)
from netwright.tasks.beam_optics import Array, Rows, drift, solenoid

MM = 1e3


class Plant(Protocol):
    """A number of machines that can be set and read."""

    @property
    def line(self) -> BeamLine:
        """The beam line of all of them."""

    def __len__(self) -> int:
        """Return the number of machines."""

    def orbit(self, settings: Array) -> Array:
        """Return where the beam is at the monitors in mm, (machines, readings).

        Args:
            settings: Of the correctors, (machines, correctors).
        """

    def read(self, settings: Array, random: np.random.Generator) -> Array:
        """Return what the monitors say of it in mm, (machines, readings)."""

    def readback(self, settings: Array) -> Array:
        """Return what the power supplies say of their settings, (machines, correctors)."""


class AffinePlant:
    """The linear model: the orbit is affine in the settings, ``b + R M``.

    Every solenoid is a hard-edged one about its own axis, every cavity a thin gap, every corrector
    a kick at the center of its solenoid. The matrices are made once; a step is one product.

    Args:
        machines: The machines.

    Attributes:
        base: Orbit in mm with all correctors at zero, (machines, readings).
        response: Orbit in mm for a unit of each corrector, (machines, readings, correctors).
    """

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self.base, self.response = _track(machines)

    @property
    def line(self) -> BeamLine:
        """The beam line of all machines."""
        return self.machines.line

    def __len__(self) -> int:
        """Return the number of machines."""
        return len(self.machines)

    def orbit(self, settings: Array) -> Array:
        """Return where the beam is at the monitors in mm, (machines, readings)."""
        found: Array = self.base + (self.response @ settings[..., None])[..., 0]
        return found

    def read(self, settings: Array, random: np.random.Generator) -> Array:
        """Return what the monitors say of it in mm, (machines, readings)."""
        return readings(self.machines, self.orbit(settings), random)

    def readback(self, settings: Array) -> Array:
        """Return what the power supplies say: 0 where a corrector is dead."""
        return supplied(self.machines, settings)

    def replace(self, rows: Rows, other: AffinePlant) -> None:
        """Put other machines in the place of some."""
        self.base[rows], self.response[rows] = other.base, other.response
        mine, new = self.machines, other.machines
        for name in PER_MACHINE:
            getattr(mine, name)[rows] = getattr(new, name)


def readings(machines: Machines, orbit: Array, random: np.random.Generator) -> Array:
    """Return what the monitors say of an orbit in mm, (machines, readings)."""
    seen = orbit + machines.monitor_offsets
    if machines.noise_mm:
        seen = seen + machines.noise_mm * random.normal(size=orbit.shape)
    found: Array = seen * machines.monitor_gains
    return found


def supplied(machines: Machines, settings: Array) -> Array:
    """Return the settings that the power supplies give: a dead one gives 0."""
    return np.where(machines.gains == 0.0, 0.0, settings)


def nominal_response(line: BeamLine) -> Array:
    """Return the orbit in mm for a unit of each corrector, as drawn, (readings, correctors)."""
    found: Array = AffinePlant(Machines.nominal(line)).response[0]
    return found


def rms(orbit: Array) -> Array:
    """Return the root of the mean square over all monitors, x and y together, (machines,)."""
    found: Array = np.sqrt(np.mean(np.square(orbit), axis=-1))
    return found


class Affine(Protocol):
    """Machines of which the orbit is affine in the settings."""

    @property
    def base(self) -> Array:
        """Orbit in mm with all correctors at zero, (machines, readings)."""

    @property
    def response(self) -> Array:
        """Orbit in mm for a unit of each corrector, (machines, readings, correctors)."""


def least_rms(plant: Affine, limit: float, *, rounds: int = 400) -> Array:
    """Return the least RMS in mm that settings within the limit can reach, (machines,).

    The exact solution where it is within the limit; elsewhere the projected gradient descent with
    momentum, which converges since the problem is convex.

    Args:
        plant: The machines.
        limit: Largest absolute setting.
        rounds: Steps of the descent.
    """
    response, base = plant.response, plant.base
    best = -(np.linalg.pinv(response) @ base[..., None])[..., 0]
    beyond = np.flatnonzero(np.abs(best).max(axis=1) > limit)
    if len(beyond):
        r, b = response[beyond], base[beyond]
        step = 1 / np.linalg.norm(r, ord=2, axis=(1, 2))[:, None] ** 2
        point = ahead = np.clip(best[beyond], -limit, limit)
        for number in range(rounds):
            error = b + (r @ ahead[..., None])[..., 0]
            gradient = (np.swapaxes(r, 1, 2) @ error[..., None])[..., 0]
            new = np.clip(ahead - step * gradient, -limit, limit)
            ahead = new + number / (number + 3) * (new - point)
            point = new
        best[beyond] = point
    return rms(base + (response @ best[..., None])[..., 0])


def _track(machines: Machines) -> tuple[Array, Array]:
    """Base and response: one ray without correctors, and one for a unit of each."""
    line, count = machines.line, len(machines)
    rays = np.zeros((count, 4, 1 + line.num_correctors))
    base = np.empty((count, line.num_readings))
    response = np.empty((count, line.num_readings, line.num_correctors))
    energy, at = line.energy_mev, 0
    first = line.ion.rigidity(energy)
    solenoid_space = CELL_LENGTH.value - CAVITY_LENGTH.value - DRIFT.value
    side = drift((solenoid_space - SOLENOID_LENGTH.value) / 2)
    entry, cavity = side @ drift(DRIFT.value), drift(CAVITY_LENGTH.value / 2)
    for index, cell in enumerate(line.cells):
        rigidity = line.ion.rigidity(energy)
        half = solenoid(
            machines.fields[:, index] * cell.field_t, SOLENOID_LENGTH.value / 2, rigidity
        )
        center = np.zeros((count, 4))
        center[:, ::2] = machines.offsets[:, index]
        # rays with a corrector are differences, which an offset of the axis does not change
        rays = entry @ rays
        rays[..., 0] -= center
        rays = half @ rays
        if cell.corrected:
            kick = KICK.value * first / rigidity
            for plane in (0, 1):
                rays[:, 1 + 2 * plane, 1 + at + plane] += kick * machines.gains[:, at + plane]
        rays = half @ rays
        rays[..., 0] += center
        rays = cavity @ side @ rays
        if cell.gap is not None:
            rays = cell.gap.matrix(line.ion, energy) @ rays
            energy += cell.gap.gain(line.ion)
        rays = cavity @ rays
        if cell.corrected:
            seen = rays[:, ::2] * MM
            base[:, at : at + 2], response[:, at : at + 2] = seen[..., 0], seen[..., 1:]
            at += 2
    return base, response
