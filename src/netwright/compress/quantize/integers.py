"""Integers: the scale that clips nothing, and the one of least error."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from netwright.compress.quantize.base import (
    SEARCHED_VALUES,
    Quantizer,
    checked_values,
    made,
    rows_of,
)
from netwright.formats import Flint, Float, Format, Int, NumberFormat
from netwright.formats.scales import Ladder, least_error, peak_scales

Steps = Literal["float", "power-of-two"]


class Absmax(Quantizer):
    """Symmetric integers whose largest code is the largest magnitude.

    Attributes:
        bits: Width.
        scale: Any scale, or powers of two alone.
    """

    scale: Steps = "float"

    def fit(
        self, values: NDArray[np.floating], *, channel_axis: int | None, group_axis: int
    ) -> Format:
        """Choose the scale; see :meth:`Quantizer.fit`."""
        number = Int(self.bits)
        rows = rows_of(values, channel_axis=channel_axis, group_axis=group_axis)
        steps = peak_scales(_peaks(rows) / number.max)
        if self.scale == "power-of-two":
            steps = np.exp2(np.ceil(np.log2(steps)))
        return made(
            number, steps, rank=np.ndim(values), channel_axis=channel_axis, group_axis=group_axis
        )


class Mse(Quantizer):
    """The scale of smallest mean squared error: a few large values are clipped.

    Attributes:
        bits: Width.
        scale: Any scale, or powers of two alone.
        numbers: Integers; *flints* (four bits: 0, 1, 2, 3, 4, 6, 8 and 16, Guo et al. 2022); or
            whichever has the smaller error on the tensor.
        octaves: Scales are searched from the one that clips nothing so many octaves downward.
        steps: Scales in each octave.
    """

    scale: Steps = "float"
    numbers: Literal["int", "flint", "int-or-flint"] = "int"
    octaves: Annotated[int, Field(ge=1, le=24)] = 8
    steps: Annotated[int, Field(ge=1, le=64)] = 12

    def fit(
        self, values: NDArray[np.floating], *, channel_axis: int | None, group_axis: int
    ) -> Format:
        """Choose the scale; see :meth:`Quantizer.fit`."""
        whole = rows_of(values, channel_axis=channel_axis, group_axis=group_axis)
        few = whole
        if channel_axis is None:
            few = rows_of(values, channel_axis=None, group_axis=group_axis, most=SEARCHED_VALUES)
        ladder = Ladder(self.octaves, self.steps if self.scale == "float" else None)
        found = []
        for number in self._numbers():
            candidates = ladder.below(peak_scales(_peaks(whole) / float(number.max)))
            steps, errors = least_error(few, number, candidates)
            found.append((float(errors.sum()), number, steps))
        _, number, steps = min(found, key=lambda item: item[0])
        return made(
            number, steps, rank=np.ndim(values), channel_axis=channel_axis, group_axis=group_axis
        )

    def _numbers(self) -> list[NumberFormat]:
        numbers: dict[str, NumberFormat] = {"int": Int(self.bits)}
        if self.bits == Flint().bits:
            numbers["flint"] = Flint()
        return [number for name, number in numbers.items() if name in self.numbers.split("-or-")]


def _peaks(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.abs(rows).max(axis=1).astype(np.float64)


class Half(Quantizer):
    """Half precision: what is not to be quantized, with the width that it takes.

    Attributes:
        bits: 16.
    """

    bits: Literal[16] = 16

    def fit(
        self, values: NDArray[np.floating], *, channel_axis: int | None, group_axis: int
    ) -> Format:
        """The format; see :meth:`Quantizer.fit`."""
        rank = checked_values(values).ndim
        return made(Float(16), np.ones(1), rank=rank, channel_axis=None, group_axis=group_axis)
