"""A mapped network as a program of a memory: one stage for each Einsum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Architecture, Dram, Memory
from netwright.cost.counts import Action
from netwright.cost.events.bank_requests import append_requests, product_requests, read_requests
from netwright.cost.events.program import COLUMNS, Program
from netwright.cost.events.table import Table
from netwright.cost.stream import count as stream
from netwright.errors import MappingError
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.bank_columns import Growth
from netwright.mapping.banks import steps_of
from netwright.mapping.caches import growth_of, num_new
from netwright.mapping.layout import Layout, Product, product_of
from netwright.mapping.mapping import Mapping
from netwright.mapping.operation import operation
from netwright.workload import Einsum, Workload, bytes_touched

Integers = NDArray[np.int64]

StageKind = Literal["weights", "cache", "append", "host"]
"""A product with trained parameters, one with keys or values of a cache, new rows that are written
into one, or what the host does."""


@dataclass(frozen=True, eq=False)
class Stage:
    """What one Einsum is on the machine.

    Attributes:
        name: Name of the Einsum.
        kind: What it is, see :data:`StageKind`.
        requests: To the memory, with the columns of a program.
        actions: What the host and the units beside the banks do.
        host_cycles: Cycles of units of the host, by name.
    """

    name: str
    kind: StageKind
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
    table = Table.of(dram)
    readers = _readers(workload, mapping, dram)
    found, left_out = [], []
    for name in mapping.order:
        einsum = workload.einsum_of[name]
        if einsum.map_op in UNKNOWN:
            left_out.append((name, f'"{einsum.map_op}" is not a sum of products'))
        elif mapping.bindings.get(name) == dram.unit:
            found.append(_matrix(workload, architecture, dram, table, layouts, einsum))
        elif workload.by_name[einsum.output.tensor].part_of in readers:
            found.append(_append(workload, dram, table, layouts, readers, einsum))
        else:
            found.append(_host(workload, architecture, dram, table, layouts, einsum, mapping))
    return tuple(found), tuple(left_out)


def program_of(stages: Sequence[Stage], architecture: Architecture, dram: Dram) -> Program:
    """Stages one after the other, as the memory sees them."""
    empty = np.zeros((0, len(COLUMNS)), np.int64)
    requests = np.concatenate([stage.requests for stage in stages]) if stages else empty
    ends = np.cumsum([len(stage.requests) for stage in stages])
    busy = (_cycles(_host_seconds(stage, architecture), dram) for stage in stages)
    return Program(requests, tuple(map(int, ends)), tuple(busy),
                   tuple(stage.name for stage in stages), dram.lookahead)  # fmt: skip


def _host_seconds(stage: Stage, architecture: Architecture) -> float:
    """How long units and memories of the host are busy in a stage."""
    rates = {unit.name: unit.rate.value for unit in architecture.units if unit.rate is not None}
    found = {name: number / rates[name] for name, number in stage.host_cycles.items()}
    for action in stage.actions:
        store = architecture.memory(action.component)
        if store is not None and store.bandwidth is not None:
            own = action.amount / 8 / store.bandwidth.value
            found[store.name] = found.get(store.name, 0.0) + own
    return max(found.values(), default=0.0)


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
    requests = product_requests(layout, product, dram, table, tensor.bits, len(steps))
    copies = architecture.copies(dram.unit)
    actions = [Action.compute(dram.unit, wanted.num_macs, copies=copies)]
    partial = -(-product.length // layout.piece) - 1
    adds = partial * product.groups * product.outputs * product.inputs
    cycles: dict[str, int] = {}
    adder = next((u for u in architecture.units if u.name != dram.unit and "add" in u.does), None)
    if adds and adder is not None:
        rounds = -(-adds // architecture.copies(adder.name))
        cycles[adder.name] = rounds * adder.cycles_of("add")
        actions.append(Action.compute(adder.name, adds, operator="add",
                                      copies=architecture.copies(adder.name)))  # fmt: skip
    kind: StageKind = "weights" if tensor.kind == "weight" else "cache"
    return Stage(einsum.name, kind, requests, tuple(actions), cycles)


def _readers(workload: Workload, mapping: Mapping, dram: Dram) -> dict[str, tuple[Product, Growth]]:
    """The product that each cache with new rows is in, and along what it grows there."""
    grown = {tensor.part_of for tensor in workload.tensors if tensor.part_of}
    found: dict[str, tuple[Product, Growth]] = {}
    for einsum in workload.einsums:
        if grown.isdisjoint(einsum.reads) or mapping.bindings.get(einsum.name) != dram.unit:
            continue
        wanted = operation(workload, einsum)
        name = wanted.tensors[wanted.of("weight")].name
        if name in grown and any(layout.tensor == name for layout in mapping.layouts):
            found.setdefault(name, (product_of(wanted), growth_of(workload, wanted)))
    return found


def _append(
    workload: Workload, dram: Dram, table: Table, layouts: dict[str, Layout],
    readers: dict[str, tuple[Product, Growth]], einsum: Einsum,
) -> Stage:  # fmt: skip
    """New rows of a cache, which go from the host to the banks; they are the last ones."""
    name = workload.by_name[einsum.output.tensor].part_of
    product, growth = readers[name]
    rows = num_new(workload, name, product, growth)
    bits = workload.by_name[name].bits
    requests = append_requests(layouts[name], product, growth, rows, dram, table, bits)
    return Stage(einsum.name, "append", requests, (), {})


def _host(
    workload: Workload, architecture: Architecture, dram: Dram, table: Table,
    layouts: dict[str, Layout], einsum: Einsum, mapping: Mapping,
) -> Stage:  # fmt: skip
    """What the host does on values that lie in a memory of its own, and on what it reads first."""
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
    requests = [np.zeros((0, len(COLUMNS)), np.int64)]
    for name in einsum.reads:
        size = bytes_touched(workload, einsum, name)
        if name in layouts and size:
            columns = -(-size // dram.access_bytes)
            requests.append(read_requests(layouts[name], columns, dram, table))
    return Stage(einsum.name, "host", np.concatenate(requests), tuple(actions), steps)


def _store(architecture: Architecture, unit: str) -> Memory | None:
    """The memory right above a unit that is not the one with banks."""
    if not unit:
        return next((m for m in architecture.memories if m.dram is None
                     and architecture.copies(m.name) == 1), None)  # fmt: skip
    memories = [node for node in architecture.path_to(unit) if isinstance(node, Memory)]
    return memories[-1] if memories[-1].dram is None else None
