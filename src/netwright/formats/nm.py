"""N:M sparsity."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import NumericsError
from netwright.formats.pattern import places_bits

MAX_GROUP = 1024


@dataclass(frozen=True, slots=True)
class NM:
    """Of every group of `group` neighbors along an axis, at most `kept` are not zero.

    Written kept:group, as in 2:4.

    Attributes:
        kept: The most of a group that is not zero.
        group: Extent of a group, 1 to 1024; divides the tensor's extent along `axis`.
        axis: The axis along which a group extends, usually the one that a product sums over.

    Raises:
        NumericsError: A value is not accepted.
    """

    kept: int
    group: int
    axis: int = 0

    def __post_init__(self) -> None:
        for what in ("kept", "group", "axis"):
            value = getattr(self, what)
            if isinstance(value, bool) or not isinstance(value, int):
                raise NumericsError(f"N:M {what} must be an integer, not {value!r}")
        if not 1 <= self.group <= MAX_GROUP:
            raise NumericsError(f"N:M group must be from 1 to {MAX_GROUP}, not {self.group}")
        if not 0 <= self.kept <= self.group:
            raise NumericsError(f"N:M must keep from 0 to {self.group} of a group, not {self.kept}")

    @property
    def kind(self) -> str:
        """Its name in files, and where units of machines say that they skip these zeros."""
        return "nm"

    def __str__(self) -> str:
        return f"NM({self.kept}:{self.group})"

    def shape_fault(self, shape: tuple[int, ...]) -> str:
        """Why a tensor of `shape` cannot have this pattern; empty if it can."""
        if not 0 <= self.axis < len(shape):
            return f"the axis of {self} must be from 0 to {len(shape) - 1}, not {self.axis}"
        if shape[self.axis] % self.group:
            return f"{self} must divide axis {self.axis}, which has extent {shape[self.axis]}"
        return ""

    def fault(self, values: NDArray[Any]) -> str:
        """Why `values` do not have this pattern, naming the first group too full; else empty.

        >>> NM(2, 4).fault(np.array([1, 0, 0, 2, 3, 4, 0, 5]))
        'NM(2:4) allows 2 of 4 elements, the group that begins at (4,) has 3'
        """
        fault = self.shape_fault(values.shape)
        if fault:
            return fault
        axis = self.axis
        shape = (*values.shape[:axis], -1, self.group, *values.shape[axis + 1 :])
        if not values.size:
            return ""
        found = (values.reshape(shape) != 0).sum(axis=axis + 1)
        full = np.argwhere(found > self.kept)
        if not len(full):
            return ""
        position = [int(i) for i in full[0]]
        number = int(found[tuple(position)])
        position[axis] *= self.group
        return (
            f"{self} allows {self.kept} of {self.group} elements, "
            f"the group that begins at {tuple(position)} has {number}"
        )

    def mask(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Which elements stay: of every group the `kept` of largest magnitude, zeros among them.

        Of equal magnitudes the one with the lowest index stays.

        Raises:
            NumericsError: The tensor cannot have the pattern, or holds NaN or no numbers.

        >>> NM(2, 4).mask(np.array([1, -3, 3, 3, 0, 0, 0, 5])).astype(int)
        array([0, 1, 1, 0, 1, 0, 0, 1])
        """
        fault = self.shape_fault(values.shape)
        if fault:
            raise NumericsError(fault)
        rows = np.moveaxis(values, self.axis, -1)
        groups = _negated_magnitudes(rows).reshape(-1, self.group)
        order = np.argsort(groups, axis=1, kind="stable")[:, : self.kept]
        mask = np.zeros(groups.shape, dtype=np.bool_)
        np.put_along_axis(mask, order, True, axis=1)
        return np.moveaxis(mask.reshape(rows.shape), -1, self.axis)

    def num_values(self, shape: tuple[int, ...]) -> int:
        """Elements that are kept: `kept` of every group."""
        return prod(shape) // self.group * self.kept

    def metadata_bits(self, shape: tuple[int, ...]) -> int:
        """For each group the place of each kept element, or a bit for each place if that is less.

        Two bits for each kept element of 2:4, as sparse tensor cores store it (NVIDIA, PTX ISA,
        ``mma.sp``).
        """
        return prod(shape) // self.group * places_bits(self.kept, self.group)


def _negated_magnitudes(values: NDArray[Any]) -> NDArray[Any]:
    """Minus the magnitude of each value, which every width has, that of the least integer too."""
    if values.dtype.kind == "b":
        values = values.astype(np.int8)
    elif values.dtype.kind == "u":
        values = values.astype(np.int64 if values.dtype.itemsize < 8 else np.float64)
    if values.dtype.kind not in "if":
        raise NumericsError(f"N:M needs numbers, not {values.dtype}")
    if np.isnan(values).any():
        raise NumericsError("N:M cannot order NaN by magnitude")
    negated: NDArray[Any] = np.minimum(values, -values)
    return negated
