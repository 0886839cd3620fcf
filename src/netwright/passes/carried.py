"""What a real-valued tensor has become on its way to integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.ir import Bounds
from netwright.passes.rationals import UNLIMITED_HIGH, UNLIMITED_LOW, Exact, exact

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Carried:
    """The real tensor ``clip(scale * codes + offset, low, high)``.

    Offset and clamp are *pending*: they are folded into the next requantization.

    Attributes:
        name: The integer tensor that holds the codes.
        scale: Real value of one code step, shaped to broadcast against the tensor; never 0.
        bounds: Exact limits of the codes.
        offset: Pending offset, of the same kind.
        low: Pending lower clamp, of the same kind; minus infinity where there is none.
        high: Pending upper clamp, likewise.
        exclusive: Whether nothing else reads the codes, so their producer may still be changed.
        drift: By how much the tensor may be off, for each note (by its number), in real units.
    """

    name: str
    scale: Exact
    bounds: Bounds
    offset: Exact = field(default_factory=lambda: exact(0))
    low: Exact = field(default_factory=lambda: UNLIMITED_LOW)
    high: Exact = field(default_factory=lambda: UNLIMITED_HIGH)
    exclusive: bool = True
    drift: Mapping[int, float] = field(default_factory=dict)

    @property
    def is_clamped(self) -> bool:
        """Whether a clamp is pending."""
        return bool(np.any(self.low > -np.inf) or np.any(self.high < np.inf))

    @property
    def is_shifted(self) -> bool:
        """Whether an offset is pending."""
        return bool(np.any(self.offset != 0))

    @property
    def is_plain(self) -> bool:
        """Whether the tensor is exactly ``scale * codes`` with positive scales."""
        return not self.is_clamped and not self.is_shifted and bool(np.all(self.scale > 0))

    def lies_on_one_axis(self, shape: tuple[int, ...]) -> bool:
        """Whether scale, offset and clamps vary along one axis of the tensor's shape at most."""
        return share_an_axis((self.scale, self.offset, self.low, self.high), shape)

    def unclamped(self) -> Carried:
        """The tensor without its clamps."""
        return replace(self, low=UNLIMITED_LOW, high=UNLIMITED_HIGH)

    def drifted(self, factor: float) -> dict[int, float]:
        """The drift of a tensor that changes by `factor` where this one changes by 1."""
        return {note: bound * factor for note, bound in self.drift.items()}


@dataclass(frozen=True, slots=True)
class HostValues:
    """A real-valued input tensor that was only moved, scaled, shifted and clipped so far.

    Attributes:
        source: The graph input.
        moves: Names of the nodes that moved it, in order.
        steps: Arithmetic on it, in order: names of :data:`netwright.ir.ops.quant.STEPS` with
            operands that broadcast against the input as it is before the moves.
    """

    source: str
    moves: tuple[str, ...] = ()
    steps: tuple[tuple[str, Reals], ...] = ()


@dataclass(frozen=True, slots=True)
class TableValues:
    """A tensor whose values are looked up by codes, and are still real numbers.

    Attributes:
        source: The codes.
        first: The code of the first entry.
        tables: The values, (features, functions, entries), as in a ``Lookup``.
    """

    source: Carried
    first: int
    tables: Reals


def with_axes(values: NDArray[Any], rank: int) -> NDArray[Any]:
    """An array that broadcasts against a tensor of `rank` axes, with an axis for each of them."""
    return values.reshape((1,) * (rank - values.ndim) + values.shape)


def compact(
    values: NDArray[Any], shape: tuple[int, ...], *, node: str
) -> tuple[NDArray[Any], int | None]:
    """Write an array that broadcasts against `shape` as one value, or as values along one axis.

    Raises:
        GraphError: It varies along more than one axis.
    """
    if np.all(values == values.flat[0]):
        return values.reshape(-1)[:1], None
    full = with_axes(values, len(shape))
    for axis, extent in enumerate(full.shape):
        line = np.moveaxis(full, axis, 0).reshape(extent, -1)
        if extent > 1 and np.all(line == line[:, :1]):
            return line[:, 0].copy(), axis
    raise GraphError(
        "the scale varies along more than one axis",
        node=node,
        hint="use one scale for each tensor before this node",
    )


def share_an_axis(values: Sequence[NDArray[Any]], shape: tuple[int, ...]) -> bool:
    """Whether all arrays are one value or vary along the same axis of a tensor of `shape`."""
    axes = set()
    for array in values:
        try:
            axes.add(compact(array, shape, node="")[1])
        except GraphError:
            return False
    return len(axes - {None}) < 2


def are_powers_of_two(values: Reals) -> bool:
    """Whether every value is a power of two."""
    mantissas, _ = np.frexp(values)
    return bool(np.all(mantissas == 0.5))


def step_of(values: NDArray[np.float64] | NDArray[np.int64]) -> float:
    """The largest power of two of which every value is a multiple; 1 for zeros."""
    reals = values.astype(np.float64)
    mantissas, exponents = np.frexp(reals[reals != 0])
    if mantissas.size == 0:
        return 1.0
    whole = (mantissas * 2.0**53).astype(np.int64)
    zeros = np.log2((whole & -whole).astype(np.float64)).astype(np.int64)
    return float(2.0 ** int((exponents - 53 + zeros).min()))
