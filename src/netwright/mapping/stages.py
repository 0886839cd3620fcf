"""The Einsums of a group as stages: each on a unit, in a phase, so many tiles behind the first."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

from netwright.arch import Architecture, Array, Compute
from netwright.errors import ConfigError
from netwright.mapping.binding import work_of
from netwright.mapping.loopnest import Loop
from netwright.mapping.mapping import Group, Mapping
from netwright.mapping.tiles import Sizes, Tiles, num_tiles, sizes_of
from netwright.workload import Access, Einsum, Workload
from netwright.workload.cycles import is_earlier


@dataclass(frozen=True)
class Stage:
    """An Einsum of a group and how it runs.

    Attributes:
        einsum: The Einsum.
        unit: Its compute unit.
        work: The operators that the unit does for each point; none where it cannot do them all:
            then only what is read and written counts.
        pieces: For each rank that is spread over copies of the unit, the points of one copy.
        looped: Ranks of the group's loops.
        phase: Number of its phase.
        lag: How many tiles it runs behind.
    """

    einsum: Einsum
    unit: Compute
    work: tuple[str, ...]
    pieces: Sizes
    looped: frozenset[str]
    phase: int
    lag: int

    def runs_in(self, tiles: Tiles) -> bool:
        """Whether it runs in these tiles: in the last one along ranks that it does not know."""
        return self.looped - self.ranks <= tiles.last

    @property
    def ranks(self) -> frozenset[str]:
        """Its ranks."""
        return frozenset(rank.name for rank in self.einsum.ranks)

    @property
    def summed(self) -> frozenset[str]:
        """Ranks that are combined away."""
        return self.ranks - ranks_of(self.einsum.output)

    def sizes(self, tiles: Tiles) -> Sizes:
        """Points along each of its ranks."""
        return sizes_of(self.einsum, tiles.sizes)

    def steps(self, sizes: Sizes) -> int:
        """Cycles of the busiest copy of the unit for one tile with so many points."""
        points = prod(min(size, self.pieces.get(rank, size)) for rank, size in sizes.items())
        return points * sum(self.unit.cycles_of(operator) for operator in self.work)

    def copies(self, sizes: Sizes) -> int:
        """Copies of the unit that work."""
        return prod(ceil(sizes[rank] / piece) for rank, piece in self.pieces.items())

    def passing_steps(self, sizes: Sizes) -> int:
        """Cycles until a result has passed all copies that it is combined over."""
        over = [rank for rank in self.pieces if rank in self.summed]
        hops = sum(ceil(sizes[rank] / self.pieces[rank]) for rank in over)
        return hops * self.unit.cycles_of(self.work[-1]) if hops and self.work else 0

    def rounds(self, access: Access, sizes: Sizes) -> int:
        """How often copies go over an operand: once for each piece along ranks it does not know."""
        known = ranks_of(access)
        return prod(min(sizes[r], piece) for r, piece in self.pieces.items() if r not in known)


@lru_cache(maxsize=1 << 14)
def ranks_of(access: Access) -> frozenset[str]:
    """Ranks that walk along some axis of a tensor."""
    return frozenset(rank for axis in access.index for rank, _ in axis.terms)


@lru_cache(maxsize=1 << 14)
def axes_of(access: Access) -> Table[str, frozenset[int]]:
    """The axes of a tensor along which each rank walks."""
    return {
        rank: frozenset(
            number for number, axis in enumerate(access.index) if rank in dict(axis.terms)
        )
        for rank in ranks_of(access)
    }


def stages(
    workload: Workload, architecture: Architecture, mapping: Mapping, group: Group
) -> tuple[Stage, ...]:
    """The stages of a group that is legal, in order."""
    einsums = workload.einsum_of
    looped = frozenset(loop.rank for loop in group.temporal)
    phase_of = group.phase_of
    found = []
    for name in group.einsums:
        einsum, unit = einsums[name], unit_of(architecture, mapping, name)
        known = {rank.name for rank in einsum.ranks}
        spread = {loop.rank: loop.tile for loop in _spread(architecture, unit, group)}
        pieces = {rank: tile for rank, tile in spread.items() if rank in known}
        place = (phase_of[name], group.lags.get(name, 0))
        work = work_of(einsum, unit)
        done = work if set(work) <= set(unit.does) else ()
        found.append(Stage(einsum, unit, done, pieces, looped, *place))
    return tuple(found)


def unit_of(architecture: Architecture, mapping: Mapping, einsum: str) -> Compute:
    """The compute unit that an Einsum is bound to; the only one of the machine if it is not.

    Raises:
        ConfigError: There is no such unit, or none at all.
    """
    name = mapping.bindings.get(einsum)
    if name is None and not architecture.units:
        raise ConfigError(f'architecture "{architecture.name}" has no compute unit')
    if name is None and len(architecture.units) > 1:
        units = [unit.name for unit in architecture.units]
        raise ConfigError(
            f'architecture "{architecture.name}" has {len(units)} compute units: '
            f"{', '.join(units)}",
            hint=f'name one, as in [bindings] "{einsum}" = "{units[0]}"',
        )
    if name is None:
        name = architecture.path[-1].name
    node = architecture.path_to(name)[-1]
    assert isinstance(node, Compute)
    return node


def _spread(architecture: Architecture, unit: Compute, group: Group) -> list[Loop]:
    above = {node.name for node in architecture.path_to(unit.name) if isinstance(node, Array)}
    return [loop for loop in group.loops if loop.is_spatial and loop.array in above]


def slack(maker: Stage, reader: Stage, num_phases: int) -> int:
    """Phases from the one that makes a tile of a tensor to the one that reads it."""
    return (reader.lag - maker.lag) * num_phases + reader.phase - maker.phase


def tiles_inside(rank: str, loops: Sequence[Loop], extents: Sizes) -> int:
    """Tiles from a point of an iterative rank to the next one.

    Args:
        rank: The rank.
        loops: Loops in time, outermost first.
        extents: Size of every rank.
    """
    walked = [number for number, loop in enumerate(loops) if loop.rank == rank]
    if not walked:
        return 1
    outside, inner = loops[: walked[-1]], loops[walked[-1] + 1 :]

    def tiles(name: str) -> int:
        size = min([extents[name], *(loop.tile for loop in outside if loop.rank == name)])
        return num_tiles(size, [loop.tile for loop in inner if loop.rank == name])

    return prod(tiles(name) for name in dict.fromkeys(loop.rank for loop in inner))


def tiles_later(access: Access, maker: Einsum, loops: Sequence[Loop], extents: Sizes) -> int:
    """Tiles until the next point of an iterative rank, where the point before is read; else 0."""
    if not is_earlier(access, maker):
        return 0
    return min(tiles_inside(rank, loops, extents) for rank in maker.iterative)
