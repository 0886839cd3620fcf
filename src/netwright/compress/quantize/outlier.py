"""Outlier-victim pairs: few values far outside keep their size, and their neighbors become zero."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from netwright.compress.quantize.base import SEARCHED_VALUES, Quantizer, made, rows_of
from netwright.formats import Format, OutlierPairs
from netwright.formats.scales import least_error, peak_scales

DEVIATIONS = 3.0
"""Where the search begins: so many standard deviations from the mean."""


class Outlier(Quantizer):
    """OliVe's search (Guo et al., ISCA 2023): one number says what is normal and what an outlier.

    The largest normal code stands for a share of three standard deviations; the share of least mean
    squared error is taken, and of the types that the error of the whole tensor is least with.

    Attributes:
        bits: 4 or 8.
        types: Codes of normal values that are tried.
        rule: Which of two neighboring outliers stays: the larger or the left one.
        outlier: Codes of outliers beside 8 bits: ``e4m3`` as in the paper, ``e2m5`` as in its
            repository.
        lowest: First share that is tried, in percent.
        highest: Last one.
        step: Between them.
    """

    bits: Literal[4, 8] = 4
    types: Annotated[tuple[Literal["int4", "flint4", "int8"], ...], Field(max_length=2)] = ()
    rule: Literal["larger", "left"] = "larger"
    outlier: Literal["e4m3", "e2m5"] = "e4m3"
    lowest: Annotated[int, Field(ge=1, le=1000)] = 75
    highest: Annotated[int, Field(ge=1, le=1000)] = 248
    step: Annotated[int, Field(ge=1, le=1000)] = 2

    @field_validator("types", mode="before")
    @classmethod
    def _one_type(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _types_have_the_width(self) -> Self:
        accepted = ("int4", "flint4") if self.bits == 4 else ("int8",)
        for name in self.types:
            if name not in accepted:
                raise ValueError(f"types of {self.bits} bits are {', '.join(accepted)}, not {name}")
        if self.lowest > self.highest:
            raise ValueError(f"lowest ({self.lowest}) must not exceed highest ({self.highest})")
        return self

    def numbers(self) -> list[OutlierPairs]:
        """The number formats that are tried."""
        if self.bits == 8:
            return [OutlierPairs("int8", outlier=self.outlier, rule=self.rule)]
        return [OutlierPairs(name, rule=self.rule) for name in self.types or ("int4", "flint4")]

    def fit(
        self, values: NDArray[np.floating], *, channel_axis: int | None, group_axis: int
    ) -> Format:
        """Choose type and scale; see :meth:`Quantizer.fit`."""
        rows = rows_of(
            values, channel_axis=channel_axis, group_axis=group_axis, group=2, most=SEARCHED_VALUES
        )
        real = rows_of(values, channel_axis=channel_axis, group_axis=group_axis)
        mean = real.mean(axis=1, dtype=np.float64)
        away = DEVIATIONS * real.std(axis=1, dtype=np.float64)
        reach = np.maximum(np.abs(mean + away), np.abs(mean - away))
        shares = np.arange(self.lowest, self.highest + 1, self.step) / 100
        found = []
        for number in self.numbers():
            edge = peak_scales(reach / number.normals[-1])
            steps, errors = least_error(rows, number, [share * edge for share in shares])
            found.append((float(errors.sum()), number, steps))
        _, number, steps = min(found, key=lambda item: item[0])
        return made(
            number, steps, rank=np.ndim(values), channel_axis=channel_axis, group_axis=group_axis
        )
