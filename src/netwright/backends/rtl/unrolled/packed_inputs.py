"""Inputs of one or two bits, several of them together in one lookup table.

A lookup table of six inputs makes one bit of any sum of six one-bit inputs, whatever their weights;
adders need a table for every bit of every pair. So the inputs of a sum that are narrow are put into
groups that fill a table, and every group becomes one value with a weight of its own. Whether that
takes fewer tables than adders, which share pairs between sums, is counted for every product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval, width

WIDEST = 2
"""Bits of an input that may share a table with others."""

_Key = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Group:
    """Inputs that share tables: the value ``sum(weights * inputs) - smallest``, never negative.

    Attributes:
        members: Numbers of the inputs.
        weights: One for each.
        smallest: The smallest weighted sum.
        largest: The largest value.
    """

    members: tuple[int, ...]
    weights: tuple[int, ...]
    smallest: int
    largest: int

    @classmethod
    def of(cls, key: _Key, intervals: Sequence[Interval]) -> Group:
        """The group of some inputs and weights."""
        members, weights = key
        ends = [
            sorted(weight * end for end in intervals[member])
            for member, weight in zip(members, weights, strict=True)
        ]
        low, high = (sum(end[side] for end in ends) for side in (0, 1))
        return cls(members, weights, low, high - low)

    def entries(self, intervals: Sequence[Interval]) -> dict[int, int]:
        """Its value for every code: the members side by side, the first in the lowest bits."""
        found = {}
        ranges = [range(intervals[m][0], intervals[m][1] + 1) for m in self.members]
        for values in product(*ranges):
            code = place = total = 0
            for member, weight, value in zip(self.members, self.weights, values, strict=True):
                code, place = code | value << place, place + width(intervals[member])
                total += weight * value
            found[code] = total - self.smallest
        return found


@dataclass
class Packing:
    """A matrix whose narrow inputs are replaced by groups of them.

    Attributes:
        matrix: (inputs and groups, sums); what groups hold is zero in the rows of their members.
        groups: The groups, in the order of their rows.
        constants: What the groups leave out of every sum.
    """

    matrix: NDArray[np.int64]
    groups: tuple[Group, ...]
    constants: NDArray[np.int64]

    @property
    def num_luts(self) -> int:
        """Lookup tables of all groups."""
        return sum(group.largest.bit_length() for group in self.groups)


@dataclass
class _Rows:
    """Groups as they are found, equal ones once, and where they are used."""

    intervals: Sequence[Interval]
    numbers: dict[_Key, int] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)

    def use(self, members: Sequence[int], column: int, weights: NDArray[np.int64]) -> int:
        """Use a group in a sum; what it leaves out of that sum."""
        own = weights[list(members)]
        union = int(np.bitwise_or.reduce(np.abs(own)))
        step = union & -union
        factor = step if own[0] > 0 else -step
        key = tuple(members), tuple((own // factor).tolist())
        if key not in self.numbers:
            self.numbers[key] = len(self.groups)
            self.groups.append(Group.of(key, self.intervals))
        number = self.numbers[key]
        self.places.append((number, column, factor))
        return factor * self.groups[number].smallest


def pack(
    matrix: NDArray[np.int64], intervals: Sequence[Interval], table_inputs: int
) -> Packing | None:
    """The matrix with its narrow inputs in groups; ``None`` if there are none.

    Args:
        matrix: Integers, (inputs, sums).
        intervals: Interval of every input; none is negative.
        table_inputs: Inputs of a lookup table.
    """
    narrow = [i for i, interval in enumerate(intervals) if width(interval) <= WIDEST]
    rest, rows = matrix.copy(), _Rows(intervals)
    constants = np.zeros(matrix.shape[1], dtype=np.int64)
    for column, weights in enumerate(matrix.T):
        for members in _groups(narrow, weights, intervals, table_inputs):
            constants[column] += rows.use(members, column, weights)
            rest[list(members), column] = 0
    if not rows.groups:
        return None
    below = np.zeros((len(rows.groups), matrix.shape[1]), dtype=np.int64)
    for number, column, factor in rows.places:
        below[number, column] = factor
    return Packing(np.concatenate([rest, below]), tuple(rows.groups), constants)


def _groups(
    narrow: Sequence[int],
    weights: NDArray[np.int64],
    intervals: Sequence[Interval],
    table_inputs: int,
) -> Iterator[tuple[int, ...]]:
    """Inputs of a sum that share a table, those of similar weights together."""
    used = [i for i in narrow if weights[i]]
    used.sort(key=lambda i: (abs(int(weights[i])).bit_length(), abs(int(weights[i])), i))
    members: list[int] = []
    bits = 0
    for i in used:
        own = width(intervals[i])
        if bits + own > table_inputs:
            yield tuple(sorted(members))
            members, bits = [], 0
        members.append(i)
        bits += own
    if len(members) > 1:
        yield tuple(sorted(members))
