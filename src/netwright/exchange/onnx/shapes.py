"""ONNX files of any kind as operators and shapes; values only where shapes depend on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from netwright.errors import DataError, GraphError, require
from netwright.exchange.limits import MAX_NODES
from netwright.exchange.onnx.arity import check_inferable
from netwright.exchange.onnx.fold import MAX_FOLDED_VALUES, OF_FIRST_ONLY, fold
from netwright.exchange.onnx.input_shapes import set_inputs
from netwright.exchange.onnx.known_shapes import known_shapes
from netwright.exchange.onnx.source_model import (
    SourceNode,
    listing,
    parse_model,
    read_nodes,
    sort_nodes,
)
from netwright.exchange.onnx.source_tensor import check_location, plain_text, read_tensor

Shape = tuple[int, ...]

MAX_TURNS = 500
"""Inference, folding and our own rules take turns at most this often."""


@dataclass(frozen=True, slots=True)
class ShapeModel:
    """The graph of a file without its weights.

    Attributes:
        name: Name of the graph.
        inputs: Names of the network's inputs.
        outputs: Names of its outputs.
        nodes: In execution order; nodes that reach no output are left out.
        shapes: Extents of each tensor that is known.
        constants: Names of tensors that no input reaches, initializers included.
        values: Values of small constants.
        spread: Constants that are one value spread over a shape.
        opset: Version of the standard operators.
        initializers: Names of the tensors that the file stores.
        elements: ONNX's number of the element type of each tensor that is known.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[SourceNode, ...]
    shapes: Mapping[str, Shape]
    constants: frozenset[str]
    values: Mapping[str, NDArray[Any]]
    spread: frozenset[str]
    opset: int
    initializers: frozenset[str]
    elements: Mapping[str, int]


def load_shapes(
    path: Path, *, batch: int | None = None, given: Mapping[str, Shape] | None = None
) -> ShapeModel:
    """Parse a file and infer the shape of every tensor.

    Weights are not read, so they need not be there: an external file may be missing, but not lie
    outside the model's folder.

    Args:
        path: An ONNX file.
        batch: Extent of the first axis of every input; where the file leaves it open, 1 without it.
        given: Extents of inputs by name, instead of those that the file states.

    Raises:
        DataError: The file is missing, too large, or no ONNX model.
        GraphError: The graph is malformed; all faults are listed.
    """
    onnx = require("onnx", extra="qonnx", purpose="reading ONNX")
    model = parse_model(onnx, path)
    if len(model.graph.node) > MAX_NODES:
        raise GraphError(
            f"{path}: {len(model.graph.node)} nodes; at most {MAX_NODES} are read",
            hint="export parts of the network as files of their own",
        )
    faults: list[str] = []
    if len(model.functions):
        model = _inlined(model, path)
    graph = model.graph
    names = {plain_text(tensor.name) for tensor in graph.initializer}
    names.update(plain_text(sparse.values.name) for sparse in graph.sparse_initializer)
    inputs = set_inputs(onnx, graph, names, faults, batch=batch, given=given or {})
    stored, values = _initializers(onnx, graph, path.parent, faults)
    elements = {plain_text(tensor.name): int(tensor.data_type) for tensor in graph.initializer}
    nodes = read_nodes(onnx, graph, path.parent, faults)
    outputs = tuple(plain_text(value.name) for value in graph.output)
    faults += ["the graph has no output"] * (not outputs) + ["the graph has no input"] * (
        not inputs
    )
    nodes = sort_nodes(nodes, inputs, stored, outputs, faults)
    if faults:
        raise GraphError(listing(f"{path}: the graph cannot be read", faults))
    _reorder(graph, nodes)
    nodes = _needed(nodes, outputs)
    constants = _constants(nodes, stored)
    shapes = {**_inferred(onnx, model, path, elements), **inputs, **stored}
    for _ in range(MAX_TURNS):
        more = known_shapes(nodes, shapes, elements)
        _state(onnx, graph, more, elements)
        if not fold(onnx, model, nodes, shapes, values) and not more:
            break
        folded = {name: value.shape for name, value in values.items()}
        inferred = _inferred(onnx, model, path, elements)
        shapes = {**inferred, **folded, **inputs, **stored}
    unreached = [name for name in outputs if name in constants]
    if unreached:
        named = ", ".join(f'"{name}"' for name in unreached)
        raise GraphError(
            f"{path}: no input reaches output {named}",
            hint="export only outputs that depend on an input",
        )
    opset = max((e.version for e in model.opset_import if e.domain in ("", "ai.onnx")), default=1)
    name = plain_text(graph.name) or path.stem
    spread = constants.intersection(
        node.outputs[0]
        for node in nodes
        if node.op == "Expand" and prod(shapes.get(node.inputs[0], (0,))) == 1
    )
    return ShapeModel(
        name, tuple(inputs), outputs, nodes, shapes, constants, values, spread, opset,
        frozenset(stored), elements,
    )  # fmt: skip


def _reorder(graph: Any, nodes: Sequence[SourceNode]) -> None:
    """Put the nodes of a message into the order of execution, which inference needs."""
    place = {name: index for index, node in enumerate(nodes) for name in node.outputs if name}
    last = len(nodes)
    ordered = sorted(
        graph.node,
        key=lambda node: min((place.get(plain_text(o), last) for o in node.output), default=last),
    )
    copies = [type(node).FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(copies)


def _state(onnx: Any, graph: Any, shapes: Mapping[str, Shape], elements: Mapping[str, int]) -> None:
    """Write shapes into the model, from which inference goes on."""
    for name, shape in shapes.items():
        kind = elements.get(name) or onnx.TensorProto.FLOAT
        graph.value_info.append(onnx.helper.make_tensor_value_info(name, kind, shape))


def _inlined(model: Any, path: Path) -> Any:
    """The model with its functions put where they are called.

    Raises:
        GraphError: They would make too many nodes, or call each other in a circle.
    """
    _check_calls(model, path)
    inliner = require("onnx.inliner", extra="qonnx", purpose="reading ONNX")
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # the library raises whatever its C++ part throws
        first = str(error).strip().splitlines()[:1]
        raise GraphError(f"{path}: its functions cannot be inlined: {''.join(first)}") from None


def _check_calls(model: Any, path: Path) -> None:
    bodies = {(f.domain, f.name): [(n.domain, n.op_type) for n in f.node] for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    for _ in range(len(bodies) + 1):  # each turn settles what calls only settled functions
        for name, calls in bodies.items():
            own = [sizes.get(call, 0 if call in bodies else 1) for call in calls]
            if name not in sizes and 0 not in own:
                sizes[name] = min(sum(own), MAX_NODES) + 1
    circular = sorted(name for _, name in bodies.keys() - sizes.keys())
    if circular:
        raise GraphError(f"{path}: these functions call each other: {', '.join(circular)}")
    total = sum(sizes.get((node.domain, node.op_type), 1) for node in model.graph.node)
    if total > MAX_NODES:
        raise GraphError(
            f"{path}: functions make {total} nodes or more; at most {MAX_NODES} are read",
            hint="export parts of the network as files of their own",
        )


def _initializers(
    onnx: Any, graph: Any, folder: Path, faults: list[str]
) -> tuple[dict[str, Shape], dict[str, NDArray[Any]]]:
    """Shapes of all initializers, values of small ones; large ones lose their data in the model."""
    shapes: dict[str, Shape] = {}
    values: dict[str, NDArray[Any]] = {}
    for tensor in graph.initializer:
        name = plain_text(tensor.name)
        if name in shapes:
            faults.append(f'initializer "{name}" is given twice')
        shapes[name] = tuple(int(extent) for extent in tensor.dims)
        if min(shapes[name], default=1) < 0:
            faults.append(f'initializer "{name}": its shape is {shapes[name]}')
            continue
        is_external = tensor.data_location == onnx.TensorProto.EXTERNAL
        try:
            if is_external:
                check_location(tensor, folder)
            elif prod(shapes[name]) <= MAX_FOLDED_VALUES:
                values[name] = read_tensor(onnx, tensor, folder)
                continue
        except DataError as error:
            faults.append(f'initializer "{name}": {error.message}')
        for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data"):
            tensor.ClearField(field)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        if not is_external:
            tensor.external_data.add(key="location", value="weights")
    for sparse in graph.sparse_initializer:
        shapes[plain_text(sparse.values.name)] = tuple(int(extent) for extent in sparse.dims)
    return shapes, values


def _inferred(onnx: Any, model: Any, path: Path, elements: dict[str, int]) -> dict[str, Shape]:
    """Shapes by ONNX's own inference; where it knows none, those that the file states.

    Element types that become known are added to `elements`.
    """
    stated = _fixed(model.graph)
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    bare.ir_version = max(bare.ir_version, 8)  # before 4, initializers had to be inputs too
    for value in (*bare.graph.value_info, *bare.graph.output):
        if plain_text(value.name) not in stated:  # it may name an axis that is closed now
            value.type.tensor_type.ClearField("shape")
    imported = {entry.domain for entry in bare.opset_import}
    for domain in sorted({node.domain for node in bare.graph.node} - imported):
        bare.opset_import.add(domain=domain, version=1)
    check_inferable(bare)
    try:
        full = onnx.shape_inference.infer_shapes(bare)
    except Exception as error:  # the library raises whatever its C++ part throws
        first = str(error).strip().splitlines()[:1]
        raise GraphError(f"{path}: shapes cannot be inferred: {''.join(first)}") from None
    for value in (*full.graph.input, *full.graph.value_info, *full.graph.output):
        elements[plain_text(value.name)] = int(value.type.tensor_type.elem_type)
    return {**stated, **_fixed(full.graph)}


def _fixed(graph: Any) -> dict[str, Shape]:
    """Shapes that a graph states without an open extent."""
    shapes: dict[str, Shape] = {}
    for value in (*graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        if value.type.HasField("tensor_type") and tensor.HasField("shape"):
            extents = tuple(
                int(e.dim_value) if e.HasField("dim_value") else -1 for e in tensor.shape.dim
            )
            if min(extents, default=0) >= 0:
                shapes[plain_text(value.name)] = extents
    return shapes


def _needed(nodes: tuple[SourceNode, ...], outputs: tuple[str, ...]) -> tuple[SourceNode, ...]:
    """The nodes that some output depends on."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            kept.append(node)
    return tuple(reversed(kept))


def _constants(nodes: tuple[SourceNode, ...], stored: Mapping[str, Shape]) -> frozenset[str]:
    """Tensors without data: what no input reaches, and extents of tensors."""
    found = set(stored)
    for node in nodes:
        sources = [name for name in node.inputs if name]
        if node.op in OF_FIRST_ONLY:
            sources = sources[:1]
        if node.op in ("Shape", "Size") or all(name in found for name in sources):
            found.update(node.outputs)
    return frozenset(found)
