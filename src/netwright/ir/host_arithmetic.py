"""Functions of a chip that adds and multiplies and does nothing else, rounded step by step.

Exponentials and hyperbolic tangents are truncated Taylor series, reciprocals steps of Newton's
method, inverse roots the trick with the bits of a float32 and steps of Newton's method. Every sum
and every product is rounded to the nearest, ties to even. Results below the smallest normal
float32 of the exponential and of the reciprocal are 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import ConfigError, DataError
from netwright.formats.bfloat import Floats, flushed, rounded_to_bfloat16

LIMITS = {"exp_terms": 12, "tanh_terms": 8, "newton_steps": 6, "root_steps": 6}
"""The most that each setting may be; the least is 1."""

MAGIC = np.int32(0x5F3759DF)
"""Half of it is the exponent of an inverse root (known from Quake III)."""

LOG2_E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693359375, -2.12194440e-4
"""ln 2 in two parts: the products of the first with a whole exponent are exact in float32."""

SERIES_REACH = 0.5
"""Up to this magnitude a hyperbolic tangent is its own series, beyond it is made of powers."""

LANES = 16
"""Neighbors that are added up in a tree; the sums of these are added one after the other."""

CHUNK = 1 << 15
"""Elements that are worked on together, so that they stay near the processor."""


@dataclass(frozen=True, slots=True)
class HostArithmetic:
    """How far series and iterations go, and the format that every result is rounded to.

    Attributes:
        exp_terms: Terms of the exponential's series behind the first, which is 1.
        tanh_terms: Terms of the series of the hyperbolic tangent, all odd.
        newton_steps: Steps of the reciprocal, from 48/17 - 32/17 m of a mantissa m.
        root_steps: Steps of the inverse root.
        bits: 32 for float32, 16 for bfloat16.

    Raises:
        ConfigError: A setting is out of range.

    Example:
        >>> float(HostArithmetic().exp([1.0])[0]), float(HostArithmetic(exp_terms=2).exp([1.0])[0])
        (2.7182817459106445, 2.707864284515381)
    """

    exp_terms: int = 6
    tanh_terms: int = 6
    newton_steps: int = 3
    root_steps: int = 3
    bits: int = 32

    def __post_init__(self) -> None:
        faults = [
            f"{name} must be from 1 to {most}, not {getattr(self, name)!r}"
            for name, most in LIMITS.items()
            if type(getattr(self, name)) is not int or not 1 <= getattr(self, name) <= most
        ]
        if type(self.bits) is not int or self.bits not in (16, 32):
            faults.append(f"bits must be 16 or 32, not {self.bits!r}")
        if faults:
            raise ConfigError(faults)

    def round(self, values: ArrayLike) -> Floats:
        """The nearest values of the format."""
        with np.errstate(over="ignore"):
            array = np.asarray(values, np.float32)
        return array if self.bits == 32 else rounded_to_bfloat16(array)

    def exp(self, x: ArrayLike) -> Floats:
        """Powers of e: ``2**k`` times the series of ``x - k ln 2``."""
        x, r = np.asarray(x, np.float32), self.round
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.clip(np.where(np.isnan(x), np.float32(0), x), -104, 90).astype(np.float32)
            k = np.rint(near * np.float32(LOG2_E))
            rest = r(near - r(k * r(LN2_HIGH)))
            rest = r(rest - r(k * r(LN2_LOW)))
            coefficients = [r(1 / factorial(n)) for n in range(self.exp_terms, -1, -1)]
            made = np.broadcast_to(coefficients[0], x.shape)
            for coefficient in coefficients[1:]:
                made = r(r(made * rest) + coefficient)
            made = flushed(_scaled(made, k.astype(np.int32)))
        return np.where(np.isnan(x), x, made)

    def reciprocal(self, x: ArrayLike) -> Floats:
        """One over a value; of subnormal numbers and zeros infinity."""
        x, r = np.asarray(x, np.float32), self.round
        words = x.view(np.uint32)
        mantissa = (words & np.uint32(0x7FFFFF) | np.uint32(0x3F000000)).view(np.float32)
        field = (words >> np.uint32(23) & np.uint32(0xFF)).astype(np.int32)
        with np.errstate(over="ignore", invalid="ignore"):
            made = r(r(48 / 17) - r(r(32 / 17) * mantissa))
            for _ in range(self.newton_steps):
                made = r(made * r(np.float32(2) - r(mantissa * made)))
            made = flushed(_scaled(made, 126 - field))
        made = np.where(field == 0, np.float32(np.inf), made)
        made = np.where(field == 255, np.float32(0), made)
        return np.where(np.isnan(x), x, np.copysign(made, x))

    def divide(self, a: ArrayLike, b: ArrayLike) -> Floats:
        """Quotients: a product with the reciprocal."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.round(np.asarray(a, np.float32) * self.reciprocal(b))

    def inverse_root(self, x: ArrayLike) -> Floats:
        """One over the root; of subnormal numbers and zeros infinity, of negative ones NaN."""
        x, r = np.asarray(x, np.float32), self.round
        made = r((MAGIC - (x.view(np.int32) >> 1)).view(np.float32))
        with np.errstate(over="ignore", invalid="ignore"):
            half = r(np.float32(0.5) * x)
            for _ in range(self.root_steps):
                made = r(made * r(np.float32(1.5) - r(r(half * made) * made)))
        made = np.where(np.abs(x) < np.finfo(np.float32).tiny, np.float32(np.inf), made)
        made = np.where(x == np.inf, np.float32(0), made)
        return np.where(np.isnan(x) | (x <= -np.finfo(np.float32).tiny), np.float32(np.nan), made)

    def tanh(self, x: ArrayLike) -> Floats:
        """Hyperbolic tangents: a series near 0, else (1 - p) / (1 + p) with p = exp(-2 abs(x))."""
        x, r = np.asarray(x, np.float32), self.round
        size = np.abs(x)
        near = r(np.square(np.minimum(size, np.float32(SERIES_REACH))))
        numbers = [r(float(c)) for c in tanh_coefficients()[: self.tanh_terms]]
        made = np.broadcast_to(numbers[-1], x.shape)
        for number in numbers[-2::-1]:
            made = r(r(made * near) + number)
        with np.errstate(over="ignore"):
            power = self.exp(np.float32(-2) * size)
        far = self.divide(r(np.float32(1) - power), r(np.float32(1) + power))
        made = np.where(size <= SERIES_REACH, r(made * x), np.copysign(far, x))
        return np.where(np.isnan(x), x, made)

    def sigmoid(self, x: ArrayLike) -> Floats:
        """1 / (1 + exp(-x)), from the power of what is negative."""
        x, r = np.asarray(x, np.float32), self.round
        power = self.exp(-np.abs(x))
        share = self.reciprocal(r(np.float32(1) + power))
        return np.where(x >= 0, share, r(power * share))

    def silu(self, x: ArrayLike) -> Floats:
        """X times its sigmoid."""
        x = np.asarray(x, np.float32)
        with np.errstate(invalid="ignore"):
            return self.round(x * self.sigmoid(x))

    def gelu(self, x: ArrayLike) -> Floats:
        """X / 2 times 1 + tanh of the polynomial that language models use."""
        x, r = np.asarray(x, np.float32), self.round
        with np.errstate(over="ignore", invalid="ignore"):
            cube = r(r(x * x) * x)
            inner = r(r(np.sqrt(2 / np.pi)) * r(x + r(r(0.044715) * cube)))
            return r(r(np.float32(0.5) * x) * r(np.float32(1) + self.tanh(inner)))

    def sums(self, values: ArrayLike) -> Floats:
        """Sums along the last axis: trees of neighbors, and these one after the other.

        Raises:
            DataError: There is one number, and no axis.
        """
        values = np.asarray(values, np.float32)
        if not values.ndim:
            raise DataError("a single number has no axis to add up along")
        extent = values.shape[-1]
        padded = np.zeros((*values.shape[:-1], -(-extent // LANES) * LANES), np.float32)
        padded[..., :extent] = values
        terms = padded.reshape(*values.shape[:-1], padded.shape[-1] // LANES, LANES)
        with np.errstate(over="ignore", invalid="ignore"):
            while terms.shape[-1] > 1:
                terms = self.round(terms[..., ::2] + terms[..., 1::2])
            total = np.zeros(values.shape[:-1], np.float32)
            for step in range(terms.shape[-2]):
                total = self.round(total + terms[..., step, 0])
        return total

    def softmax(self, x: ArrayLike) -> Floats:
        """Shares along the last axis; 0 where all are minus infinity."""
        x = np.asarray(x, np.float32)
        largest = x.max(axis=-1, keepdims=True, initial=-np.inf)
        largest = np.where(np.isneginf(largest), np.float32(0), largest)
        with np.errstate(invalid="ignore"):
            powers = in_chunks(self.exp, self.round(x - largest))
        total = self.sums(powers)[..., None]
        share = np.where(total == 0, np.float32(0), self.reciprocal(total))
        return self.round(powers * share)

    def normalize(self, x: ArrayLike, epsilon: float, *, centered: bool) -> Floats:
        """Along the last axis: over the root of the mean square, without the mean if `centered`."""
        x, r = np.asarray(x, np.float32), self.round
        one = r(1 / max(x.shape[-1], 1))
        with np.errstate(over="ignore", invalid="ignore"):
            if centered:
                x = r(x - r(self.sums(x) * one)[..., None])
            square = r(self.sums(r(x * x)) * one)
            return r(x * self.inverse_root(r(square + r(epsilon)))[..., None])


def _scaled(values: Floats, exponents: NDArray[np.int32]) -> Floats:
    """Values from 0.5 to 2 times powers of two, in two exact steps and the last one rounded."""
    first = exponents >> 1
    made = values
    for part in (first, exponents - first):
        made = made * ((part + 127) << 23).astype(np.int32).view(np.float32)
    return made


@cache
def tanh_coefficients() -> tuple[Fraction, ...]:
    """Coefficients of x, x**3, x**5, ...: the derivative is 1 - tanh**2.

    >>> [str(number) for number in tanh_coefficients()[:4]]
    ['1', '-1/3', '2/15', '-17/315']
    """
    found = [Fraction(1)]
    for n in range(1, LIMITS["tanh_terms"]):
        square = sum((found[i] * found[n - 1 - i] for i in range(n)), Fraction(0))
        found.append(-square / (2 * n + 1))
    return tuple(found)


def in_chunks(function: Callable[[Floats], Floats], values: Floats) -> Floats:
    """A function of single elements, over parts of an array."""
    flat = np.ascontiguousarray(values, np.float32).reshape(-1)
    made = np.empty_like(flat)
    for start in range(0, len(flat), CHUNK):
        made[start : start + CHUNK] = function(flat[start : start + CHUNK])
    return made.reshape(values.shape)
