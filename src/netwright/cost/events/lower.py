"""A mapped network as a program of a memory: one stage for each Einsum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Architecture, Dram, Memory
from netwright.cost.counts import Action
from netwright.cost.events.program import COLUMNS, Program
from netwright.cost.events.table import Table
from netwright.cost.stream import count as stream
from netwright.errors import MappingError
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.banks import steps_of
from netwright.mapping.layout import Layout, Product, pieces, product_of
from netwright.mapping.mapping import Mapping
from netwright.mapping.operation import operation
from netwright.workload import Einsum, Workload

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stage:
    """What one Einsum is on the machine.

    Attributes:
        name: Name of the Einsum.
        requests: To the memory, with the columns of a program.
        actions: What the host and the units beside the banks do.
        host_cycles: Cycles of units of the host, by name.
    """

    name: str
    requests: Integers
    actions: tuple[Action, ...]
    host_cycles: dict[str, int]


def stages_of(
    workload: Workload, architecture: Architecture, memory: Memory, mapping: Mapping
) -> tuple[tuple[Stage, ...], tuple[tuple[str, str], ...]]:
    """Every Einsum as a stage, and the ones that nobody can count, with the reason.

    Raises:
        MappingError: A product is bound to the units beside the banks and its matrix has no layout.
    """
    dram = memory.dram
    assert dram is not None
    layouts = {layout.tensor: layout for layout in mapping.layouts}
    by_name = {einsum.name: einsum for einsum in workload.einsums}
    table = Table.of(dram)
    found, left_out = [], []
    for name in mapping.order:
        einsum = by_name[name]
        if einsum.map_op in UNKNOWN:
            left_out.append((name, f'"{einsum.map_op}" is not a sum of products'))
        elif mapping.bindings.get(name) == dram.unit:
            found.append(_matrix(workload, architecture, dram, table, layouts, einsum))
        else:
            found.append(_host(workload, architecture, dram, table, einsum, mapping))
    return tuple(found), tuple(left_out)


def program_of(stages: Sequence[Stage], architecture: Architecture, dram: Dram) -> Program:
    """Stages one after the other, as the memory sees them."""
    empty = np.zeros((0, len(COLUMNS)), np.int64)
    requests = np.concatenate([stage.requests for stage in stages]) if stages else empty
    ends = np.cumsum([len(stage.requests) for stage in stages])
    rates = {unit.name: unit.rate.value for unit in architecture.units if unit.rate is not None}
    busy = (
        max((_cycles(n / rates[u], dram) for u, n in stage.host_cycles.items()), default=0)
        for stage in stages
    )
    return Program(requests, tuple(map(int, ends)), tuple(busy),
                   tuple(stage.name for stage in stages))  # fmt: skip


def _cycles(seconds: float, dram: Dram) -> int:
    return int(np.ceil(seconds / dram.clock.value - 1e-6))


def _matrix(
    workload: Workload, architecture: Architecture, dram: Dram, table: Table,
    layouts: dict[str, Layout], einsum: Einsum,
) -> Stage:  # fmt: skip
    wanted = operation(workload, einsum)
    product = product_of(wanted)
    tensor = wanted.tensors[wanted.of("weight")]
    if tensor.name not in layouts:
        raise MappingError([f'Einsum "{einsum.name}" runs beside the banks, and "{tensor.name}" '
                            "has no layout"])  # fmt: skip
    layout = layouts[tensor.name]
    steps = tuple(steps_of(architecture, dram, tensor.bits))
    one = _channel(layout, product, dram, table, tensor.bits, len(steps))
    every = np.repeat(one[None], layout.channels, axis=0)
    every[:, :, 1] = np.arange(layout.channels)[:, None]
    requests = np.repeat(every[None], product.inputs, axis=0).reshape(-1, len(COLUMNS))
    copies = architecture.copies(dram.unit)
    actions = [Action.compute(dram.unit, wanted.num_macs, copies=copies)]
    partial = len(pieces(layout, product.length)) - 1
    adds = partial * product.groups * product.outputs * product.inputs
    cycles: dict[str, int] = {}
    adder = next((u for u in architecture.units if u.name != dram.unit and "add" in u.does), None)
    if adds and adder is not None:
        rounds = -(-adds // architecture.copies(adder.name))
        cycles[adder.name] = rounds * adder.cycles_of("add")
        actions.append(Action.compute(adder.name, adds, operator="add",
                                      copies=architecture.copies(adder.name)))  # fmt: skip
    return Stage(einsum.name, requests, tuple(actions), cycles)


def _channel(
    layout: Layout, product: Product, dram: Dram, table: Table, bits: int, repeats: int
) -> Integers:
    """Requests of one channel: fill the buffer, multiply every vector with it, read the sums."""
    elements = max(dram.access_bytes * 8 // bits, 1)
    command: dict[str, int] = {kind.does: table.number[name] for name, kind in dram.commands.items()
               if kind.does in ("load", "compute", "unload")}  # fmt: skip
    parts: list[Integers] = []
    base = layout.first_row * dram.columns
    for groups, size in _fillings(layout, product, elements):
        loads = groups * -(-size // elements)
        parts.append(_row(command["load"], 0, 0, loads))
        vectors = groups * layout.per_bank
        if layout.summed_along_rows:
            columns = -(-size // elements)
            starts = base + _starts(layout, vectors, columns, dram)
            base = int(starts[-1]) + columns if layout.packed else base + vectors * (
                -(-columns // dram.columns) * dram.columns)  # fmt: skip
        else:
            columns = size
            starts = np.full(vectors, base, np.int64)
        parts.append(_vectors(starts, columns, dram.columns, command, repeats))
        if not layout.summed_along_rows:
            base += columns * -(-vectors // elements)
    return np.concatenate(parts)


def _fillings(layout: Layout, product: Product, elements: int) -> Iterator[tuple[int, int]]:
    """How many groups share a filling of the buffer, and elements of each."""
    if product.length < layout.piece or layout.piece == product.length:
        yield layout.groups, product.length
        return
    for _ in range(layout.groups):
        for size in pieces(layout, product.length):
            yield 1, size


def _starts(layout: Layout, vectors: int, columns: int, dram: Dram) -> Integers:
    """First columns of vectors, counted from the first row."""
    step = columns if layout.packed else -(-columns // dram.columns) * dram.columns
    return np.arange(vectors, dtype=np.int64) * step


def _vectors(
    starts: Integers, columns: int, width: int, command: dict[str, int], repeats: int
) -> Integers:
    """For each vector its columns, cut where rows end, and then its sums."""
    first = starts // width
    last = (starts + columns - 1) // width
    runs = (last - first + 1) * repeats
    own = np.repeat(np.arange(len(starts)), runs + 1)
    place = np.arange(len(own)) - np.repeat(np.cumsum(runs + 1) - (runs + 1), runs + 1)
    is_sum = place == runs[own]
    row = first[own] + np.where(is_sum, 0, place // repeats)
    begin = np.maximum(starts[own], row * width)
    end = np.minimum(starts[own] + columns, (row + 1) * width)
    found = np.zeros((len(own), len(COLUMNS)), np.int64)
    found[:, 0] = np.where(is_sum, command["unload"], command["compute"])
    found[:, 3] = np.where(is_sum, 0, row)
    found[:, 4] = np.where(is_sum, 0, begin - row * width)
    found[:, 5] = np.where(is_sum, 1, end - begin)
    return found


def _row(command: int, row: int, column: int, count: int) -> Integers:
    return np.array([[command, 0, 0, row, column, count, 0]], np.int64)


def _host(
    workload: Workload, architecture: Architecture, dram: Dram, table: Table, einsum: Einsum,
    mapping: Mapping,
) -> Stage:  # fmt: skip
    """What the host does on values that lie in a memory of its own."""
    unit = mapping.bindings.get(einsum.name, "")
    counted = stream(workload, einsum, architecture, compute=unit)
    steps = dict(counted.steps[0]) if counted.steps else {}
    store = _store(architecture, unit or next(iter(steps), ""))
    actions = []
    for action in counted.actions:
        if action.kind == "compute":
            actions.append(action)
        elif store is not None:
            actions.append(Action(store.name, action.kind, action.amount, action.tensor))
    empty = np.zeros((0, len(COLUMNS)), np.int64)
    return Stage(einsum.name, empty, tuple(actions), steps)


def _store(architecture: Architecture, unit: str) -> Memory | None:
    """The memory right above a unit that is not the one with banks."""
    if not unit:
        return next((m for m in architecture.memories if m.dram is None
                     and architecture.copies(m.name) == 1), None)  # fmt: skip
    memories = [node for node in architecture.path_to(unit) if isinstance(node, Memory)]
    return memories[-1] if memories[-1].dram is None else None
