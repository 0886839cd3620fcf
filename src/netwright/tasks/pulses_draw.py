"""Pulses drawn by a law, as a digitizer would have them, with what they truly are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.tasks.pulses_law import Law, Noise
from netwright.tasks.pulses_sipm import Sipm
from netwright.tasks.split import check_seed

Array = NDArray[np.float64]

MOST_ROWS = 4_000_000
WAVE_PERIODS_NS = (400.0, 4000.0)
"""Between which the period of a wandering baseline lies, uniformly."""

_BATCH = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Pulses:
    """Pulses as they were measured, and as they truly are.

    Attributes:
        codes: Of the digitizer, int64, (rows, samples).
        times_ns: Beginning of each, from the first sample, (rows,).
        amplitudes: Peak of each, of full scale, (rows,).
        clean: Each without noise, pile-up and baseline, of full scale, (rows, samples).
        law: By which they were drawn; of several laws the first.
    """

    codes: NDArray[np.int64]
    times_ns: Array
    amplitudes: Array
    clean: NDArray[np.float32]
    law: Law

    def __len__(self) -> int:
        """Return the number of pulses."""
        return len(self.times_ns)

    @property
    def samples(self) -> Array:
        """What was measured above the pedestal, of full scale, (rows, samples)."""
        digitizer = self.law.digitizer
        return (self.codes - digitizer.pedestal_code).astype(np.float64) * digitizer.lsb


def draw(law: Law, rows: int, *, seed: int | Sequence[int]) -> Pulses:
    """Draw pulses.

    Args:
        law: By which.
        rows: How many, 1 to 4 000 000.
        seed: Equal seeds draw equal pulses, but for those of a silicon photomultiplier; several
            numbers are one seed.

    Raises:
        ConfigError: A number is out of range.
    """
    check_rows(rows)
    for part in (seed,) if isinstance(seed, int) else seed:
        check_seed(part)
    random = np.random.default_rng(seed)
    times = law.first_ns + law.range_ns * random.random(rows)
    amplitudes = law.least + (law.most - law.least) * random.random(rows)
    codes = np.empty((rows, law.digitizer.samples), np.int64)
    clean = np.empty(codes.shape, np.float32)
    for first in range(0, rows, _BATCH):
        chosen = slice(first, first + _BATCH)
        values, pure = _analog(law, times[chosen], amplitudes[chosen], random)
        codes[chosen], clean[chosen] = digitize(values, law), pure
    return Pulses(codes, times, amplitudes, clean, law)


def draw_mixed(laws: Sequence[Law], rows: int, *, seed: int) -> Pulses:
    """Draw pulses of several laws with one digitizer, as many of each, in random order.

    Raises:
        ConfigError: A number is out of range, or there is no law.
    """
    if not laws or any(law.digitizer != laws[0].digitizer for law in laws):
        raise ConfigError("pulses are drawn by one law or more, all with the same digitizer")
    check_rows(rows)
    counts = [rows // len(laws) + (at < rows % len(laws)) for at in range(len(laws))]
    parts = [
        draw(law, count, seed=(seed, at))
        for at, (law, count) in enumerate(zip(laws, counts, strict=True))
        if count
    ]
    order = np.random.default_rng(seed).permutation(rows)
    return Pulses(
        np.concatenate([part.codes for part in parts])[order],
        np.concatenate([part.times_ns for part in parts])[order],
        np.concatenate([part.amplitudes for part in parts])[order],
        np.concatenate([part.clean for part in parts])[order],
        laws[0],
    )


def digitize(values: Array, law: Law) -> NDArray[np.int64]:
    """The codes of values above the pedestal, of full scale, (rows, samples)."""
    digitizer = law.digitizer
    codes = np.rint(values / digitizer.lsb).astype(np.int64) + digitizer.pedestal_code
    found: NDArray[np.int64] = np.clip(codes, 0, (1 << digitizer.bits) - 1)
    return found


def flicker(rows: int, samples: int, random: np.random.Generator) -> Array:
    """Noise with a 1/f power density and unit root mean square, (rows, samples).

    White noise of four times the length is weighted with f^(-1/2); the constant part is left out.
    """
    spectrum = np.fft.rfft(random.standard_normal((rows, 4 * samples)))
    weights = np.zeros(spectrum.shape[1])
    weights[1:] = np.arange(1, spectrum.shape[1]) ** -0.5
    power = 2 * np.square(weights[1:-1]).sum() + weights[-1] ** 2
    found = np.fft.irfft(spectrum * weights)[:, :samples]
    return found * np.sqrt(4 * samples / power)


def check_rows(rows: int, *, name: str = "rows") -> None:
    """Refuse a number of pulses that cannot be drawn.

    Args:
        rows: The number.
        name: What messages call it.

    Raises:
        ConfigError: It is no number from 1 to :data:`MOST_ROWS`.
    """
    if isinstance(rows, bool) or not 1 <= rows <= MOST_ROWS:
        raise ConfigError(f"{name} must be 1 to {MOST_ROWS}, not {rows}")


def _analog(
    law: Law, times: Array, amplitudes: Array, random: np.random.Generator
) -> tuple[Array, Array]:
    """Pulses with all that disturbs them, and without; of full scale."""
    noise, rows = law.noise, len(times)
    at = law.digitizer.times_ns - times[:, None]
    if isinstance(law.shape, Sipm):
        pure = law.shape.events(at, amplitudes, random)
    else:
        pure = amplitudes[:, None] * law.shape.value(at)
    values = pure
    if noise.clock_ns or noise.stretch:
        moved = at + noise.clock_ns * random.standard_normal(at.shape)
        stretch = 1 + noise.stretch * np.clip(random.standard_normal((rows, 1)), -4, 4)
        values = amplitudes[:, None] * law.shape.value(moved, stretch)
        pure = amplitudes[:, None] * law.shape.value(at, stretch)
    values = values + law.sigma * random.standard_normal(at.shape)
    values += noise.baseline * random.uniform(-1, 1, (rows, 1))
    values += _slow(law, noise, rows, random)
    if noise.pileup_ns:
        values += _pileup(law, times, random)
    return values, pure


def _slow(law: Law, noise: Noise, rows: int, random: np.random.Generator) -> Array | float:
    """Noise with a 1/f density, and the wandering baseline."""
    found: Array | float = 0.0
    count = law.digitizer.samples
    if noise.flicker:
        found = noise.flicker * law.sigma * flicker(rows, count, random)
    if noise.wander:
        period = random.uniform(*WAVE_PERIODS_NS, (rows, 1))
        phase = random.uniform(0, 2 * np.pi, (rows, 1))
        angle = 2 * np.pi * law.digitizer.times_ns / period + phase
        found = found + noise.wander * np.sin(angle)
    return found


def _pileup(law: Law, times: Array, random: np.random.Generator) -> Array:
    """The pulse before each and the one behind it, at exponential distances."""
    rows = len(times)
    at = law.digitizer.times_ns - times[:, None]
    found = np.zeros_like(at)
    for sign in (-1, 1):
        distance = sign * random.exponential(law.noise.pileup_ns, (rows, 1))
        height = random.uniform(law.least, law.most, (rows, 1))
        found += height * law.shape.value(at - distance)
    return found
