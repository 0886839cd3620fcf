"""The best way to run given Einsums as one group with given loops: what to keep, what to stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from netwright.arch import Memory
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.loopnest import Loop
from netwright.mapping.stages import axes_of, ranks_of
from netwright.mapping.tiles import footprint
from netwright.workload import Access, Einsum, Tensor
from netwright.workload.cycles import is_earlier


@dataclass(frozen=True, slots=True)
class Use:
    """A tensor of a group.

    Attributes:
        tensor: The tensor.
        maker: Number of the Einsum of the group that makes it, if there is one.
        readers: Numbers of the Einsums that read it, each with how.
        leaves: Whether somebody outside the group reads it, or it is a result of the network.
    """

    tensor: Tensor
    maker: int | None
    readers: tuple[tuple[int, Access], ...]
    leaves: bool


@dataclass(frozen=True, slots=True)
class Option:
    """One way to treat a tensor: keep it from a position inward, or stream it.

    Attributes:
        position: Where it is kept; ``None`` if it streams.
        traffic: Bits that cross the border of the chip.
        room: Bytes that it takes.
        misses: Einsums in which it streams although it does not know one of their ranks.
    """

    position: int | None
    traffic: int
    room: int
    misses: frozenset[int] = frozenset()


Cache = dict[object, tuple[int, int, tuple[Option, ...]]]
"""The first Einsum of the run that options are of, their least traffic, and they themselves."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A treatment of all tensors of a group: least traffic, then least room."""

    traffic: int
    room: int
    positions: Mapping[str, int]


class Shape:
    """What of an Einsum decides how it can share loops."""

    def __init__(self, einsum: Einsum) -> None:
        self.einsum = einsum
        self.extents = {rank.name: rank.extent for rank in einsum.ranks}
        self.ranks = frozenset(self.extents)
        self.made = ranks_of(einsum.output)
        self.iterative = frozenset(einsum.iterative)
        self.summed = self.ranks - self.made - self.iterative
        self.inputs = tuple(dict.fromkeys(einsum.inputs))
        self.is_whole = einsum.is_move or einsum.map_op in (*UNKNOWN, "interpolate", "normalize")


@dataclass
class Run:
    """Einsums in order that may become a group.

    Attributes:
        shapes: The Einsums.
        uses: Their tensors.
        memory: Where tiles are kept.
        begin: Number of the first Einsum in its workload.
        cache: Options that are known already of this and other runs of the same workload, by the
            first Einsum that has to do with a tensor.
        given: Where some tensors must be kept.
    """

    shapes: Sequence[Shape]
    uses: Sequence[Use]
    memory: Memory
    begin: int = 0
    cache: dict[int, Cache] = field(default_factory=dict)
    given: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def extents(self) -> dict[str, int]:
        """Size of every rank."""
        return {rank: size for shape in self.shapes for rank, size in shape.extents.items()}

    @cached_property
    def common(self) -> dict[str, int]:
        """Ranks that walk along every tensor in every Einsum: nothing is shared along them."""
        every = frozenset.intersection(*(ranks_of(access) for access in self._accesses))
        first = self.shapes[0].extents
        return {rank: size for rank, size in first.items() if rank in every and size > 1}

    @cached_property
    def is_disjoint(self) -> bool:
        """Whether tiles along common ranks never touch the same elements, as windows do."""
        for access in self._accesses:
            for axis in access.index:
                spans = [
                    (r, abs(step), abs(step) * (self.extents[r] - 1)) for r, step in axis.terms
                ]
                every = 1 + sum(span for _, _, span in spans)
                if any(r in self.common and every - span > step for r, step, span in spans):
                    return False
        return True

    @property
    def _accesses(self) -> list[Access]:
        return [a for shape in self.shapes for a in (*shape.inputs, shape.einsum.output)]

    def is_legal(self, loops: Sequence[Loop]) -> bool:
        """Whether all Einsums can run inside loops.

        One that does not know a rank runs in the last tile along it. So what it makes must not be
        read in each tile; what is combined along a rank is whole after the last tile; and a reader
        must find what it needs in its own tile.
        """
        ranks = frozenset(loop.rank for loop in loops)
        late: dict[str, frozenset[str]] = {}
        makers = {shape.einsum.output.tensor: shape for shape in self.shapes}
        for shape in self.shapes:
            waits = frozenset[str]()
            for access in shape.inputs:
                maker = makers.get(access.tensor)
                if maker is None or maker is shape:
                    continue
                if access.tensor not in late:
                    if not _reads_before(access, maker, loops):
                        return False
                    late[access.tensor] = frozenset()
                if (ranks - maker.ranks) & shape.ranks:
                    return False
                written, read = axes_of(maker.einsum.output), axes_of(access)
                known = ranks & shape.ranks & maker.made
                if any(written[rank] != read.get(rank) for rank in known):
                    return False
                waits |= late[access.tensor] | (maker.iterative - ranks_of(access)) & ranks
            if waits & shape.ranks:
                return False
            late[shape.einsum.output.tensor] = waits | (shape.summed & ranks)
        return True

    def best(self, loops: Sequence[Loop], capacity: int, limit: int | None) -> Choice | None:
        """The least traffic with everything that is kept within a capacity.

        Args:
            loops: Loops in time; legal ones.
            capacity: Bytes.
            limit: Bits; nothing is returned that does not need less.
        """
        options, least = [], 0
        for traffic, own in self._ways(loops):
            least += traffic
            if not own or (limit is not None and least >= limit):
                return None
            options.append(own)
        return chosen(self.uses, options, capacity, limit)

    def options(self, loops: Sequence[Loop]) -> list[tuple[Option, ...]]:
        """The ways to treat each tensor with some loops."""
        return [own for _, own in self._ways(loops)]

    def _ways(self, loops: Sequence[Loop]) -> Iterator[tuple[int, tuple[Option, ...]]]:
        """For each tensor its least traffic and its options."""
        name = tuple((loop.rank, loop.tile) for loop in loops)
        for (cache, key), use in zip(self._known, self.uses, strict=True):
            known = cache.get((key, name))
            if known is None:
                own = tuple(self._allowed(use, loops))
                least = min((option.traffic for option in own), default=0)
                known = cache[key, name] = self.begin, least, own
            begin, least, own = known
            yield least, own if begin == self.begin else _moved(own, begin - self.begin)

    @cached_property
    def _known(self) -> list[tuple[Cache, tuple[object, ...]]]:
        """For each use what is known of it, and what decides its options."""
        found = []
        for use in self.uses:
            numbers = [self.begin + n for n in sorted(_touching(use))]
            key = use.tensor.name, use.maker is not None, use.leaves, *numbers
            found.append((self.cache.setdefault(numbers[0], {}), key))
        return found

    def _allowed(self, use: Use, loops: Sequence[Loop]) -> Iterator[Option]:
        """The options of a tensor; the one that is given, if one is."""
        position = self.given.get(use.tensor.name)
        for option in self._options(use, loops):
            if position is None or option.position == position:
                yield option

    def _options(self, use: Use, loops: Sequence[Loop]) -> Iterator[Option]:
        yield self._streamed(use, loops)
        given = self.given.get(use.tensor.name)
        if use.maker is not None:
            position = self._needed(use, loops)
            if given is not None and given < position:  # longer than it is needed
                position = given
            size = use.tensor.stored.num_bits if use.leaves else 0
            yield Option(position, size, self._places(use, loops, position))
            return
        known = {rank for _, access in use.readers for rank in ranks_of(access)}
        inside = [number + 1 for number, loop in enumerate(loops) if loop.rank in known]
        for position in (0, *inside) if given is None else (given,):
            outside = loops[: max((n for n in inside if n <= position), default=0)]
            elements = self._elements(use, outside)
            room = self._in_lines(use, elements)
            if position and self.memory.double_buffered:
                room *= 2
            times = prod(self._count(loop, outside) for loop in outside)
            yield Option(position, use.tensor.bits_of(elements * times), room)

    def _needed(self, use: Use, loops: Sequence[Loop]) -> int:
        """The innermost position from which a tensor is there for all who need it."""
        assert use.maker is not None
        maker = self.shapes[use.maker]
        users = [maker, *(self.shapes[number] for number, _ in use.readers)]
        again = {rank for user in users for rank in user.ranks} - maker.made
        again |= maker.iterative
        again |= {rank for user in users for rank in maker.made if rank not in user.ranks}
        return next((n for n, loop in enumerate(loops) if loop.rank in again), len(loops))

    def _sizes(self, number: int, loops: Sequence[Loop]) -> dict[str, int]:
        sizes = dict(self.shapes[number].extents)
        for loop in loops:
            if loop.rank in sizes:
                sizes[loop.rank] = loop.tile
        return sizes

    def _elements(self, use: Use, loops: Sequence[Loop]) -> int:
        accesses = [(access, self._sizes(number, loops)) for number, access in use.readers]
        if use.maker is not None:
            own = self.shapes[use.maker].einsum.output
            accesses.append((own, self._sizes(use.maker, loops)))
        return footprint(use.tensor, accesses)

    def _places(self, use: Use, loops: Sequence[Loop], position: int) -> int:
        """Room of what the group makes, as long as anybody still reads it."""
        assert use.maker is not None
        room, maker = self._room(use, loops, position), self.shapes[use.maker]
        later = any(n > use.maker and is_earlier(a, maker.einsum) for n, a in use.readers)
        return room + self._room(use, loops, len(loops)) if maker.iterative and later else room

    def _room(self, use: Use, loops: Sequence[Loop], position: int) -> int:
        outside = list(loops[:position])
        if use.maker is not None:  # earlier points of an iterative rank are not needed any more
            latest = self.shapes[use.maker].iterative
            outside += [loop for loop in loops[position:] if loop.rank in latest]
        return self._in_lines(use, self._elements(use, outside))

    def _in_lines(self, use: Use, elements: int) -> int:
        """Bytes of so many elements, in whole lines."""
        lines = self.memory.line_bytes
        return -(-use.tensor.bits_of(elements) // (8 * lines)) * lines

    def _count(self, loop: Loop, loops: Sequence[Loop]) -> int:
        before = [self.extents[loop.rank]]
        for own in loops:
            if own is loop:
                break
            if own.rank == loop.rank:
                before.append(own.tile)
        return -(-before[-1] // loop.tile)

    def _streamed(self, use: Use, loops: Sequence[Loop]) -> Option:
        traffic = 0
        misses = set()
        accesses = [*use.readers]
        if use.maker is not None:
            accesses.append((use.maker, self.shapes[use.maker].einsum.output))
        for number, access in accesses:
            shape, sizes = self.shapes[number], self._sizes(number, loops)
            elements = footprint(use.tensor, [(access, sizes)])
            times = prod(self._count(x, loops) for x in loops if x.rank in shape.ranks)
            if access is shape.einsum.output:
                again = prod(self._count(x, loops) for x in loops if x.rank in shape.summed)
                traffic += elements * times // again * (again - 1)  # partial results come back
            traffic += elements * times
            known = ranks_of(access)
            if not shape.is_whole and any(n > 1 and r not in known for r, n in sizes.items()):
                misses.add(number)
        return Option(None, use.tensor.bits_of(traffic), 0, frozenset(misses))


def _moved(options: tuple[Option, ...], by: int) -> tuple[Option, ...]:
    """Options in a run that begins so many Einsums earlier."""
    return tuple(
        Option(o.position, o.traffic, o.room, frozenset(n + by for n in o.misses)) for o in options
    )


def _reads_before(access: Access, maker: Shape, loops: Sequence[Loop]) -> bool:
    """Whether what a later Einsum of the group made in the tile before is read point by point."""
    single = {loop.rank for loop in loops if loop.tile == 1}
    single |= {rank for rank, size in maker.extents.items() if size == 1}
    return is_earlier(access, maker.einsum) and maker.iterative <= single


def chosen(
    uses: Sequence[Use], options: Sequence[Sequence[Option]], capacity: int, limit: int | None
) -> Choice | None:
    """One option for each tensor: exact, over the fronts of traffic against room.

    At most one tensor that misses a rank may stream in an Einsum.
    """
    last = {number: n for n, use in enumerate(uses) for number in _touching(use)}
    lower = [0]
    for own in reversed(options):
        lower.append(lower[-1] + min(option.traffic for option in own))
    lower.reverse()
    fronts: dict[frozenset[int], list[tuple[int, int, tuple[int, ...]]]] = {
        frozenset(): [(0, 0, ())]
    }
    for number, own in enumerate(options):
        grown: dict[frozenset[int], list[tuple[int, int, tuple[int, ...]]]] = {}
        for busy, front in fronts.items():
            for index, option in enumerate(own):
                if option.misses & busy:
                    continue
                state = frozenset(e for e in busy | option.misses if last[e] > number)
                into = grown.setdefault(state, [])
                for traffic, room, picked in front:
                    total, taken = traffic + option.traffic, room + option.room
                    if taken <= capacity and (limit is None or total + lower[number + 1] < limit):
                        into.append((total, taken, (*picked, index)))
        fronts = {state: _front(front) for state, front in grown.items() if front}
    final = [entry for front in fronts.values() for entry in front]
    if not final:
        return None
    traffic, room, picked = min(final)
    positions = {
        use.tensor.name: position
        for use, own, index in zip(uses, options, picked, strict=True)
        if (position := own[index].position) is not None
    }
    return Choice(traffic, room, positions)


def _touching(use: Use) -> set[int]:
    return {number for number, _ in use.readers} | ({use.maker} if use.maker is not None else set())


def _front(
    entries: list[tuple[int, int, tuple[int, ...]]],
) -> list[tuple[int, int, tuple[int, ...]]]:
    kept: list[tuple[int, int, tuple[int, ...]]] = []
    for entry in sorted(entries):
        if not kept or entry[1] < kept[-1][1]:
            kept.append(entry)
    return kept
