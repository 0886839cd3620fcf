"""Runs of an order that may become groups of a fused mapping; equal ones are solved once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Table
from dataclasses import replace
from itertools import permutations, product

from netwright.arch import Architecture
from netwright.errors import Infeasible, MappingError
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.binding import able_units, binding_of, check_units, undone
from netwright.mapping.cosma import scratchpad_of
from netwright.mapping.group_choice import Cache, Choice, Run, Shape, Use
from netwright.mapping.group_legality import group_faults
from netwright.mapping.loopnest import Keep, Loop
from netwright.mapping.mapping import Group, Mapping
from netwright.mapping.schedule import kib
from netwright.mapping.tiles import divisors
from netwright.workload import Access, Einsum, Workload

MAX_LOOPS = 2
"""Loops that a group shares besides those along which nothing is shared."""

MAX_ALONE = 3
"""The same for an Einsum that runs alone and has at most `FEW_RANKS` ranks."""

FEW_RANKS = 4

SPACING = 4
"""Tiles of a rank are divisors of it, each at most this part of the next larger one."""

MAX_EINSUMS = 24
"""Einsums of a group."""

Solved = tuple[int, int, tuple[tuple[int, int], ...], tuple[tuple[int, int, int], ...]]
"""Traffic and room of a run; loops as number of the first Einsum's rank and tile; keeps as number
of an Einsum, number of its access, position."""


def tiles_of(extent: int) -> tuple[int, ...]:
    """The tiles of a rank that are searched, largest first.

    >>> tiles_of(768)
    (192, 48, 12, 3, 1)
    """
    found: list[int] = []
    last = extent
    for size in reversed(divisors(extent)):
        if size * SPACING <= last or (size == 1 and extent >= SPACING):
            found.append(size)
            last = size
    return tuple(found) or ((1,) if extent > 1 else ())


def loops_apart(extents: dict[str, int]) -> tuple[tuple[Loop, ...], ...]:
    """Loops over ranks along which nothing is shared: some by points, one in tiles, others whole.

    The first ones walk by points along all of them, the next ones along none.

    >>> [[f"{loop.rank} by {loop.tile}" for loop in own] for own in loops_apart({"a": 4, "b": 3})]
    [['a by 1', 'b by 1'], [], ['a by 1']]
    """
    points = tuple(Loop(rank, 1) for rank in extents)
    tiled = (
        (*points[:number], Loop(rank, tile))
        for number, (rank, size) in enumerate(extents.items())
        for tile in tiles_of(size)
    )
    return tuple(dict.fromkeys((points, (), *tiled)))


def joined_places(workload: Workload) -> frozenset[int]:
    """Places where no group may end: a reader of earlier points stands before the maker."""
    makers = {einsum.output.tensor: n for n, einsum in enumerate(workload.einsums)}
    return frozenset(
        place
        for number, einsum in enumerate(workload.einsums)
        for name in einsum.reads
        for place in range(number + 1, makers.get(name, 0) + 1)
    )


class Runs:
    """Solves runs; equal ones once."""

    def __init__(
        self,
        workload: Workload,
        architecture: Architecture,
        most: int,
        groups: Sequence[Group] = (),
        bindings: Table[str, str] | None = None,
    ) -> None:
        self.workload = workload
        self.architecture = architecture
        self.given = dict(self._given(groups))
        self.bindings = bindings_of(workload, architecture) if bindings is None else bindings
        self.memory, self.capacity = scratchpad_of(architecture)
        self.most = most
        self.shapes = [Shape(einsum) for einsum in workload.einsums]
        self.readers: dict[str, list[int]] = {}
        for number, einsum in enumerate(workload.einsums):
            for name in dict.fromkeys((*einsum.reads, einsum.output.tensor)):
                self.readers.setdefault(name, []).append(number)
        self.words = [tuple(self._words(number)) for number in range(len(self.shapes))]
        self.joined = joined_places(workload)
        self.unable = self._unable()
        self.known: dict[int, Solved | None] = {}
        self.num_runs = 0
        self._chains: dict[tuple[int, object], int] = {}
        self._options: dict[int, Cache] = {}
        self._loops_of: dict[tuple[int, int], tuple[Loop, ...]] = {}
        self._names: dict[int, list[int]] = {}

    def solved(self, begin: int, end: int) -> Solved | None:
        """The best way to run Einsums as one group, if there is one."""
        if (begin, end) in self.given:
            name = -1 - begin
            if name not in self.known:
                self.known[name] = self._solve(begin, end)
            return self.known[name]
        if self.is_inside(begin, end):
            return None
        name = self.name(begin, end)
        self.num_runs += 1
        if name not in self.known:
            inner = self.name(begin, end - 1) if end - begin > 1 else None
            dead = inner is not None and self.known.get(inner, ()) is None and end - begin > 2
            self.known[name] = None if dead else self._solve(begin, end)
        return self.known[name]

    def _unable(self) -> frozenset[int]:
        """Einsums that none of several units does: they stream alone."""
        if len(self.architecture.units) < 2:
            return frozenset()
        einsums = enumerate(self.workload.einsums)
        return frozenset(n for n, own in einsums if not able_units(own, self.architecture))

    def name(self, begin: int, end: int) -> int:
        """A number that equal runs share."""
        names = self._names.setdefault(begin, [])
        while len(names) < end - begin:
            number = begin + len(names)
            reach = number - begin
            word = tuple(
                (what, link if link is not None and link[0] <= reach else None)
                for what, link in self.words[number]
            )
            key = names[-1] if names else -1, word
            names.append(self._chains.setdefault(key, len(self._chains)))
        return names[end - begin - 1]

    def _words(self, number: int) -> Iterator[tuple[object, tuple[int, int] | None]]:
        """What of an Einsum counts, with the way back to where a rank or tensor was last seen."""
        einsum = self.workload.einsums[number]
        place = {rank.name: index for index, rank in enumerate(einsum.ranks)}
        for rank in einsum.ranks:
            link = None
            for back in range(1, min(number, self.most) + 1):
                names = list(self.shapes[number - back].extents)
                if rank.name in names:
                    link = back, names.index(rank.name)
                    break
            yield (rank.extent, rank.name in einsum.iterative), link
        for access in self.accesses(number):
            tensor = self.workload.by_name[access.tensor]
            index = tuple(
                (tuple((place[rank], step) for rank, step in axis.terms), axis.offset)
                for axis in access.index
            )
            later = tuple(n - number for n in self.readers[tensor.name] if n > number)
            outside = tensor.name in self.workload.outputs
            form = tensor.format.number, tensor.format.pattern
            what = (index, tensor.shape, form, tensor.initial is None, later, outside)
            work = einsum.map_op, einsum.unary, einsum.reduce_op, len(einsum.constants)
            yield (what, work), self._last(number, access.tensor)

    def _last(self, number: int, tensor: str) -> tuple[int, int] | None:
        before = [n for n in self.readers[tensor] if n < number]
        if not before:
            return None
        names = [access.tensor for access in self.accesses(before[-1])]
        return number - before[-1], names.index(tensor)

    def accesses(self, number: int) -> tuple[Access, ...]:
        """Operands of an Einsum, each once, and its result."""
        shape = self.shapes[number]
        return (*shape.inputs, shape.einsum.output)

    def _solve(self, begin: int, end: int) -> Solved | None:
        if end - begin > 1 and any(s.einsum.map_op in UNKNOWN for s in self.shapes[begin:end]):
            return None
        given = self.given.get((begin, end))
        run = self.run(begin, end)
        if not self.unable.isdisjoint(range(begin, end)):
            streams = run.best((), 0, None) if end - begin == 1 else None
            return None if streams is None else self._relative(begin, end, streams, ())
        found: tuple[Choice, tuple[Loop, ...]] | None = None
        legal: dict[frozenset[tuple[str, bool]], bool] = {}
        for loops in [given.loops] if given and given.loops else self._least_loops(run):
            ranks = frozenset((loop.rank, loop.tile == 1) for loop in loops)
            if ranks not in legal:
                legal[ranks] = run.is_legal(loops)
            if not legal[ranks]:
                continue
            limit = None if found is None else found[0].traffic
            choice = run.best(loops, self.capacity, limit)
            if choice is not None:
                found = choice, loops
        if found is None:
            return None
        if given is None or not given.loops:
            found = self._fewer_tiles(run, *found)
        if given is not None:
            self._loops_of[begin, end] = found[1]
        return self._relative(begin, end, *found)

    def run(self, begin: int, end: int) -> Run:
        """Einsums that may become a group, with what is given of it."""
        given = self.given.get((begin, end))
        kept = {keep.tensor: keep.position for keep in given.keeps} if given else {}
        cache = self._cache(begin) if given is None else {}
        shapes = self.shapes[begin:end]
        return Run(shapes, self._uses(begin, end), self.memory, begin, cache, kept)

    def free(self, begin: int, end: int) -> Run:
        """The same with nothing of it given."""
        run = self.run(begin, end)
        return replace(run, given={}, cache={}) if run.given else run

    def _cache(self, begin: int) -> dict[int, Cache]:
        """Options of runs near an Einsum; those of tensors too far back are forgotten."""
        for old in [old for old in self._options if old < begin - self.most]:
            del self._options[old]
        return self._options

    def loops(self, run: Run) -> Iterator[tuple[Loop, ...]]:
        """All loops of the mapspace for a run, few first."""
        yield from self._inside(run, loops_apart(run.common))

    def _inside(self, run: Run, apart: Sequence[tuple[Loop, ...]]) -> Iterator[tuple[Loop, ...]]:
        """Loops of a run, those over ranks along which nothing is shared outermost."""
        first = run.shapes[0]
        if first.is_whole:
            yield ()
            return
        own = {
            rank: tiles_of(size)
            for rank, size in first.extents.items()
            if size > 1 and rank not in run.common
        }
        alone = len(run.shapes) == 1 and len(own) <= FEW_RANKS
        for outer in apart:
            for number in range((MAX_ALONE if alone else MAX_LOOPS) + 1):
                for ranks in permutations(own, number):
                    for tiles in product(*(own[rank] for rank in ranks)):
                        yield (*outer, *map(Loop, ranks, tiles))

    def _least_loops(self, run: Run) -> Iterator[tuple[Loop, ...]]:
        """Loops of a run without those that never have less traffic than others.

        Points move and keep no more than larger tiles, where tiles do not overlap. In a
        double-buffered memory what no loop replaces takes less.
        """
        apart = loops_apart(run.common)
        if run.is_disjoint and run.is_legal(apart[0]):
            apart = apart[: 2 if self.memory.double_buffered else 1]
        yield from self._inside(run, apart)

    def _fewer_tiles(
        self, run: Run, choice: Choice, loops: tuple[Loop, ...]
    ) -> tuple[Choice, tuple[Loop, ...]]:
        """The same traffic in larger tiles, where nothing is shared between tiles."""
        apart = loops_apart(run.common)
        for larger in apart[1:] if loops == apart[0] else ():
            if run.is_legal(larger):
                found = run.best(larger, self.capacity, choice.traffic + 1)
                if found is not None:
                    return found, larger
        return choice, loops

    def _uses(self, begin: int, end: int) -> list[Use]:
        makers = {shape.einsum.output.tensor: n for n, shape in enumerate(self.shapes[begin:end])}
        found: dict[str, list[tuple[int, Access]]] = {}
        for number, shape in enumerate(self.shapes[begin:end]):
            for access in shape.inputs:
                found.setdefault(access.tensor, []).append((number, access))
            found.setdefault(shape.einsum.output.tensor, [])
        return [
            Use(
                self.workload.by_name[name], makers.get(name), tuple(readers),
                name in self.workload.outputs or self.readers[name][-1] >= end,
            )
            for name, readers in found.items()
        ]  # fmt: skip

    def _relative(self, begin: int, end: int, choice: Choice, loops: Sequence[Loop]) -> Solved:
        ranks = list(self.shapes[begin].extents) if (begin, end) not in self._loops_of else []
        keeps = []
        for name, position in choice.positions.items():
            for number in range(begin, end):
                names = [access.tensor for access in self.accesses(number)]
                if name in names:
                    keeps.append((number - begin, names.index(name), position))
                    break
        return (
            choice.traffic, choice.room,
            tuple((ranks.index(loop.rank), loop.tile) for loop in loops if ranks), tuple(keeps),
        )  # fmt: skip

    def group(self, begin: int, end: int, solved: Solved) -> Group:
        """The group of a run as it was solved for an equal one."""
        _, _, loops, keeps = solved
        names = tuple(shape.einsum.name for shape in self.shapes[begin:end])
        ranks = list(self.shapes[begin].extents)
        return Group(
            self.given[begin, end].name if (begin, end) in self.given else names[-1], names,
            self._loops_of.get((begin, end))
            or tuple(Loop(ranks[number], tile) for number, tile in loops),
            (),
            tuple(
                Keep(self.memory.name, self.accesses(begin + n)[index].tensor, position)
                for n, index, position in keeps
            ),
        )  # fmt: skip

    def _given(self, groups: Sequence[Group]) -> Iterator[tuple[tuple[int, int], Group]]:
        """Given groups by the run that they are."""
        place = {einsum.name: n for n, einsum in enumerate(self.workload.einsums)}
        for group in groups:
            steps = [place[name] for name in group.einsums]
            yield (steps[0], steps[-1] + 1), group

    def is_inside(self, begin: int, end: int) -> bool:
        """Whether a run cuts or contains a given group that it is not."""
        return any(
            first < end and begin < last and (first, last) != (begin, end)
            for first, last in self.given
        )

    def not_possible(self, begin: int, end: int) -> MappingError | Infeasible:
        """Why a given group cannot run.

        Raises:
            ConfigError: No unit does one of its Einsums.
        """
        check_units(self.workload.einsums[begin:end], self.architecture)
        group = self.given[begin, end]
        names = tuple(einsum.name for einsum in self.workload.einsums)
        mapping = Mapping(self.workload.granularity, names, bindings=self.bindings, groups=(group,))
        found = group_faults(self.workload, self.architecture, mapping, group)
        if found:
            return MappingError([f'group "{group.name}": {fault}' for fault in found])
        return Infeasible(
            f'group "{group.name}" does not fit into {kib(self.capacity)} of {self.memory.name} '
            "with what is given of it: of the tensors that an Einsum needs again in one tile, "
            "one may pass by, the others must be kept",
            smallest=0,
            hint="give fewer of its keeps, smaller tiles, or a larger memory",
        )

    def nothing_fits(self, begin: int, end: int) -> Infeasible:
        """Why an Einsum cannot run alone, or with those that need earlier points of it.

        Raises:
            ConfigError: No unit does one of those that must run together.
        """
        if end - begin > 1:
            check_units(self.workload.einsums[begin:end], self.architecture)
        einsum: Einsum = self.workload.einsums[end - 1]
        if end - 1 in self.unable:
            return Infeasible(
                f"no unit does {', '.join(undone(einsum, self.architecture))} of {einsum.name}, so "
                "that it streams, and some operand or result of it would be needed again",
                smallest=0,
                hint=self.architecture.abilities,
            )
        return Infeasible(
            f"no tiles of {einsum.name} fit into {kib(self.capacity)} of {self.memory.name}; it "
            f"moves {', '.join((*einsum.reads, einsum.output.tensor))}, of which at most one may "
            "pass by without being kept",
            smallest=0,
            hint="enlarge the memory, or its lines are too long",
        )


def bindings_of(
    workload: Workload, architecture: Architecture, given: Mapping | None = None
) -> dict[str, str]:
    """The first unit that does all operators of each Einsum, where there is one.

    Args:
        workload: The Einsums.
        architecture: The machine.
        given: Has other units, by name or in phases; nothing if ``None``.
    """
    first = {e.name: binding_of(architecture, e) for e in workload.einsums}
    found = {name: unit for name, unit in first.items() if unit}
    if given is None:
        return found
    phases = [phase for group in given.groups for phase in group.phases]
    placed = {n: unit for own in phases for unit, names in own.steps.items() for n in names}
    return {**found, **placed, **given.bindings}
