"""Room, traffic and energy of a tensor kept at a point.

All is exact but what windows share, which :mod:`netwright.cost.overlaps` subtracts while loops are
added outside. Where its tables do not apply there are bounds from both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Memory, Node, Role
from netwright.cost.mapspace import KINDS, UNKNOWN_TO, Kind, Mapspace, Place
from netwright.cost.moves import Moves, contiguous
from netwright.cost.overlaps import Overlaps, is_exact, passes, shared, sliding_axes
from netwright.cost.transitions import axis_visits

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Tables over the points of a mapspace, indexed by the numbers of the m, x and k tiles.

    A cost is a vector, see :mod:`netwright.cost.moves`.
    """

    space: Mapspace

    @property
    def memories(self) -> tuple[Memory, ...]:
        """The memories of the path, outermost first."""
        return self.space.problem.memories

    @property
    def path(self) -> tuple[Node, ...]:
        """The nodes from the root to the compute unit."""
        return self.space.problem.path

    @property
    def width(self) -> int:
        """Length of a cost vector."""
        return self.moves.width

    @cached_property
    def moves(self) -> Moves:
        """What transfers cost."""
        return Moves(self.space.problem, self.space.spread)

    def room(self, place: Place) -> NDArray[np.int64]:
        """Bytes that a tensor takes in a memory, for each point."""
        space = self.space
        tensor = space.operation.tensors[space.problem.names[place.role]]
        _, partial = self.space.problem.bits[place.role]
        sums = prod(space.rounds[rank] for rank in space.ranks("k"))
        is_partial = place.role == "output" and sums > 1 and partial > tensor.bits
        elements, numbers = np.unique(self._elements(place), return_inverse=True)
        sizes = [n * partial if is_partial else tensor.bits_of(n) for n in elements.tolist()]
        table = np.array(sizes, np.int64)[numbers].reshape(self._shape)
        if place.memory.double_buffered:
            groups = prod(space.rounds[rank] for rank in space.groups)
            outside = np.ones(self._shape, bool) if groups > 1 else np.zeros(self._shape, bool)
            for kind in KINDS:
                if kind != UNKNOWN_TO[place.role]:
                    tiles, ranks = space.tiles[kind], space.ranks(kind)
                    cut = np.array([space.pieces(tile, ranks) > 1 for tile in tiles])
                    outside |= cut.reshape(self._along(kind))
            table[outside] *= 2
        return -(-table // 8)

    def _elements(self, place: Place) -> NDArray[np.int64]:
        """Elements of a tensor inside each point, at most; padding has none."""
        space, operation = self.space, self.space.operation
        total = np.ones(self._shape, np.int64)
        for axis, extent in operation.along(space.problem.names[place.role]):
            reach: NDArray[np.int64] | int = 1
            points: NDArray[np.int64] | int = 1
            for rank, step in axis.terms:
                kind, copies = space.kinds[rank], space.spread.copies(rank, place.below)
                size = np.array(copies)
                if kind is not None:
                    own = np.array([tile[rank] for tile in space.tiles[kind]], np.int64)
                    size = (own * copies).reshape(self._along(kind))
                size = np.minimum(size, operation.extents[rank])
                reach, points = reach + abs(step) * (size - 1), points * size
            total *= np.minimum(np.minimum(reach, points), extent)
        return total

    @cached_property
    def _shape(self) -> tuple[int, ...]:
        return tuple(len(self.space.tiles[kind]) for kind in KINDS)

    def _along(self, kind: Kind) -> tuple[int, ...]:
        """Shape of a table over one kind."""
        return tuple(-1 if kind == own else 1 for own in KINDS)

    def cost(self, place: Place, *, most: bool = False, rough: bool = False) -> tuple[Array, ...]:
        """Cost vectors of moving a tensor between a memory and its parent, for each point.

        Args:
            place: The tensor and the memory.
            most: Bound from above instead of below.
            rough: Take only bounds for what windows share, even if it is known.

        Returns:
            Tables for each end of the stage; without the savings of :meth:`overlaps`.
        """
        space = self.space
        if place.role == "output":
            return (self.moves.results(place, self.fetched("output")),)
        if place.role == "weight":
            moved = self.fetched("weight")
            return (self.moves.operands(place, moved, moved),)
        overlaps = None if rough else self.overlaps.get(place)
        tables = [self._rough(place, most=most)] if overlaps is None else overlaps.fetched
        found = []
        for table in tables:
            amounts = passes(space)[:, None, None, None] * table
            found.append(self.moves.operands(place, amounts[..., 0], amounts[..., 1], most=most))
        return tuple(found)

    @cached_property
    def overlaps(self) -> dict[Place, Overlaps]:
        """Tables of what windows share, for places where they are exact."""
        return {p: shared(self.space, p) for p in self.space.places if is_exact(self.space, p)}

    def priced(self, place: Place) -> Array:
        """Cost vectors of an element that is read from the parent, and of one that arrives."""
        one, none = np.ones(1), np.zeros(1)
        return np.concatenate(
            [self.moves.operands(place, one, none), self.moves.operands(place, none, one)]
        )

    def fetched(self, role: Role) -> Array:
        """Elements of weights or results that cross the border of a memory, for each point."""
        space = self.space
        kind = UNKNOWN_TO[role]
        ranks = space.ranks(kind)
        refetch = np.array([space.pieces(tile, ranks) for tile in space.tiles[kind]], np.float64)
        return float(prod(self.space.problem.touched[role])) * self._spread(refetch, [kind])

    def _rough(self, place: Place, *, most: bool) -> Array:
        """Elements of the input that a pass fetches: each once at least, or anew for each tile."""
        space, operation = self.space, self.space.operation
        found = np.zeros((len(space.tiles["x"]), len(space.tiles["k"]), 2))
        if not (most and sliding_axes(operation)):
            found[:] = prod(self.space.problem.touched["input"])
            return found
        for i, x in enumerate(space.tiles["x"]):
            for j, k in enumerate(space.tiles["k"]):
                sizes = space.sizes({**x, **k}, place.below)
                found[i, j] = prod(
                    axis_visits(axis, extent, tuple(
                        contiguous(r, operation.extents[r], sizes[r]) for r, _ in axis.terms
                    ))
                    for axis, extent in operation.along(operation.of("input"))
                )  # fmt: skip
        return found

    def _spread(self, table: NDArray[np.generic], kinds: list[Kind]) -> Array:
        """A table over some kinds as one over all points."""
        shape = [len(self.space.tiles[kind]) for kind in KINDS]
        index = [1 if kind not in kinds else size for kind, size in zip(KINDS, shape, strict=True)]
        return np.broadcast_to(np.asarray(table, np.float64).reshape(index), shape).copy()
