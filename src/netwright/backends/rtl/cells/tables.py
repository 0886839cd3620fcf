"""Functions of one code each: a table of constants for every one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.cells.affine import Affine, settle
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Wire
from netwright.ir import Node

Elements = NDArray[Any]
"""An array of :class:`Affine` in the shape of a tensor, batch axis left out."""


def look_up(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    """The tables of a ``Lookup``; each holds its function less its smallest value.

    What the layer says to lift a function by is in its table, too.
    """
    source, first = inputs[0], node.integer("first")
    tables = np.array([v.offset for v in inputs[1].flat], dtype=np.int64).reshape(inputs[1].shape)
    lifts = layer.lifts.get(node.name, np.zeros(inputs[1].shape[:2], dtype=np.int64))
    results: list[Affine] = []
    for number, value in enumerate(source.flat):
        element = settle(value, layer, f"{name}_in_{number}")
        row = number % len(tables)
        for function, (table, lift) in enumerate(zip(tables[row], lifts[row], strict=True)):
            place = f"{name}_{number}_{function}"
            if isinstance(element, int):
                results.append(Affine(None, offset=int(table[element - first])))
            else:
                results.append(_table(element, table, first, int(lift), layer, place))
    found = np.empty(len(results), dtype=object)
    found[:] = results
    return found.reshape(*source.shape[:-1], -1)


def _table(
    wire: Wire, table: NDArray[np.int64], first: int, lift: int, layer: LayerBuilder, name: str
) -> Affine:
    low, high = wire.interval
    values = [int(table[code - first]) for code in range(low, high + 1)]
    smallest = min(values)
    moved = [value - smallest for value in values]
    union = int(np.bitwise_or.reduce(moved))
    if union == 0:
        return Affine(None, offset=smallest)
    union |= lift
    moved = [value + lift for value in moved]
    shift = (union & -union).bit_length() - 1
    entries = {
        code: value >> shift for code, value in zip(range(low, high + 1), moved, strict=True)
    }
    largest = max(entries.values())
    parameters = {
        "X_BITS": wire.bits,
        "Y_BITS": largest.bit_length(),
        "TABLE": packed(entries, wire.bits, largest.bit_length()),
    }
    interval = min(entries.values()), largest
    output = layer.add("lookup", f"{name}_entry", interval, {"x": wire}, parameters)
    return Affine(output, shift, offset=smallest - lift)


def packed(entries: dict[int, int], x_bits: int, y_bits: int) -> int:
    """The parameter ``TABLE`` of the module; codes that never come have an entry of 0."""
    size, number = 1 << x_bits, 0
    for code, value in entries.items():
        number |= value << (code % size * y_bits)
    return number
