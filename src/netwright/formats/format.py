"""What one element of a tensor is: its number format, its scale, and where the zeros lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import NumericsError
from netwright.formats.floats import Float
from netwright.formats.number import NumberFormat, Words
from netwright.formats.pattern import Pattern

FLOAT = Float()


@dataclass(frozen=True, slots=True)
class Format:
    """Number format, scale and pattern of zeros of one tensor.

    Attributes:
        number: Number format of the codes; :class:`~netwright.formats.Float` for real values.
        scale: Real value of one code step: one figure, or one for each index along `axis`.
        axis: The axis along which `scale` varies; ``None`` for one scale.
        pattern: Where the zeros lie; ``None`` if nothing is known.
        group_axis: The axis along which neighbors are coded together; of the weights of a product
            the one that it sums over. The last one is -1, and so it always is where `number` codes
            each element by itself.

    Example:
        >>> from netwright.formats import OutlierPairs
        >>> pairs = Format(OutlierPairs(), scale=(0.5,), group_axis=0)
        >>> pairs.nearest([[1.2, 3.0], [-0.4, 20.0]]).tolist()
        [[1.0, 0.0], [-0.5, 16.0]]
    """

    number: NumberFormat = FLOAT
    scale: tuple[float, ...] = (1.0,)
    axis: int | None = None
    pattern: Pattern | None = None
    group_axis: int = -1

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", tuple(float(value) for value in self.scale))
        if self.number.group == 1:  # formats that mean the same are equal, and stored the same
            object.__setattr__(self, "group_axis", -1)

    @property
    def bits(self) -> int:
        """Width of one element, in bits."""
        return self.number.bits

    def shape_fault(self, shape: tuple[int, ...]) -> str:
        """Why a tensor of `shape` cannot have this format; empty if it can."""
        if self.pattern is not None and (fault := self.pattern.shape_fault(shape)):
            return fault
        return self.group_fault(shape)

    def group_fault(self, shape: tuple[int, ...]) -> str:
        """Why a tensor of `shape` does not hold whole groups; empty if it does."""
        if self.number.group == 1:
            return ""
        rank, axis = len(shape), self.group_axis
        if not -rank <= axis < rank:
            return f"the group axis of {self.number} must be from {-rank} to {rank - 1}, not {axis}"
        if shape[axis] % self.number.group:
            return (
                f"{self.number} codes {self.number.group} neighbors together, which do not divide "
                f"axis {axis % rank} of extent {shape[axis]}"
            )
        return ""

    def encode(self, values: ArrayLike) -> Words:
        """The words of real values, shaped as these.

        Raises:
            NumericsError: The format cannot hold values of this shape, or a value is no number.
        """
        array = np.asarray(values, np.float64)
        steps = array / self.scale_array(array.shape)
        return self._back(self.number.encode(self._grouped(steps)))

    def decode(self, words: Words) -> NDArray[np.float64]:
        """The real values of words, shaped as these.

        Raises:
            NumericsError: The format has no such words, or cannot hold values of this shape.
        """
        words = np.asarray(words)
        codes = self._back(self.number.decode(self._grouped(words)))
        return np.asarray(codes.astype(np.float64) * self.scale_array(words.shape), np.float64)

    def nearest(self, values: ArrayLike) -> NDArray[np.float64]:
        """The real values that are stored for `values`.

        Raises:
            NumericsError: The format cannot hold values of this shape, or a value is no number.
        """
        return self.decode(self.encode(values))

    def allowed(self, codes: ArrayLike) -> NDArray[np.bool_]:
        """Which of `codes`, values before the scale, belong to the number format.

        Raises:
            NumericsError: The format cannot hold codes of this shape.
        """
        return self._back(self.number.allowed(self._grouped(np.asarray(codes))))

    def scale_array(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """The scale, shaped so that it broadcasts against a tensor of `shape`.

        Raises:
            NumericsError: A scale is 0 or not finite, or there are not as many as the axis needs.
        """
        axis, scales = self.axis, np.array(self.scale)
        if axis is not None and not 0 <= axis < len(shape):
            raise NumericsError(
                f"the axis of a scale must be from 0 to {len(shape) - 1}, not {axis}"
            )
        wanted = 1 if axis is None else shape[axis]
        if len(scales) != wanted:
            raise NumericsError(f"scale must hold {wanted} values, not {len(scales)}")
        for index, scale in enumerate(self.scale):
            if not isfinite(scale) or scale == 0:
                raise NumericsError(
                    f"scales must be finite and not 0; the one at {index} is {scale}",
                    hint="a channel of zeros may have any scale, such as 1",
                )
        if axis is None:
            return scales.reshape(())
        return scales.reshape([-1 if i == axis else 1 for i in range(len(shape))])

    def _grouped(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array with the group axis as its last one."""
        if fault := self.group_fault(array.shape):
            raise NumericsError(fault)
        return array if self.number.group == 1 else np.moveaxis(array, self.group_axis, -1)

    def _back(self, array: NDArray[Any]) -> NDArray[Any]:
        return array if self.number.group == 1 else np.moveaxis(array, -1, self.group_axis)
