"""Linear optics of an ion beam in four dimensions: (x, x', y, y') in meters and radians.

Formulas: K. Wille, The Physics of Particle Accelerators, sections 3.4 and 3.13 (rotating frame of a
solenoid); T. Wangler, RF Linear Accelerators, section 7.3 (thin gap). All functions take arrays of
any number of machines and give one matrix for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.quantities import Quantity

Array = NDArray[np.float64]
Rows = NDArray[np.integer]
Flags = NDArray[np.bool_]

MAGNETIC_RIGIDITY = 299.792458
"""Momentum in MeV/c of a particle of charge 1 and a rigidity of 1 T m: the speed of light / 1e6."""


@dataclass(frozen=True, slots=True)
class Ion:
    """A particle.

    Attributes:
        mass: Rest energy in MeV.
        charge: In elementary charges.
    """

    mass: Quantity
    charge: int

    def momentum(self, energy_mev: float) -> float:
        """Return beta gamma at a kinetic energy in MeV."""
        gamma = 1.0 + energy_mev / self.mass.value
        return float(np.sqrt(gamma * gamma - 1.0))

    def rigidity(self, energy_mev: float) -> float:
        """Return the magnetic rigidity in T m at a kinetic energy in MeV."""
        return self.momentum(energy_mev) * self.mass.value / (MAGNETIC_RIGIDITY * self.charge)


ARGON = Ion(Quantity(37218.592, "MeV", "ElivisC/TBSAC, utils/particle", "published"), 12)
"""The ion of the published demonstration, argon-40 with charge 12."""


def drift(length: float) -> Array:
    """Return the matrix of a field-free length in meters, (4, 4)."""
    matrix = np.eye(4)
    matrix[0, 1] = matrix[2, 3] = length
    return matrix


def solenoid(field: Array, length: float, rigidity: float) -> Array:
    """Return the matrices of solenoids with hard edges, (machines, 4, 4).

    Args:
        field: On the axis, in T, (machines,); its sign is the sense in which the beam turns.
        length: In meters.
        rigidity: Of the beam, in T m.
    """
    strength = np.asarray(field, dtype=np.float64) / (2.0 * rigidity)
    angle = strength * length
    cosine, sine = np.cos(angle), np.sin(angle)
    safe = np.where(strength == 0.0, 1.0, strength)
    per_strength = np.where(strength == 0.0, length, sine / safe)
    matrix = np.empty((*strength.shape, 4, 4))
    focus = ((cosine, per_strength), (-strength * sine, cosine))
    for row in range(2):
        for column in range(2):
            entry = focus[row][column]
            matrix[..., row, column] = matrix[..., row + 2, column + 2] = cosine * entry
            matrix[..., row, column + 2] = sine * entry
            matrix[..., row + 2, column] = -sine * entry
    return matrix


@dataclass(frozen=True, slots=True)
class Gap:
    """A thin accelerating gap.

    Attributes:
        voltage_mv: Effective voltage E0 T L in MV.
        phase: Synchronous phase in radians; below zero it defocuses.
        wavelength: Of the field, in meters.
    """

    voltage_mv: float
    phase: float
    wavelength: float

    def gain(self, ion: Ion) -> float:
        """Return the energy in MeV that an ion gains."""
        return float(ion.charge * self.voltage_mv * np.cos(self.phase))

    def matrix(self, ion: Ion, energy_mev: float) -> Array:
        """Return the matrix at a kinetic energy in front of the gap, (4, 4)."""
        before = ion.momentum(energy_mev)
        after = ion.momentum(energy_mev + self.gain(ion))
        middle = ion.momentum(energy_mev + self.gain(ion) / 2)
        kick = -np.pi * ion.charge * self.voltage_mv * np.sin(self.phase)
        kick /= ion.mass.value * middle**3 * self.wavelength
        matrix = np.eye(4)
        matrix[1, 0] = matrix[3, 2] = kick * middle / after
        matrix[1, 1] = matrix[3, 3] = before / after
        return matrix
