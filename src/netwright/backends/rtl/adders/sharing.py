"""Sharing: few adders for a whole matrix-vector product.

Every weight becomes canonical signed digits, so an output is a sum of shifted, signed terms. The
pair of terms (same two values, same distance of their shifts, same relative sign) that saves most
is made once and replaced wherever it occurs, until no pair occurs twice (Hartley 1996, IEEE TCAS-II
43, 677: common subexpressions in signed digits; here across all outputs). What remains of an output
is summed by a tree.

A pair that is made once takes as many LUTs as its operands have bits in common. Every place where
it is replaced has as many bits less to sum, each of which would take a LUT there, or one less if
the pair's sum has a carry.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import (
    AdderGraph,
    Interval,
    Product,
    Sum,
    has_chain,
    lift,
    overlap,
    width,
)
from netwright.backends.rtl.adders.digits import signed_digits

_SHIFT_BITS = 7
_VALUE_BITS = 24

_Row = dict[int, dict[int, int]]
"""The terms of one output: sign by value and shift."""


def share(matrix: NDArray[np.integer], inputs: Sequence[Interval]) -> AdderGraph:
    """The adder graph of ``inputs @ matrix``.

    Args:
        matrix: Integers, (inputs, outputs).
        inputs: Interval of every input; none is negative.

    Returns:
        A graph whose :attr:`~AdderGraph.matrix` equals `matrix`.
    """
    search = _Search(matrix, inputs)
    search.replace_pairs()
    return search.finished()


class _Search:
    """The state of one search: what is left of every output, and how often each pair occurs."""

    def __init__(self, matrix: NDArray[np.integer], inputs: Sequence[Interval]) -> None:
        self.inputs = tuple(inputs)
        self.sums: list[Sum] = []
        self.intervals = list(inputs)
        self.constants = [0] * len(self.inputs)
        self.depths = [0] * len(self.inputs)
        self.rows = [self._row(column) for column in matrix.T.tolist()]
        self.coefficients = list(np.eye(len(self.inputs), dtype=np.int64))
        self._lows = np.array([low for low, _ in inputs], dtype=np.int64)
        self._highs = np.array([high for _, high in inputs], dtype=np.int64)
        self.counts: dict[int, int] = {}
        for row in self.rows:
            terms = [(v, s, g) for v, group in row.items() for s, g in group.items()]
            for number, (value, shift, sign) in enumerate(terms):
                self._count(terms[:number], value, shift, sign, 1)
        self.heap = [self._entry(pair) for pair, count in self.counts.items() if count > 1]
        heapq.heapify(self.heap)

    @staticmethod
    def _row(column: list[int]) -> _Row:
        return {value: dict(signed_digits(weight)) for value, weight in enumerate(column) if weight}

    def _count(
        self, terms: list[tuple[int, int, int]], value: int, shift: int, sign: int, step: int
    ) -> list[int]:
        """Count the pairs of one term with `terms`; return the pairs."""
        counts, pairs = self.counts, []
        for other, other_shift, other_sign in terms:
            distance = other_shift - shift
            if distance > 0 or (distance == 0 and other > value):
                pair = ((value << _VALUE_BITS | other) << _SHIFT_BITS | distance) << 1
            else:
                pair = ((other << _VALUE_BITS | value) << _SHIFT_BITS | -distance) << 1
            if sign != other_sign:
                pair |= 1
            counts[pair] = counts.get(pair, 0) + step
            pairs.append(pair)
        return pairs

    def _entry(self, pair: int) -> tuple[int, int, int]:
        adder = _parts(pair)
        common = self._overlap(adder)
        width_before = max(self._bits(adder.low), self._bits(adder.high) + adder.shift)
        carry = self._largest(adder).bit_length() - width_before
        count = self.counts[pair]
        saved = count * (common + 1 - carry) - common if common > 0 else 0
        return -saved, max(self.depths[adder.low], self.depths[adder.high]), pair

    def _bits(self, value: int) -> int:
        return width(self.intervals[value])

    def _overlap(self, adder: Sum) -> int:
        return overlap(self.intervals[adder.low], self.intervals[adder.high], adder.shift)

    def _largest(self, adder: Sum) -> int:
        """An upper bound of the sum."""
        low, high = self.intervals[adder.low], self.intervals[adder.high]
        if adder.subtract:
            return low[1] + lift(width(low), width(high), adder.shift)
        return low[1] + (high[1] << adder.shift)

    def replace_pairs(self) -> None:
        """Make the best pair and replace it, until none occurs twice."""
        while self.heap:
            entry = heapq.heappop(self.heap)
            pair = entry[2]
            if self.counts.get(pair, 0) < 2:
                continue
            current = self._entry(pair)
            if current[0] >= 0:  # it saves nothing
                continue
            if current[0] > entry[0]:
                heapq.heappush(self.heap, current)
            elif self._occurrences(pair):
                self._replace(pair)

    def _occurrences(self, pair: int) -> list[tuple[int, int]]:
        """Output and lowest shift of every place; none overlap. Fewer than two: no places."""
        adder = _parts(pair)
        low, high, distance = adder.low, adder.high, adder.shift
        relation = -1 if adder.subtract else 1
        found = []
        for number, row in enumerate(self.rows):
            if low not in row or high not in row:
                continue
            others = row[high]
            used: set[int] = set()
            for shift, sign in sorted(row[low].items()):
                if others.get(shift + distance) != sign * relation:
                    continue
                if low == high:
                    if shift in used:
                        continue
                    used.add(shift + distance)
                found.append((number, shift))
        if len(found) < 2:
            del self.counts[pair]
            return []
        return found

    def _replace(self, pair: int) -> None:
        adder = _parts(pair)
        low, high, distance = adder.low, adder.high, adder.shift
        places = self._occurrences(pair)
        made = self._add(adder)
        changed: set[int] = set()
        for number, shift in places:
            row = self.rows[number]
            sign = row[low][shift]
            self._remove(row, low, shift)
            self._remove(row, high, shift + distance)
            terms = [(v, s, g) for v, group in row.items() for s, g in group.items()]
            changed.update(self._count(terms, made, shift, sign, 1))
            row.setdefault(made, {})[shift] = sign
        self.counts.pop(pair, None)
        for new in sorted(changed):
            if self.counts.get(new, 0) > 1:
                heapq.heappush(self.heap, self._entry(new))

    def _remove(self, row: _Row, value: int, shift: int) -> None:
        sign = row[value].pop(shift)
        if not row[value]:
            del row[value]
        terms = [(v, s, g) for v, group in row.items() for s, g in group.items()]
        self._count(terms, value, shift, sign, -1)

    def _add(self, adder: Sum) -> int:
        sign = -1 if adder.subtract else 1
        row = self.coefficients[adder.low] + (sign * self.coefficients[adder.high] << adder.shift)
        constant = self.constants[adder.low] + (sign * self.constants[adder.high] << adder.shift)
        if adder.subtract:
            constant += lift(self._bits(adder.low), self._bits(adder.high), adder.shift)
        positive, negative = np.maximum(row, 0), np.minimum(row, 0)
        low_end = int(positive @ self._lows + negative @ self._highs)
        high_end = int(positive @ self._highs + negative @ self._lows)
        self.coefficients.append(row)
        self.constants.append(constant)
        depth = max(self.depths[adder.low], self.depths[adder.high])
        ends = self.intervals[adder.low], self.intervals[adder.high]
        self.depths.append(depth + int(has_chain(adder, *ends)))
        self.intervals.append((low_end + constant, high_end + constant))
        self.sums.append(adder)
        return len(self.intervals) - 1

    def finished(self) -> AdderGraph:
        """Sum what is left of every output, terms with low upper ends first: adders stay narrow."""
        products = tuple(self._product(row) for row in self.rows)
        return AdderGraph(self.inputs, tuple(self.sums), products)

    def _product(self, row: _Row) -> Product:
        heap = [self._term(v, s, g) for v, group in row.items() for s, g in group.items()]
        if not heap:
            return Product(None)
        heapq.heapify(heap)
        while len(heap) > 1:
            first, second = heapq.heappop(heap)[2:], heapq.heappop(heap)[2:]
            (shift, low, sign), (high_shift, high, high_sign) = sorted((first, second))
            adder = Sum(low, high, high_shift - shift, sign != high_sign)
            heapq.heappush(heap, self._term(self._add(adder), shift, sign))
        shift, value, sign = heap[0][2:]
        return Product(value, shift, sign < 0, -sign * self.constants[value] << shift)

    def _term(self, value: int, shift: int, sign: int) -> tuple[int, int, int, int, int]:
        top = width(self.intervals[value]) + shift
        return top, self.depths[value], shift, value, sign


def _parts(pair: int) -> Sum:
    """The adder of a pair: a subtraction where the signs of its terms differ."""
    rest, subtract = pair >> 1, bool(pair & 1)
    distance = rest & ((1 << _SHIFT_BITS) - 1)
    values = rest >> _SHIFT_BITS
    return Sum(values >> _VALUE_BITS, values & ((1 << _VALUE_BITS) - 1), distance, subtract)
