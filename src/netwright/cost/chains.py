"""Partial chains of points as arrays, what tiles are to each other, and when a search ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from netwright.cost.mapspace import KINDS, Mapspace, Place, Tile


class TimeUp(Exception):
    """The time for a search is over."""


class Deadline:
    """A moment at which a search ends.

    Args:
        seconds: From now; never if not given.
    """

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else monotonic() + seconds

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._end is not None and monotonic() >= self._end

    def check(self) -> None:
        """Stop where the time is up.

        Raises:
            TimeUp: It is.
        """
        if self.is_over:
            raise TimeUp


@dataclass(frozen=True)
class Chains:
    """Partial chains.

    Attributes:
        points: Numbers of the m, x and k tiles of the outermost point, ``(chains, 3)``.
        costs: Cost vectors, bounds from below, ``(chains, width)``.
        most: Cost vectors, bounds from above, ``(chains, width)``.
        used: Point of every place in flat form, -1 where it is not placed yet, ``(chains,
            places)``.
        open: Whether only loops that the tensor of a place does not know lie outside its point so
            far, ``(chains, places)``.
        partly: The most of the tensor for which that is so: of a last, smaller piece loops that it
            knows may run but once, ``(chains, places)``.
        orders: For every stage, which order of places was taken, ``(chains, stages)``.
        ends: For every stage, how far it goes along arrays, ``(chains, stages)``.
    """

    points: NDArray[np.int32]
    costs: NDArray[np.float64]
    most: NDArray[np.float64]
    used: NDArray[np.int32]
    open: NDArray[np.bool_]
    partly: NDArray[np.float64]
    orders: NDArray[np.int16]
    ends: NDArray[np.int16]

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Chains:
        """Some of the chains."""
        if index.dtype == bool:
            if index.all():
                return self
            index = np.flatnonzero(index)
        return Chains(*(getattr(self, name).take(index, axis=0) for name in NAMES))

    def __len__(self) -> int:
        return len(self.points)


NAMES = tuple(field.name for field in fields(Chains))


def joined(parts: list[Chains]) -> Chains:
    """All chains of some parts."""
    return Chains(*(np.concatenate([getattr(part, name) for part in parts]) for name in NAMES))


@dataclass(frozen=True)
class Chain:
    """A whole chain with its bound."""

    bound: float
    steps: tuple[tuple[Place, Tile], ...]


def all_in(points: NDArray[np.int32], tiles: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Which points consist of some tiles only."""
    inside = [own[points[:, axis]] for axis, own in enumerate(tiles)]
    return np.asarray(np.all(inside, axis=0))


def above(space: Mapspace, axis: int) -> NDArray[np.bool_]:
    """Which tile of a kind may follow which: every rank's size must divide."""
    tiles = space.tiles[KINDS[axis]]
    return np.array([[space.divides(small, big) for big in tiles] for small in tiles], bool)


def lone(space: Mapspace, small: Tile, big: Tile) -> float:
    """Part of a tensor that lies in a last piece of `big` that is no larger than `small`."""
    part = 1.0
    for rank, size in small.items():
        if big[rank] == size:
            continue
        extent, copies = space.operation.extents[rank], space.spread.copies(rank)
        rest = extent % (big[rank] * copies)
        if big[rank] == space.rounds[rank] or not 0 < rest <= size * copies:
            return 0.0
        part = min(part, rest / extent)
    return part
