"""What undecided tensors add at least in the room that is left: fronts of a cost against room."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_POINTS = 64
"""Points of a front; of more, neighbors count as one that takes the least room and costs least."""


@dataclass(frozen=True, slots=True)
class Front:
    """The least cost of some tensors for any room; no choice goes below it.

    Attributes:
        rooms: Bytes, increasing.
        costs: The least cost within each of them, decreasing.
    """

    rooms: Sequence[int]
    costs: Sequence[float]

    def least(self, room: int) -> float:
        """The least cost within some bytes; infinite if nothing fits.

        >>> Front((0, 8), (5.0, 2.0)).least(7)
        5.0
        """
        number = bisect_right(self.rooms, room)
        return self.costs[number - 1] if number else float("inf")

    def joined(self, own: Sequence[int], spent: Sequence[float]) -> Front:
        """The front with one more tensor.

        Args:
            own: Room of each way to treat it.
            spent: Cost of each way.
        """
        rooms = np.add.outer(self.rooms, own).ravel()
        costs = np.add.outer(self.costs, spent).ravel()
        order = np.lexsort((costs, rooms))
        rooms, costs = rooms[order], np.minimum.accumulate(costs[order])
        better = np.append(True, costs[1:] < costs[:-1])
        rooms, costs = rooms[better], costs[better]
        size = -(-len(rooms) // MAX_POINTS)
        last = np.append(np.arange(size - 1, len(rooms) - 1, size), len(rooms) - 1)
        return Front(rooms[::size].tolist(), costs[last].tolist())


def fronts(rooms: Sequence[Sequence[int]], costs: Sequence[Sequence[float]]) -> list[Front]:
    """For each number of tensors that are decided, the front of the others.

    Args:
        rooms: For each tensor the room of each way to treat it.
        costs: The same for the cost.
    """
    found = [Front((0,), (0.0,))]
    for own, spent in zip(reversed(rooms), reversed(costs), strict=True):
        found.append(found[-1].joined(own, spent))
    return found[::-1]
