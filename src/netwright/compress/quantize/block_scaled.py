"""Blocks with a scale of their own: the MX formats of the OCP, and NVFP4."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from netwright.compress.quantize.base import Quantizer, checked_values, made
from netwright.formats import (
    E2M1,
    E2M3,
    E3M2,
    E4M3,
    E5M2,
    MXINT8,
    BlockScaled,
    Format,
    NumberFormat,
)
from netwright.formats.scales import peak_scales

ELEMENTS: dict[str, NumberFormat] = {
    "e2m1": E2M1, "e2m3": E2M3, "e3m2": E3M2, "e4m3": E4M3, "e5m2": E5M2, "int8": MXINT8.element,
}  # fmt: skip
"""Elements of MX formats by name."""


class Mx(Quantizer):
    """The MX formats (OCP Microscaling 1.0): neighbors share a power of two.

    Their scale follows from the largest magnitude of each block, so nothing is searched, and the
    tensor itself has the scale 1.

    Attributes:
        bits: 4, 6 or 8.
        element: Number format of an element; ``e2m1``, ``e2m3`` and ``e4m3`` for 4, 6 and 8 bits if
            not given.
        group: Neighbors with one scale.
    """

    bits: Literal[4, 6, 8] = 4
    element: Literal["e2m1", "e2m3", "e3m2", "e4m3", "e5m2", "int8"] | None = None
    group: Annotated[int, Field(ge=2, le=1024)] = 32

    @model_validator(mode="after")
    def _element_has_the_width(self) -> Self:
        accepted = [name for name, number in ELEMENTS.items() if number.bits == self.bits]
        if self.element is not None and self.element not in accepted:
            shown = ", ".join(accepted)
            raise ValueError(f"elements of {self.bits} bits are {shown}, not {self.element}")
        return self

    @property
    def number(self) -> BlockScaled:
        """The number format."""
        usual = {4: "e2m1", 6: "e2m3", 8: "e4m3"}[self.bits]
        return BlockScaled(ELEMENTS[self.element or usual], self.group, "e8m0")

    @property
    def stored_bits(self) -> float:
        """Bits of an element and its share of the scale."""
        return self.bits + self.number.group_bits / self.group

    def fit(
        self, values: NDArray[np.floating], *, channel_axis: int | None, group_axis: int
    ) -> Format:
        """The format; see :meth:`Quantizer.fit`."""
        rank = checked_values(values).ndim
        return made(self.number, np.ones(1), rank=rank, channel_axis=None, group_axis=group_axis)


class Nvfp4(Quantizer):
    """NVFP4: sixteen neighbors share a scale in E4M3, and the tensor has one beside.

    Attributes:
        bits: 4.
        group: Neighbors with one scale.
    """

    bits: Literal[4] = 4
    group: Annotated[int, Field(ge=2, le=1024)] = 16

    @property
    def number(self) -> BlockScaled:
        """The number format."""
        return BlockScaled(E2M1, self.group, E4M3)

    @property
    def stored_bits(self) -> float:
        """Bits of an element and its share of the scale."""
        return self.bits + self.number.group_bits / self.group

    def fit(
        self, values: NDArray[np.floating], *, channel_axis: int | None, group_axis: int
    ) -> Format:
        """Give the largest block the largest scale; see :meth:`Quantizer.fit`."""
        array = checked_values(values)
        peak = np.array([float(np.abs(array).max()) / (E2M1.max * E4M3.max)])
        return made(
            self.number, peak_scales(peak), rank=array.ndim, channel_axis=None,
            group_axis=group_axis,
        )  # fmt: skip
