"""What one element of a tensor is: its number format, its scale, and where the zeros lie."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.formats.floats import Float
from netwright.formats.number import NumberFormat
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
    """

    number: NumberFormat = FLOAT
    scale: tuple[float, ...] = (1.0,)
    axis: int | None = None
    pattern: Pattern | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", tuple(float(value) for value in self.scale))

    @property
    def bits(self) -> int:
        """Width of one element, in bits."""
        return self.number.bits
