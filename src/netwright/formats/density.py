"""Zeros anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.formats.pattern import check_density, places_bits, share


@dataclass(frozen=True, slots=True)
class Density:
    """At most a share of the elements is not zero; nothing is known of where these lie.

    Attributes:
        density: The share, 0 to 1.

    Raises:
        NumericsError: It is no share.
    """

    density: float

    def __post_init__(self) -> None:
        check_density(self.density, what="density")
        object.__setattr__(self, "density", float(self.density))

    @property
    def kind(self) -> str:
        """Its name in files, and where units of machines say that they skip these zeros."""
        return "density"

    def __str__(self) -> str:
        return f"Density({self.density:g})"

    def shape_fault(self, shape: tuple[int, ...]) -> str:
        """Empty: tensors of every shape can have this pattern."""
        return ""

    def fault(self, values: NDArray[Any]) -> str:
        """Why `values` have more elements that are not zero; else empty.

        >>> Density(0.5).fault(np.array([1, 0, 2, 3]))
        '3 of 4 elements are not zero, Density(0.5) allows 2; the first too many is at (3,)'
        """
        allowed = self.num_values(values.shape)
        found = int(np.count_nonzero(values))
        if found <= allowed:
            return ""
        position = tuple(int(i) for i in np.argwhere(values)[allowed])
        return (
            f"{found} of {values.size} elements are not zero, {self} allows {allowed}; "
            f"the first too many is at {position}"
        )

    def num_values(self, shape: tuple[int, ...]) -> int:
        """Elements that are kept."""
        return share(self.density, prod(shape))

    def metadata_bits(self, shape: tuple[int, ...]) -> int:
        """A bit for each element, or the number of each kept one, whichever is less."""
        return places_bits(self.num_values(shape), prod(shape))
