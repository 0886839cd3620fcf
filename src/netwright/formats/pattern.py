"""Patterns: where the zeros of a tensor lie, and what it costs to leave them out."""

from __future__ import annotations

import math
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from netwright.errors import NumericsError


@runtime_checkable
class Pattern(Protocol):
    """What every pattern of zeros answers; ``str`` of one is its name.

    ``netwright.testing.PatternSuite`` checks an implementation.
    """

    @property
    def kind(self) -> str:
        """Its name in files, and where units of machines say that they skip these zeros."""

    def shape_fault(self, shape: tuple[int, ...]) -> str:
        """Why a tensor of `shape` cannot have this pattern; empty if it can."""

    def fault(self, values: NDArray[Any]) -> str:
        """Why `values` do not have this pattern, naming the first place; else empty."""

    def num_values(self, shape: tuple[int, ...]) -> int:
        """Elements that are kept of a tensor of `shape`: the most that the pattern allows."""

    def metadata_bits(self, shape: tuple[int, ...]) -> int:
        """Bits that say where the kept elements lie, in the densest form that is in use."""


def check_density(density: float, *, what: str) -> None:
    """Refuse what is no share.

    Raises:
        NumericsError: `density` is not from 0 to 1.
    """
    if not (math.isfinite(density) and 0 <= density <= 1):
        raise NumericsError(f"{what} must be from 0 to 1, not {density}")


def share(density: float, count: int) -> int:
    """The largest number of `count` things that is at most the share `density` of them.

    A share that was computed from a number allows that number.
    """
    return min(count, math.floor(density * count * (1 + 1e-12)))


def places_bits(kept: int, places: int) -> int:
    """Bits that say which `kept` of `places` are kept: one for each, or a number for each kept."""
    return min(places, kept * index_bits(places))


def index_bits(places: int) -> int:
    """Bits of a number that names one of `places`."""
    return max(places - 1, 0).bit_length()
