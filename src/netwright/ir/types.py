"""What a tensor is: its shape, its number format and its scale."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from netwright.dtypes import Bipolar, Float, Int
from netwright.ir.pattern import Blocks

FLOAT = Float()


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape, number format and scale of one tensor.

    Attributes:
        shape: Extents, the batch (written as 1) included for activations.
        dtype: Number format of the codes; :class:`~netwright.dtypes.Float` in the quantized form.
        scale: Real value of one code step: one figure, or one for each index along `axis`.
        axis: The axis along which `scale` varies; ``None`` for one scale.
        pattern: Where the zeros lie, constants only; ``None`` if nothing is known.
    """

    shape: tuple[int, ...]
    dtype: Int | Bipolar | Float = FLOAT
    scale: tuple[float, ...] = (1.0,)
    axis: int | None = None
    pattern: Blocks | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(extent) for extent in self.shape))
        object.__setattr__(self, "scale", tuple(float(value) for value in self.scale))

    @property
    def is_integer(self) -> bool:
        """Whether the tensor holds codes rather than real values."""
        return not isinstance(self.dtype, Float)

    def scale_array(self) -> NDArray[np.float64]:
        """The scale, shaped so that it broadcasts against the tensor."""
        return along_axis(self.scale, self.axis, len(self.shape))

    def __str__(self) -> str:
        extents = "x".join(map(str, self.shape))
        pattern = "" if self.pattern is None else f" {self.pattern}"
        return f"{self.dtype}[{extents}]{pattern}"


def along_axis(
    values: tuple[float, ...] | tuple[int, ...], axis: int | None, rank: int
) -> NDArray[np.float64]:
    """Shape `values` to broadcast along `axis` of a tensor with `rank` axes.

    Integers beyond 2**53 lose precision here; callers bound them first.
    """
    array = np.asarray(values, dtype=np.float64)
    if axis is None:
        return array.reshape(())
    return array.reshape([-1 if i == axis else 1 for i in range(rank)])


def is_power_of_two(value: float) -> bool:
    """Whether `value` is 2**k for an integer k (of either sign)."""
    mantissa, _ = np.frexp(value)
    return bool(mantissa == 0.5)
