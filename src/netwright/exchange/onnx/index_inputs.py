"""Which inputs of a file say rows of constant tables, and how many rows these have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netwright.exchange.onnx.source_tensor import plain_text

_SELECTING = frozenset({"Gather", "Slice", "Split"})
"""Operators behind which some of the indices are left, which may be for another table."""

_MOVING = _SELECTING | {
    "Cast", "Expand", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"
}  # fmt: skip
"""Operators behind which indices are still those of the input."""

_SHAPES = frozenset({"Shape", "Size"})


def only_index(graph: Any, name: str, constants: Mapping[str, Any]) -> tuple[int, int] | None:
    """Limits of an input of which every reader takes vectors of a constant table by it."""
    makers = _makers(graph)
    extents = []
    for node in graph.node:
        read = [plain_text(other) for other in node.input]
        if name not in read:
            continue
        rows = _rows(node, makers, constants) if read.index(name) == 1 else None
        if rows is None:
            return None
        extents.append(rows)
    return (0, min(extents) - 1) if extents and min(extents) > 1 else None


def index_inputs(graph: Any, constants: Mapping[str, Any]) -> dict[str, int]:
    """Rows of the constant table that each input, moved or not, takes vectors of.

    Of several the smallest; the largest where parts of the input are for tables of their own.
    """
    makers, found = _makers(graph), dict[str, list[int]]()
    selected: set[str] = set()
    declared = {plain_text(value.name) for value in graph.input} - constants.keys()
    for node in graph.node:
        rows = _rows(node, makers, constants)
        if rows is None or len(node.input) < 2:
            continue
        source, selects = plain_text(node.input[1]), False
        while source in makers and makers[source].op_type in _MOVING and makers[source].input:
            selects |= makers[source].op_type in _SELECTING
            source = plain_text(makers[source].input[0])
        if source in declared:
            found.setdefault(source, []).append(rows)
            selected.update({source} if selects else ())
    return {name: max(rows) if name in selected else min(rows) for name, rows in found.items()}


def _makers(graph: Any) -> dict[str, Any]:
    return {plain_text(out): node for node in graph.node for out in node.output if out}


def _rows(node: Any, makers: Mapping[str, Any], constants: Mapping[str, Any]) -> int | None:
    """Rows of the constant table that a Gather takes vectors of; ``None`` if it does not."""
    if node.op_type != "Gather" or not node.input:
        return None
    table = plain_text(node.input[0])
    seen = 0
    while table in makers and makers[table].input and seen < len(makers):  # a quantizer of it
        table, seen = plain_text(makers[table].input[0]), seen + 1
    if table not in constants or not constants[table].ndim:
        return None
    return len(constants[table])
