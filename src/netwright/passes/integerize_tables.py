"""Tables of real values become tables of codes."""

from __future__ import annotations

import numpy as np

from netwright.errors import GraphError
from netwright.formats import round_real
from netwright.ir import Node
from netwright.passes.carried import Carried, Reals, TableValues, step_of
from netwright.passes.integer_builder import IntegerBuilder
from netwright.passes.integerize_pending import CODE_BITS, plain
from netwright.passes.integerize_quant import Grid, is_plain_quantizer, quantizer_grid
from netwright.passes.rationals import Exact, exact, largest, reals

_NOISE = 2.0**-20
"""How far from 1 the scale of codes may be that were divided by their scale."""


def lookup(builder: IntegerBuilder, node: Node) -> Carried | TableValues:
    """Translate a Lookup, whose source holds codes as real values.

    Behind it a quantizer decides the codes in the table. Without one, the values themselves must
    lie on a grid.

    Raises:
        GraphError: The source holds no codes, or the values lie on no reasonable grid.
    """
    source = plain(builder, node.inputs[0], node)
    if np.any(np.abs(reals(source.scale) - 1) > _NOISE):
        raise GraphError(
            "reads values that are no codes: their scale must be 1",
            node=node.name,
            hint="put a quantizer with scale 1 in front of it",
        )
    tables = builder.values[node.inputs[1]]
    readers = builder.graph.consumers.get(node.output, ())
    is_inner = bool(readers) and node.output not in builder.graph.outputs
    if is_inner and all(is_plain_quantizer(reader) for reader in readers):
        return TableValues(source, node.integer("first"), tables)
    step = step_of(tables)
    codes = tables / step
    if np.max(np.abs(codes)) >= 1 << CODE_BITS:
        raise GraphError(
            f"the values of its table lie on no grid of {CODE_BITS} bits",
            node=node.name,
            hint="put a quantizer directly behind it",
        )
    return _emit(builder, node, TableValues(source, node.integer("first"), codes), exact(step))


def quantized_table(builder: IntegerBuilder, node: Node, values: TableValues) -> Carried:
    """Translate a quantizer behind a table: its entries are quantized."""
    grid: Grid = quantizer_grid(builder, node)
    if grid.scale.size > 1:
        raise GraphError(
            "the quantizer behind a table must have one scale",
            node=node.name,
            hint="use one scale for the tensor",
        )
    codes = _codes(values.tables, grid)
    return _emit(builder, node, TableValues(values.source, values.first, codes), grid.scale)


def _codes(values: Reals, grid: Grid) -> Reals:
    steps = values / float(reals(grid.scale).reshape(-1)[0]) + grid.zero_point
    rounded = np.asarray(round_real(steps, grid.rounding), dtype=np.float64)
    return np.clip(rounded, grid.low, grid.high) - grid.zero_point


def _emit(builder: IntegerBuilder, node: Node, entries: TableValues, scale: Exact) -> Carried:
    codes = entries.tables.astype(np.int64)
    table = builder.constant(f"{node.name}_table", codes, exact(1))
    span = float(codes.max() - codes.min()) * largest(scale)
    return builder.emit(
        "Lookup",
        node.name,
        (entries.source.name, table),
        node.output,
        {"first": entries.first},
        scale=scale.reshape(-1)[:1],
        origin=node.origin or node.name,
        drift=dict.fromkeys(entries.source.drift, span),
    )
