"""Groups of Einsums that share tile loops, on units that work at the same time.

A group runs tile by tile. Within a tile its phases follow each other, and within a phase every unit
runs its own Einsums one after the other. A phase lasts as long as its busiest unit; the group as
long as all phases of all tiles, or as the memory that moves most, whichever is longer. An Einsum
that does not know a shared rank runs in the last tile along it only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from math import prod

from netwright.arch import Architecture
from netwright.cost import stream
from netwright.cost.counts import Action, ActionKind, Counts
from netwright.cost.in_place import done_in_place, told_in_place
from netwright.cost.price import Estimate, price, sequence
from netwright.errors import MappingError
from netwright.mapping import Group, Keep, Loop, Mapping
from netwright.mapping.ranks import aligned
from netwright.mapping.stages import Stage, ranks_of, slack, stages
from netwright.mapping.tiles import Sizes, Tiles, equal_tiles, footprint, num_tiles
from netwright.mapping.zeros import multiplied, share_of, told, work_share
from netwright.workload import Workload

ASSUMPTIONS = (
    "loads and stores of a group overlap with its computation where memories are double-buffered",
    "sums stay in their unit until they are whole; one read serves all copies that need an element",
    "copies of an array pass on what they add up or compare one after the other",
)


def count(workload: Workload, architecture: Architecture, mapping: Mapping, group: Group) -> Counts:
    """Count what happens while a group runs.

    Args:
        workload: Where the Einsums are from.
        architecture: The machine.
        mapping: Says which unit runs which Einsum.
        group: One of the mapping's groups, as :func:`netwright.mapping.faults` accepts it.
    """
    return count_aligned(aligned(workload), architecture, mapping, group)


def count_aligned(
    shared: Workload, architecture: Architecture, mapping: Mapping, group: Group
) -> Counts:
    """The same for a workload whose Einsums share the names of ranks already."""
    members = stages(shared, architecture, mapping, group)
    walk = _Walk(shared, architecture, group, members, keeps=group.keeps)
    for tiles in walk.tiles:
        walk.run(tiles)
    for stage in walk.stages:
        walk.come_back(stage)
    for keep in group.keeps:
        walk.move(keep)
    actions = tuple(action.of(bits) for action, bits in walk.amounts.items())
    taken = (*ASSUMPTIONS, *walk.told())
    return Counts(group.name, "pipeline", tuple(walk.steps), actions, taken)


class Trial:
    """A group whose keeps are not decided: what it takes without them, and what each one adds.

    Args:
        shared: A workload whose Einsums share the names of ranks.
        architecture: The machine.
        mapping: Says which unit runs which Einsum.
        group: A group; its keeps are not looked at.
    """

    def __init__(
        self, shared: Workload, architecture: Architecture, mapping: Mapping, group: Group
    ) -> None:
        group = replace(group, keeps=())
        members = stages(shared, architecture, mapping, group)
        self._walk = walk = _Walk(shared, architecture, group, members, is_phased=True)
        for tiles in walk.tiles:
            walk.run(tiles)
        self.steps = tuple(walk.steps)
        counted = [action.of(bits) for action, bits in walk.amounts.items()]
        self.operations = tuple(action for action in counted if action.kind == "compute")
        self._accesses: dict[str, list[Action]] = {}
        for action in counted:
            if action.kind != "compute":
                self._accesses.setdefault(action.tensor, []).append(action)

    def actions(self, tensor: str, keep: Keep | None) -> tuple[Action, ...]:
        """What units and other memories move of a tensor that is kept in one memory, or streams."""
        walk = self._walk
        walk.amounts, walk.is_phased = {}, False
        walk.keeps = (keep,) if keep else ()
        place = keep.memory if keep else walk.root
        for action in self._accesses[tensor]:
            walk.add(place, action.kind, tensor, action.amount, phase=action.phase)
        for stage in walk.stages:
            if stage.einsum.output.tensor == tensor:
                walk.come_back(stage)
        if keep:
            walk.move(keep)
        return tuple(action.of(bits) for action, bits in walk.amounts.items())


def estimate(workload: Workload, architecture: Architecture, mapping: Mapping) -> Estimate:
    """What a mapping of groups costs, one group after the other, and work inside of steps.

    Nothing is judged here; see :func:`netwright.mapping.check_legal`. An Einsum alone that is bound
    to none of several units streams.

    Raises:
        ConfigError: A figure of the machine is missing, or a unit does not do an operator.
        MappingError: An Einsum is in no group.
    """
    grouped = {name for group in mapping.groups for name in group.einsums}
    alone = [einsum.name for einsum in workload.einsums if einsum.name not in grouped]
    if alone:
        raise MappingError([f'Einsum "{name}" is in no group' for name in alone])
    by_name = {einsum.name: einsum for einsum in workload.einsums}
    several = len(architecture.units) > 1
    counted = [
        stream.count(workload, by_name[group.einsums[0]], architecture)
        if group.is_stream and group.einsums[0] not in mapping.bindings and several
        else count(workload, architecture, mapping, group)
        for group in mapping.groups
    ]
    parts = [price(counts, architecture) for counts in counted]
    return sequence(
        workload.name,
        [*done_in_place(workload, architecture), *parts],
        assumptions=told_in_place(workload, architecture),
    )


@dataclass
class _Walk:
    """A walk over the tiles of a group, equal ones at once, and what it has counted so far."""

    workload: Workload
    architecture: Architecture
    group: Group
    stages: tuple[Stage, ...]
    steps: list[dict[str, int]] = field(default_factory=list)
    amounts: dict[Action, int] = field(default_factory=dict)
    keeps: tuple[Keep, ...] = ()
    shares: dict[str, Fraction] = field(default_factory=dict)
    is_phased: bool = False  # whether accesses of the root say their phase, too

    def run(self, tiles: Tiles) -> None:
        """Count the phases of equal tiles: steps, operations and what units read and write."""
        for phase in range(self.num_phases):
            steps: dict[str, int] = {}
            waits, waiting = 0, ""
            for stage in self.stages:
                if stage.phase != phase or not stage.runs_in(tiles):
                    continue
                unit, sizes = stage.unit.name, stage.sizes(tiles)
                wanted = share_of(stage.steps(sizes) * tiles.count, self._share(stage))
                steps[unit] = steps.get(unit, 0) + wanted
                self._operate(stage, sizes, tiles.count)
                self._access(stage, sizes, tiles.count)
                passing = stage.passing_steps(sizes) if stage.einsum.name in self.awaited else 0
                if passing > waits:
                    waits, waiting = passing, unit
            self.steps.append(steps)
            if waits:
                self.steps.append({waiting: waits * tiles.count})

    def come_back(self, stage: Stage) -> None:
        """Count the reads of partial results: all but the first tile along each summed rank."""
        output = stage.einsum.output.tensor
        visits = self._visits(stage)
        written = sum(
            bits
            for action, bits in self.amounts.items()
            if action.kind == "write" and action.tensor == output
        )
        places = sum(keep.tensor == output for keep in self.keeps)
        bits = written // max(places, 1) * (visits - 1) // visits
        self.add(self._nearest(output, stage), "read", output, bits)

    def move(self, keep: Keep) -> None:
        """Count what comes into a memory that keeps a tensor, or leaves it in the end."""
        name = keep.tensor
        if name in self.made:
            if name in self.leaving:
                bits = self.workload.by_name[name].stored.num_bits
                self.add(keep.memory, "read", name, bits)
                self.add(self.root, "write", name, bits)
            return
        outer = self._outside(keep)
        bits = self._fetched(keep)
        self.add(outer, "read", name, bits)
        self.add(keep.memory, "write", name, bits)

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        """Loops in time, outermost first."""
        return self.group.temporal

    @cached_property
    def tiles(self) -> tuple[Tiles, ...]:
        """All tiles, equal ones together."""
        known = frozenset.intersection(*(stage.ranks for stage in self.stages))
        return equal_tiles(self.extents, self.loops, alike=known)

    @cached_property
    def extents(self) -> dict[str, int]:
        """Size of every rank."""
        return {rank.name: rank.extent for s in self.stages for rank in s.einsum.ranks}

    @cached_property
    def num_phases(self) -> int:
        """Phases of a tile."""
        return 1 + max(stage.phase for stage in self.stages)

    @cached_property
    def made(self) -> frozenset[str]:
        """Tensors that the group makes."""
        return frozenset(stage.einsum.output.tensor for stage in self.stages)

    @cached_property
    def awaited(self) -> frozenset[str]:
        """Einsums whose results are needed in the very next phase."""
        return frozenset(
            maker.einsum.name
            for maker in self.stages
            for reader in self.stages
            if maker.einsum.output.tensor in reader.einsum.reads
            and slack(maker, reader, self.num_phases) == 1
            and self.num_phases > 1
        )

    @cached_property
    def root(self) -> str:
        """Name of the outermost memory."""
        return self.architecture.root.name

    @cached_property
    def memories(self) -> dict[str, tuple[int, bool]]:
        """For each memory its copies, and whether it is double-buffered."""
        own = self.architecture.memories
        return {m.name: (self.architecture.copies(m.name), m.double_buffered) for m in own}

    @cached_property
    def paths(self) -> dict[str, list[str]]:
        """For each compute unit the names of the nodes from the root to it."""
        units = self.architecture.units
        return {u.name: [node.name for node in self.architecture.path_to(u.name)] for u in units}

    @cached_property
    def leaving(self) -> frozenset[str]:
        """Tensors that somebody outside the group needs, if it makes them."""
        inside = set(self.group.einsums)
        outside = (e.reads for e in self.workload.einsums if e.name not in inside)
        return frozenset(self.workload.outputs).union(*outside)

    def _operate(self, stage: Stage, sizes: Sizes, count: int) -> None:
        points = share_of(prod(sizes.values()) * count, self._share(stage))
        copies = stage.copies(sizes)
        for operator in stage.work:
            action = Action.compute(
                stage.unit.name, 0, operator=operator, copies=copies, phase=len(self.steps)
            )
            self.amounts[action] = self.amounts.get(action, 0) + points

    def _access(self, stage: Stage, sizes: Sizes, count: int) -> None:
        """Operands come from the nearest memory that keeps them; results go to all that do."""
        now = len(self.steps)
        for access in dict.fromkeys(stage.einsum.inputs):
            elements = footprint(self.workload.by_name[access.tensor], [(access, sizes)])
            bits = self._bits(access.tensor, elements * stage.rounds(access, sizes) * count)
            self.add(self._nearest(access.tensor, stage), "read", access.tensor, bits, phase=now)
        output = stage.einsum.output
        elements = footprint(self.workload.by_name[output.tensor], [(output, sizes)])
        bits = self._bits(output.tensor, elements * count)
        places = [k.memory for k in self.keeps if k.tensor == output.tensor] or [self.root]
        for place in places:
            self.add(place, "write", output.tensor, bits, phase=now)

    def _visits(self, stage: Stage) -> int:
        """How often tiles come back to a partial result: tiles along ranks that are summed."""
        summed = stage.summed - set(stage.einsum.iterative)
        return prod(self._along(rank, self.loops) for rank in summed)

    def _along(self, rank: str, loops: tuple[Loop, ...]) -> int:
        own = [loop.tile for loop in self.loops if loop in loops and loop.rank == rank]
        return num_tiles(self.extents[rank], own)

    def _nearest(self, tensor: str, stage: Stage) -> str:
        kept = [keep.memory for keep in self.keeps if keep.tensor == tensor]
        if not kept:
            return self.root
        near = [name for name in self.paths[stage.unit.name] if name in kept]
        return near[-1] if near else kept[-1]

    def _outside(self, keep: Keep) -> str:
        """The next memory outward that keeps the tensor too."""
        kept = [k for k in self.keeps if k.tensor == keep.tensor and k is not keep]
        outer = [k for k in kept if k.position < keep.position]
        return max(outer, key=lambda k: k.position).memory if outer else self.root

    def _fetched(self, keep: Keep) -> int:
        """Bits that come into a memory: a new tile for each iteration that needs another one."""
        tensor = self.workload.by_name[keep.tensor]
        readers = [s for s in self.stages if keep.tensor in s.einsum.reads]
        accesses = [(s, a) for s in readers for a in s.einsum.inputs if a.tensor == keep.tensor]
        known = {rank for _, access in accesses for rank in ranks_of(access)}
        outside = self.loops[: keep.position]
        while outside and outside[-1].rank not in known:
            outside = outside[:-1]
        elements = 0
        outer = [loop for loop in outside if loop.rank in known]
        for tiles in equal_tiles(self.extents, outer, alike=known):
            touched = [(access, stage.sizes(tiles)) for stage, access in accesses]
            elements += footprint(tensor, touched) * tiles.count
        others = {loop.rank for loop in outside} - known
        again = prod(self._along(rank, outside) for rank in others)
        return self._bits(keep.tensor, elements * again)

    def _bits(self, tensor: str, elements: int) -> int:
        return self.workload.by_name[tensor].bits_of(elements)

    def _share(self, stage: Stage) -> Fraction:
        """The share of the points of an Einsum that a unit works at."""
        name = stage.einsum.name
        if name not in self.shares:
            self.shares[name] = work_share(multiplied(self.workload, stage.einsum), stage.unit)
        return self.shares[name]

    def told(self) -> tuple[str, ...]:
        """What is said about the zeros of patterns."""
        lines = [
            line
            for stage in self.stages
            for line in told(multiplied(self.workload, stage.einsum), stage.unit)
        ]
        return tuple(dict.fromkeys(lines))

    def add(
        self, memory: str, kind: ActionKind, tensor: str, bits: int, *, phase: int | None = None
    ) -> None:
        """Add an access. Those of the chip belong to a phase; others go on all the time."""
        copies, is_buffered = self.memories[memory]
        waits = kind == "write" and phase is None and not is_buffered
        if memory == self.root and not self.is_phased:
            phase = None
        action = Action(memory, kind, 0, tensor, copies, waits, phase)
        self.amounts[action] = self.amounts.get(action, 0) + bits
