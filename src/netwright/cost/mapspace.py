"""The mapspace that the mapper searches: arrays first, then tiles, then what is kept where.

A product of two tensors has three kinds of ranks: features *m* are unknown to the input, positions
*x* to the weight, sums *k* to the output; ranks that all three know (groups) run outermost. Along
each kind tiles form a list: whole columns before rows before batches, taps before channels, each in
the sizes of :func:`sizes_of`. A larger tile consists of whole smaller ones, or is all that the
arrays leave: then the last piece may be smaller. A tile of all three kinds is a *point*. A tensor
kept at a point is fetched again for each iteration of its unknown kind outside the point, and for
nothing else. So a mapping is a chain of points, one for each tensor in each memory, inner memories
first; between two points loops run in the order x, k, m from inside out. Between two tensors of one
stage, memories that do not feed each other, only loops of the outer one's unknown kind run.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import prod
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.arch import ROLES, Architecture, Array, Memory, Node, Role
from netwright.cost.spreads import Spread
from netwright.cost.transitions import RankLoops, axis_visits
from netwright.mapping.loopnest import Keep, Loop, LoopNest, memories_of
from netwright.mapping.loopnest_legality import accumulator_bits
from netwright.mapping.operation import Operation

if TYPE_CHECKING:
    from netwright.cost.overlaps import Overlaps

Kind = Literal["m", "x", "k"]
KINDS: tuple[Kind, ...] = ("m", "x", "k")
GAP_ORDER: tuple[Kind, ...] = ("x", "k", "m")
UNKNOWN_TO: Mapping[Role, Kind] = {"input": "m", "weight": "x", "output": "k"}
INNER_FIRST = {"Q": 0, "P": 1, "N": 2, "S": 0, "R": 1, "C": 2, "M": 0}

Tile = Mapping[str, int]
"""Iterations of each rank's loops in time that lie inside a point."""


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
    memory: Memory = field(hash=False)
    parent: Memory = field(hash=False)
    stage: int
    below: frozenset[str]
    between: frozenset[str]


@dataclass(frozen=True)
class Problem:
    """An operation on a machine: what is the same for all ways to use the arrays.

    Attributes:
        operation: What is computed.
        architecture: The machine.
        vectors: Cost vectors that were computed before, by what they depend on.
        overlaps: What windows share, likewise; see :func:`netwright.cost.overlaps.shared`.
    """

    operation: Operation
    architecture: Architecture
    vectors: dict[Hashable, NDArray[np.float64]] = field(
        default_factory=dict, compare=False, repr=False
    )
    overlaps: dict[Hashable, Overlaps] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def names(self) -> dict[Role, str]:
        """The tensor of each role."""
        return {role: self.operation.of(role) for role in ROLES}

    @cached_property
    def relevant(self) -> dict[Role, frozenset[str]]:
        """Ranks on which the tensor of each role depends."""
        return {role: self.operation.relevant(name) for role, name in self.names.items()}

    @cached_property
    def kinds(self) -> dict[str, Kind | None]:
        """Kind of every rank; ``None`` for groups."""
        found: dict[str, Kind | None] = {}
        for rank in self.operation.extents:
            missing = [UNKNOWN_TO[role] for role in ROLES if rank not in self.relevant[role]]
            found[rank] = missing[0] if missing else None
        return found

    @cached_property
    def ranks(self) -> dict[Kind, tuple[str, ...]]:
        """Ranks of each kind, inner ones first."""
        meant = self.operation.directions
        return {
            kind: tuple(sorted(
                (rank for rank, its in self.kinds.items() if its == kind),
                key=lambda rank: INNER_FIRST.get(meant[rank], 3),
            ))
            for kind in KINDS
        }  # fmt: skip

    @cached_property
    def path(self) -> tuple[Node, ...]:
        """The nodes from the root to the compute unit."""
        return self.architecture.path

    @cached_property
    def memories(self) -> tuple[Memory, ...]:
        """The memories of the path, outermost first."""
        return memories_of(self.architecture)

    @cached_property
    def memory_names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(memory.name for memory in self.memories)

    @cached_property
    def touched(self) -> dict[Role, tuple[int, ...]]:
        """Elements of the tensor of each role that are used along each axis."""
        return {role: tuple(touched(self.operation, name)) for role, name in self.names.items()}

    @cached_property
    def bits(self) -> dict[Role, tuple[float, int]]:
        """Stored bits for each element of a tensor, and the width of its partial sums."""
        found: dict[Role, tuple[float, int]] = {}
        for role, name in self.names.items():
            tensor = self.operation.tensors[name]
            own = tensor.stored.num_bits / tensor.stored.num_elements
            partial = max(tensor.bits, accumulator_bits(self.architecture, tensor.bits))
            found[role] = own, partial
        return found

    @cached_property
    def arrays(self) -> frozenset[str]:
        """Names of all arrays of the path."""
        return frozenset(node.name for node in self.path if isinstance(node, Array))

    @cached_property
    def arrays_above(self) -> dict[str, frozenset[str]]:
        """Arrays outside each memory."""
        found, reached = {}, frozenset[str]()
        for node in self.path:
            if isinstance(node, Array):
                reached |= {node.name}
            elif isinstance(node, Memory):
                found[node.name] = reached
        return found

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where tensors are kept besides the root; inner stages first."""
        return tuple(_places(self.path))


@dataclass(frozen=True)
class Mapspace:
    """All mappings of one operation on one machine with its arrays used in one way.

    Attributes:
        operation: What is computed.
        architecture: The machine.
        spread: How its arrays are used.
        coarse: Only a few tiles of every kind, for a first good mapping.
        shared: What other ways to use the arrays share, if there are such.
    """

    operation: Operation
    architecture: Architecture
    spread: Spread
    coarse: bool = False
    shared: Problem | None = field(default=None, compare=False, repr=False)

    @cached_property
    def problem(self) -> Problem:
        """What is the same for all ways to use the arrays."""
        return self.shared or Problem(self.operation, self.architecture)

    @cached_property
    def rounds(self) -> dict[str, int]:
        """Iterations in time that the arrays leave of each rank."""
        sizes = self.operation.extents
        return {rank: -(-size // self.spread.copies(rank)) for rank, size in sizes.items()}

    @property
    def kinds(self) -> dict[str, Kind | None]:
        """Kind of every rank; ``None`` for groups."""
        return self.problem.kinds

    @property
    def is_product_of_two(self) -> bool:
        """Whether bounds hold: two operands, and each rank is unknown to one tensor at most."""
        return len(self.operation.tensors) == len(ROLES) and all(
            len(self.operation.known_to(rank)) >= len(ROLES) - 1 for rank in self.operation.extents
        )

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Ranks that all tensors know; they run outermost."""
        return tuple(rank for rank, kind in self.kinds.items() if kind is None)

    @cached_property
    def tiles(self) -> dict[Kind, tuple[Tile, ...]]:
        """The tiles along each kind, smallest first."""
        found = {kind: tuple(self._tiles(self.ranks(kind))) for kind in KINDS}
        return {kind: self._few(tiles) for kind, tiles in found.items()} if self.coarse else found

    def _few(self, tiles: tuple[Tile, ...]) -> tuple[Tile, ...]:
        """Some tiles about equally far apart, each of which consists of the ones before."""
        factor = prod(tiles[-1].values()) ** (1 / (COARSE - 1))
        found = [tiles[-1]]
        for tile in reversed(tiles):
            smaller = prod(tile.values()) * factor <= prod(found[0].values())
            if self.divides(tile, found[0]) and (smaller or tile is tiles[0]):
                found.insert(0, tile)
        return tuple(found) if len(tiles) > 1 else tiles

    def ranks(self, kind: Kind) -> tuple[str, ...]:
        """Ranks of a kind, inner ones first."""
        return self.problem.ranks[kind]

    def _tiles(self, ranks: tuple[str, ...]) -> Iterator[Tile]:
        yield dict.fromkeys(ranks, 1)
        done: dict[str, int] = {}
        for rank in ranks:
            for size in self._sizes(rank)[1:]:
                yield {**dict.fromkeys(ranks, 1), **done, rank: size}
            done[rank] = self.rounds[rank]

    def _sizes(self, rank: str) -> tuple[int, ...]:
        slides = self.operation.sliding
        if slides and self.kinds[rank] == "k":  # what windows share is known for whole tiles
            return sizes_of(self.rounds[rank], dense=0, gap=self.rounds[rank])
        return sizes_of(self.rounds[rank], dense=0 if rank in slides else DENSE)

    def pieces(self, tile: Tile, ranks: Iterable[str]) -> int:
        """Iterations in time of some ranks outside a tile."""
        return prod(-(-self.rounds[rank] // tile[rank]) for rank in ranks)

    def divides(self, small: Tile, big: Tile) -> bool:
        """Whether a tile can lie inside another: in whole copies, or in all that there is."""
        return all(
            big[rank] % size == 0 or big[rank] == self.rounds[rank] for rank, size in small.items()
        )

    @property
    def num_steps(self) -> int:
        """Fewest time steps of the compute units."""
        return prod(self.rounds.values())

    def num_steps_of(self, rank: str, size: int, arrays: frozenset[str]) -> int:
        """Time steps of a rank if a tile of this size lies right inside the arrays that spread it.

        The first copy is the busiest: of the last piece it takes a whole tile, if there is one.
        """
        extent = self.operation.extents[rank]
        along = self.spread.copies(rank, arrays)
        below = self.spread.copies(rank) // along
        whole, rest = divmod(extent, size * below * along)
        return whole * size + -(-min(size * below, rest) // below)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where tensors are kept besides the root; inner stages first."""
        return self.problem.places

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
        copies = dict.fromkeys(self.operation.extents, 1)
        loops: list[Loop] = []  # innermost first
        marks: list[tuple[int, Place]] = []
        waiting = [node for node in reversed(self.problem.path) if isinstance(node, Array)]

        def run(rank: str, upto: int) -> None:
            if upto > reached[rank]:
                loops.append(Loop(rank, inside[rank]))
                inside[rank] = min(self.operation.extents[rank], upto * copies[rank])
                reached[rank] = upto

        def spread(array: Array) -> None:
            for name, axis, pairs in self.spread.lanes:
                for rank, count in pairs if name == array.name else ():
                    loops.append(Loop(rank, inside[rank], name, axis))
                    copies[rank] *= count
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
        root = self.problem.memories[0].name
        keeps = [Keep(root, tensor, 0) for tensor in self.operation.tensors]
        keeps += [
            Keep(place.memory.name, self.operation.of(place.role), len(loops) - count)
            for count, place in reversed(marks)
        ]
        return LoopNest(tuple(reversed(loops)), tuple(keeps))


def touched(operation: Operation, tensor: str) -> list[int]:
    """Elements of a tensor that are used along each axis."""
    return [
        axis_visits(
            axis, extent, tuple(RankLoops(r, operation.extents[r], ()) for r, _ in axis.terms)
        )
        for axis, extent in operation.along(tensor)
    ]


def _places(path: tuple[Node, ...]) -> Iterator[Place]:
    """Stages grow outward: at every array, and where a memory feeds another with one tensor."""
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


COARSE = 5
"""About how many tiles of a kind there are in a coarse mapspace."""

DENSE = 16
"""Up to here a rank is cut into every size that gives another number of pieces."""


@lru_cache(maxsize=1 << 12)
def sizes_of(rounds: int, *, dense: int = DENSE, gap: int = 2) -> tuple[int, ...]:
    """Sizes of the tiles of a rank, smallest first.

    Divisors, and so many others that the next one is hardly more than `gap` times as large; of
    short ranks all sizes that give another number of pieces. Each is the smallest that gives its
    number of pieces.

    Example:
        >>> sizes_of(7), sizes_of(13, dense=0), sizes_of(56)
        ((1, 2, 3, 4, 7), (1, 2, 4, 7, 13), (1, 2, 4, 7, 8, 14, 28, 56))
    """
    if rounds <= dense:
        return tuple(sorted({-(-rounds // count) for count in range(1, rounds + 1)}))
    found = {size for size in range(1, rounds + 1) if rounds % size == 0}
    for size in sorted(found)[1:]:
        below = max(other for other in found if other < size)
        while size > gap * below:
            size = -(-rounds // (gap * -(-rounds // size)))
            if size <= below:
                break
            found.add(size)
    return tuple(sorted(found))
