"""Shapes of detector pulses: unit peak, zero before the pulse begins, with their slopes.

Times are in nanoseconds from the beginning of the pulse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.quantities import Quantity

Array = NDArray[np.float64]

SHAPER_ORDER = 2
"""Integrations of the semi-Gaussian shaper: CR-RC², as in the electronics of calorimeters."""

SHAPER_TAU = Quantity(20.0, "ns", "a shaper that peaks at 40 ns, ten samples of 4 ns", "assumed")
LYSO_DECAY = Quantity(40.0, "ns", "LYSO:Ce, decay constant 40 to 44 ns", "published")
LYSO_PHOTONS = Quantity(
    40_000.0, "photons/MeV", "LYSO:Ce, arXiv 2205.14890, section 1", "published"
)
FRONT_END_RISE = Quantity(8.0, "ns", "rise of a preamplifier behind LYSO", "assumed")


class Shape(Protocol):
    """A pulse of unit peak that begins at 0."""

    @property
    def name(self) -> str:
        """As people say it."""
        ...

    @property
    def peak_ns(self) -> float:
        """When it is highest."""
        ...

    def value(self, time_ns: Array, stretch: Array | float = 1.0) -> Array:
        """The pulse at times of any shape, its time axis stretched by a factor."""
        ...

    def slope(self, time_ns: Array) -> Array:
        """The derivative, in 1/ns."""
        ...


@dataclass(frozen=True, slots=True)
class CrRc:
    """The semi-Gaussian pulse of a CR-RCⁿ shaper: (e x)ⁿ exp(-n x) with x = t / (n τ).

    Attributes:
        order: Integrations n, 1 to 8.
        tau_ns: Time constant τ; the peak is at n τ.

    Raises:
        ConfigError: A value is out of range.
    """

    order: int = SHAPER_ORDER
    tau_ns: float = SHAPER_TAU.value

    def __post_init__(self) -> None:
        if not 1 <= self.order <= 8:
            raise ConfigError(f"order must be 1 to 8, not {self.order}")
        _check_time("tau_ns", self.tau_ns)

    @property
    def name(self) -> str:
        """With its order."""
        return f"CR-RC^{self.order}"

    @property
    def peak_ns(self) -> float:
        """N τ."""
        return self.order * self.tau_ns

    def value(self, time_ns: Array, stretch: Array | float = 1.0) -> Array:
        """The pulse; a stretch is a factor of τ."""
        x = np.maximum(time_ns, 0.0) / (self.peak_ns * stretch)
        found: Array = (math.e * x) ** self.order * np.exp(-self.order * x)
        return found

    def slope(self, time_ns: Array) -> Array:
        """N (1/x - 1) s(x) / (n τ)."""
        n, x = self.order, np.maximum(time_ns, 0.0) / self.peak_ns
        rising = math.e * n * (math.e * x) ** (n - 1) * np.exp(-n * x)
        found: Array = np.where(time_ns > 0, rising * (1 - x), 0.0) / self.peak_ns
        return found


@dataclass(frozen=True, slots=True)
class BiExponential:
    """The pulse of a scintillator behind a fast amplifier: exp(-t/decay) - exp(-t/rise).

    Attributes:
        rise_ns: Time constant of the rise, below `decay_ns`.
        decay_ns: Time constant of the decay.

    Raises:
        ConfigError: A time is not positive, or the rise is not the faster one.
    """

    rise_ns: float = FRONT_END_RISE.value
    decay_ns: float = LYSO_DECAY.value

    def __post_init__(self) -> None:
        _check_time("rise_ns", self.rise_ns)
        _check_time("decay_ns", self.decay_ns)
        if self.rise_ns >= self.decay_ns:
            raise ConfigError(
                f"rise_ns must be below decay_ns, {self.decay_ns:g}, not {self.rise_ns:g}"
            )

    @property
    def name(self) -> str:
        """As people say it."""
        return "bi-exponential"

    @property
    def peak_ns(self) -> float:
        """Where both exponentials fall alike."""
        ratio = self.decay_ns / self.rise_ns
        return self.rise_ns * self.decay_ns * math.log(ratio) / (self.decay_ns - self.rise_ns)

    @property
    def _height(self) -> float:
        at = self.peak_ns
        return math.exp(-at / self.decay_ns) - math.exp(-at / self.rise_ns)

    def value(self, time_ns: Array, stretch: Array | float = 1.0) -> Array:
        """The pulse; a stretch is a factor of both times."""
        t = np.maximum(time_ns, 0.0) / stretch
        found: Array = (np.exp(-t / self.decay_ns) - np.exp(-t / self.rise_ns)) / self._height
        return found

    def slope(self, time_ns: Array) -> Array:
        """The derivative; 0 before the beginning."""
        t = np.maximum(time_ns, 0.0)
        falling = np.exp(-t / self.rise_ns) / self.rise_ns
        falling -= np.exp(-t / self.decay_ns) / self.decay_ns
        found: Array = np.where(time_ns > 0, falling, 0.0) / self._height
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Tabulated:
    """A pulse known by its values, such as a mean of measured ones; straight between them.

    Attributes:
        step_ns: Time between values; the first one is at 0.
        values: From the beginning of the pulse, (points,); scaled to a peak of 1.

    Raises:
        ConfigError: There are fewer than two values, or none is positive.
    """

    step_ns: float
    values: Array

    def __post_init__(self) -> None:
        _check_time("step_ns", self.step_ns)
        if self.values.ndim != 1 or len(self.values) < 2 or not self.values.max() > 0:
            raise ConfigError("a tabulated pulse needs two values or more, one of them above 0")
        object.__setattr__(self, "values", self.values / self.values.max())

    @property
    def name(self) -> str:
        """As people say it."""
        return "tabulated"

    @property
    def peak_ns(self) -> float:
        """Of the largest value."""
        return float(self.values.argmax()) * self.step_ns

    def value(self, time_ns: Array, stretch: Array | float = 1.0) -> Array:
        """Interpolated; 0 outside."""
        times = np.arange(len(self.values)) * self.step_ns
        return np.interp(time_ns / stretch, times, self.values, left=0.0, right=0.0)

    def slope(self, time_ns: Array) -> Array:
        """Central differences of the values, interpolated; 0 outside."""
        times = np.arange(len(self.values)) * self.step_ns
        slopes = np.gradient(self.values, self.step_ns)
        return np.interp(time_ns, times, slopes, left=0.0, right=0.0)


def _check_time(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name} must be above 0, not {value}")
