"""Beam lines of which the orbit is corrected, and the faults that machines of one kind have."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from netwright.errors import ConfigError
from netwright.quantities import Quantity
from netwright.tasks.beam_optics import ARGON, Array, Gap, Ion, Rows

_PUBLISHED = "ElivisC/TBSAC, trainwinpath"
_WAVELENGTH_M = 299.792458 / 162.5
"""Of 162.5 MHz, which is assumed: the published code does not say the frequency."""

PEAK_FIELD = Quantity(6.0, "T", "own choice: the published code holds factors only", "assumed")
SOLENOID_LENGTH = Quantity(0.15, "m", "own choice: the field map is not published", "assumed")
CAVITY_VOLTAGE = Quantity(0.8, "MV", "own choice: the field map is not published", "assumed")
KICK = Quantity(1.2e-3, "rad per unit", "own choice: 0.5 to 0.9 mm a unit", "assumed")
ENERGY = Quantity(54.24, "MeV", "ElivisC/TBSAC, utils/particle: 1.356 MeV/u x 40", "published")
CELL_LENGTH = Quantity(0.64, "m", f"{_PUBLISHED}: distance of the monitors", "published")
CAVITY_LENGTH = Quantity(0.21, "m", f"{_PUBLISHED}: hwr010", "published")
DRIFT = Quantity(0.085, "m", f"{_PUBLISHED}: in front of every solenoid", "published")
FACTORS = (0.81, -0.81, -0.83, -0.89, -0.75)
"""Of the peak field of the solenoids of CM1, for argon (ElivisC/TBSAC, main)."""
PHASES = (-45.0, -26.0, -26.0, -26.0, -26.0)
"""Of the cavities in degrees: the first two are published, the others assumed to be alike."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A drift, a solenoid with two correctors at its center, a cavity, and a monitor at the end.

    Attributes:
        field_t: Of the solenoid on the axis, in T.
        gap: Of the cavity; none if there is no cavity.
        misalignment: Share of the random offsets that this solenoid gets.
        corrected: Whether it has correctors and a monitor.
    """

    field_t: float
    gap: Gap | None
    misalignment: float = 1.0
    corrected: bool = True


@dataclass(frozen=True, slots=True)
class BeamLine:
    """A beam line.

    Attributes:
        name: Short name; a policy belongs to one beam line.
        ion: What is accelerated.
        energy_mev: Kinetic energy in front of the first cell.
        cells: In the order of the beam.
    """

    name: str
    ion: Ion
    energy_mev: float
    cells: tuple[Cell, ...]

    @property
    def num_monitors(self) -> int:
        """Number of monitors; each reads x and y."""
        return sum(cell.corrected for cell in self.cells)

    @property
    def num_readings(self) -> int:
        """Number of values that the monitors read: x1, y1, x2, y2, ..."""
        return 2 * self.num_monitors

    @property
    def num_correctors(self) -> int:
        """Number of correctors: X1, Y1, X2, Y2, ..."""
        return 2 * self.num_monitors


def _module(name: str, factors: tuple[float, ...], phases: tuple[float, ...]) -> BeamLine:
    """Two cells upstream, which only add errors, and one for every factor."""
    peak = PEAK_FIELD.value
    gaps = [Gap(CAVITY_VOLTAGE.value, float(np.deg2rad(p)), _WAVELENGTH_M) for p in phases]
    upstream = (
        Cell(0.4 * peak, None, misalignment=0.2, corrected=False),
        Cell(-0.6 * peak, None, corrected=False),
    )
    cells = tuple(Cell(f * peak, gap) for f, gap in zip(factors, gaps, strict=True))
    return BeamLine(name, ARGON, ENERGY.value, upstream + cells)


CM1 = _module("cm1", FACTORS, PHASES)
"""Cryomodule of five cells, as far as it is published: seven random offsets, one of a fifth."""

CM2 = _module("cm2", FACTORS[1:], PHASES[1:])
"""One of four cells, the number of monitors of the published figure; factors as in CM1."""

BEAM_LINES = {line.name: line for line in (CM1, CM2)}


def find_line(name: str) -> BeamLine:
    """Return a beam line by its name.

    Raises:
        ConfigError: There is none.
    """
    if name not in BEAM_LINES:
        raise ConfigError(
            f'line must be {" or ".join(BEAM_LINES)}, not "{name}"',
        )
    return BEAM_LINES[name]


@dataclass(frozen=True, slots=True)
class Faults:
    """How far the machines of one kind are from the drawing; everything is drawn anew for each.

    The defaults are the published randomization: offsets of the solenoids and nothing else.

    Attributes:
        offset_mm: Solenoids are displaced in x and y by up to so much.
        solenoid: One common factor of all fields is off by up to this share.
        solenoid_each: A factor of every field is off by up to this share.
        gain: A factor of every corrector is off by up to this share.
        swapped: Correctors of which the sign is wrong, in every machine.
        swap_chance: How likely the sign of any other one is wrong.
        dead_correctors: Correctors that do nothing.
        monitor_noise_mm: Deviation of what a monitor reads.
        monitor_offset_mm: Deviation of the center of a monitor, which no reading shows.
        dead_monitors: Monitors that read zero.

    Raises:
        ConfigError: A value is out of range.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    offset_mm: float = 3.0
    solenoid: float = 0.0
    solenoid_each: float = 0.0
    gain: float = 0.0
    swapped: int = 0
    swap_chance: float = 0.0
    dead_correctors: int = 0
    monitor_noise_mm: float = 0.0
    monitor_offset_mm: float = 0.0
    dead_monitors: int = 0

    def __post_init__(self) -> None:
        limits = {
            "offset_mm": 50.0,
            "solenoid": 0.9,
            "solenoid_each": 0.9,
            "gain": 0.99,
            "swap_chance": 1.0,
        }
        limits |= {"monitor_noise_mm": 50.0, "monitor_offset_mm": 50.0}
        found = []
        for item in fields(self):
            value, most = getattr(self, item.name), limits.get(item.name, 100)
            whole = item.name not in limits
            if not 0 <= value <= most or (whole and value != int(value)):
                kind = "a whole number from 0" if whole else "from 0"
                found.append(f"{item.name} must be {kind} to {most:g}, not {value}")
        if found:
            raise ConfigError(found)


@dataclass(frozen=True, slots=True, eq=False)
class Machines:
    """Machines of one beam line, each with its own faults; arrays of (machines, ...).

    Attributes:
        line: The beam line.
        offsets: Of the solenoids in meters, (machines, cells, 2).
        fields: Factors of the fields, (machines, cells).
        gains: What a unit of every corrector does, 1 as drawn, below 0 if swapped and 0 if dead,
            (machines, correctors).
        monitor_offsets: In millimeters, (machines, readings).
        monitor_gains: 1, or 0 for a dead monitor, (machines, readings).
        noise_mm: Deviation of every reading.
    """

    line: BeamLine
    offsets: Array
    fields: Array
    gains: Array
    monitor_offsets: Array
    monitor_gains: Array
    noise_mm: float = 0.0

    def __len__(self) -> int:
        """Return the number of machines."""
        return len(self.offsets)

    @classmethod
    def draw(
        cls, line: BeamLine, count: int, random: np.random.Generator, faults: Faults | None = None
    ) -> Machines:
        """Draw machines.

        Args:
            line: The beam line.
            count: How many.
            random: What draws them.
            faults: How far they are from the drawing; the published randomization if not given.

        Raises:
            ConfigError: There are fewer correctors or monitors than shall fail.
        """
        f = Faults() if faults is None else faults
        correctors, monitors, cells = line.num_correctors, line.num_monitors, len(line.cells)
        for what, wanted, there in (
            ("swapped and dead_correctors", f.swapped + f.dead_correctors, correctors),
            ("dead_monitors", f.dead_monitors, monitors),
        ):
            if wanted > there:
                raise ConfigError(f"{what} must be at most {there} on {line.name}, not {wanted}")
        share = np.array([cell.misalignment for cell in line.cells])
        offsets = random.uniform(-1, 1, (count, cells, 2)) * (share[:, None] * f.offset_mm * 1e-3)
        common = 1 + f.solenoid * random.uniform(-1, 1, (count, 1))
        each = 1 + f.solenoid_each * random.uniform(-1, 1, (count, cells))
        gains = 1 + f.gain * random.uniform(-1, 1, (count, correctors))
        order = np.argsort(random.random((count, correctors)), axis=1)
        rows = np.arange(count)[:, None]
        gains *= np.where(random.random((count, correctors)) < f.swap_chance, -1.0, 1.0)
        gains[rows, order[:, : f.swapped]] = -np.abs(gains[rows, order[:, : f.swapped]])
        gains[rows, order[:, f.swapped : f.swapped + f.dead_correctors]] = 0
        alive = np.ones((count, monitors))
        alive[rows, np.argsort(random.random((count, monitors)), axis=1)[:, : f.dead_monitors]] = 0
        return cls(
            line=line,
            offsets=offsets,
            fields=common * each,
            gains=gains,
            monitor_offsets=f.monitor_offset_mm * random.normal(size=(count, 2 * monitors)),
            monitor_gains=np.repeat(alive, 2, axis=1),
            noise_mm=f.monitor_noise_mm,
        )

    @classmethod
    def nominal(cls, line: BeamLine, count: int = 1) -> Machines:
        """Return machines as drawn: no fault at all."""
        none = Faults(offset_mm=0.0)
        return cls.draw(line, count, np.random.default_rng(0), none)

    def take(self, rows: Rows | slice) -> Machines:
        """Return some of the machines."""
        arrays = {name: getattr(self, name)[rows] for name in PER_MACHINE}
        return Machines(line=self.line, noise_mm=self.noise_mm, **arrays)


PER_MACHINE = ("offsets", "fields", "gains", "monitor_offsets", "monitor_gains")
"""The arrays of :class:`Machines`."""
