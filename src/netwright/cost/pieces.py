"""Which elements of an axis the copies of a memory touch, step by step, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from netwright.workload import Affine

Numbers = NDArray[np.int64]

MASKED = 1 << 18
"""Elements of all copies and steps that are looked at together."""


@dataclass(frozen=True)
class Pieces:
    """Pieces of an axis: sums of one number of each rank.

    Attributes:
        first: Their first elements, which may be padding: ``(steps, parents, copies)``.
        sizes: For every rank, how many of its numbers take part, likewise; none where a copy is
            idle.
        weights: Distance of neighboring numbers of every rank on the axis.
        extent: Size of the axis.
    """

    first: Numbers
    sizes: tuple[Numbers, ...]
    weights: tuple[int, ...]
    extent: int

    @classmethod
    def of(cls, axis: Affine, extent: int, ranks: Sequence[tuple[Numbers, Numbers]]) -> Pieces:
        """All combinations of pieces of the ranks of an axis.

        Args:
            axis: The affine index.
            extent: Size of the axis.
            ranks: First elements and sizes for each rank, ``(steps, parents, copies)``.
        """
        shapes = [start.shape for start, _ in ranks]
        grid = [shape[kind] for kind in range(3) for shape in shapes]
        flat = tuple(prod(shape[kind] for shape in shapes) for kind in range(3))
        everything = np.zeros(grid, np.int64)

        def everywhere(values: Numbers, number: int) -> Numbers:
            own = [1] * len(grid)
            own[number :: len(ranks)] = values.shape
            return (values.reshape(own) + everything).reshape(flat)

        weights = tuple(step for _, step in axis.terms)
        first = np.full(flat, axis.offset, np.int64)
        for number, (start, _) in enumerate(ranks):
            first += weights[number] * everywhere(start, number)
        sizes = tuple(everywhere(size, number) for number, (_, size) in enumerate(ranks))
        return cls(first, sizes, weights, extent)

    @classmethod
    def joined(cls, parts: Sequence[Pieces]) -> Pieces:
        """The steps of several pieces of the same axis and copies, one after the other."""
        return replace(
            parts[0],
            first=np.concatenate([part.first for part in parts]),
            sizes=tuple(
                np.concatenate(sizes) for sizes in zip(*(part.sizes for part in parts), strict=True)
            ),
        )

    def portions(self) -> Iterator[slice]:
        """Steps that are looked at together."""
        steps, parents, copies = self.first.shape
        size = max(1, MASKED // max(1, parents * copies * self.extent))
        return (slice(start, start + size) for start in range(0, steps, size))

    def some(self, steps: slice | NDArray[np.bool_]) -> Pieces:
        """The pieces of some steps."""
        return replace(self, first=self.first[steps], sizes=tuple(s[steps] for s in self.sizes))

    def intervals(self) -> tuple[Numbers, Numbers, NDArray[np.bool_]]:
        """First elements and ends without padding; and which steps have no piece with gaps."""
        length = np.ones_like(self.first)
        whole = np.full(self.first.shape, all(weight > 0 for weight in self.weights))
        for weight, size in sorted(zip(self.weights, self.sizes, strict=True), key=lambda t: t[0]):
            whole &= (size <= 1) | (weight <= length)
            length = length + weight * (size - 1)
        for size in self.sizes:
            length = length * (size > 0)
        ends = self._inside(self.first), self._inside(self.first + length)
        return *ends, np.asarray(whole.all(axis=(1, 2)))

    def _inside(self, place: Numbers) -> Numbers:
        return np.minimum(np.maximum(place, 0), self.extent)

    def mask(self) -> NDArray[np.bool_]:
        """Whether an element is touched: ``(steps, parents, copies, elements)``."""
        flat = self.first.reshape(-1)
        found = np.zeros((flat.size, self.extent), bool)
        code = np.zeros(flat.size, np.int64)
        for size in self.sizes:
            code = code * (int(size.max(initial=0)) + 1) + size.reshape(-1)
        _, example, kind = np.unique(code, return_index=True, return_inverse=True)
        for number, index in enumerate(example):
            places = np.zeros(1, np.int64)
            for weight, size in zip(self.weights, self.sizes, strict=True):
                count = size.reshape(-1)[index]
                places = np.unique(places[:, None] + weight * np.arange(count))
            rows = np.flatnonzero(kind == number)
            at = flat[rows, None] + places
            inside = (at >= 0) & (at < self.extent)
            found[np.broadcast_to(rows[:, None], at.shape)[inside], at[inside]] = True
        return found.reshape(*self.first.shape, self.extent)


def together(pieces: Pieces) -> int:
    """Elements that the copies touch, each once a step and parent, over all of these."""
    return int(compared(pieces, pieces)[:, 0].sum())


def compared(old: Pieces, new: Pieces) -> Numbers:
    """What steps from old to new pieces want and find: ``(steps, 4)``.

    Returns:
        Elements of all copies' new pieces together, each once; those of them that every copy that
        wants them holds already; elements of every copy's new piece; those that the same copy holds
        already. All summed over the parents.
    """
    found = np.zeros((len(new.first), 4), np.int64)
    for steps in new.portions():
        before, after = old.some(steps), new.some(steps)
        (*was, whole), (*now, also) = before.intervals(), after.intervals()
        plain = whole & also
        part = found[steps]
        if plain.any():
            sides = [side[plain] for side in (*was, *now)]
            part[plain] = _plain(sides[0], sides[1], sides[2], sides[3], new.extent)
        if not plain.all():
            part[~plain] = _masked(before.some(~plain).mask(), after.some(~plain).mask())
    return found


def _masked(old: NDArray[np.bool_], new: NDArray[np.bool_]) -> Numbers:
    wanted = new.any(axis=2).sum(axis=(1, 2))
    held = wanted - (new & ~old).any(axis=2).sum(axis=(1, 2))
    return np.stack([wanted, held, new.sum(axis=(1, 2, 3)), (new & old).sum(axis=(1, 2, 3))], 1)


def _plain(left: Numbers, right: Numbers, start: Numbers, end: Numbers, extent: int) -> Numbers:
    """The same for intervals: old ones from left to right, new ones from start to end."""
    common = np.maximum(np.minimum(right, end) - np.maximum(left, start), 0)
    each, held_each = (end - start).sum(axis=(1, 2)), common.sum(axis=(1, 2))
    if start.shape[2] == 1:
        return np.stack([each, held_each, each, held_each], axis=1)
    left, right = (np.where(left < right, side, end) for side in (left, right))
    lacking = [(start, np.minimum(left, end)), (np.maximum(right, start), end)]
    wanted = _union([(start, end)], extent)
    return np.stack([wanted, wanted - _union(lacking, extent), each, held_each], axis=1)


def _union(parts: list[tuple[Numbers, Numbers]], extent: int) -> Numbers:
    """Elements in intervals of any copy, for each step, summed over the parents."""
    steps, parents, _ = parts[0][0].shape
    rows = np.arange(steps * parents)[:, None] * (extent + 1)
    changes = np.zeros(steps * parents * (extent + 1), np.int64)
    for start, end in parts:
        filled = (start < end).reshape(len(rows), -1)
        for sign, side in ((1, start), (-1, end)):
            at = (rows + side.reshape(len(rows), -1))[filled]
            changes += sign * np.bincount(at, minlength=changes.size)
    covered = np.cumsum(changes.reshape(steps, -1), axis=1) > 0
    return np.asarray(covered.sum(axis=1), np.int64)
