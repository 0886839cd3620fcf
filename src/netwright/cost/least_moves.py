"""What it takes at least to read and write the tensors of a group, whatever units it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.arch import Architecture, Array, Memory
from netwright.mapping.group_choice import Option, Run, Use, chosen
from netwright.mapping.homes import inner_memory
from netwright.mapping.loopnest import Loop

UNIT_J = 1e-18
"""Energies are compared in whole attojoules, rounded down."""


Moved = tuple[float, float]
"""The least seconds past the root and the least joules of all accesses; 0 where not asked for."""


@dataclass(frozen=True, slots=True)
class OpenLoops:
    """Loops of a group for which nothing is decided yet.

    Attributes:
        loops: The loops.
        bits: For each tensor the bits of each treatment past the root; nothing if not asked for.
        energies: The same for the least energy.
        bandwidth: Bits a second of the root.
    """

    loops: tuple[Loop, ...]
    bits: Sequence[Sequence[Option]]
    energies: Sequence[Sequence[Option]]
    bandwidth: float

    def floor(self) -> Moved:
        """What they move at least, whatever fits."""
        bits, energy = (
            sum(min((option.traffic for option in own), default=0) for own in every)
            for every in (self.bits, self.energies)
        )
        return bits / self.bandwidth, energy * UNIT_J

    def fitting(self, uses: Sequence[Use], capacity: int) -> Moved | None:
        """What they move at least with all that is kept in a capacity; ``None`` if that is not."""
        found = []
        for every in (self.bits, self.energies):
            choice = chosen(uses, every, capacity, None) if every else None
            if every and choice is None:
                return None
            found.append(0 if choice is None else choice.traffic)
        return found[0] / self.bandwidth, found[1] * UNIT_J


class LeastMoves:
    """Bounds of treatments that hold for any units, arrays and lags.

    Args:
        architecture: The machine, with all figures.
        outside: The memory that keeps the tiles of groups.
    """

    def __init__(self, architecture: Architecture, outside: Memory) -> None:
        self.outside = outside
        above = architecture.path_to(architecture.units[0].name)
        names = [node.name for node in above]
        before = above[: names.index(outside.name)]
        self.is_spread = any(isinstance(node, Array) for node in before)
        inner = [inner_memory(architecture, u.name, outside.name) for u in architecture.units]
        self.inner = [memory for memory in inner if memory is not None]
        sizes = [
            1 << 62 if size is None else size * architecture.copies(memory.name)
            for memory in self.inner
            for size in [memory.capacity_bytes]
        ]
        self.inner_bytes = max(sizes, default=0)
        root = architecture.root
        assert isinstance(root, Memory)
        assert root.bandwidth is not None  # check_figures
        self.bandwidth = 8 * root.bandwidth.value
        self._root = _joules_a_bit(root)
        self._outside = _joules_a_bit(outside)
        self._inner = min((min(_joules_a_bit(memory)) for memory in self.inner), default=0.0)

    def relaxed(self, run: Run, use: Use, options: Sequence[Option]) -> list[Option]:
        """Options that take no more room than with any units, arrays and lags."""
        is_free = self.is_spread
        if use.maker is not None:
            is_free |= bool(run.shapes[use.maker].iterative)
        steps = [
            step
            for _, own in use.readers
            for axis in own.index
            for _, step in axis.terms
        ]  # fmt: skip
        inside = self.inner_bytes if self._may_rest_inside(use) else 0
        if inside and any(abs(step) > 1 for step in steps):
            is_free = True
        inside += self.outside.line_bytes
        return [
            Option(own.position, own.traffic, 0, own.misses)
            if own.room and (is_free or own.room < inside)
            else own
            for own in options
        ]

    def priced(self, use: Use, options: Sequence[Option], streamed: int) -> list[Option]:
        """The same options with the least energy of all accesses in place of their traffic.

        Args:
            use: The tensor.
            options: As :meth:`relaxed` returns them.
            streamed: Bits that those who make and read it move if it streams.
        """
        return [
            Option(o.position, int(self._joules(use, o, streamed) / UNIT_J), o.room, o.misses)
            for o in options
        ]

    def least(self, run: Run) -> float:
        """Joules of all accesses of a run, with any loops and any room."""
        found = 0
        for use, options in zip(run.uses, run.options(()), strict=True):
            free = [Option(o.position, o.traffic, 0, o.misses) for o in options]
            found += min(own.traffic for own in self.priced(use, free, options[0].traffic))
        return found * UNIT_J

    def _may_rest_inside(self, use: Use) -> bool:
        return use.maker is not None and not use.leaves and bool(self.inner)

    def _joules(self, use: Use, option: Option, streamed: int) -> float:
        read, write = self._root
        if option.position is None:
            return option.traffic * (read if use.maker is None else min(read, write))
        near_read, near_write = self._outside
        if use.maker is None:
            return option.traffic * (read + near_write) + streamed * near_read
        near = min(near_read, near_write)
        if self._may_rest_inside(use) and not option.room:
            near = min(near, self._inner)
        leaving = use.tensor.stored.num_bits if use.leaves else 0
        return streamed * near + leaving * (near_read + write)


def _joules_a_bit(memory: Memory) -> tuple[float, float]:
    """Energy of a bit that is read, and of one that is written."""
    assert memory.read_energy is not None  # check_figures
    assert memory.write_energy is not None  # check_figures
    return memory.read_energy.value / 8, memory.write_energy.value / 8
