"""Beam lines tracked by Cheetah: other physics than the plant on which policies are trained.

The solenoids have soft edges and are cut into slices, the steerers act along the middle of them,
and the cavities have two gaps with a drift between. What a machine has of faults is the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netwright.errors import require
from netwright.tasks.beam_line import (
    CAVITY_LENGTH,
    CELL_LENGTH,
    DRIFT,
    KICK,
    SOLENOID_LENGTH,
    BeamLine,
    Cell,
    Machines,
)
from netwright.tasks.beam_optics import Array, Gap
from netwright.tasks.beam_plant import MM, readings, supplied

if TYPE_CHECKING:
    from torch import Tensor

EDGE_M = 0.03
"""Length over which the field of a solenoid falls at its edges; assumed."""

SLICES = 12
"""Parts of a solenoid, each of constant field."""

KICKED = 4
"""Boundaries between slices, around the middle, at which a steerer acts."""


class TrackedPlant:
    """Machines of one beam line, all of them tracked in one call of Cheetah.

    Cheetah's maps of these elements are linear, so that a ray without correctors and one for a unit
    of each say what any settings do; :meth:`track` tracks settings themselves.

    Args:
        machines: The machines.

    Attributes:
        base: Orbit in mm with all correctors at zero, (machines, readings).
        response: Orbit in mm for a unit of each corrector, (machines, readings, correctors).

    Raises:
        MissingExtra: Cheetah is not installed.
    """

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self._cheetah: Any = require("cheetah", extra="beam", purpose="tracking a beam line")
        self._kicks: list[tuple[int, float, Any]] = []
        self._monitors: list[Any] = []
        self._segment = self._cheetah.Segment(elements=list(self._elements()))
        self._beam = self._first_beam()
        units = np.eye(self.line.num_correctors)
        zero = np.zeros((len(self), len(units)))
        self.base = self.track(zero)
        self.response = np.stack([self.track(zero + unit) - self.base for unit in units], axis=-1)

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

    @torch.no_grad()
    def track(self, settings: Array) -> Array:
        """Return the same by tracking it now."""
        given = torch.from_numpy(np.asarray(settings) * self.machines.gains)
        for corrector, strength, element in self._kicks:
            element.angle = strength * given[:, corrector]
        self._segment.track(self._beam)
        seen = [monitor.reading.reshape(-1, 2) for monitor in self._monitors]
        count = len(self)
        return np.hstack([np.broadcast_to(part.numpy(), (count, 2)) for part in seen]) * MM

    def read(self, settings: Array, random: np.random.Generator) -> Array:
        """Return what the monitors say of it in mm, (machines, readings)."""
        return readings(self.machines, self.orbit(settings), random)

    def readback(self, settings: Array) -> Array:
        """Return what the power supplies say: 0 where a corrector is dead."""
        return supplied(self.machines, settings)

    def _first_beam(self) -> Any:
        line = self.line
        species = self._cheetah.Species(
            "ion",
            num_elementary_charges=_real(line.ion.charge),
            mass_eV=_real(line.ion.mass.value * 1e6),
        )
        return self._cheetah.ParameterBeam(
            mu=torch.tensor([0.0] * 6 + [1.0], dtype=torch.float64).repeat(len(self), 1),
            cov=torch.zeros(7, 7, dtype=torch.float64),
            energy=_real((line.ion.mass.value + line.energy_mev) * 1e6),
            species=species,
            dtype=torch.float64,
        )

    def _elements(self) -> Iterator[Any]:
        """Every element in the order of the beam."""
        line, energy, at = self.line, self.line.energy_mev, 0
        for index, cell in enumerate(line.cells):
            yield self._drift(DRIFT.value)
            yield from self._solenoid(index, cell, energy, at)
            half = CAVITY_LENGTH.value / 2
            if cell.gap is None:
                yield self._drift(2 * half)
            else:
                apart = line.ion.momentum(energy) * cell.gap.wavelength / 2
                single = Gap(cell.gap.voltage_mv / 2, cell.gap.phase, cell.gap.wavelength)
                yield self._drift(half - apart / 2)
                for last in (False, True):
                    yield self._map(single.matrix(line.ion, energy))
                    energy += single.gain(line.ion)
                    yield self._drift(half - apart / 2 if last else apart)
            if cell.corrected:
                monitor = self._cheetah.BPM(is_active=True, name=f"monitor{at}")
                self._monitors.append(monitor)
                yield monitor
                at += 2

    def _solenoid(self, index: int, cell: Cell, energy: float, at: int) -> Iterator[Any]:
        line, found = self.line, self.machines
        space = CELL_LENGTH.value - CAVITY_LENGTH.value - DRIFT.value
        rigidity = line.ion.rigidity(energy)
        center = torch.from_numpy(found.offsets[:, index])
        length = _real(space / SLICES)
        first = SLICES // 2 - KICKED // 2
        kick = KICK.value * line.ion.rigidity(line.energy_mev) / rigidity / (KICKED + 1)
        for number, share in enumerate(_profile(space)):
            field = found.fields[:, index] * cell.field_t * share
            strength = torch.from_numpy(field / (2 * rigidity))
            yield self._cheetah.Solenoid(
                length=length, k=strength, misalignment=center, dtype=torch.float64,
                name=f"solenoid{index}_{number}",
            )  # fmt: skip
            if cell.corrected and first <= number + 1 <= first + KICKED:
                kinds = (self._cheetah.HorizontalCorrector, self._cheetah.VerticalCorrector)
                for plane, kind in enumerate(kinds):
                    element = kind(
                        length=_real(0.0), angle=_real(0.0), dtype=torch.float64,
                        name=f"corrector{at + plane}_{number}",
                    )  # fmt: skip
                    self._kicks.append((at + plane, kick, element))
                    yield element

    def _drift(self, length: float) -> Any:
        return self._cheetah.Drift(length=_real(length), dtype=torch.float64)

    def _map(self, matrix: Array) -> Any:
        whole = torch.eye(7, dtype=torch.float64)
        whole[:4, :4] = torch.from_numpy(matrix)
        return self._cheetah.CustomTransferMap(predefined_transfer_map=whole, dtype=torch.float64)


def _real(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _profile(space: float) -> Array:
    """Field in the slices of a solenoid, over that of the hard-edged one of the same focusing."""
    place = (np.arange(SLICES) + 0.5) / SLICES * space - space / 2
    end = SOLENOID_LENGTH.value / 2
    shape = (np.tanh((place + end) / EDGE_M) - np.tanh((place - end) / EDGE_M)) / 2
    focusing = float(np.square(shape).sum()) * space / SLICES
    found: Array = shape * math.sqrt(SOLENOID_LENGTH.value / focusing)
    return found
