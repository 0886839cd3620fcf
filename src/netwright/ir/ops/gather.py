"""Rows of a table at places that are data: embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import DataError, GraphError
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand, looked_up
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Bounds, OpSpec, Shape


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    places, table = shapes
    if len(table) < 2 or 0 in table:
        raise GraphError(f"the table must be (rows, features), not {table}", node=node.name)
    return (*places, *table[1:])


def _execute(node: Node, inputs: Sequence[Array]) -> Array:
    places, table = inputs
    rows = places.astype(np.int64)
    if rows.size and not 0 <= int(rows.min()) <= int(rows.max()) < len(table):
        raise DataError(
            f'node "{node.name}" looks up rows 0 to {len(table) - 1} of its table, not '
            f"{int(rows.min())} to {int(rows.max())}"
        )
    return table[rows]


def _bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    return Bounds(limits[1].low, limits[1].high, limits[1].magnitude)


def _einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    return [looked_up(node.name, sources[1], sources[0], output)]


SPECS = (
    OpSpec(
        name="Gather",
        category="movement",
        einsums=_einsums,
        form="both",
        num_inputs=(2, 2),
        shape=_shape,
        execute=_execute,
        bounds=_bounds,
        reads=("codes", "same"),
    ),
)
"""The first operand says which rows of the second; each place gets the features of its row."""
