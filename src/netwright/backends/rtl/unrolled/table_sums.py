"""Chains of tables: every table is looked up where its adder is.

An adder of a device with lookup tables of six inputs takes one of them for each bit: it tells
whether the two bits of the operands differ. One operand may be a function of five further bits at
no cost, so a table of a code of five bits takes no cell of its own. That needs the table beside its
adder, with the registers in front of both: codes pass the stages, which all tables of a feature
share, not entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.cells.affine import Affine, settle
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Element, LinearClaim, Settled, Wire
from netwright.backends.rtl.cells.tables import packed
from netwright.backends.rtl.unrolled.products import numbers_or_wires
from netwright.backends.rtl.unrolled.table_constants import chain_bases
from netwright.formats import holds_integers, reach
from netwright.ir import Graph, Node

Elements = NDArray[Any]
"""An array of :class:`Affine` in the shape of a tensor, batch axis left out."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A function of a code.

    Attributes:
        code: The code.
        index: Number of its entry in the tensor.
        entries: What the table gives for every code.
        base: What the function is more than that.
    """

    code: Wire
    index: int
    entries: dict[int, int]
    base: int = 0

    @property
    def interval(self) -> Interval:
        return min(self.entries.values()), max(self.entries.values())

    def over(self, base: int) -> _Table:
        """The same function, less a constant in its table."""
        moved = {code: entry + self.base - base for code, entry in self.entries.items()}
        return replace(self, entries=moved, base=base)


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
    lookup: Node,
    node: Node,
    inputs: Sequence[Elements],
    constants: Sequence[int],
    layer: LayerBuilder,
    name: str,
) -> Elements:
    """The sums of a ``MatMul`` of zeros and ones behind a ``Lookup``, which only it reads.

    Args:
        lookup: Makes the entries.
        node: Sums them.
        inputs: The codes, the tables, and the weights.
        constants: What is added to every sum by what follows; the tables take it in.
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
        whole = offset + constants[column]
        total = _sum(lookup, node, column, tables, whole, layer, name)
        sums[column] = total.plus(-constants[column] if tables else offset)
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
    constant: int,
    layer: LayerBuilder,
    name: str,
) -> Affine:
    """The sum of tables and a constant, claimed and with the place of every entry."""
    if not tables:
        return Affine(None)
    looked_up: dict[int, Wire] = {}
    begins = min(range(len(tables)), key=lambda place: _preference(tables[place]))
    bases = chain_bases([list(t.entries.values()) for t in tables], begins, constant)
    moved = [table.over(base) for table, base in zip(tables, bases, strict=True)]
    start, others = moved[begins], moved[:begins] + moved[begins + 1 :]
    total = _chain(start, others, layer, f"{name}_{column}", looked_up)
    base_of = {table.index: table.base for table in moved}
    order = sorted(looked_up)
    for index in order:
        place = Settled(node.name, lookup.output, index, looked_up[index], base_of[index])
        layer.settled.append(place)
    wires = tuple(looked_up[index] for index in order)
    layer.claims.append(LinearClaim(node.name, column, total.name, wires, (1,) * len(wires)))
    return Affine(total)


def _chain(
    start: _Table,
    others: Sequence[_Table],
    layer: LayerBuilder,
    name: str,
    looked_up: dict[int, Wire],
) -> Wire:
    """One table after the other, those first whose codes are there first."""
    soonest = sorted(others, key=lambda t: (layer.times[t.code.name], *_preference(t)))
    code = _code_of_start(start, soonest[0], layer) if soonest else start.code
    total = _look_up(start, code, layer, name, looked_up)
    for table in soonest:
        total = _add(total, table, layer, name, looked_up)
    return total


def _code_of_start(start: _Table, second: _Table, layer: LayerBuilder) -> Wire:
    """The code of the first table, behind registers if its stage makes it and another one adds.

    Synthesis would join the table with what makes its code: a function of seven inputs takes two
    lookup tables where a table of a code of five bits takes one.
    """
    stage, depth = layer.times[start.code.name]
    _, parameters = _adder(start.interval, second)
    adds_at, _ = layer.time_of((start.code, second.code), layer.taken("shift_adder", parameters, 1))
    return layer.at_stage(start.code, min(stage + 1, adds_at)) if depth else start.code


def _preference(table: _Table) -> tuple[int, int, int]:
    """Tables that begin a sum first: those of codes that no adder takes in, those of most bits."""
    low, high = table.interval
    return -table.code.bits, -(high - low).bit_length(), table.index


def _add(
    total: Wire, table: _Table, layer: LayerBuilder, name: str, looked_up: dict[int, Wire]
) -> Wire:
    """A sum and one more table, which is looked up in the stage of the adder."""
    interval, parameters = _adder(total.interval, table)
    stage, _ = layer.time_of((total, table.code), layer.taken("shift_adder", parameters, 1))
    entry = _look_up(table, layer.at_stage(table.code, stage), layer, name, looked_up)
    wires = {"low": total, "high": entry}
    return layer.add("shift_adder", f"{name}_sum", interval, wires, parameters, port="sum")


def _adder(total: Interval, table: _Table) -> tuple[Interval, dict[str, int]]:
    """The interval and the parameters of the adder that takes in one more table."""
    interval = total[0] + table.interval[0], total[1] + table.interval[1]
    return interval, {
        "LOW_BITS": width(total),
        "LOW_SIGNED": int(total[0] < 0),
        "HIGH_BITS": width(table.interval),
        "HIGH_SIGNED": int(table.interval[0] < 0),
        "SHIFT": 0,
        "SUBTRACT": 0,
        "CARRY_LOW": 1,
        "SUM_BITS": width(interval),
    }


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
