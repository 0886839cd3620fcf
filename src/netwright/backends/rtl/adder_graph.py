"""Adder graphs: constant matrix-vector products as shifts, additions and subtractions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Interval = tuple[int, int]
"""Smallest and largest value."""


@dataclass(frozen=True, slots=True)
class Sum:
    """One adder: ``low + (high << shift)``, or ``low - (high << shift)`` if `subtract`.

    The unshifted operand always counts positive, so its lowest `shift` bits need no logic. The
    operands are numbers of values: first the inputs, then the sums in order.
    """

    low: int
    high: int
    shift: int
    subtract: bool


@dataclass(frozen=True, slots=True)
class Product:
    """One output: a value shifted left and perhaps negated; `value` is ``None`` for zero."""

    value: int | None
    shift: int = 0
    negate: bool = False


@dataclass(frozen=True)
class AdderGraph:
    """The adders of one product of a constant matrix with a vector.

    Attributes:
        inputs: Interval of every input.
        sums: The adders; each reads inputs and earlier sums.
        products: What the outputs are, in order.
    """

    inputs: tuple[Interval, ...]
    sums: tuple[Sum, ...]
    products: tuple[Product, ...]

    @cached_property
    def coefficients(self) -> NDArray[np.int64]:
        """What every value is in terms of the inputs: (inputs + sums, inputs)."""
        size = len(self.inputs)
        table = np.zeros((size + len(self.sums), size), dtype=np.int64)
        table[:size] = np.eye(size, dtype=np.int64)
        for number, adder in enumerate(self.sums, size):
            high = table[adder.high] << adder.shift
            table[number] = table[adder.low] + (-high if adder.subtract else high)
        return table

    @property
    def matrix(self) -> NDArray[np.int64]:
        """The matrix that the graph computes: (inputs, outputs)."""
        columns = np.zeros((len(self.inputs), len(self.products)), dtype=np.int64)
        for number, product in enumerate(self.products):
            if product.value is not None:
                column = self.coefficients[product.value] << product.shift
                columns[:, number] = -column if product.negate else column
        return columns

    @cached_property
    def intervals(self) -> tuple[Interval, ...]:
        """The exact interval of every value, for inputs anywhere in theirs."""
        lows, highs = (np.array(ends, dtype=np.int64) for ends in _ends(self.inputs))
        positive, negative = np.maximum(self.coefficients, 0), np.minimum(self.coefficients, 0)
        smallest = positive @ lows + negative @ highs
        largest = positive @ highs + negative @ lows
        return tuple(zip(smallest.tolist(), largest.tolist(), strict=True))

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Number of adders on the longest way to every value."""
        depths = [0] * len(self.inputs)
        for adder in self.sums:
            depths.append(1 + max(depths[adder.low], depths[adder.high]))
        return tuple(depths)

    @property
    def adder_bits(self) -> int:
        """Bits of all carry chains: an estimate of the LUTs."""
        intervals = self.intervals[len(self.inputs) :]
        return sum(
            max(width(interval) - adder.shift, 0)
            for adder, interval in zip(self.sums, intervals, strict=True)
        )


def width(interval: Interval) -> int:
    """Bits of the narrowest format that holds every value of the interval; at least 1.

    >>> width((0, 7)), width((-4, 7)), width((0, 0)), width((-1, -1))
    (3, 4, 1, 1)
    """
    low, high = interval
    if low >= 0:
        return max(high.bit_length(), 1)
    return max(high, ~low).bit_length() + 1


def _ends(intervals: Sequence[Interval]) -> tuple[list[int], list[int]]:
    return [low for low, _ in intervals], [high for _, high in intervals]
