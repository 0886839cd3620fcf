"""Chains of tables: every table is looked up where its adder is.

An adder of a device with lookup tables of six inputs takes one of them for each bit: it tells
whether the two bits of the operands differ. One operand may be a function of five further bits at
no cost, so a table of a code of five bits takes no cell of its own. That needs the table beside its
adder, with the registers in front of both: codes pass the stages, which all tables of a feature
share, not entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import width
from netwright.backends.rtl.cells.affine import Affine, settle
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Element, LinearClaim, Settled, Wire
from netwright.backends.rtl.cells.tables import packed
from netwright.backends.rtl.unrolled.products import numbers_or_wires
from netwright.formats import holds_integers, reach
from netwright.ir import Graph, Node

Elements = NDArray[Any]
"""An array of :class:`Affine` in the shape of a tensor, batch axis left out."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A function of a code: the code, the number of its entry in the tensor, what it gives."""

    code: Wire
    index: int
    entries: dict[int, int]

    @property
    def interval(self) -> tuple[int, int]:
        return min(self.entries.values()), max(self.entries.values())


def is_sum_of_tables(graph: Graph, node: Node) -> bool:
    """Whether a node sums entries of tables that nobody else reads, each of them once at most."""
    if node.op != "MatMul" or node.inputs[1] not in graph.constants or len(node.inputs) > 2:
        return False
    lookup = graph.producers.get(node.inputs[0])
    if lookup is None or lookup.op != "Lookup" or lookup.output in graph.outputs:
        return False
    dtype, weights = graph.types[lookup.output].dtype, graph.constants[node.inputs[1]]
    tables = graph.constants[lookup.inputs[1]]
    if not holds_integers(dtype):
        return False
    low, high = reach(dtype)
    if tables.min() < low or high < tables.max():  # they are wrapped
        return False
    return (
        len(graph.consumers[lookup.output]) == 1
        and len(graph.types[lookup.output].shape) == 2
        and bool(np.isin(weights, (0, 1)).all() and (weights.sum(axis=1) <= 1).all())
    )


def sum_tables(
    lookup: Node, node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str
) -> Elements:
    """The sums of a ``MatMul`` of zeros and ones behind a ``Lookup``, which only it reads.

    Args:
        lookup: Makes the entries.
        node: Sums them.
        inputs: The codes, the tables, and the weights.
        layer: Where the hardware goes.
        name: What its wires are called after.
    """
    codes = [settle(v, layer, f"{name}_code_{i}") for i, v in enumerate(inputs[0].flat)]
    given = [value.offset for value in inputs[1].flat]
    entries: NDArray[np.int64] = np.array(given, dtype=np.int64).reshape(inputs[1].shape)
    weights, first = numbers_or_wires(inputs[2]), lookup.integer("first")
    functions = inputs[1].shape[1]
    sums = np.empty(weights.shape[1], dtype=object)
    for column in range(weights.shape[1]):
        tables: list[_Table] = []
        offset = 0
        for index in np.flatnonzero(weights[:, column]).tolist():
            feature, function = divmod(index, functions)
            found = _table(codes[feature], entries[feature, function], first, index)
            if isinstance(found, int):
                offset += found
                layer.settled.append(Settled(node.name, lookup.output, index, found))
            else:
                tables.append(found)
        sums[column] = _sum(lookup, node, column, tables, layer, name).plus(offset)
    return sums


def _table(code: Element, entries: NDArray[np.int64], first: int, index: int) -> _Table | int:
    """What a table gives for the codes that may come, a number if it is always the same."""
    if isinstance(code, int):
        return int(entries[code - first])
    low, high = code.interval
    given = {value: int(entries[value - first]) for value in range(low, high + 1)}
    if len(set(given.values())) == 1:
        return given[low]
    return _Table(code, index, given)


def _sum(
    lookup: Node,
    node: Node,
    column: int,
    tables: Sequence[_Table],
    layer: LayerBuilder,
    name: str,
) -> Affine:
    """The sum of tables, claimed and with the place of every entry."""
    if not tables:
        return Affine(None)
    looked_up: dict[int, Wire] = {}
    total = _chain(tables, layer, f"{name}_{column}", looked_up)
    order = sorted(looked_up)
    for index in order:
        layer.settled.append(Settled(node.name, lookup.output, index, looked_up[index]))
    wires = tuple(looked_up[index] for index in order)
    layer.claims.append(LinearClaim(node.name, column, total.name, wires, (1,) * len(wires)))
    return Affine(total)


def _chain(
    tables: Sequence[_Table], layer: LayerBuilder, name: str, looked_up: dict[int, Wire]
) -> Wire:
    """One table after the other; first those that no adder can take in."""
    soonest = sorted(tables, key=lambda t: (layer.times[t.code.name], *_preference(t)))
    start = min(soonest, key=_preference)
    total = _look_up(start, start.code, layer, name, looked_up)
    for table in (table for table in soonest if table is not start):
        total = _add(total, table, layer, name, looked_up)
    return total


def _preference(table: _Table) -> tuple[bool, int, int, int]:
    """Tables that begin a sum first: signed ones, those of wide codes, those of wide entries."""
    low, high = table.interval
    return low >= 0, -table.code.bits, -width((low, high)), table.index


def _add(
    total: Wire, table: _Table, layer: LayerBuilder, name: str, looked_up: dict[int, Wire]
) -> Wire:
    """A sum and one more table, which is looked up in the stage of the adder."""
    low, high = (total.interval[i] + table.interval[i] for i in (0, 1))
    parameters = {
        "LOW_BITS": total.bits,
        "LOW_SIGNED": int(total.is_signed),
        "HIGH_BITS": width(table.interval),
        "HIGH_SIGNED": int(table.interval[0] < 0),
        "SHIFT": 0,
        "SUBTRACT": 0,
        "CARRY_LOW": 1,
        "SUM_BITS": width((low, high)),
    }
    stage, _ = layer.time_of((total, table.code), layer.taken("shift_adder", parameters, 1))
    entry = _look_up(table, layer.at_stage(table.code, stage), layer, name, looked_up)
    wires = {"low": total, "high": entry}
    return layer.add("shift_adder", f"{name}_sum", (low, high), wires, parameters, port="sum")


def _look_up(
    table: _Table, code: Wire, layer: LayerBuilder, name: str, looked_up: dict[int, Wire]
) -> Wire:
    """The table itself; it takes none of the stage, which its adder fills."""
    bits = width(table.interval)
    entries = {value: entry & ((1 << bits) - 1) for value, entry in table.entries.items()}
    parameters = {"X_BITS": code.bits, "Y_BITS": bits, "TABLE": packed(entries, code.bits, bits)}
    output = layer.add(
        "lookup", f"{name}_{table.index}", table.interval, {"x": code}, parameters, adders=0
    )
    looked_up[table.index] = output
    return output
