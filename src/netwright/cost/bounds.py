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
from netwright.cost.overlaps import Overlaps, is_exact, passes, shared, sliding_axes
from netwright.cost.transitions import RankLoop, RankLoops, axis_visits
from netwright.mapping.zeros import share_of, work_share

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bounds:
    """Tables over the points of a mapspace, indexed by the numbers of the m, x and k tiles.

    A cost is a vector: joules, then busy seconds of each memory, then seconds during which each
    memory holds up computation, then busy seconds of the compute units, which are not told here.
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

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Place of every node on the path."""
        return {node.name: number for number, node in enumerate(self.path)}

    @property
    def width(self) -> int:
        """Length of a cost vector."""
        return 2 + 2 * len(self.memories)

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
        return {p: shared(self.space, p) for p in self.space.places if is_exact(self.space, p)}

    def once(self, place: Place) -> Array:
        """Cost vector of a tensor that moves once."""
        copies = tuple(self._copies(memory) for memory in (place.parent, place.memory))
        key = "once", place, self._copies_around(place), copies
        known = self.space.problem.vectors
        if key not in known:
            size = np.full(1, float(prod(self.space.problem.touched[place.role])))
            is_result = place.role == "output"
            moved = self._results(place, size) if is_result else self._operands(place, size, size)
            known[key] = np.asarray(moved[0])
        return known[key]

    def priced(self, place: Place) -> Array:
        """Cost vectors of an element that is read from the parent, and of one that arrives."""
        one, none = np.ones(1), np.zeros(1)
        return np.concatenate([self._operands(place, one, none), self._operands(place, none, one)])

    def _copies_around(self, place: Place) -> tuple[int, int]:
        """Parents, and children of each, that hold the same elements."""
        spread, problem = self.space.spread, self.space.problem
        known = problem.relevant[place.role]
        above = problem.arrays - place.below - place.between
        return spread.copies_besides(known, above), spread.copies_besides(known, place.between)

    def _operands(self, place: Place, down: Array, each: Array, *, most: bool = False) -> Array:
        above, inside = self._copies_around(place)
        own, _ = self.space.problem.bits[place.role]
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
        size = float(prod(self.space.problem.touched[place.role]))
        down, each = moved * above, moved * above * inside
        vector = np.zeros((*moved.shape, self.width))
        own, partial = self.space.problem.bits[place.role]
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
                        _contiguous(r, operation.extents[r], sizes[r]) for r, _ in axis.terms
                    ))
                    for axis, extent in operation.along(operation.of("input"))
                )  # fmt: skip
        return found

    def fixed(self) -> Array:
        """The cost that all points share: operands of the compute units, and the operations."""
        vector = np.zeros(self.width)
        unit = self.path[-1]
        assert isinstance(unit, Compute)
        energy = unit.energy_of(MAC)
        assert energy is not None  # check_figures
        operation, known = self.space.operation, self.space.problem.vectors
        if "macs" not in known:
            macs = share_of(operation.num_macs, work_share(operation.operands, unit))
            known["macs"] = np.array(macs * energy.value)
        vector[0] = known["macs"]
        for role in ROLES:
            vector += self._at_units(role)
        return vector

    def _at_units(self, role: Role) -> Array:
        """The cost of moving a tensor between the innermost memory that keeps it and the units."""
        space, operation, problem = self.space, self.space.operation, self.space.problem
        inner = next((place for place in space.places if place.role == role), None)
        memory = inner.memory if inner else self.memories[0]
        below = inner.below if inner else problem.arrays
        copies = {rank: space.spread.copies(rank, below) for rank in operation.extents}
        parents = space.spread.copies_besides(problem.relevant[role], problem.arrays - below)
        key = "units", role, tuple(copies.values()), parents, self._copies(memory)
        if key in problem.vectors:
            return problem.vectors[key]
        vector = problem.vectors[key] = np.zeros(self.width)
        reads = float(prod(
            -(-extent // copies[rank])
            for rank, extent in operation.extents.items()
            if rank not in problem.relevant[role]
        ))  # fmt: skip
        own, partial = self.space.problem.bits[role]
        if role == "output":
            touched = float(prod(self.space.problem.touched[role]))
            down = reads * touched
            final = touched if parents == 1 else 0.0
            back = max(0.0, down - touched * parents) * partial
            up = final * own + max(0.0, down - final) * partial
            self._add(vector, memory, back, up, False)
            self._cross(vector, memory, self.path[-1].name, up + back)
            return vector
        visits = float(prod(
            axis_visits(axis, size, tuple(
                _contiguous(r, operation.extents[r], copies[r]) for r, _ in axis.terms
            ))
            for axis, size in operation.along(problem.names[role])
        ))  # fmt: skip
        bits = reads * visits * own
        if not self._all_multicast(below):
            bits = float(visited_each(operation, problem.names[role])) * own
        self._add(vector, memory, bits, 0.0, False)
        self._cross(vector, memory, self.path[-1].name, bits)
        return vector

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
        names = self.space.problem.memory_names
        column = 1 + names.index(memory.name) + (len(self.memories) if waits else 0)
        vector[..., column] += (read + write) / 8 / memory.bandwidth.value / copies

    def _cross(self, vector: Array, parent: Memory, below: str, bits: Array | float) -> None:
        for node in self.path[self._numbers[parent.name] : self._numbers[below]]:
            if isinstance(node, Link) and node.energy is not None:
                vector[..., 0] += bits / 8 * node.energy.value

    def _copies(self, memory: Memory) -> int:
        return self.space.spread.copies_besides((), self.space.problem.arrays_above[memory.name])


def _contiguous(rank: str, extent: int, tile: int) -> RankLoops:
    return RankLoops(rank, extent, (RankLoop(0, min(tile, extent), "time"),))
