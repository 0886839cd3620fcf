"""The mapspace that the mapper searches: arrays first, then tiles, then what is kept where.

A product of two tensors has three kinds of ranks: features *m* are unknown to the input, positions
*x* to the weight, sums *k* to the output; ranks that all three know (groups) run outermost. Along
each kind tiles form a list: whole columns before rows before batches, taps before channels,
divisors of what is left after the arrays. A tile of all three kinds is a *point*. A tensor kept at
a point is fetched again for each iteration of its unknown kind outside the point, and for nothing
else. So a mapping is a chain of points, one for each tensor in each memory, inner memories first;
between two points loops run in the order x, k, m from inside out. Between two tensors of one stage,
memories that do not feed each other, only loops of the outer one's unknown kind run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

from netwright.arch import ROLES, Architecture, Array, Memory, Role
from netwright.mapping.loopnest import Keep, Loop, LoopNest, memories_of
from netwright.mapping.operation import Operation

Kind = Literal["m", "x", "k"]
KINDS: tuple[Kind, ...] = ("m", "x", "k")
GAP_ORDER: tuple[Kind, ...] = ("x", "k", "m")
UNKNOWN_TO: Mapping[Role, Kind] = {"input": "m", "weight": "x", "output": "k"}
INNER_FIRST = {"Q": 0, "P": 1, "N": 2, "S": 0, "R": 1, "C": 2, "M": 0}

Tile = Mapping[str, int]
"""Iterations of each rank's loops in time that lie inside a point."""


@dataclass(frozen=True)
class Spread:
    """How the arrays of a machine are used.

    Attributes:
        lanes: For each array and axis, rank names with the number of copies.
    """

    lanes: tuple[tuple[str, int, tuple[tuple[str, int], ...]], ...]

    def copies(self, rank: str, arrays: frozenset[str] | None = None) -> int:
        """Copies along which a rank is spread, in some arrays or in all."""
        return prod(
            count
            for array, _, pairs in self.lanes
            if arrays is None or array in arrays
            for name, count in pairs
            if name == rank
        )


@dataclass(frozen=True)
class Place:
    """A tensor kept in a memory.

    Attributes:
        role: Which tensor.
        memory: Where.
        parent: The memory that it comes from.
        stage: 0 for the innermost memories.
        below: Arrays below the memory.
        between: Arrays between the memory and its parent.
    """

    role: Role
    memory: Memory
    parent: Memory
    stage: int
    below: frozenset[str]
    between: frozenset[str]


@dataclass(frozen=True)
class Mapspace:
    """All mappings of one operation on one machine with its arrays used in one way."""

    operation: Operation
    architecture: Architecture
    spread: Spread

    @cached_property
    def rounds(self) -> dict[str, int]:
        """Iterations in time that the arrays leave of each rank."""
        sizes = self.operation.extents
        return {rank: -(-size // self.spread.copies(rank)) for rank, size in sizes.items()}

    @cached_property
    def kinds(self) -> dict[str, Kind | None]:
        """Kind of every rank; ``None`` for groups."""
        relevant = {role: self.operation.relevant(self.operation.of(role)) for role in ROLES}
        found: dict[str, Kind | None] = {}
        for rank in self.operation.extents:
            missing = [UNKNOWN_TO[role] for role in ROLES if rank not in relevant[role]]
            found[rank] = missing[0] if missing else None
        return found

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Ranks that all tensors know; they run outermost."""
        return tuple(rank for rank, kind in self.kinds.items() if kind is None)

    @cached_property
    def tiles(self) -> dict[Kind, tuple[Tile, ...]]:
        """The tiles along each kind, smallest first."""
        return {kind: tuple(self._tiles(self.ranks(kind))) for kind in KINDS}

    def ranks(self, kind: Kind) -> tuple[str, ...]:
        """Ranks of a kind, inner ones first."""
        meant = self.operation.directions
        own = [rank for rank, its in self.kinds.items() if its == kind]
        return tuple(sorted(own, key=lambda rank: INNER_FIRST.get(meant[rank], 3)))

    def _tiles(self, ranks: tuple[str, ...]) -> Iterator[Tile]:
        yield dict.fromkeys(ranks, 1)
        done: dict[str, int] = {}
        for rank in ranks:
            for size in range(2, self.rounds[rank] + 1):
                if self.rounds[rank] % size == 0:
                    yield {**dict.fromkeys(ranks, 1), **done, rank: size}
            done[rank] = self.rounds[rank]

    @property
    def num_steps(self) -> int:
        """Time steps of the compute units, whatever the tiles."""
        return prod(self.rounds.values())

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where tensors are kept besides the root; inner stages first."""
        return tuple(_places(self.architecture))

    @property
    def num_stages(self) -> int:
        """Stages of memories below the root."""
        return 1 + max((place.stage for place in self.places), default=-1)

    def sizes(self, tile: Tile, arrays: frozenset[str]) -> dict[str, int]:
        """Elements of every rank inside a tile, copies in some arrays included."""
        sizes = self.operation.extents
        return {
            rank: min(size, tile.get(rank, 1) * self.spread.copies(rank, arrays))
            for rank, size in sizes.items()
        }

    def nest(self, chain: tuple[tuple[Place, Tile], ...]) -> LoopNest:
        """The loop nest of a chain of points, innermost first."""
        inside: dict[str, int] = dict.fromkeys(self.operation.extents, 1)
        reached = dict.fromkeys(self.operation.extents, 1)
        loops: list[Loop] = []  # innermost first
        marks: list[tuple[int, Place]] = []
        waiting = [node for node in reversed(self.architecture.path) if isinstance(node, Array)]

        def run(rank: str, upto: int) -> None:
            if upto > reached[rank]:
                loops.append(Loop(rank, inside[rank]))
                inside[rank] = min(
                    self.operation.extents[rank], inside[rank] * (upto // reached[rank])
                )
                reached[rank] = upto

        def spread(array: Array) -> None:
            for name, axis, pairs in self.spread.lanes:
                for rank, count in pairs if name == array.name else ():
                    loops.append(Loop(rank, inside[rank], name, axis))
                    inside[rank] = min(self.operation.extents[rank], inside[rank] * count)

        for place, tile in chain:
            while waiting and waiting[0].name in place.below:
                spread(waiting.pop(0))
            for kind in GAP_ORDER:
                for rank in self.ranks(kind):
                    run(rank, tile[rank])
            marks.append((len(loops), place))
        for array in waiting:
            spread(array)
        for kind in GAP_ORDER:
            for rank in self.ranks(kind):
                run(rank, self.rounds[rank])
        for rank in self.groups:
            run(rank, self.rounds[rank])
        root = memories_of(self.architecture)[0].name
        keeps = [Keep(root, tensor, 0) for tensor in self.operation.tensors]
        keeps += [
            Keep(place.memory.name, self.operation.of(place.role), len(loops) - count)
            for count, place in reversed(marks)
        ]
        return LoopNest(tuple(reversed(loops)), tuple(keeps))


def _places(architecture: Architecture) -> Iterator[Place]:
    """Stages grow outward: at every array, and where a memory feeds another with one tensor."""
    path = architecture.path
    arrays: list[str] = []
    stage, fed = 0, set[Role]()
    found: list[tuple[Memory, int, frozenset[str]]] = []
    for node in reversed(path):
        if isinstance(node, Array):
            arrays.append(node.name)
            if fed:
                stage, fed = stage + 1, set()
        elif isinstance(node, Memory):
            if fed & set(node.keeps):
                stage, fed = stage + 1, set()
            fed |= set(node.keeps)
            found.append((node, stage, frozenset(arrays)))
    root, _, everything = found.pop()
    outer: dict[Role, tuple[Memory, frozenset[str]]] = dict.fromkeys(ROLES, (root, everything))
    places = []
    for memory, level, below in reversed(found):
        for role in memory.keeps:
            parent, reach = outer[role]
            places.append(Place(role, memory, parent, level, below, reach - below))
            outer[role] = (memory, below)
    yield from sorted(places, key=lambda place: place.stage)


def spreads(operation: Operation, architecture: Architecture) -> tuple[Spread, ...]:
    """Ways to use the arrays: on each axis one rank, or two where one leaves half of it idle.

    A rank is spread over as few copies as give its number of rounds. A rank that an axis further
    out has spread already is spread again only where an axis can take no other: over what is left
    of it, and unless windows slide over it. An empty axis is a way only if nothing may be spread
    along it.
    """
    axes = [
        (node, axis)
        for node in architecture.path
        if isinstance(node, Array)
        for axis in range(len(node.fanout))
    ]
    found = [Spread(())]
    for node, axis in axes:
        ranks = [
            rank
            for rank, meant in operation.directions.items()
            if meant in node.allowed(axis) and (node.reduces or rank not in operation.reduced)
        ]
        found = [
            Spread((*spread.lanes, (node.name, axis, pairs)))
            for spread in found
            for pairs in _options(operation, spread, ranks, node.fanout[axis])
        ]
    return tuple(dict.fromkeys(found))


def _options(
    operation: Operation, spread: Spread, ranks: list[str], size: int
) -> list[tuple[tuple[str, int], ...]]:
    """What the next axis may take: ranks that are not spread yet, else the rest of others."""
    left = {rank: -(-operation.extents[rank] // spread.copies(rank)) for rank in ranks}
    unused = [rank for rank in ranks if spread.copies(rank) == 1]
    again = [rank for rank in ranks if rank not in operation.sliding]
    return list(_fillings(left, unused, size)) or list(_fillings(left, again, size)) or [()]


def _fillings(
    left: Mapping[str, int], ranks: list[str], size: int
) -> Iterator[tuple[tuple[str, int], ...]]:
    for rank in ranks:
        count = _balanced(left[rank], size)
        if count == 1:
            continue
        yield ((rank, count),)
        room = size // count
        if room < 2:
            continue
        for other in ranks:
            more = _balanced(left[other], room)
            if other != rank and more > 1:
                yield ((rank, count), (other, more))


def _balanced(extent: int, size: int) -> int:
    """As few copies as give the same number of rounds."""
    return -(-extent // -(-extent // size))
