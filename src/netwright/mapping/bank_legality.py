"""Whether layouts in banks are possible: every fault as a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod

from netwright.arch import Architecture, Dram
from netwright.mapping.bank_columns import elements_of, room_of, rows_of
from netwright.mapping.banks import buffer_elements, matrix_of
from netwright.mapping.layout import Layout, Product, product_of
from netwright.mapping.zeros import not_plain
from netwright.workload import Workload


def layout_faults(
    workload: Workload, architecture: Architecture, layouts: Sequence[Layout]
) -> Iterator[str]:
    """What no machine could store so, as sentences."""
    products = _products(workload)
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
        if min(layout.groups, layout.per_bank, layout.channels, layout.piece, layout.shared) < 1:
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
        elif layout.tensor in products and (reason := not_plain(tensor)):
            yield f"{name}: {reason}, and columns hold elements alone, all of them"
        elif layout.tensor in products:
            held = buffer_elements(architecture, dram, tensor.bits)
            yield from _misfits(name, layout, products[layout.tensor], dram, tensor.bits, held)
        placed.setdefault(layout.memory, []).append(layout)
    for own in placed.values():
        own.sort(key=lambda layout: (layout.first_row, layout.tensor))
        for before, after in pairwise(own):
            if before.first_row + before.num_rows > after.first_row:
                yield f'layouts of "{before.tensor}" and "{after.tensor}" share rows'


def _products(workload: Workload) -> dict[str, Product]:
    """The first product that each tensor is in."""
    found: dict[str, Product] = {}
    for einsum in workload.einsums:
        wanted = matrix_of(workload, einsum)
        if wanted is not None:
            found.setdefault(wanted.tensors[wanted.of("weight")].name, product_of(wanted))
    return found


def _misfits(
    name: str, layout: Layout, product: Product, dram: Dram, bits: int, held: int
) -> Iterator[str]:
    """What is larger than the room that a layout has for it."""
    wide = layout.spread == "banks"
    groups = layout.groups * (1 if wide else layout.channels)
    vectors = layout.per_bank * dram.banks * (layout.channels if wide else 1)
    if groups < product.groups:
        yield f"{name}: has room for {groups} groups of vectors, not for {product.groups}"
    if vectors < product.outputs:
        yield f"{name}: has room for {vectors} vectors, not for {product.outputs}"
    room = room_of(layout, product)
    if layout.length and layout.length < product.length:
        yield f"{name}: has room for vectors of {layout.length} elements, not {product.length}"
    elif room > dram.rows * dram.columns * elements_of(dram, bits):
        yield f"{name}: a vector of {room} elements is larger than a bank"
    else:
        rows = rows_of(layout, product, dram, bits)
        if rows > layout.num_rows:
            yield f"{name}: takes {rows} rows, not {layout.num_rows}"
    elements = elements_of(dram, bits)
    filled = layout.shared * (-(-min(layout.piece, room) // elements) * elements)
    if held and filled > held:
        yield f"{name}: a filling of the buffer has {filled} elements, and it holds {held}"
