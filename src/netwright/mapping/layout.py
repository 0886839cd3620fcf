"""How a matrix lies in the banks of a memory, for units that multiply beside each bank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, prod
from typing import Literal

from netwright.arch import Architecture, Dram, Memory
from netwright.errors import GraphError
from netwright.mapping.operation import Operation
from netwright.workload import Workload

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
        per_bank: Vectors of each group that a bank has.
        channels: Channels that have some.
        spread: Over what vectors are spread.
        piece: Elements of a vector that are multiplied with one filling of the buffer.
        packed: Whether vectors follow each other within a row; else each begins a row.
        summed_along_rows: Whether the elements that are added up lie side by side; else each of
            them is a step of its own.
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


def columns_of(layout: Layout, product: Product, dram: Dram, bits: int) -> int:
    """Columns that all vectors of a bank take, without what rows are filled up with."""
    elements = max(dram.access_bytes * 8 // bits, 1)
    vectors = layout.groups * layout.per_bank
    if not layout.summed_along_rows:
        return product.length * -(-vectors // elements)
    return vectors * columns_of_vector(layout, product.length, elements)


def columns_of_vector(layout: Layout, length: int, elements: int) -> int:
    """Columns of one vector, each of its pieces in whole columns."""
    whole, rest = divmod(length, layout.piece)
    return whole * -(-layout.piece // elements) + -(-rest // elements)


def rows_of(layout: Layout, product: Product, dram: Dram, bits: int) -> int:
    """Rows of a bank that a layout needs."""
    if layout.packed or not layout.summed_along_rows:
        return -(-columns_of(layout, product, dram, bits) // dram.columns)
    elements = max(dram.access_bytes * 8 // bits, 1)
    vectors = layout.groups * layout.per_bank
    columns = (ceil(piece / elements) for piece in pieces(layout, product.length))
    return vectors * sum(ceil(number / dram.columns) for number in columns)


def pieces(layout: Layout, length: int) -> tuple[int, ...]:
    """Sizes of the pieces of a vector."""
    return tuple(min(layout.piece, length - start) for start in range(0, length, layout.piece))


def layout_faults(
    workload: Workload, architecture: Architecture, layouts: Sequence[Layout]
) -> Iterator[str]:
    """What no machine could store so, as sentences."""
    placed: dict[str, list[Layout]] = {}
    seen: set[str] = set()
    for layout in layouts:
        name = f'layout of "{layout.tensor}"'
        memory = architecture.memory(layout.memory)
        if layout.tensor in seen:
            yield f"{name}: there are two"
        seen.add(layout.tensor)
        if layout.tensor not in workload.by_name:
            yield f"{name}: there is no such tensor"
            continue
        if memory is None or memory.dram is None:
            yield f'{name}: there is no memory "{layout.memory}" with banks'
            continue
        dram = memory.dram
        if min(layout.groups, layout.per_bank, layout.channels, layout.piece) < 1:
            yield f"{name}: groups, vectors, channels and pieces must be 1 or more"
            continue
        if layout.channels > dram.channels:
            yield f"{name}: needs {layout.channels} channels, {layout.memory} has {dram.channels}"
        if layout.first_row < 0 or layout.first_row + layout.num_rows > dram.rows:
            last = layout.first_row + layout.num_rows
            yield f"{name}: rows {layout.first_row} to {last - 1}, banks have {dram.rows}"
        tensor = workload.by_name[layout.tensor]
        holds = layout.num_rows * dram.row_bytes * dram.banks * layout.channels
        if holds < tensor.num_bytes:
            yield f"{name}: {tensor.num_bytes} bytes do not fit into its {layout.num_rows} rows"
        vectors = layout.groups * layout.per_bank * dram.banks * layout.channels
        if vectors > 2 * max(prod(tensor.shape), 1) * dram.banks * dram.channels:
            yield f"{name}: has {vectors} vectors, more than elements"
        placed.setdefault(layout.memory, []).append(layout)
    for own in placed.values():
        own.sort(key=lambda layout: (layout.first_row, layout.tensor))
        for before, after in pairwise(own):
            if before.first_row + before.num_rows > after.first_row:
                yield f'layouts of "{before.tensor}" and "{after.tensor}" share rows'
