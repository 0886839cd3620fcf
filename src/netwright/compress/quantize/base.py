"""What chooses the number format and the scale of a tensor: one interface for every quantizer."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from netwright.errors import ConfigError, NumericsError
from netwright.formats import Format, NumberFormat
from netwright.formats.number import first_place
from netwright.settings import Settings

SMALLEST = 2.0**-100
"""A tensor whose magnitudes are all less counts as zeros: scales would not fit single precision."""

SEARCHED_VALUES = 1 << 18
"""Values on which one scale for a whole tensor is searched, in vectors spread over it; a scale for
each channel is searched on all of them."""


class Quantizer(Settings):
    """Base of quantizers; a field is an option, of plans, flows and the command line.

    Attributes:
        bits: Width of an element.
    """

    bits: Annotated[int, Field(ge=2, le=16)] = 4

    @property
    def most_rotated(self) -> int:
        """Neighbors along the grouped axis that are rotated together before; 1 for none."""
        return 1

    @property
    def stored_bits(self) -> float:
        """Bits that one element takes in memory, with its share of what its group stores."""
        return float(self.bits)

    def fit(
        self, values: NDArray[np.floating], *, channel_axis: int | None, group_axis: int
    ) -> Format:
        """Choose number format and scale.

        Args:
            values: Real values: weights, or what a tensor was seen to hold.
            channel_axis: The axis along which each index gets a scale; ``None`` for one scale.
            group_axis: The axis along which neighbors may be coded together: the one that a product
                sums over.

        Returns:
            The format: its scale lies along `channel_axis`, its groups along `group_axis`.

        Raises:
            NumericsError: A value is not finite, or there is none.
            ConfigError: An axis does not exist, or the two are one.
        """
        raise NotImplementedError

    def make(self) -> Self:
        """Itself."""
        return self


def rows_of(
    values: NDArray[np.floating],
    *,
    channel_axis: int | None,
    group_axis: int,
    group: int = 1,
    most: int | None = None,
) -> NDArray[np.float32]:
    """The values of each scale in a row, neighbors of a group side by side.

    Vectors along the grouped axis are padded with zeros to whole groups.

    Args:
        values: Real values.
        channel_axis: The axis of the scales; ``None`` for one row.
        group_axis: The axis of the groups.
        group: Neighbors in a group.
        most: Without a channel axis, values that are enough: of more, whole vectors are left out.

    Raises:
        NumericsError: A value is not finite, or there is none.
        ConfigError: An axis does not exist, or the two are one.
    """
    array = checked_values(values)
    axes = [_axis(group_axis, array.ndim, "group_axis")]
    if channel_axis is not None:
        axes.append(_axis(channel_axis, array.ndim, "channel_axis"))
        if axes[0] == axes[1]:
            raise ConfigError(f"scales and groups cannot both lie along axis {axes[0]}")
    extent = array.shape[axes[0]]
    moved = np.moveaxis(array, axes[0], -1)
    if channel_axis is not None:
        moved = np.moveaxis(moved, axes[1] - (axes[1] > axes[0]), 0)
    vectors = moved.reshape(1 if channel_axis is None else len(moved), -1, extent)
    if most is not None and channel_axis is None:
        vectors = vectors[:, :: max(1, vectors.size // most)]
    padded = pad_last(vectors, group)
    return np.ascontiguousarray(padded.reshape(len(vectors), -1), dtype=np.float32)


def pad_last(values: NDArray[np.floating], group: int) -> NDArray[np.floating]:
    """The values with zeros behind them along the last axis, up to whole groups."""
    missing = -values.shape[-1] % group
    if not missing:
        return values
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])


def checked_values(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The values as an array, if they are finite and there are some; zeros if none is `SMALLEST`.

    Raises:
        NumericsError: They are not; the message says where.
    """
    array = np.asarray(values)
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if not array.size or not array.ndim:
        raise NumericsError(f"a quantizer needs values, and the shape is {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():
        place = first_place(~finite)
        raise NumericsError(f"a quantizer needs finite values, and that at {place} is "
                            f"{array[place]}")  # fmt: skip
    largest = float(np.abs(array).max())
    if largest > float(np.finfo(np.float32).max) / 4:
        raise NumericsError("a quantizer needs values that fit single precision with room to spare")
    return array if largest >= SMALLEST else np.zeros_like(array)


def _axis(axis: int, rank: int, name: str) -> int:
    if not -rank <= axis < rank:
        raise ConfigError(f"{name} must be an axis of {rank}, not {axis}")
    return axis % rank


def made(
    number: NumberFormat,
    scale: NDArray[np.float64],
    *,
    rank: int,
    channel_axis: int | None,
    group_axis: int,
) -> Format:
    """The format with these scales."""
    steps = tuple(float(step) for step in scale)
    axis = None if channel_axis is None else channel_axis % rank
    return Format(number, steps, axis, group_axis=group_axis % rank)
