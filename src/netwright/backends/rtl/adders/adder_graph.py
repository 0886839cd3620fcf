"""Adder graphs: constant matrix-vector products as shifts and additions of unsigned values.

No value is ever negative: every subtraction has a constant added. The constants of all adders meet
in the offset of each product, where biases and roundings need an adder anyway. So no adder extends
a sign: it needs a LUT only where both of its operands have a bit.
"""

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
    """One adder: ``low + (high << shift)``, or ``low - (high << shift) + c`` if `subtract`.

    The constant ``c`` is that of :func:`lift`. The lowest `shift` bits of `low` need no logic. The
    operands are numbers of values: first the inputs, then the sums in order.
    """

    low: int
    high: int
    shift: int
    subtract: bool


@dataclass(frozen=True, slots=True)
class Product:
    """One output: a value shifted left and perhaps negated, plus a constant.

    `value` is ``None`` for zero.
    """

    value: int | None
    shift: int = 0
    negate: bool = False
    offset: int = 0


@dataclass(frozen=True)
class AdderGraph:
    """The adders of one product of a constant matrix with a vector.

    Attributes:
        inputs: Interval of every input; none is negative.
        sums: The adders; each reads inputs and earlier sums.
        products: What the outputs are, in order.
    """

    inputs: tuple[Interval, ...]
    sums: tuple[Sum, ...]
    products: tuple[Product, ...]

    @cached_property
    def _values(self) -> tuple[NDArray[np.int64], tuple[int, ...], tuple[Interval, ...]]:
        """Coefficients, constant and exact interval of every value."""
        size = len(self.inputs)
        table = np.zeros((size + len(self.sums), size), dtype=np.int64)
        table[:size] = np.eye(size, dtype=np.int64)
        lows, highs = (np.array(ends, dtype=np.int64) for ends in _ends(self.inputs))
        constants, intervals = [0] * size, list(self.inputs)
        for number, adder in enumerate(self.sums, size):
            sign = -1 if adder.subtract else 1
            table[number] = row = table[adder.low] + sign * (table[adder.high] << adder.shift)
            constant = constants[adder.low] + (sign * constants[adder.high] << adder.shift)
            if adder.subtract:
                constant += lift(
                    width(intervals[adder.low]), width(intervals[adder.high]), adder.shift
                )
            positive, negative = np.maximum(row, 0), np.minimum(row, 0)
            low, high = positive @ lows + negative @ highs, positive @ highs + negative @ lows
            constants.append(constant)
            intervals.append((int(low) + constant, int(high) + constant))
        return table, tuple(constants), tuple(intervals)

    @property
    def coefficients(self) -> NDArray[np.int64]:
        """What every value is in terms of the inputs, its constant left out.

        Shape (inputs + sums, inputs).
        """
        return self._values[0]

    @property
    def constants(self) -> tuple[int, ...]:
        """The constant of every value: what it is when all inputs are zero."""
        return self._values[1]

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """The exact interval of every value, for inputs anywhere in theirs."""
        return self._values[2]

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
    def depths(self) -> tuple[int, ...]:
        """Number of carry chains on the longest way to every value."""
        depths, intervals = [0] * len(self.inputs), self.intervals
        for adder in self.sums:
            chain = has_chain(adder, intervals[adder.low], intervals[adder.high])
            depths.append(max(depths[adder.low], depths[adder.high]) + int(chain))
        return tuple(depths)

    @property
    def num_luts(self) -> int:
        """LUTs that the adders take: bits in which both operands have one.

        Where only one operand has a bit, the carry chain passes it on without a LUT of its own.
        """
        intervals = self.intervals
        return sum(
            max(overlap(intervals[adder.low], intervals[adder.high], adder.shift), 0)
            for adder in self.sums
        )


def overlap(low: Interval, high: Interval, shift: int) -> int:
    """Bits in which two unsigned operands meet, the second one shifted; 0 or less for none.

    >>> overlap((0, 15), (0, 15), 1), overlap((0, 3), (0, 255), 0), overlap((0, 3), (0, 3), 2)
    (3, 2, 0)
    """
    return min(width(low) - shift, width(high))


def has_chain(adder: Sum, low: Interval, high: Interval) -> bool:
    """Whether an adder of operands in these intervals is a carry chain, not wires side by side."""
    return adder.subtract or overlap(low, high, adder.shift) > 0


def lift(low_bits: int, high_bits: int, shift: int) -> int:
    """The constant that a subtraction of two unsigned values adds, so that none is negative.

    As many ones as `high` has bits, and ones where it reaches beyond `low`: with these, no bit of
    the carry chain needs an inverter.

    Args:
        low_bits: Width of what is subtracted from.
        high_bits: Width of what is subtracted.
        shift: Bits that it is shifted left.

    >>> lift(4, 4, 0), lift(8, 4, 2), lift(4, 4, 2)
    (15, 60, 108)
    """
    ones, meeting = (1 << high_bits) - 1, (1 << max(low_bits - shift, 0)) - 1
    return (ones + max(ones - meeting, 0)) << shift


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
