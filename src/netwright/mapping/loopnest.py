"""Loop nests: how one operation is cut into tiles, in which order, and what is kept where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from netwright.arch import Architecture, Array, Memory
from netwright.mapping.operation import Operation


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop over tiles of a rank.

    Attributes:
        rank: Name of the rank.
        tile: Size of the piece that one iteration hands inward; the last may be smaller.
        array: Name of the array along which the iterations are spread at the same time; empty for
            a loop in time.
        axis: Axis of that array.
    """

    rank: str
    tile: int
    array: str = ""
    axis: int = 0

    @property
    def is_spatial(self) -> bool:
        """Whether the iterations run at the same time."""
        return bool(self.array)


@dataclass(frozen=True, slots=True)
class Keep:
    """A tile of a tensor that stays in a memory.

    Attributes:
        memory: Name of the memory.
        tensor: Name of the tensor.
        position: The tile is what the loops from here inward touch.
    """

    memory: str
    tensor: str
    position: int


@dataclass(frozen=True, slots=True)
class LoopNest:
    """The mapping of one operation.

    Attributes:
        loops: Outermost first. The tiles of a rank shrink inward, down to 1.
        keeps: What stays where. The root keeps every tensor at position 0.
    """

    loops: tuple[Loop, ...]
    keeps: tuple[Keep, ...]

    def places(self, tensor: str) -> tuple[Keep, ...]:
        """Where a tensor is kept, outermost first."""
        own = (keep for keep in self.keeps if keep.tensor == tensor)
        return tuple(sorted(own, key=lambda keep: keep.position))

    def renamed(self, names: Mapping[str, str]) -> LoopNest:
        """The nest of an equal operation on tensors of other names."""
        keeps = (replace(keep, tensor=names.get(keep.tensor, keep.tensor)) for keep in self.keeps)
        return LoopNest(self.loops, tuple(keeps))

    def counts(self, operation: Operation) -> tuple[int, ...]:
        """Iterations of every loop where tiles are whole."""
        sizes, found = dict(operation.extents), []
        for loop in self.loops:
            found.append(-(-sizes[loop.rank] // loop.tile))
            sizes[loop.rank] = loop.tile
        return tuple(found)

    def show(self, operation: Operation) -> str:
        """The nest as indented text, outermost first."""
        lines = []
        counts = self.counts(operation)
        for position in range(len(self.loops) + 1):
            indent = "  " * position
            for keep in self.keeps:
                if keep.position == position:
                    lines.append(f"{indent}[{keep.memory} keeps {keep.tensor}]")
            if position < len(self.loops):
                loop = self.loops[position]
                where = f" along {loop.array}[{loop.axis}]" if loop.is_spatial else ""
                meant = operation.directions[loop.rank]
                lines.append(f"{indent}for {meant} in {counts[position]} x {loop.tile}{where}")
        return "\n".join(lines)


def memories_of(architecture: Architecture) -> tuple[Memory, ...]:
    """Memories between the root and the compute unit, outermost first."""
    return tuple(node for node in architecture.path if isinstance(node, Memory))


def arrays_between(architecture: Architecture, outer: str, inner: str) -> Iterator[Array]:
    """Arrays below one node of the path and above another; an empty name means the compute unit."""
    inside = False
    for node in architecture.path:
        if node.name == inner:
            return
        if inside and isinstance(node, Array):
            yield node
        inside = inside or node.name == outer
