"""Tables over the points of a mapspace that the search looks up, with bounds for all chains."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from netwright.cost.bounds import Bounds
from netwright.cost.chains import above, lone
from netwright.cost.mapspace import KINDS, UNKNOWN_TO, Mapspace, Place
from netwright.cost.moves import Count, Moves
from netwright.cost.overlaps import End, Overlaps, ends_of, passes

Objective = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""From joules and seconds to what is minimized; it grows with both."""


def valued(costs: NDArray[np.float64], objective: Objective) -> NDArray[np.float64]:
    """The objective of cost vectors, one a row; see :mod:`netwright.cost.moves`."""
    count = costs.shape[1] // 2 - 1
    busy = np.maximum(costs[:, 1 : 1 + count].max(axis=1), costs[:, -1])
    alone = costs[:, 1 + count : -1].max(axis=1)
    return objective(costs[:, 0], busy + alone)


def floors(
    moves: Moves, num_steps: Count, step_seconds: float, objective: Objective
) -> NDArray[np.float64]:
    """Bounds for all chains: every tensor moves once, every memory is large enough.

    Args:
        moves: What transfers cost, with the arrays used in one way or in many.
        num_steps: Fewest time steps of the compute units.
        step_seconds: Seconds of a step.
        objective: What is minimized.
    """
    least = moves.fixed() + sum(moves.once(place) for place in moves.problem.places)
    seconds = np.atleast_1d(np.asarray(num_steps * step_seconds, np.float64))
    costs = np.broadcast_to(least, (len(seconds), moves.width)).copy()
    costs[:, -1] = seconds
    return valued(costs, objective)


class Tables:
    """What points of one mapspace need and cost.

    Args:
        space: The mapspace.
        step_seconds: Seconds of a step of the compute units.
        objective: What is minimized.
        shares: Whether windows share what they do share; else a pass fetches every element once.
    """

    def __init__(
        self, space: Mapspace, step_seconds: float, objective: Objective, *, shares: bool = True
    ) -> None:
        self.space = space
        self.shares = shares
        self.bounds = Bounds(space)
        self.objective = objective
        self.step_seconds = step_seconds
        self._spacious: dict[int, NDArray[np.bool_]] = {}

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Numbers of m, x and k tiles."""
        return tuple(len(self.space.tiles[kind]) for kind in KINDS)

    @cached_property
    def fixed(self) -> NDArray[np.float64]:
        """The cost of an operation without transfers between memories."""
        found = self.bounds.moves.fixed()
        found[-1] = self.space.num_steps * self.step_seconds
        return found

    @cached_property
    def rooms(self) -> dict[Place, NDArray[np.int64]]:
        """Bytes that the tensor of a place takes, for each point."""
        return {place: self.bounds.room(place) for place in self.space.places}

    @cached_property
    def least_rooms(self) -> dict[Place, NDArray[np.int64]]:
        """Bytes that the tensor of a place takes at least, at any larger point too."""
        return {
            place: -(-room // (2 if place.memory.double_buffered else 1)).ravel()
            for place, room in self.rooms.items()
        }

    def roomy(self, stage: int) -> NDArray[np.bool_]:
        """Points, in flat form, at which the memories of a stage and of those outside have room."""
        if stage not in self._spacious:
            needs: dict[str, NDArray[np.int64]] = {}
            found = np.ones(prod(self.shape), bool)
            for place in self.space.places:
                name, capacity = place.memory.name, place.memory.capacity_bytes
                if place.stage >= stage and capacity is not None:
                    needs[name] = self.least_rooms[place] + needs.get(name, 0)
                    found &= needs[name] <= capacity
            self._spacious[stage] = found
        return self._spacious[stage]

    def flat(self, points: NDArray[np.int32]) -> NDArray[np.intp]:
        """Points in flat form."""
        _, num_x, num_k = self.shape
        return (points[:, 0].astype(np.intp) * num_x + points[:, 1]) * num_k + points[:, 2]

    @cached_property
    def above(self) -> tuple[NDArray[np.bool_], ...]:
        """For each kind, which tile may follow which."""
        return tuple(above(self.space, number) for number in range(3))

    @cached_property
    def lone(self) -> tuple[NDArray[np.float64], ...]:
        """For each kind, in which part of a tensor the loops between two tiles run but once.

        That is the last piece where it is no larger than the inner tile; else there is none.
        """
        return tuple(
            np.array([[lone(self.space, small, big) for big in tiles] for small in tiles])
            for tiles in (self.space.tiles[kind] for kind in KINDS)
        )

    @cached_property
    def ends(self) -> list[tuple[End, ...]]:
        """For each stage, how far it may go along ranks that slide along arrays."""
        stages = range(self.space.num_stages)
        return [ends_of(self.space, stage) if self.shares else ({},) for stage in stages]

    @cached_property
    def passes(self) -> NDArray[np.float64]:
        """Passes over the input outside each m tile."""
        return passes(self.space)

    @property
    def overlaps(self) -> dict[Place, Overlaps]:
        """What windows share, for places where it is known exactly."""
        return self.bounds.overlaps if self.shares else {}

    @cached_property
    def units(self) -> dict[Place, NDArray[np.float64]]:
        """Cost vectors of an element that is read, and of one that arrives."""
        return {place: self.bounds.priced(place) for place in self.overlaps}

    @cached_property
    def once(self) -> dict[Place, NDArray[np.float64]]:
        """Cost vector of a tensor that moves into a memory once."""
        return {place: self.bounds.moves.once(place) for place in self.space.places}

    @cached_property
    def prices(self) -> dict[Place, NDArray[np.float64]]:
        """Bounds from below for each end of a stage and point; exact but for savings."""
        return {
            place: np.stack(self.bounds.cost(place, rough=not self.shares))
            for place in self.space.places
        }

    @cached_property
    def most(self) -> dict[Place, NDArray[np.float64]]:
        """Bounds from above, likewise."""
        return {
            place: np.stack(self.bounds.cost(place, most=True, rough=True))
            if self.shares and place.role == "input" and place not in self.overlaps
            else prices
            for place, prices in self.prices.items()
        }

    def value(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The objective of cost vectors."""
        return valued(costs, self.objective)

    def floor(self) -> float:
        """A bound for all chains: every tensor moves once, every memory is large enough."""
        found = floors(self.bounds.moves, self.space.num_steps, self.step_seconds, self.objective)
        return float(found[0])

    @cached_property
    def further(self) -> dict[Place, NDArray[np.float64]]:
        """What the loops that a tensor does not know add in all, at each point in flat form."""
        found = {}
        for place, prices in self.prices.items():
            axis = KINDS.index(UNKNOWN_TO[place.role])
            last = np.take(prices[0], [self.shape[axis] - 1], axis=axis)
            found[place] = (last - prices[0]).reshape(-1, self.bounds.width)
        return found
