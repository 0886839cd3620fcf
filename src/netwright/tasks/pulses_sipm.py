"""Pulses of a scintillator on a silicon photomultiplier, photon by photon.

The sensor is simulated by the package ``SiPM`` (PyPI ``sipm``): dark counts, crosstalk,
afterpulses, recovery of cells and their gain. When a photon arrives is drawn from the decay of the
scintillator, so that the beginning of a pulse is blurred by the statistics of photons, not by noise
alone.

The generator inside version 2.1.0 cannot be seeded: pulses of equal seeds have equal photons, but
differ by what the sensor adds. Keep what was drawn. About one event in 70 000 is not finite there,
and is drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, NumericsError, require
from netwright.quantities import Quantity
from netwright.tasks.pulses_shapes import LYSO_DECAY, Tabulated

Array = NDArray[np.float64]

_ATTEMPTS = 3

PURPOSE = "pulses of a silicon photomultiplier"
SENSOR_SIZE = Quantity(3.0, "mm", "a sensor of 3 x 3 mm²", "assumed")
CELL_PITCH = Quantity(25.0, "µm", "SiPM 2.1.0, default", "published")
DARK_COUNTS = Quantity(200e3, "Hz", "SiPM 2.1.0, default", "published")
CROSSTALK = Quantity(0.05, "", "SiPM 2.1.0, default", "published")
AFTERPULSES = Quantity(0.03, "", "SiPM 2.1.0, default", "published")
CELL_RISE = Quantity(1.0, "ns", "SiPM 2.1.0, default", "published")
CELL_FALL = Quantity(50.0, "ns", "SiPM 2.1.0, default", "published")
FULL_SCALE = Quantity(2000.0, "photoelectrons", "light at full scale", "assumed")
SENSOR_SNR = Quantity(60.0, "dB", "noise of the sensor's amplifier; ours is added later", "assumed")

STEP_NS = 1.0
SPAN_NS = 500
BEGIN_NS = 20
"""When the light begins in a simulated event."""

TEMPLATE_EVENTS = 400
TEMPLATE_SEED = 1


@dataclass(frozen=True, slots=True)
class Sipm:
    """The mean pulse, for templates, and pulses drawn photon by photon.

    Attributes:
        photons: Photoelectrons of a pulse of full scale, 10 to 20 000.

    Raises:
        ConfigError: The number is out of range.
        MissingExtra: SiPM is not installed.
    """

    photons: float = FULL_SCALE.value

    def __post_init__(self) -> None:
        if not 10 <= self.photons <= 20_000:
            raise ConfigError(f"photons must be from 10 to 20000, not {self.photons}")
        _package()

    @property
    def name(self) -> str:
        """As people say it."""
        return f"LYSO on a silicon photomultiplier, {self.photons:g} photoelectrons at full scale"

    @property
    def peak_ns(self) -> float:
        """Of the mean pulse."""
        return _mean_pulse(self.photons)[0].peak_ns

    def value(self, time_ns: Array, stretch: Array | float = 1.0) -> Array:
        """The mean pulse."""
        return _mean_pulse(self.photons)[0].value(time_ns, stretch)

    def slope(self, time_ns: Array) -> Array:
        """Of the mean pulse."""
        return _mean_pulse(self.photons)[0].slope(time_ns)

    def events(self, at: Array, amplitudes: Array, random: np.random.Generator) -> Array:
        """Pulses drawn photon by photon.

        Args:
            at: Times of the samples from the beginning of each pulse, ns, (rows, samples).
            amplitudes: Mean peaks, of full scale, (rows,).
            random: Source of random numbers.

        Returns:
            ``(rows, samples)``, of full scale. Each is the mean over the time since the last.
        """
        height = _mean_pulse(self.photons)[1]
        period = float(at[0, 1] - at[0, 0])
        grid = np.arange(SPAN_NS + 1) * STEP_NS - BEGIN_NS
        found = np.empty_like(at)
        waves = _simulate(amplitudes * self.photons, random)
        for row, wave in enumerate(waves):
            charge = np.concatenate([[0.0], np.cumsum(wave)]) * STEP_NS
            edges = np.concatenate([at[row, :1] - period, at[row]])
            found[row] = np.diff(np.interp(edges, grid, charge)) / period
        return found / (height * self.photons)


def _package() -> Any:
    return require("SiPM", extra="pulses", purpose=PURPOSE)


def _simulate(photons: Array, random: np.random.Generator) -> Array:
    """Signals of events, in photoelectrons, (rows, points)."""
    package = _package()
    properties = package.SiPMProperties()
    properties.setSize(SENSOR_SIZE.value)
    properties.setPitch(CELL_PITCH.value)
    properties.setDcr(DARK_COUNTS.value)
    properties.setXt(CROSSTALK.value)
    properties.setAp(AFTERPULSES.value)
    properties.setRiseTime(CELL_RISE.value)
    properties.setFallTimeFast(CELL_FALL.value)
    properties.setSampling(STEP_NS)
    properties.setSignalLength(float(SPAN_NS))
    properties.setSnr(SENSOR_SNR.value)
    sensor = package.SiPMSensor(properties)
    found = np.empty((len(photons), SPAN_NS))
    for row, count in enumerate(random.poisson(photons).tolist()):
        times = BEGIN_NS + random.exponential(LYSO_DECAY.value, count)
        for _ in range(_ATTEMPTS):
            sensor.resetState()
            sensor.addPhotons(times)
            sensor.runEvent()
            found[row] = np.asarray(sensor.signal().waveform())[:SPAN_NS]
            if np.all(np.isfinite(found[row])):
                break
        else:
            raise NumericsError(f"SiPM gives no finite signal of {count} photons")
    return found


@cache
def _mean_pulse(photons: float) -> tuple[Tabulated, float]:
    """The mean pulse, and its peak for one photoelectron."""
    random = np.random.default_rng(TEMPLATE_SEED)
    mean = _simulate(np.full(TEMPLATE_EVENTS, photons / 2), random).mean(axis=0)
    mean -= mean[: BEGIN_NS // 2].mean()
    pulse = mean[BEGIN_NS:]
    return Tabulated(STEP_NS, np.concatenate([[0.0], pulse])), float(pulse.max()) / (photons / 2)
