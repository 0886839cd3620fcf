"""The least errors that time and amplitude of a pulse can be estimated with: Cramér and Rao.

With white noise of variance σ² and the three unknowns beginning, amplitude and baseline, the
columns of J are the derivatives [-A s', s, 1] at the samples, and the covariance of estimates
without bias is at least σ² (JᵀJ)⁻¹.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.tasks.pulses_law import Law

Array = NDArray[np.float64]

BEGINNINGS = 64
"""Beginnings within the law's range over which bounds are averaged."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The least root mean square errors.

    Attributes:
        time_ps: Of the beginning, in picoseconds.
        amplitude: Of the amplitude, relative to it.
    """

    time_ps: float
    amplitude: float


def jacobian(law: Law, time_ns: float, amplitude: float) -> Array:
    """Derivatives of the samples by beginning (ns), amplitude and baseline, (samples, 3)."""
    at = law.digitizer.times_ns - time_ns
    slope, value = law.shape.slope(at), law.shape.value(at)
    return np.stack([-amplitude * slope, value, np.ones_like(at)], axis=1)


def noise_variance(law: Law) -> float:
    """Variance of a sample: white noise, and rounding as uniform noise within a code."""
    return law.sigma**2 + law.digitizer.lsb**2 / 12


def bound_at(law: Law, time_ns: float, amplitude: float) -> Bound:
    """The bound for one beginning and one amplitude, under white noise.

    Raises:
        ConfigError: The law has other noise than white: this is no bound for it.
    """
    _check_white(law)
    columns = jacobian(law, time_ns, amplitude)
    covariance = noise_variance(law) * np.linalg.inv(columns.T @ columns)
    return Bound(
        1000 * float(np.sqrt(covariance[0, 0])), float(np.sqrt(covariance[1, 1])) / amplitude
    )


def averaged_bound(law: Law) -> Bound:
    """Root of the mean of the squared bounds over the law's beginnings and amplitudes.

    Both squared errors fall with the square of the amplitude, whose mean of 1/A² under the uniform
    law is 1 / (least · most). Small pulses dominate: it is above the bound at the mean amplitude.

    Raises:
        ConfigError: The law has other noise than white.
    """
    places = (np.arange(BEGINNINGS) + 0.5) / BEGINNINGS
    found = [bound_at(law, law.first_ns + law.range_ns * place, 1.0) for place in places]
    spread = 1 / (law.least * law.most)
    time = np.mean([bound.time_ps**2 for bound in found]) * spread
    amplitude = np.mean([bound.amplitude**2 for bound in found]) * spread
    return Bound(float(np.sqrt(time)), float(np.sqrt(amplitude)))


def _check_white(law: Law) -> None:
    noise = law.noise
    others = ("flicker", "wander", "pileup_ns", "clock_ns", "stretch")
    named = [name for name in others if getattr(noise, name)]
    if named:
        raise ConfigError(
            f"the bound is for white noise; this law has {', '.join(named)} besides",
            hint="take the bound of the law without, and say so",
        )
