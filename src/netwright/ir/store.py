"""Graphs on disk: one ``.npz`` with a JSON description and the constants, never a pickle."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from netwright.errors import DataError, NumericsError
from netwright.escape import visible
from netwright.files import write_npz
from netwright.formats import Format
from netwright.ir.check import check
from netwright.ir.format_records import Record, number_from, pattern_from, record_of
from netwright.ir.graph import AttrValue, Graph, Node, Note
from netwright.ir.types import TensorType
from netwright.reading import read_arrays

SCHEMA = 2

_HINT = "write it again with netwright.ir.save"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Tensor(_Record):
    shape: tuple[Annotated[int, Field(ge=0)], ...]
    number: Record
    scale: tuple[float, ...]
    axis: int | None
    pattern: Record | None = None
    group_axis: int = -1


class _Node(_Record):
    model_config = ConfigDict(allow_inf_nan=True)  # a limit that does not limit is infinite

    name: str
    op: str
    inputs: tuple[str, ...]
    output: str
    attrs: dict[str, int | float | str | list[int] | list[float] | None]
    origin: str


class _Note(_Record):
    node: str
    text: str
    error: float
    bound: float = 0.0
    output_bound: float = 0.0


class _Document(_Record):
    schema_version: Literal[2]
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    head: str
    nodes: tuple[_Node, ...]
    types: dict[str, _Tensor]
    notes: tuple[_Note, ...]


def _describe(tensor: TensorType) -> dict[str, Any]:
    record: dict[str, Any] = {"shape": tensor.shape, "number": record_of(tensor.dtype)}
    if tensor.pattern is not None:
        record["pattern"] = record_of(tensor.pattern)
    if tensor.dtype.group > 1:
        record["group_axis"] = tensor.format.group_axis
    return record | {"scale": tensor.scale, "axis": tensor.axis}


def save(graph: Graph, path: str | Path) -> Path:
    """Write `graph` to `path` (``.npz``); the file appears whole or not at all.

    Raises:
        RunError: The file cannot be written.
    """
    path = Path(path)
    document = {
        "schema_version": SCHEMA,
        "name": graph.name,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "head": graph.head,
        "nodes": [
            {
                "name": node.name,
                "op": node.op,
                "inputs": node.inputs,
                "output": node.output,
                "attrs": dict(node.attrs),
                "origin": node.origin,
            }
            for node in graph.nodes
        ],
        "types": {name: _describe(tensor) for name, tensor in graph.types.items()},
        "notes": [asdict(note) for note in graph.notes],
    }
    arrays = {f"constant/{name}": value for name, value in graph.constants.items()}
    text = np.frombuffer(json.dumps(document).encode(), dtype=np.uint8)
    return write_npz(path, {"graph": text, **arrays}, level=1)


def load(path: str | Path) -> Graph:
    """Read a graph that :func:`save` wrote, and check it.

    Raises:
        DataError: The file is missing, truncated, or not a graph of this version.
        GraphError: The graph breaks a rule.
    """
    path = Path(path)
    arrays = read_arrays(path, what=f"a graph file of schema {SCHEMA}", hint=_HINT)
    try:
        document = _Document.model_validate_json(arrays["graph"].tobytes())
    except (ValidationError, KeyError) as error:
        reason = visible(str(error).splitlines()[0])
        raise DataError(
            f"not a graph file of schema {SCHEMA} ({reason})", source=str(path), hint=_HINT
        ) from None
    constants = {
        name.removeprefix("constant/"): array
        for name, array in arrays.items()
        if name.startswith("constant/")
    }
    return check(
        Graph(
            name=document.name,
            inputs=document.inputs,
            outputs=document.outputs,
            nodes=tuple(_node(record) for record in document.nodes),
            types={name: _tensor(path, name, tensor) for name, tensor in document.types.items()},
            constants=constants,
            head=document.head,
            notes=tuple(Note(**n.model_dump()) for n in document.notes),
        )
    )


def _node(record: _Node) -> Node:
    attrs: dict[str, AttrValue] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in record.attrs.items()
    }
    return Node(record.name, record.op, record.inputs, record.output, attrs, record.origin)


def _tensor(path: Path, name: str, record: _Tensor) -> TensorType:
    try:
        number = number_from(record.number)
        pattern = None if record.pattern is None else pattern_from(record.pattern)
    except NumericsError as error:
        raise DataError(f'tensor "{name}": {error.message}', source=str(path)) from None
    format = Format(number, record.scale, record.axis, pattern, record.group_axis)
    return TensorType(record.shape, format)
