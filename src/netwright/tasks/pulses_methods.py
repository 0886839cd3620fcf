"""Time and amplitude of pulses without a network: what detector electronics have always done.

Every function takes samples above the pedestal, of full scale, ``(rows, samples)``, and returns one
value for each row: times in nanoseconds from the first sample. Each method of timing has a fixed
offset, which :func:`calibrated` takes off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.tasks.pulses_draw import Pulses
from netwright.tasks.pulses_law import Law
from netwright.tasks.pulses_shapes import Shape

Array = NDArray[np.float64]

BASELINE_SAMPLES = 8
"""First samples whose mean is the baseline of a pulse."""

FRACTION = 0.3
CFD_FRACTION = 0.4
CFD_DELAY_NS = 20.0
THRESHOLD = 0.05
WALK_ORDER = 4
ITERATIONS = 8


def without_baseline(samples: Array, *, count: int = BASELINE_SAMPLES) -> Array:
    """The samples less the mean of the first ones."""
    return samples - samples[:, :count].mean(axis=1, keepdims=True)


def peak(samples: Array) -> Array:
    """The largest sample above the baseline, refined by a parabola through its neighbors."""
    values = without_baseline(samples)
    at = np.clip(values.argmax(axis=1), 1, values.shape[1] - 2)
    left, middle, right = (_taken(values, at + step) for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    flat = np.where(bend < 0, bend, -np.inf)
    return middle - np.square(right - left) / (8 * flat)


def leading_edge(samples: Array, *, period_ns: float, threshold: float | Array) -> Array:
    """When the pulse crosses a threshold on its way to the peak, straight between samples.

    A pulse that never does has the time of its peak.

    Args:
        samples: Samples.
        period_ns: Between samples.
        threshold: Above the baseline, of full scale; one, or one for each row.
    """
    values = without_baseline(samples)
    top = values.argmax(axis=1)
    level = np.broadcast_to(np.asarray(threshold, np.float64), top.shape)
    places = np.arange(values.shape[1])
    below = (values < level[:, None]) & (places < top[:, None])
    before = values.shape[1] - 1 - below[:, ::-1].argmax(axis=1)
    crossed = below.any(axis=1) & (_taken(values, top) >= level)
    before = np.where(crossed, before, 0)
    low, high = _taken(values, before), _taken(values, before + 1)
    rise = np.where(crossed, high - low, 1.0)
    return period_ns * np.where(crossed, before + (level - low) / rise, top)


def fraction_of_peak(samples: Array, *, period_ns: float, fraction: float = FRACTION) -> Array:
    """When the pulse crosses a fraction of its own peak."""
    _check_fraction(fraction)
    return leading_edge(samples, period_ns=period_ns, threshold=fraction * peak(samples))


def constant_fraction(
    samples: Array,
    *,
    period_ns: float,
    fraction: float = CFD_FRACTION,
    delay_ns: float = CFD_DELAY_NS,
) -> Array:
    """The digital constant-fraction discriminator.

    Where ``z[k] = y[k - D] - f y[k]`` passes zero upward for the first time behind its minimum,
    straight between samples. A pulse without such a place has the time of the minimum.

    Raises:
        ConfigError: The fraction is not between 0 and 1, or the delay is not at least one sample
            and short of all of them.
    """
    _check_fraction(fraction)
    values = without_baseline(samples)
    delay = round(delay_ns / period_ns)
    if not 1 <= delay < values.shape[1] - 1:
        raise ConfigError(
            f"the delay must be 1 to {values.shape[1] - 2} samples of {period_ns:g} ns, "
            f"not {delay_ns:g} ns"
        )
    late = np.zeros_like(values)
    late[:, delay:] = values[:, :-delay]
    z = late - fraction * values
    lowest = z.argmin(axis=1)
    passes = (z[:, :-1] < 0) & (z[:, 1:] >= 0)
    passes &= np.arange(values.shape[1] - 1) >= lowest[:, None]
    found, at = passes.any(axis=1), passes.argmax(axis=1)
    low, high = _taken(z, at), _taken(z, at + 1)
    rise = np.where(found, high - low, 1.0)
    return period_ns * np.where(found, at - low / rise, lowest)


def template_fit(
    samples: Array, shape: Shape, *, period_ns: float, start_ns: Array | float,
    iterations: int = ITERATIONS,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Least squares of beginning, amplitude and baseline: Gauss and Newton on a known shape.

    With ``x ≈ A s(t - t0) - (A δ) s'(t - t0) + b`` the three normal equations are solved for A,
    A δ and b, and t0 grows by δ, again and again. It is the optimal filter for white noise.

    Args:
        samples: Samples.
        shape: The template.
        period_ns: Between samples.
        start_ns: Where to begin; one time, or one for each row.
        iterations: How often.

    Returns:
        Times in ns, amplitudes and baselines of full scale.
    """
    rows, count = samples.shape
    grid = np.arange(count, dtype=np.float64) * period_ns
    start = np.broadcast_to(np.asarray(start_ns, np.float64), (rows,))
    times, span = start.copy(), count * period_ns
    for _ in range(iterations):
        at = grid - times[:, None]
        columns = np.stack([shape.value(at), -shape.slope(at), np.ones_like(at)], axis=2)
        normal = columns.transpose(0, 2, 1) @ columns + 1e-12 * np.eye(3)
        right = (columns * samples[:, :, None]).sum(axis=1)
        amplitude, moved, baseline = np.linalg.solve(normal, right[:, :, None])[:, :, 0].T
        step = moved / np.where(np.abs(amplitude) > 1e-6, amplitude, 1e-6)
        times = np.clip(times + np.clip(step, -2 * period_ns, 2 * period_ns), 0.0, span)
    return times, amplitude, baseline


@dataclass(frozen=True, slots=True)
class Timing:
    """A method of timing with its corrections.

    Attributes:
        name: As people say it.
        function: Samples to times.
        offset_ns: Taken off every time.
        walk: Coefficients of a polynomial in 1/√peak that is taken off, the constant one last;
            empty for none.
    """

    name: str
    function: Callable[[Array], Array]
    offset_ns: float = 0.0
    walk: tuple[float, ...] = ()

    def __call__(self, samples: Array) -> Array:
        """Times of the beginnings, in ns."""
        found = self.function(samples) - self.offset_ns
        return found - np.polyval(self.walk, _steep(samples)) if self.walk else found

    def fitted(self, samples: Array, times_ns: Array) -> Timing:
        """With the corrections that suit pulses of known beginnings."""
        late = self.function(samples) - times_ns
        if self.name != LEADING_EDGE:
            return Timing(self.name, self.function, float(late.mean()))
        walk = np.polyfit(_steep(samples), late, WALK_ORDER)
        return Timing(self.name, self.function, 0.0, tuple(walk.tolist()))


LEADING_EDGE = "leading edge, walk corrected"
CONSTANT_FRACTION = "constant fraction"
PEAK_FRACTION = "fraction of the peak"
TEMPLATE = "template fit"


def calibrated(law: Law, known: Pulses) -> Mapping[str, Timing]:
    """Every classical method for a law's shape and digitizer, corrected on known pulses.

    Args:
        law: Its shape is the template, its middle where the fit begins.
        known: Pulses for the corrections; not those that are tested.
    """
    period = law.digitizer.period_ns
    functions: dict[str, Callable[[Array], Array]] = {
        LEADING_EDGE: partial(leading_edge, period_ns=period, threshold=THRESHOLD),
        CONSTANT_FRACTION: partial(constant_fraction, period_ns=period),
        PEAK_FRACTION: partial(fraction_of_peak, period_ns=period),
        TEMPLATE: partial(_fitted_time, shape=law.shape, period_ns=period, start=law.middle_ns),
    }
    samples = known.samples
    return {
        name: Timing(name, function).fitted(samples, known.times_ns)
        for name, function in functions.items()
    }


def _fitted_time(samples: Array, *, shape: Shape, period_ns: float, start: float) -> Array:
    return template_fit(samples, shape, period_ns=period_ns, start_ns=start)[0]


def _steep(samples: Array) -> Array:
    return 1 / np.sqrt(np.maximum(peak(samples), 1e-3))


def _taken(values: Array, at: NDArray[np.intp]) -> Array:
    return np.take_along_axis(values, at[:, None], axis=1)[:, 0]


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ConfigError(f"fraction must be above 0 and below 1, not {fraction}")
