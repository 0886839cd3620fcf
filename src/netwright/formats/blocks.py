"""Where the zeros of a tensor lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import NumericsError
from netwright.formats.pattern import check_density, places_bits, share

MAX_BLOCK_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Blocks:
    """Zeros come in blocks of `rows` x 1.

    A block is `rows` consecutive indices along `axis`, and one index along every other axis. (The
    pattern of arXiv 2306.16601, where `axis` is that of the output features and `rows` is 4.)

    Attributes:
        rows: Extent of a block, 1 to 1024; divides the tensor's extent along `axis`.
        axis: The axis along which a block extends.
        density: At most this share of the blocks is not zero, 0 to 1.

    Raises:
        NumericsError: A value is not accepted.
    """

    rows: int
    axis: int = 0
    density: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= MAX_BLOCK_ROWS:
            raise NumericsError(f"block rows must be from 1 to {MAX_BLOCK_ROWS}, not {self.rows}")
        check_density(self.density, what="block density")
        object.__setattr__(self, "density", float(self.density))

    @property
    def kind(self) -> str:
        """Its name in files, and where units of machines say that they skip these zeros."""
        return "blocks"

    def __str__(self) -> str:
        return f"Blocks({self.rows}x1)"

    def shape_fault(self, shape: tuple[int, ...]) -> str:
        """Why a tensor of `shape` cannot have this pattern; empty if it can."""
        if not 0 <= self.axis < len(shape):
            return f"the axis of {self} must be from 0 to {len(shape) - 1}, not {self.axis}"
        if shape[self.axis] % self.rows:
            return f"{self} must divide axis {self.axis}, which has extent {shape[self.axis]}"
        return ""

    def fault(self, values: NDArray[Any]) -> str:
        """Why `values` do not have this pattern, naming the first block too many; else empty.

        >>> import numpy as np
        >>> Blocks(2, axis=0, density=0.5).fault(np.array([[1, 0], [0, 0]]))
        ''
        >>> Blocks(2, axis=0, density=0.5).fault(np.array([[1, 0], [0, 3]]))
        '2 of 2 blocks are not zero, Blocks(2x1) allows 1; the first too many begins at (0, 1)'
        """
        fault = self.shape_fault(values.shape)
        if fault:
            return fault
        shape = (
            *values.shape[: self.axis],
            values.shape[self.axis] // self.rows,
            self.rows,
            *values.shape[self.axis + 1 :],
        )
        present = (values.reshape(shape) != 0).any(axis=self.axis + 1)
        allowed = share(self.density, present.size)
        found = int(np.count_nonzero(present))
        if found <= allowed:
            return ""
        position = [int(i) for i in np.argwhere(present)[allowed]]
        position[self.axis] *= self.rows
        return (
            f"{found} of {present.size} blocks are not zero, {self} allows {allowed}; "
            f"the first too many begins at {tuple(position)}"
        )

    def _num_blocks(self, shape: tuple[int, ...]) -> int:
        return prod(shape) // self.rows

    def num_values(self, shape: tuple[int, ...]) -> int:
        """Elements that are kept: those of the blocks that may be other than zero."""
        return share(self.density, self._num_blocks(shape)) * self.rows

    def metadata_bits(self, shape: tuple[int, ...]) -> int:
        """A bit for each block, or the number of each kept one, whichever is less."""
        blocks = self._num_blocks(shape)
        return places_bits(share(self.density, blocks), blocks)
