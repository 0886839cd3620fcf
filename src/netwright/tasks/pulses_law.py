"""By which law pulses are drawn: shape, amplitude, beginning, noise, digitizer; both SNRs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.quantities import Quantity
from netwright.tasks.pulses_shapes import CrRc, Shape
from netwright.tasks.pulses_sipm import Sipm

PUBLISHED_SNR = Quantity(
    47.4, "dB", "arXiv 2209.00884, abstract; which SNR is not said", "published"
)
SAMPLE_PERIOD = Quantity(4.0, "ns", "a digitizer of 250 MS/s", "assumed")
ADC_BITS = Quantity(12.0, "bits", "a digitizer of 250 MS/s", "assumed")


def _check(owner: object, name: str, low: float, high: float) -> None:
    value = getattr(owner, name)
    if isinstance(value, bool) or not low <= value <= high:  # NaN is in no range
        raise ConfigError(f"{name} must be from {low:g} to {high:g}, not {value}")


@dataclass(frozen=True, slots=True)
class Digitizer:
    """What makes codes of a pulse: clip, round.

    Attributes:
        samples: Samples of a pulse, 16 to 1024.
        period_ns: Time between samples.
        bits: Of a code; full scale is 1.
        pedestal: Where a pulse of no height lies, of full scale.

    Raises:
        ConfigError: A value is out of range.
    """

    samples: int = 64
    period_ns: float = SAMPLE_PERIOD.value
    bits: int = int(ADC_BITS.value)
    pedestal: float = 0.04

    def __post_init__(self) -> None:
        _check(self, "samples", 16, 1024)
        _check(self, "period_ns", 0.01, 1000.0)
        _check(self, "bits", 4, 16)
        _check(self, "pedestal", 0.0, 0.5)

    @property
    def lsb(self) -> float:
        """The step of a code, of full scale."""
        return 2.0**-self.bits

    @property
    def times_ns(self) -> NDArray[np.float64]:
        """When samples are taken, from the first one, (samples,)."""
        return np.arange(self.samples, dtype=np.float64) * self.period_ns

    @property
    def pedestal_code(self) -> int:
        """The code of the pedestal."""
        return round(self.pedestal / self.lsb)


@dataclass(frozen=True, slots=True)
class Noise:
    """What disturbs pulses; all zero but the white noise and the baseline is the simplest law.

    Attributes:
        snr_db: Peak of the mean amplitude over the white noise, 20 log10.
        baseline: Half the width of the uniform law of a pulse's baseline, of full scale.
        flicker: Root mean square of noise with a 1/f power density, of that of the white noise.
        wander: Amplitude of a slow wave of random period and phase below a pulse, of full scale.
        pileup_ns: Mean time between pulses, exponential; 0 for none but the one.
        clock_ns: Root mean square of the error of a sample's time.
        stretch: Root mean square of the relative error of the pulse's time constants.

    Raises:
        ConfigError: A value is out of range.
    """

    snr_db: float = PUBLISHED_SNR.value
    baseline: float = 0.01
    flicker: float = 0.0
    wander: float = 0.0
    pileup_ns: float = 0.0
    clock_ns: float = 0.0
    stretch: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("snr_db", 0.0, 120.0), ("baseline", 0.0, 0.2), ("flicker", 0.0, 100.0),
            ("wander", 0.0, 0.2), ("pileup_ns", 0.0, 1e9), ("clock_ns", 0.0, 10.0),
            ("stretch", 0.0, 0.2),
        ):  # fmt: skip
            _check(self, name, low, high)


CONDITIONS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "white": {},
        "stretched": {"stretch": 0.01},
        "flicker": {"flicker": 1.0},
        "wander": {"wander": 0.01},
        "pile-up": {"pileup_ns": 1000.0},
        "clock": {"clock_ns": 0.05},
    }
)
"""What changes of :class:`Noise` by the name of a condition; how much is assumed."""


@dataclass(frozen=True, slots=True)
class Law:
    """By which pulses are drawn.

    Attributes:
        shape: Of every pulse.
        digitizer: What samples it.
        noise: What disturbs it.
        first_ns: Least time of the beginning, from the first sample.
        range_ns: Width of the uniform law of the beginning.
        least: Least amplitude, of full scale.
        most: Largest amplitude of the uniform law.

    Raises:
        ConfigError: A value is out of range, or the pulses do not fit into their samples.
    """

    shape: Shape = field(default_factory=CrRc)
    digitizer: Digitizer = Digitizer()
    noise: Noise = Noise()
    first_ns: float = 60.0
    range_ns: float = 16.0
    least: float = 0.2
    most: float = 0.9

    def __post_init__(self) -> None:
        _check(self, "least", 1e-3, 1.0)
        _check(self, "most", 1e-3, 1.0)
        if self.least >= self.most:
            raise ConfigError(f"least must be below most, {self.most:g}, not {self.least:g}")
        span = self.digitizer.samples * self.digitizer.period_ns
        peak = self.first_ns + self.range_ns + self.shape.peak_ns
        if isinstance(self.shape, Sipm) and (self.noise.clock_ns or self.noise.stretch):
            raise ConfigError(
                "pulses drawn photon by photon have jitter of their own: clock_ns and stretch "
                "must be 0"
            )
        if not (self.first_ns >= 0 and self.range_ns > 0 and peak < span):
            raise ConfigError(
                f"pulses that begin from {self.first_ns:g} ns on, within {self.range_ns:g} ns, "
                f"must peak within their {span:g} ns of samples, not at {peak:g} ns"
            )

    @property
    def mean_amplitude(self) -> float:
        """Of full scale."""
        return (self.least + self.most) / 2

    @property
    def middle_ns(self) -> float:
        """Mean time of the beginning."""
        return self.first_ns + self.range_ns / 2

    @property
    def sigma(self) -> float:
        """Standard deviation of the white noise, of full scale."""
        return self.mean_amplitude * 10.0 ** (-self.noise.snr_db / 20)

    @property
    def snr(self) -> Snr:
        """Both definitions."""
        times = self.digitizer.times_ns - self.middle_ns
        power = float(np.mean(np.square(self.mean_amplitude * self.shape.value(times))))
        return Snr(self.noise.snr_db, 10 * math.log10(power / self.sigma**2))

    def at(self, snr_db: float) -> Law:
        """The same with another SNR."""
        return replace(self, noise=replace(self.noise, snr_db=snr_db))

    def under(self, condition: str) -> Law:
        """The same with what a condition changes of the noise.

        Raises:
            ConfigError: There is no such condition.
        """
        if condition not in CONDITIONS:
            raise ConfigError(f'condition must be {", ".join(CONDITIONS)}, not "{condition}"')
        return replace(self, noise=replace(self.noise, **CONDITIONS[condition]))


@dataclass(frozen=True, slots=True)
class Snr:
    """Signal to noise by both definitions, for a pulse of mean amplitude and the white noise.

    Attributes:
        peak_db: 20 log10 of peak over standard deviation.
        power_db: 10 log10 of the mean square over the samples over the variance.
    """

    peak_db: float
    power_db: float

    def __str__(self) -> str:
        return f"SNR_peak {self.peak_db:.1f} dB (SNR_pow {self.power_db:.1f} dB)"
