"""Room, traffic and energy of a tensor kept at a point.

All is exact but what windows share, which :mod:`netwright.cost.overlaps` subtracts while loops are
added outside. Where its tables do not apply there are bounds from both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from netwright.arch import MAC, ROLES, Compute, Link, Memory, Node, Role
from netwright.cost.loopnest import visited_each
from netwright.cost.mapspace import KINDS, UNKNOWN_TO, Kind, Mapspace, Place
from netwright.cost.overlaps import Overlaps, is_exact, passes, sliding_axes
from netwright.cost.transitions import RankLoop, RankLoops, axis_visits
from netwright.mapping.loopnest import memories_of
from netwright.mapping.loopnest_legality import accumulator_bits, tile_elements
from netwright.mapping.operation import Operation
from netwright.mapping.zeros import share_of, work_share

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Tables over the points of a mapspace, indexed by the numbers of the m, x and k tiles.

    A cost is a vector: joules, then busy seconds of each memory, then seconds during which each
    memory holds up computation, then busy seconds of the compute units, which are not told here.
    """

    space: Mapspace

    @cached_property
    def memories(self) -> tuple[Memory, ...]:
        """The memories of the path, outermost first."""
        return memories_of(self.space.architecture)

    @cached_property
    def path(self) -> tuple[Node, ...]:
        """The nodes from the root to the compute unit."""
        return self.space.architecture.path

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Place of every node on the path."""
        return {node.name: number for number, node in enumerate(self.path)}

    @property
    def width(self) -> int:
        """Length of a cost vector."""
        return 2 + 2 * len(self.memories)

    def bits(self, role: Role) -> tuple[float, int]:
        """Stored bits for each element, and the width of its partial sum."""
        tensor = self.space.operation.tensors[self.space.operation.of(role)]
        kept = tensor.stored
        own = kept.num_bits / kept.num_elements
        return own, max(tensor.bits, accumulator_bits(self.space.architecture, tensor.bits))

    def room(self, place: Place) -> NDArray[np.int64]:
        """Bytes that a tensor takes in a memory, for each point."""
        space, operation = self.space, self.space.operation
        tensor = operation.tensors[operation.of(place.role)]
        _, partial = self.bits(place.role)
        sums = prod(space.rounds[rank] for rank in space.ranks("k"))
        is_partial = place.role == "output" and sums > 1 and partial > tensor.bits
        known = [kind for kind in KINDS if kind != UNKNOWN_TO[place.role]]
        groups = prod(space.rounds[rank] for rank in space.groups)
        table = np.zeros([len(space.tiles[kind]) for kind in known], np.int64)
        for index in np.ndindex(*table.shape):
            tile: dict[str, int] = {}
            rest = groups
            for kind, number in zip(known, index, strict=True):
                tile.update(space.tiles[kind][number])
                rest *= space.pieces(space.tiles[kind][number], space.ranks(kind))
            elements = tile_elements(
                operation, operation.of(place.role), space.sizes(tile, place.below)
            )
            size = elements * partial if is_partial else tensor.bits_of(elements)
            table[index] = -(-size * (2 if rest > 1 and place.memory.double_buffered else 1) // 8)
        return np.asarray(self._spread(table, known), np.int64)

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
            return (self._results(place, self.fetched("output")),)
        if place.role == "weight":
            moved = self.fetched("weight")
            return (self._operands(place, moved, moved),)
        overlaps = None if rough else self.overlaps.get(place)
        tables = [self._rough(place, most=most)] if overlaps is None else overlaps.fetched
        found = []
        for table in tables:
            amounts = passes(space)[:, None, None, None] * table
            found.append(self._operands(place, amounts[..., 0], amounts[..., 1], most=most))
        return tuple(found)

    @cached_property
    def overlaps(self) -> dict[Place, Overlaps]:
        """Tables of what windows share, for places where they are exact."""
        return {p: Overlaps(self.space, p) for p in self.space.places if is_exact(self.space, p)}

    def once(self, place: Place) -> Array:
        """Cost vector of a tensor that moves once."""
        size = np.full(1, float(prod(self._extents(place.role))))
        if place.role == "output":
            return np.asarray(self._results(place, size)[0])
        return np.asarray(self._operands(place, size, size)[0])

    def priced(self, place: Place) -> Array:
        """Cost vectors of an element that is read from the parent, and of one that arrives."""
        one, none = np.ones(1), np.zeros(1)
        return np.concatenate([self._operands(place, one, none), self._operands(place, none, one)])

    def _copies_around(self, place: Place) -> tuple[int, int]:
        """Parents, and children of each, that hold the same elements."""
        space, operation = self.space, self.space.operation
        relevant = operation.relevant(operation.of(place.role))
        other = [rank for rank in operation.extents if rank not in relevant]
        every = frozenset(name for name, _, _ in space.spread.lanes)
        above = prod(space.spread.copies(r, every - place.below - place.between) for r in other)
        return above, prod(space.spread.copies(r, place.between) for r in other)

    def _operands(self, place: Place, down: Array, each: Array, *, most: bool = False) -> Array:
        above, inside = self._copies_around(place)
        own, _ = self.bits(place.role)
        if most:  # counts are whole bits
            own = ceil(own)
        vector = np.zeros((*down.shape, self.width))
        waits = not place.memory.double_buffered
        each = each * (above * inside)
        down = down * above if self._multicasts(place) else each
        self._add(vector, place.parent, down * own, 0 * down, waits)
        self._add(vector, place.memory, 0 * each, each * own, waits)
        self._cross(vector, place.parent, place.memory.name, down * own)
        return vector

    def _results(self, place: Place, moved: Array) -> Array:
        above, inside = self._copies_around(place)
        size = float(prod(self._extents(place.role)))
        down, each = moved * above, moved * above * inside
        vector = np.zeros((*moved.shape, self.width))
        own, partial = self.bits(place.role)
        waits = not place.memory.double_buffered
        final = size if above == 1 else 0.0
        up = final * own + (down - final) * partial
        back = (down - size * above) * partial
        self._add(vector, place.parent, back, up, waits)
        self._cross(vector, place.parent, place.memory.name, up + back)
        whole = final if inside == 1 else 0.0
        leaving = whole * own + (each - whole) * partial
        self._add(vector, place.memory, leaving, (each - size * above * inside) * partial, waits)
        return vector

    def _multicasts(self, place: Place) -> bool:
        return self._all_multicast(place.between)

    def _all_multicast(self, arrays: Iterable[str]) -> bool:
        return all(getattr(self.path[self._numbers[name]], "multicasts", True) for name in arrays)

    def fetched(self, role: Role) -> Array:
        """Elements of weights or results that cross the border of a memory, for each point."""
        space = self.space
        kind = UNKNOWN_TO[role]
        ranks = space.ranks(kind)
        refetch = np.array([space.pieces(tile, ranks) for tile in space.tiles[kind]], np.float64)
        return float(prod(self._extents(role))) * self._spread(refetch, [kind])

    def _rough(self, place: Place, *, most: bool) -> Array:
        """Elements of the input that a pass fetches: each once at least, or anew for each tile."""
        space, operation = self.space, self.space.operation
        found = np.zeros((len(space.tiles["x"]), len(space.tiles["k"]), 2))
        if not (most and sliding_axes(operation)):
            found[:] = prod(self._extents("input"))
            return found
        for i, x in enumerate(space.tiles["x"]):
            for j, k in enumerate(space.tiles["k"]):
                sizes = space.sizes({**x, **k}, place.below)
                found[i, j] = prod(
                    axis_visits(axis, extent, tuple(
                        _contiguous(r, operation.extents[r], sizes[r]) for r, _ in axis.terms
                    ))
                    for axis, extent in operation.along(operation.of("input"))
                )  # fmt: skip
        return found

    def fixed(self) -> Array:
        """The cost that all points share: operands of the compute units, and the operations."""
        space, operation = self.space, self.space.operation
        vector = np.zeros(self.width)
        unit = self.path[-1]
        assert isinstance(unit, Compute)
        energy = unit.energy_of(MAC)
        assert energy is not None  # check_figures
        share = work_share(operation.operands, unit)
        vector[0] = share_of(operation.num_macs, share) * energy.value
        every = frozenset(name for name, _, _ in space.spread.lanes)
        for role in ROLES:
            inner = next((p for p in space.places if p.role == role), None)
            memory = inner.memory if inner else self.memories[0]
            below = inner.below if inner else every
            relevant = operation.relevant(operation.of(role))
            other = [rank for rank in operation.extents if rank not in relevant]
            reads = float(prod(
                -(-operation.extents[r] // space.spread.copies(r, below)) for r in other
            ))  # fmt: skip
            parents = prod(space.spread.copies(r, every - below) for r in other)
            touched = float(prod(self._extents(role)))
            own, partial = self.bits(role)
            if role != "output":
                name = operation.of(role)
                axes = operation.along(name)
                visits = float(prod(
                    axis_visits(axis, extent, tuple(
                        _contiguous(r, operation.extents[r], space.spread.copies(r, below))
                        for r, _ in axis.terms
                    ))
                    for axis, extent in axes
                ))  # fmt: skip
                bits = reads * visits * own
                if not self._all_multicast(below):
                    bits = float(visited_each(operation, operation.of(role))) * own
                self._add(vector, memory, bits, 0.0, False)
                self._cross(vector, memory, unit.name, bits)
                continue
            down = reads * touched
            final = touched if parents == 1 else 0.0
            back = max(0.0, down - touched * parents) * partial
            up = final * own + max(0.0, down - final) * partial
            self._add(vector, memory, back, up, False)
            self._cross(vector, memory, unit.name, up + back)
        return vector

    def _extents(self, role: Role) -> list[int]:
        """Elements that are used along each axis."""
        return touched(self.space.operation, self.space.operation.of(role))

    def _spread(self, table: NDArray[np.generic], kinds: list[Kind]) -> Array:
        """A table over some kinds as one over all points."""
        shape = [len(self.space.tiles[kind]) for kind in KINDS]
        index = [1 if kind not in kinds else size for kind, size in zip(KINDS, shape, strict=True)]
        return np.broadcast_to(np.asarray(table, np.float64).reshape(index), shape).copy()

    def _add(
        self, vector: Array, memory: Memory, read: Array | float, write: Array | float, waits: bool
    ) -> None:
        """Bits read and written as joules and seconds of a memory."""
        assert memory.read_energy is not None and memory.write_energy is not None  # noqa: PT018
        assert memory.bandwidth is not None
        joules = read * memory.read_energy.value + write * memory.write_energy.value
        vector[..., 0] += joules / 8
        copies = self._copies(memory)
        column = 1 + self.memories.index(memory) + (len(self.memories) if waits else 0)
        vector[..., column] += (read + write) / 8 / memory.bandwidth.value / copies

    def _cross(self, vector: Array, parent: Memory, below: str, bits: Array | float) -> None:
        for node in self.path[self._numbers[parent.name] : self._numbers[below]]:
            if isinstance(node, Link) and node.energy is not None:
                vector[..., 0] += bits / 8 * node.energy.value

    def _copies(self, memory: Memory) -> int:
        names = self._numbers
        return prod(
            count
            for array, _, pairs in self.space.spread.lanes
            if names[array] < names[memory.name]
            for _, count in pairs
        )


def touched(operation: Operation, tensor: str) -> list[int]:
    """Elements of a tensor that are used along each axis."""
    return [
        axis_visits(
            axis, extent, tuple(RankLoops(r, operation.extents[r], ()) for r, _ in axis.terms)
        )
        for axis, extent in operation.along(tensor)
    ]


def _contiguous(rank: str, extent: int, tile: int) -> RankLoops:
    return RankLoops(rank, extent, (RankLoop(0, min(tile, extent), "time"),))
