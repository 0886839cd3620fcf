"""The first part of a model file: what makes some of its tensors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from netwright.errors import ConfigError, GraphError, require
from netwright.exchange.onnx.source_model import parse_model
from netwright.files import write_atomic

_MOST_LETTERS = 80


def cut_model(path: Path, folder: Path, names: Sequence[str]) -> Path:
    """Write the part of an ONNX file that makes some of its tensors.

    Args:
        path: The file.
        folder: Where the part is written.
        names: Tensors that nodes of the file make; they are the outputs of the part.

    Returns:
        The part, which is called after the file and the tensors.

    Raises:
        DataError: The file is missing, too large or no ONNX model.
        ConfigError: There is no such tensor.
        GraphError: The file keeps constants in files beside it.
    """
    onnx = require("onnx", extra="qonnx", purpose="reading QONNX")
    model = parse_model(onnx, path)
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output if name}
    missing = [name for name in names if name not in makers]
    if missing or not names:
        near = ", ".join(list(makers)[-5:])
        raise ConfigError(
            f"no node of {path.name} makes a tensor {', '.join(missing) or 'without a name'}",
            hint=f"tensors at its end: {near}",
        )
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer):
        raise GraphError(
            f"{path.name} keeps constants in files beside it",
            hint="put them into it first: onnx.save(onnx.load(FILE), NEW_FILE)",
        )
    kept = _needed(makers, names)
    nodes = [node for node in graph.node if any(name in kept for name in node.output)]
    outputs = [_declared(onnx, graph, name) for name in names]
    _keep(graph.node, nodes)
    _keep(graph.output, outputs)
    _keep(graph.initializer, [t for t in graph.initializer if t.name in kept])
    _keep(graph.input, [v for v in graph.input if v.name in kept])
    _keep(graph.value_info, [v for v in graph.value_info if v.name in kept - set(names)])
    made = re.sub(r"\W+", "_", f"{path.stem}_until_{'_'.join(names)}", flags=re.ASCII)
    folder.mkdir(parents=True, exist_ok=True)
    data = model.SerializeToString()
    return write_atomic(folder / f"{made[:_MOST_LETTERS]}.onnx", lambda file: file.write(data))


def _needed(makers: dict[str, Any], names: Sequence[str]) -> set[str]:
    """Everything that the tensors are computed from, themselves included."""
    found, waiting = set(names), list(names)
    while waiting:
        node = makers.get(waiting.pop())
        for name in () if node is None else node.input:
            if name and name not in found:
                found.add(name)
                waiting.append(name)
    return found


def _declared(onnx: Any, graph: Any, name: str) -> Any:
    """A tensor as an output: as the file declares it, or a float of any shape."""
    for value in (*graph.output, *graph.value_info):
        if value.name == name:
            return onnx.ValueInfoProto.FromString(value.SerializeToString())
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)


def _keep(field: Any, items: Sequence[Any]) -> None:
    """Let a repeated field hold these items."""
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    del field[:]
    field.extend(copies)
