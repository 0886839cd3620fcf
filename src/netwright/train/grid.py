"""Where the codes of a tensor lie: what one step is worth, and how far they reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from netwright.errors import NumericsError

EXACT_BITS = 53
"""Integers of this width are exact in float64."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The grid of a tensor of codes.

    Attributes:
        scale: Real value of one step, float64: one, or one for each index along `axis`.
        axis: The axis along which the scale varies; ``None`` for one scale.
        low: No code is smaller.
        high: No code is larger.
    """

    scale: Tensor
    axis: int | None
    low: int
    high: int

    @property
    def peak(self) -> int:
        """No code has a larger magnitude."""
        return max(-self.low, self.high)

    @property
    def bits(self) -> int:
        """Width that no code exceeds, sign included."""
        return self.peak.bit_length() + 1

    def steps(self) -> tuple[float, ...]:
        """The scale as plain numbers."""
        return tuple(float(value) for value in self.scale.reshape(-1))

    def like(self, rank: int) -> Tensor:
        """The scale, shaped to broadcast against a tensor of `rank` axes."""
        return along(self.scale, self.axis, rank)

    def within(self, low: int, high: int) -> Grid:
        """The same steps with other limits.

        Raises:
            NumericsError: The limits need more than 53 bits.
        """
        found = replace(self, low=low, high=high)
        if found.bits > EXACT_BITS:
            raise NumericsError(f"accumulators need more than {EXACT_BITS} bits")
        return found

    def moved(self, shape: Sequence[int], move: Callable[[Tensor], Tensor]) -> Grid:
        """The grid of the same codes in other places.

        Args:
            shape: Shape of one row before, with its batch axis.
            move: What is done to them.

        Raises:
            NumericsError: The scales vary along no single axis any more.
        """
        if self.axis is None:
            return self
        places = move(self.like(len(shape)).expand(1, *shape[1:]))
        for axis in range(1, places.ndim):
            others = [i for i in range(places.ndim) if i != axis]
            flat = places.permute(axis, *others).reshape(places.shape[axis], -1)
            if bool((flat == flat[:, :1]).all()):
                return replace(self, scale=flat[:, 0], axis=axis)
        raise NumericsError(
            "scales of channels do not lie along one axis behind a change of shape",
            hint="use one scale for each tensor",
        )


def along(values: Tensor, axis: int | None, rank: int) -> Tensor:
    """One value, or values along an axis, shaped to broadcast against `rank` axes."""
    if axis is None or values.ndim == 0:
        return values.reshape(())
    return values.reshape([-1 if i == axis else 1 for i in range(rank)])
