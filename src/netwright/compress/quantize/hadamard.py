"""Rotations that spread outliers over their neighbors, and a quantizer behind them."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from netwright.compress.quantize.base import Quantizer, checked_values
from netwright.compress.quantize.names import quantizer
from netwright.errors import ConfigError
from netwright.formats import Format
from netwright.formats.hadamard import block_of, rotated


class Hadamard(Quantizer):
    """Blocks of neighbors along the summed axis are rotated, then quantized.

    The rotation is orthogonal and its own inverse, so a product whose two operands are rotated is
    what it was; an outlier of one input becomes a little of all its neighbors.

    Attributes:
        bits: Width.
        inner: The quantizer behind the rotation, by name.
        block: Most neighbors that are rotated together; the largest power of two up to this that
            divides the axis is taken.
    """

    inner: str = "mse"
    block: Annotated[int, Field(ge=2, le=1 << 16)] = 512

    @property
    def most_rotated(self) -> int:
        """`block`."""
        return self.block

    @property
    def stored_bits(self) -> float:
        """Those of the quantizer behind."""
        return self.behind.stored_bits

    @property
    def behind(self) -> Quantizer:
        """The quantizer of the rotated values."""
        found = quantizer(self.inner, self.bits)
        if found.most_rotated > 1:
            raise ConfigError("hadamard must have a quantizer without rotation behind it")
        return found

    def fit(
        self, values: NDArray[np.floating], *, channel_axis: int | None, group_axis: int
    ) -> Format:
        """Choose the format of the rotated values; see :meth:`Quantizer.fit`.

        Raises:
            NumericsError: The axis has an odd extent, so that nothing can be rotated.
        """
        array = checked_values(values)
        block = block_of(array.shape[group_axis], self.block)
        turned = rotated(array, block, axis=group_axis)
        return self.behind.fit(turned, channel_axis=channel_axis, group_axis=group_axis)
