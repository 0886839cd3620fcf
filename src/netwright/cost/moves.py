"""What moving tensors between memories and to the units costs, for one way to use arrays or many.

A cost is a vector: joules, then busy seconds of each memory, then seconds during which each memory
holds up computation, then busy seconds of the compute units, which are not told here. For many ways
it has a row for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from netwright.arch import MAC, ROLES, Compute, Link, Memory, Node, Role
from netwright.cost.loopnest import visited_each
from netwright.cost.mapspace import Place, Problem
from netwright.cost.transitions import RankLoop, RankLoops, axis_visits
from netwright.mapping.zeros import share_of, work_share
from netwright.workload import Affine

Array = NDArray[np.float64]
Count = float | Array
"""A number for one way to use the arrays, a column for many."""


class Copied(Protocol):
    """One way to use the arrays, or many; see :class:`netwright.cost.spreads.Spread`."""

    def copies(self, rank: str, arrays: frozenset[str] | None = None) -> Count:
        """Copies along which a rank is spread, in some arrays or in all."""

    def copies_besides(self, ranks: Collection[str], arrays: frozenset[str]) -> Count:
        """Copies in some arrays along all but some ranks."""


@dataclass(frozen=True)
class Moves:
    """Cost vectors of an operation on a machine.

    Attributes:
        problem: The operation and the machine.
        spread: How its arrays are used.
    """

    problem: Problem
    spread: Copied

    @property
    def memories(self) -> tuple[Memory, ...]:
        """The memories of the path, outermost first."""
        return self.problem.memories

    @property
    def path(self) -> tuple[Node, ...]:
        """The nodes from the root to the compute unit."""
        return self.problem.path

    @property
    def width(self) -> int:
        """Length of a cost vector."""
        return 2 + 2 * len(self.memories)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Place of every node on the path."""
        return {node.name: number for number, node in enumerate(self.path)}

    def once(self, place: Place) -> Array:
        """Cost vector of a tensor that moves once."""
        copies = tuple(self._copies(memory) for memory in (place.parent, place.memory))
        around = self._copies_around(place)

        def made() -> Array:
            size = np.full(1, float(prod(self.problem.touched[place.role])))
            if place.role == "output":
                return self.results(place, size)
            return self.operands(place, size, size)

        return self._known(("once", place, around, copies), (*around, *copies), made)

    def fixed(self) -> Array:
        """The cost that all points share: operands of the compute units, and the operations."""
        unit = self.path[-1]
        assert isinstance(unit, Compute)
        energy = unit.energy_of(MAC)
        assert energy is not None  # check_figures
        operation, known = self.problem.operation, self.problem.vectors
        if "macs" not in known:
            macs = share_of(operation.num_macs, work_share(operation.operands, unit))
            known["macs"] = np.array([macs * energy.value, *[0.0] * (self.width - 1)])
        found: Array = known["macs"]
        for role in ROLES:
            found = found + self._at_units(role)
        return found

    def operands(self, place: Place, down: Array, each: Array, *, most: bool = False) -> Array:
        """Operands that cross the border of a memory.

        Args:
            place: The tensor and the memory.
            down: Elements that one parent sends, where it sends each to all its children at once.
            each: Elements that each child takes.
            most: Bound from above: counts are whole bits.
        """
        above, inside = self._copies_around(place)
        own, _ = self.problem.bits[place.role]
        if most:
            own = ceil(own)
        each = each * (above * inside)
        down = down * above if self._all_multicast(place.between) else each
        vector = self._vector(down, each)
        waits = not place.memory.double_buffered
        self._add(vector, place.parent, down * own, 0 * down, waits)
        self._add(vector, place.memory, 0 * each, each * own, waits)
        self._cross(vector, place.parent, place.memory.name, down * own)
        return vector

    def results(self, place: Place, moved: Array) -> Array:
        """Results that cross the border of a memory, as often as they do."""
        above, inside = self._copies_around(place)
        size = float(prod(self.problem.touched[place.role]))
        down, each = moved * above, moved * above * inside
        vector = self._vector(down, each)
        own, partial = self.problem.bits[place.role]
        waits = not place.memory.double_buffered
        final = np.where(np.equal(above, 1), size, 0.0)
        up = final * own + (down - final) * partial
        back = (down - size * above) * partial
        self._add(vector, place.parent, back, up, waits)
        self._cross(vector, place.parent, place.memory.name, up + back)
        whole = np.where(np.equal(inside, 1), final, 0.0)
        leaving = whole * own + (each - whole) * partial
        self._add(vector, place.memory, leaving, (each - size * above * inside) * partial, waits)
        return vector

    def _copies_around(self, place: Place) -> tuple[Count, Count]:
        """Parents, and children of each, that hold the same elements."""
        known = self.problem.relevant[place.role]
        above = self.problem.arrays - place.below - place.between
        return (
            self.spread.copies_besides(known, above),
            self.spread.copies_besides(known, place.between),
        )

    def _all_multicast(self, arrays: Iterable[str]) -> bool:
        return all(getattr(self.path[self._numbers[name]], "multicasts", True) for name in arrays)

    def _at_units(self, role: Role) -> Array:
        """The cost of moving a tensor between the innermost memory that keeps it and the units."""
        problem = self.problem
        inner = next((place for place in problem.places if place.role == role), None)
        memory = inner.memory if inner else self.memories[0]
        below = inner.below if inner else problem.arrays
        copies = {rank: self.spread.copies(rank, below) for rank in problem.operation.extents}
        parents = self.spread.copies_besides(problem.relevant[role], problem.arrays - below)
        numbers = *copies.values(), parents, self._copies(memory)

        def made() -> Array:
            reads = self._reads(role, copies)
            return self._moved(role, reads, parents, memory, below, copies)

        return self._known(("units", role, numbers), numbers, made)

    def _reads(self, role: Role, copies: dict[str, Count]) -> Count:
        """How often each element of a tensor is used, by copies that take it at the same time."""
        extents = self.problem.operation.extents
        others = (rank for rank in extents if rank not in self.problem.relevant[role])
        return prod((-(-extents[rank] // copies[rank]) for rank in others), start=1.0)

    def _moved(
        self,
        role: Role,
        reads: Count,
        parents: Count,
        memory: Memory,
        below: frozenset[str],
        copies: dict[str, Count],
    ) -> Array:
        problem, operation = self.problem, self.problem.operation
        own, partial = problem.bits[role]
        name = self.path[-1].name
        if role == "output":
            touched = float(prod(problem.touched[role]))
            down = np.asarray(reads * touched)
            final = np.where(np.equal(parents, 1), touched, 0.0)
            back = np.maximum(0.0, down - touched * parents) * partial
            up = final * own + np.maximum(0.0, down - final) * partial
            vector = self._vector(back, up)
            self._add(vector, memory, back, up, False)
            self._cross(vector, memory, name, up + back)
            return vector
        visits = prod(
            self._visits(axis, size, copies) for axis, size in operation.along(problem.names[role])
        )
        bits = np.asarray(reads * visits * own)
        if not self._all_multicast(below):
            bits = np.asarray(float(visited_each(operation, problem.names[role])) * own)
        vector = self._vector(bits)
        self._add(vector, memory, bits, 0 * bits, False)
        self._cross(vector, memory, name, bits)
        return vector

    def _visits(self, axis: Affine, size: int, copies: dict[str, Count]) -> Count:
        """Elements along an axis that are used, each as often as a piece of the copies needs it."""
        extents = self.problem.operation.extents
        columns = np.broadcast_arrays(*(copies[rank] for rank, _ in axis.terms))
        if not columns:
            return axis_visits(axis, size, ())
        rows, place = np.unique(np.stack(columns, -1).reshape(-1, len(columns)), axis=0,
                                return_inverse=True)  # fmt: skip
        found = [
            axis_visits(axis, size, tuple(
                contiguous(rank, extents[rank], int(piece))
                for (rank, _), piece in zip(axis.terms, row, strict=True)
            ))
            for row in rows.tolist()
        ]  # fmt: skip
        return np.array(found, np.float64)[place.reshape(columns[0].shape)]

    def _known(self, key: Hashable, numbers: tuple[Count, ...], made: Callable[[], Array]) -> Array:
        """A vector that was computed before, for one way to use the arrays."""
        if any(isinstance(number, np.ndarray) for number in numbers):
            return made()
        known = self.problem.vectors
        if key not in known:
            known[key] = made().reshape(self.width)
        return known[key]

    def _vector(self, *numbers: Array) -> Array:
        """An empty vector for each of some numbers, and for each way to use the arrays."""
        rows = np.shape(self.spread.copies_besides((), self.problem.arrays))
        return np.zeros((*np.broadcast_shapes(rows, *map(np.shape, numbers)), self.width))

    def _add(self, vector: Array, memory: Memory, read: Array, write: Array, waits: bool) -> None:
        """Bits read and written as joules and seconds of a memory."""
        assert memory.read_energy is not None and memory.write_energy is not None  # noqa: PT018
        assert memory.bandwidth is not None
        joules = read * memory.read_energy.value + write * memory.write_energy.value
        vector[..., 0] += joules / 8
        copies = self._copies(memory)
        names = self.problem.memory_names
        column = 1 + names.index(memory.name) + (len(self.memories) if waits else 0)
        vector[..., column] += (read + write) / 8 / memory.bandwidth.value / copies

    def _cross(self, vector: Array, parent: Memory, below: str, bits: Array) -> None:
        for node in self.path[self._numbers[parent.name] : self._numbers[below]]:
            if isinstance(node, Link) and node.energy is not None:
                vector[..., 0] += bits / 8 * node.energy.value

    def _copies(self, memory: Memory) -> Count:
        return self.spread.copies_besides((), self.problem.arrays_above[memory.name])


def contiguous(rank: str, extent: int, tile: int) -> RankLoops:
    """A loop in time over pieces of a rank."""
    return RankLoops(rank, extent, (RankLoop(0, min(tile, extent), "time"),))
