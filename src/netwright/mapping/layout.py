"""How a matrix lies in the banks of a memory, for units that multiply beside each bank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from netwright.arch import Architecture, Dram, Memory
from netwright.errors import GraphError
from netwright.mapping.operation import Operation

Spread = Literal["banks", "channels"]
"""Over what the vectors of a group are spread: all banks, or those of a channel, which then has
groups of its own."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the vectors of a tensor lie; each is multiplied with what a buffer holds.

    Attributes:
        tensor: Name of the tensor.
        memory: Name of the memory with banks.
        first_row: First row of every bank.
        num_rows: Rows of every bank, from the first one on.
        groups: Groups of vectors of a channel that meet inputs of their own, as heads do.
        per_bank: Vectors of each group for which a bank has room.
        channels: Channels that have some.
        spread: Over what vectors are spread.
        piece: Elements of a vector that are multiplied with one filling of the buffer.
        packed: Whether vectors follow each other within a row; else each begins a row.
        summed_along_rows: Whether the elements that are added up lie side by side; else each of
            them is a step of its own.
        dealt: Whether vectors are dealt to the banks in turn; else a bank gets all for which it has
            room before the next one gets any.
        length: Elements of each vector for which there is room, at least those that there are.
        shared: Groups whose inputs fill the buffer together.
    """

    tensor: str
    memory: str
    first_row: int
    num_rows: int
    groups: int
    per_bank: int
    channels: int
    spread: Spread
    piece: int
    packed: bool = True
    summed_along_rows: bool = True
    dealt: bool = True
    length: int = 0
    shared: int = 1


@dataclass(frozen=True, slots=True)
class Product:
    """A product of matrices as banks see it.

    Attributes:
        groups: Matrices that meet inputs of their own.
        length: Elements that are added up.
        outputs: Vectors of each matrix.
        inputs: Vectors that each matrix meets.
    """

    groups: int
    length: int
    outputs: int
    inputs: int


def product_of(wanted: Operation) -> Product:
    """An operation as a product of matrices, the second operand in the banks.

    Raises:
        GraphError: It is none: windows slide, an operand is missing, or there are several.
    """
    if len(wanted.tensors) != 3 or any(map(_overlaps, _indices(wanted))):
        raise GraphError("is no product of two matrices", node=wanted.name)
    sizes = {"groups": 1, "length": 1, "outputs": 1, "inputs": 1}
    names = {
        frozenset(("input", "weight", "output")): "groups",
        frozenset(("input", "weight")): "length",
        frozenset(("weight", "output")): "outputs",
        frozenset(("input", "output")): "inputs",
    }
    for rank, extent in wanted.extents.items():
        known = names.get(frozenset(wanted.known_to(rank)))
        if known is None:
            raise GraphError(f'sums one operand alone along rank "{rank}"', node=wanted.name)
        sizes[known] *= extent
    return Product(**sizes)


def _indices(wanted: Operation) -> Iterator[tuple[tuple[int, int], ...]]:
    """For each axis of each tensor, the step and the extent of every rank that walks along it."""
    for axes in wanted.axes.values():
        for axis in axes:
            yield tuple((step, wanted.extents[rank]) for rank, step in axis.terms)


def _overlaps(terms: tuple[tuple[int, int], ...]) -> bool:
    """Whether different points of the ranks fall on one element, as those of windows do."""
    reached = 0
    for step, extent in sorted(terms):
        if step <= reached:
            return True
        reached += step * (extent - 1)
    return False


def banked(architecture: Architecture) -> Memory | None:
    """The memory that has units beside its banks, if there is one."""
    for memory in architecture.memories:
        if memory.dram is not None and memory.dram.unit:
            return memory
    return None


def lanes_of(architecture: Architecture, dram: Dram) -> int:
    """Products that the unit of a bank makes in a step."""
    return max(architecture.copies(dram.unit) // (dram.channels * dram.banks), 1)
