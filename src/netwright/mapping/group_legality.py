"""What is wrong with a group of Einsums that share tile loops; part of the one judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Table
from itertools import pairwise
from math import ceil

from netwright.arch import Architecture, Array, Memory
from netwright.arch.nodes import ROLES, Direction, Role
from netwright.errors import GraphError, MappingError, NetwrightError
from netwright.mapping.loopnest import Keep, Loop
from netwright.mapping.mapping import Group, Mapping
from netwright.mapping.operation import is_operation, operation
from netwright.mapping.schedule import kib
from netwright.mapping.stages import (
    Stage,
    axes_of,
    ranks_of,
    slack,
    stages,
    tiles_inside,
    tiles_later,
    unit_of,
)
from netwright.mapping.tiles import footprint, sizes_of
from netwright.workload import Access, Einsum, Workload
from netwright.workload.cycles import is_earlier

MADE: tuple[Direction, ...] = ("N", "G", "M", "P", "Q")
"""Letters of ranks that the result of a convolution knows."""

SUMMED: tuple[Direction, ...] = ("C", "R", "S")
"""Letters of ranks that a convolution sums over."""


def group_faults(
    workload: Workload, architecture: Architecture, mapping: Mapping, group: Group
) -> tuple[str, ...]:
    """Everything that is wrong with one group, as sentences; empty if it can run.

    Loops must walk along ranks of the group, in tiles that shrink inward, and along arrays last.
    Every Einsum must be in one phase, on its own unit. Nothing may be read before it is made: not
    in an earlier phase of the same tile, and not while a rank is still walked along that the
    reader knows and that its maker has combined away. What is kept must be kept as long as it is
    needed, and everything that a memory keeps at a time must fit it. An Einsum that streams alone
    needs no unit: a machine may have none for it.
    """
    if group.is_stream and group.einsums[0] not in mapping.bindings:
        return ()
    known = workload.einsum_of
    einsums = {name: known[name] for name in group.einsums if name in known}
    found = [*phase_faults(architecture, mapping, group), *loop_faults(einsums, group)]
    if found:
        return tuple(found)
    found += _array_faults(workload, architecture, mapping, einsums, group)
    if found:
        return tuple(found)
    judged = _Judged(workload, architecture, group, stages(workload, architecture, mapping, group))
    found += judged.order_faults()
    found += judged.keep_faults()
    return tuple(found or judged.capacity_faults())


def kept_bytes(
    workload: Workload, architecture: Architecture, mapping: Mapping, memory: str
) -> int:
    """The most bytes that a group of a mapping keeps in one copy of a memory at a time.

    Raises:
        MappingError: The machine has no such memory.
    """
    if architecture.memory(memory) is None:
        raise MappingError([f'there is no memory "{memory}"'])
    return max(
        (
            sum(rooms(workload, architecture, mapping, group, own))
            for group in mapping.groups
            for own in [[keep for keep in group.keeps if keep.memory == memory]]
        ),
        default=0,
    )


def rooms(
    workload: Workload,
    architecture: Architecture,
    mapping: Mapping,
    group: Group,
    keeps: Iterable[Keep],
) -> tuple[int, ...]:
    """Bytes that each of some keeps of a group takes in one copy of its memory."""
    members = stages(workload, architecture, mapping, group)
    judged = _Judged(workload, architecture, group, members)
    nodes = {memory.name: memory for memory in architecture.memories}
    return tuple(judged.kept_bytes(keep, nodes[keep.memory]) for keep in keeps)


def phase_faults(architecture: Architecture, mapping: Mapping, group: Group) -> Iterator[str]:
    """What is wrong with the phases, units and lags of a group."""
    placed = [
        (name, unit)
        for phase in group.phases
        for unit, steps in phase.steps.items()
        for name in steps
    ]
    names = [name for name, _ in placed]
    for name in group.einsums:
        if group.phases and names.count(name) != 1:
            yield f'Einsum "{name}" must be in one phase, not in {names.count(name)}'
        try:
            own = unit_of(architecture, mapping, name).name
        except NetwrightError as error:
            hint = f"; {error.hint}" if error.hint else ""
            yield f'Einsum "{name}": {error.message}{hint}'
            continue
        for other, unit in placed:
            if other == name and unit != own:
                yield f'Einsum "{name}" is bound to {own}, its phase runs it on {unit}'
    for name in dict.fromkeys([*names, *group.lags]):
        if name not in group.einsums:
            yield f'"{name}" is in a phase or lags behind, but not in the group'
    for name, lag in group.lags.items():
        if lag < 0:
            yield f'Einsum "{name}" must lag 0 tiles or more, not {lag}'


def loop_faults(einsums: dict[str, Einsum], group: Group) -> Iterator[str]:
    """What is wrong with the ranks and tiles of the loops of a group, arrays aside."""
    extents: dict[str, int] = {}
    for einsum in einsums.values():
        for own in einsum.ranks:
            if extents.setdefault(own.name, own.extent) != own.extent:
                yield (
                    f"rank {own.name} has {extents[own.name]} points and {own.extent} in "
                    f'"{einsum.name}": Einsums of a group must agree'
                )
    for loop in group.loops:
        if loop.rank not in extents:
            yield f"no Einsum has the rank {loop.rank}; ranks are {', '.join(extents)}"
        elif loop.tile < 1:
            yield f"loop over {loop.rank}: the tile must be 1 or more, not {loop.tile}"
    for rank, extent in extents.items():
        tiles = [loop.tile for loop in group.temporal if loop.rank == rank]
        for outer, inner in pairwise([extent, *tiles]):
            if inner > outer:
                yield f"loops over {rank}: tiles must shrink inward, not from {outer} to {inner}"
    spatial = [loop.is_spatial for loop in group.loops]
    if spatial != sorted(spatial):
        yield "loops along arrays must be innermost"


def axis_faults(architecture: Architecture, group: Group) -> Iterator[str]:
    """Loops along axes of arrays that there are not, or two along one."""
    arrays = [node for node in architecture.nodes if isinstance(node, Array)]
    axes = [(array.name, axis) for array in arrays for axis in range(len(array.fanout))]
    told = ", ".join(f"{name}[{axis}]" for name, axis in axes) or "there are none"
    seen: set[tuple[str, int]] = set()
    for loop in (loop for loop in group.loops if loop.is_spatial):
        where = f"{loop.array}[{loop.axis}]"
        if (loop.array, loop.axis) not in axes:
            yield f"loop over {loop.rank}: there is no array axis {where}; axes: {told}"
        elif (loop.array, loop.axis) in seen:
            yield f"two loops run along {where}"
        seen.add((loop.array, loop.axis))


def may_run_along(workload: Workload, einsum: Einsum, array: Array, axis: int, rank: str) -> bool:
    """Whether an Einsum may be spread over copies along an axis of an array.

    Where letters of convolutions say what may, a rank of what is no sum of products counts as any
    letter that the result knows, or as any that is summed over.
    """
    extents = {own.name: own.extent for own in einsum.ranks}
    if extents.get(rank, 1) == 1 or not array.ranks:
        return True
    if is_operation(einsum):
        try:
            wanted = operation(workload, einsum)
        except GraphError:
            return False
        return array.takes(axis, wanted.directions[rank], wanted.known_to(rank))
    operands = zip(ROLES, (*einsum.inputs[:2], einsum.output), strict=False)
    known: set[Role] = {role for role, access in operands if rank in ranks_of(access)}
    is_made = rank in ranks_of(einsum.output)
    known = known - {"output"} | ({"output"} if is_made else set())
    return any(array.takes(axis, letter, known) for letter in (MADE if is_made else SUMMED))


def _array_faults(
    workload: Workload,
    architecture: Architecture,
    mapping: Mapping,
    einsums: dict[str, Einsum],
    group: Group,
) -> Iterator[str]:
    arrays = {node.name: node for node in architecture.nodes if isinstance(node, Array)}
    extents = {rank.name: rank.extent for e in einsums.values() for rank in e.ranks}
    yield from axis_faults(architecture, group)
    for loop in (loop for loop in group.loops if loop.is_spatial):
        where = f"{loop.array}[{loop.axis}]"
        array = arrays.get(loop.array)
        if array is None or not 0 <= loop.axis < len(array.fanout):
            continue
        size = min([extents[loop.rank], *(x.tile for x in group.temporal if x.rank == loop.rank)])
        copies = ceil(size / loop.tile)
        if copies > array.fanout[loop.axis]:
            yield (
                f"loop over {loop.rank}: {copies} pieces along {where}, "
                f"which has {array.fanout[loop.axis]} copies"
            )
        for name, einsum in einsums.items():
            unit = unit_of(architecture, mapping, name)
            path = [node.name for node in architecture.path_to(unit.name)]
            if array.name not in path or copies == 1:
                continue
            summed = {rank.name for rank in einsum.ranks} - ranks_of(einsum.output)
            if loop.rank in summed and not array.reduces:
                yield f'Einsum "{name}" is combined over {loop.rank}, which {array.name} cannot'
            elif not may_run_along(workload, einsum, array, loop.axis, loop.rank):
                yield (
                    f'Einsum "{name}": {loop.rank} may not run along {where}, which takes '
                    f"{', '.join(array.allowed(loop.axis)) or 'no rank'}"
                )


def keep_names(
    architecture: Architecture, einsums: dict[str, Einsum], group: Group, *, most: int | None
) -> Iterator[str]:
    """Keeps of nothing, in no memory of the chip, at no position, or twice.

    Args:
        architecture: The machine.
        einsums: Those of the group, by name.
        group: The group.
        most: The innermost position; ``None`` where loops are not known yet.
    """
    used = {name for e in einsums.values() for name in (*e.reads, e.output.tensor)}
    chip = [own.name for own in architecture.memories if own is not architecture.root]
    seen: set[tuple[str, str]] = set()
    for keep in group.keeps:
        if keep.memory not in chip:
            yield (
                f'"{keep.tensor}": "{keep.memory}" is no memory of the chip; it has '
                f"{', '.join(chip) or 'none'}"
            )
        if keep.tensor not in used:
            yield f'"{keep.tensor}" is kept, but no Einsum of the group reads or makes it'
            continue
        if keep.position < 0 or (most is not None and keep.position > most):
            told = "0 or more" if most is None else f"from 0 to {most}"
            yield f'"{keep.tensor}": the position must be {told}, not {keep.position}'
        if (keep.memory, keep.tensor) in seen:
            yield f'"{keep.tensor}" is kept twice in {keep.memory}'
        seen.add((keep.memory, keep.tensor))


class _Judged:
    """A group whose loops and phases are in order."""

    def __init__(
        self,
        workload: Workload,
        architecture: Architecture,
        group: Group,
        members: tuple[Stage, ...],
    ) -> None:
        self.workload = workload
        self.architecture = architecture
        self.group = group
        self.loops = group.temporal
        self.stages = members
        self.makers = {stage.einsum.output.tensor: stage for stage in members}
        self.extents = {rank.name: rank.extent for s in members for rank in s.einsum.ranks}
        self.num_phases = 1 + max(stage.phase for stage in members)

    def order_faults(self) -> Iterator[str]:
        """Reads of what is not made yet, or not whole yet."""
        late: dict[str, frozenset[str]] = {}
        for reader in self.stages:
            waits: set[str] = set()
            for access in reader.einsum.inputs:
                maker = self.makers.get(access.tensor)
                if maker is None:
                    continue
                yield from self._phase_order(maker, reader, access)
                yield from self._own_tiles(maker, reader, access)
                waits |= late.get(access.tensor, frozenset()) | self._final(maker, access)
            early = sorted(waits & reader.looped & reader.ranks)
            if early:
                yield (
                    f'Einsum "{reader.einsum.name}" needs results that are whole only after the '
                    f"last tile along {', '.join(early)}, and runs in each of them"
                )
            summed = reader.summed - set(reader.einsum.iterative)
            late[reader.einsum.output.tensor] = frozenset(waits | (summed & reader.looped))

    def _own_tiles(self, maker: Stage, reader: Stage, access: Access) -> Iterator[str]:
        """Reads of what other tiles make."""
        if maker is reader:
            return
        tiles = [
            (rank, self._before(rank, len(self.loops)))
            for rank in maker.einsum.iterative
            if is_earlier(access, maker.einsum)
        ]
        place = [stage.einsum.name for stage in self.stages]
        if place.index(reader.einsum.name) < place.index(maker.einsum.name):
            for rank, tile in tiles:
                if tile > 1:
                    yield (
                        f'Einsum "{reader.einsum.name}" reads "{access.tensor}" of the point '
                        f"before along {rank}: tiles along {rank} must be 1, not {tile}"
                    )
        last = sorted((maker.looped - maker.ranks) & reader.ranks)
        if last:
            yield (
                f'Einsum "{reader.einsum.name}" runs in each tile along {", ".join(last)} and '
                f'reads "{access.tensor}", which is made in the last one only'
            )
        written, read = axes_of(maker.einsum.output), axes_of(access)
        for rank in sorted(maker.looped & reader.ranks & ranks_of(maker.einsum.output)):
            if written[rank] != read.get(rank):
                yield (
                    f'Einsum "{reader.einsum.name}" runs in each tile along {rank} and reads '
                    f'other parts of "{access.tensor}" than are made there'
                )

    def _final(self, maker: Stage, access: Access) -> frozenset[str]:
        """Iterative ranks of whose walk an access reads the last result."""
        known = ranks_of(access)
        last = (rank for rank in maker.einsum.iterative if rank not in known)
        return frozenset(last) & maker.looped

    def _phase_order(self, maker: Stage, reader: Stage, access: Access) -> Iterator[str]:
        apart = slack(maker, reader, self.num_phases) + self.num_phases * self._later(maker, access)
        place = {stage.einsum.name: number for number, stage in enumerate(self.stages)}
        if apart > 0 or (apart == 0 and place[maker.einsum.name] < place[reader.einsum.name]):
            return
        if maker is reader and self._later(maker, access):
            return
        early = f" {-apart} phases" if apart else ""
        yield f'Einsum "{reader.einsum.name}" reads "{access.tensor}"{early} before it is made'

    def _later(self, maker: Stage, access: Access) -> int:
        return tiles_later(access, maker.einsum, self.loops, self.extents)

    def _before(self, rank: str, position: int) -> int:
        tiles = [loop.tile for loop in self.loops[:position] if loop.rank == rank]
        return min([self.extents[rank], *tiles])

    def keep_faults(self) -> Iterator[str]:
        """Keeps of nothing, in no memory, twice, or not as long as the tensor is needed."""
        members = {stage.einsum.name: stage.einsum for stage in self.stages}
        yield from keep_names(self.architecture, members, self.group, most=len(self.loops))
        for keep in self.group.keeps:
            for rank, number in self._needed(keep.tensor).items():
                if keep.position > number:
                    yield (
                        f'"{keep.tensor}" is needed again in the next tile along {rank}: '
                        f"{keep.memory} must keep it from position {number} on, "
                        f"not {keep.position}"
                    )

    def _needed(self, tensor: str) -> dict[str, int]:
        """For each looped rank along which a tensor is used again, the place of its first loop."""
        maker = self.makers.get(tensor)
        if maker is None:
            return {}
        users = [maker, *(s for s in self.stages if tensor in s.einsum.reads)]
        again = {rank for s in users for rank in s.ranks} - ranks_of(maker.einsum.output)
        again |= set(maker.einsum.iterative)
        again |= {rank for s in users for rank in ranks_of(maker.einsum.output) - s.ranks}
        found: dict[str, int] = {}
        for number, loop in enumerate(self.loops):
            if loop.rank in again:
                found.setdefault(loop.rank, number)
        return found

    def capacity_faults(self) -> Iterator[str]:
        """Memories that would keep more than they can hold."""
        for memory in self.architecture.memories:
            if memory.capacity_bytes is None:
                continue
            own = [keep for keep in self.group.keeps if keep.memory == memory.name]
            parts = {keep.tensor: self.kept_bytes(keep, memory) for keep in own}
            if sum(parts.values()) > memory.capacity_bytes:
                told = ", ".join(f"{name} {kib(size)}" for name, size in parts.items())
                yield (
                    f"{memory.name} would keep {kib(sum(parts.values()))} ({told}), "
                    f"it has {kib(memory.capacity_bytes)}"
                )

    def kept_bytes(self, keep: Keep, memory: Memory) -> int:
        """Bytes of one copy of a memory that a tensor takes, all its places together."""
        tensor = self.workload.by_name[keep.tensor]
        tiles = {r: self._before(r, keep.position) for r in self.extents}
        maker = self.makers.get(keep.tensor)
        for rank in maker.einsum.iterative if maker else ():  # earlier points are not needed
            tiles[rank] = self._before(rank, len(self.loops))
        above = {node.name for node in self._above(memory)}
        spread: dict[str, Loop] = {
            loop.rank: loop for loop in self.group.loops if loop.is_spatial and loop.array in above
        }
        accesses = []
        for stage in self.stages:
            every = (*stage.einsum.inputs, stage.einsum.output)
            own = [access for access in every if access.tensor == keep.tensor]
            if not own:
                continue
            sizes = dict(sizes_of(stage.einsum, tiles))
            for rank, loop in spread.items():
                if rank in sizes:
                    sizes[rank] = min(sizes[rank], loop.tile)
            accesses += [(access, sizes) for access in own]
        elements = footprint(tensor, accesses)
        size = _in_lines(tensor.bits_of(elements), memory)
        if maker is not None and maker.einsum.iterative:
            one = footprint(
                tensor, [(access, self._innermost(sizes)) for access, sizes in accesses]
            )
            return size + self._spare(maker) * _in_lines(tensor.bits_of(one), memory)
        return size * self._places(keep, memory)

    def _above(self, memory: Memory) -> list[Array]:
        by_name = {node.name: node for node in self.architecture.nodes}
        found: list[Array] = []
        name = memory.parent
        while name:
            node = by_name[name]
            if isinstance(node, Array):
                found.append(node)
            name = node.parent
        return found

    def _places(self, keep: Keep, memory: Memory) -> int:
        """How many tiles of a tensor are there at a time."""
        maker = self.makers.get(keep.tensor)
        if maker is None:
            changes = keep.position > 0 and memory.double_buffered
            return 2 if changes else 1
        readers = [s for s in self.stages if keep.tensor in s.einsum.reads]
        apart = max((slack(maker, s, self.num_phases) for s in readers), default=0)
        return ceil((apart + 1) / self.num_phases)

    def _innermost(self, sizes: Table[str, int]) -> Table[str, int]:
        """Points of a tile of all loops."""
        most = len(self.loops)
        return {rank: min(size, self._before(rank, most)) for rank, size in sizes.items()}

    def _spare(self, maker: Stage) -> int:
        """Tiles of points before that somebody reads after those of the next point are made."""
        place = {stage.einsum.name: number for number, stage in enumerate(self.stages)}
        loops = self.loops
        inside = min(tiles_inside(rank, loops, self.extents) for rank in maker.einsum.iterative)
        most = 0
        for reader in self.stages:
            if reader is maker:
                continue
            for access in reader.einsum.inputs:
                if access.tensor != maker.einsum.output.tensor:
                    continue
                apart = slack(maker, reader, self.num_phases)
                apart += self.num_phases * self._later(maker, access)
                is_before = place[reader.einsum.name] < place[maker.einsum.name]
                if is_before and reader.unit == maker.unit:
                    apart -= 1  # one after the other
                most = max(most, apart // self.num_phases - inside + 1)
        return most


def _in_lines(bits: int, memory: Memory) -> int:
    """Bytes that take whole lines of a memory."""
    return -(-bits // (8 * memory.line_bytes)) * memory.line_bytes
