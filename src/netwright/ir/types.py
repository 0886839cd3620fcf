"""What a tensor is: its shape and its format."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.formats import FLOAT, Format, NumberFormat, Pattern


@dataclass(frozen=True, slots=True, init=False)
class TensorType:
    """Shape and format of one tensor.

    A :class:`~netwright.formats.Format` may be given in parts:
    ``TensorType((1, 3), Int(8), (0.5,))`` is ``TensorType((1, 3), Format(Int(8), (0.5,)))``.

    Attributes:
        shape: Extents, the batch (written as 1) included for activations.
        format: Number format, scale and pattern; real values in the quantized form.
    """

    shape: tuple[int, ...]
    format: Format

    def __init__(
        self,
        shape: tuple[int, ...],
        format: Format | NumberFormat = FLOAT,
        scale: tuple[float, ...] = (1.0,),
        axis: int | None = None,
        pattern: Pattern | None = None,
    ) -> None:
        if not isinstance(format, Format):
            format = Format(format, scale, axis, pattern)
        object.__setattr__(self, "shape", tuple(int(extent) for extent in shape))
        object.__setattr__(self, "format", format)

    @property
    def dtype(self) -> NumberFormat:
        """Number format of the codes."""
        return self.format.number

    @property
    def scale(self) -> tuple[float, ...]:
        """Real value of one code step: one figure, or one for each index along `axis`."""
        return self.format.scale

    @property
    def axis(self) -> int | None:
        """The axis along which `scale` varies; ``None`` for one scale."""
        return self.format.axis

    @property
    def pattern(self) -> Pattern | None:
        """Where the zeros lie; ``None`` if nothing is known."""
        return self.format.pattern

    def with_number(self, number: NumberFormat) -> TensorType:
        """The same tensor with codes of another number format."""
        return replace(self, format=replace(self.format, number=number))

    @property
    def is_integer(self) -> bool:
        """Whether the tensor holds codes rather than real values."""
        return self.dtype.is_integer

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
