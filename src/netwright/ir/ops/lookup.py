"""Functions of one code each, given as tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.lower import whole
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    source, tables = shapes[0], shapes[1]
    if len(tables) != 3 or len(source) < 2 or source[-1] != tables[0] or 0 in tables:
        raise GraphError(
            f"tables must have shape ({source[-1] if source else '?'}, functions, entries), "
            f"not {tables}",
            node=node.name,
        )
    return (*source[:-1], tables[0] * tables[1])


def _execute(node: Node, inputs: Sequence[Array]) -> Array:
    source, tables = inputs
    features, functions, entries = tables.shape
    codes = np.rint(source) if source.dtype.kind == "f" else source
    places = codes.astype(np.int64) - node.integer("first")
    by_entry = np.ascontiguousarray(tables.transpose(0, 2, 1)).reshape(-1, functions)
    rows = by_entry[places + np.arange(features) * entries]
    return rows.reshape(*source.shape[:-1], features * functions)


def _bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    tables = values[1]
    if tables is None:
        raise GraphError("tables must be a constant", node=node.name)
    first = node.integer("first")
    last = first + tables.shape[2] - 1
    if limits[0].low < first or last < limits[0].high:
        raise GraphError(
            f"the tables have entries for {first} to {last}, but the codes reach from "
            f"{limits[0].low} to {limits[0].high}",
            node=node.name,
            hint="give the tables one entry for every code",
        )
    low, high = int(tables.min()), int(tables.max())
    return Bounds(low, high, max(abs(low), abs(high), limits[0].magnitude + abs(first)))


SPECS = (
    OpSpec(
        name="Lookup",
        category="lookup",
        einsums=whole(),
        form="both",
        num_inputs=(2, 2),
        shape=_shape,
        execute=_execute,
        bounds=_bounds,
        attributes={"first": Attribute("int")},
    ),
)
"""``y[..., i * functions + j] = tables[i, j, x[..., i] - first]``: every feature goes through
functions of its own. In the quantized form `x` holds codes as real values, with a scale of 1. A sum
of such functions (a Kolmogorov-Arnold layer, Liu et al. 2024) is a Lookup and a MatMul of zeros and
ones behind it."""
