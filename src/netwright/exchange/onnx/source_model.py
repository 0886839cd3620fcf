"""ONNX files as plain values: nothing of the file is trusted, nothing outside it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, GraphError, require
from netwright.exchange.limits import MAX_EXECUTED_NODES, MAX_FILE_BYTES, MAX_STORED_VALUES, Budget
from netwright.exchange.onnx.index_inputs import index_inputs, only_index
from netwright.exchange.onnx.source_tensor import plain_text, read_tensor
from netwright.exchange.onnx.vocabulary import QUANT_DOMAIN
from netwright.reading import read_bytes

_INTEGERS = {
    2: (0, 255),
    3: (-128, 127),
    4: (0, 65_535),
    5: (-32_768, 32_767),
    6: (-(1 << 31), (1 << 31) - 1),
    9: (0, 1),
    12: (0, (1 << 32) - 1),
}
"""Limits of the integer types that an input may have, by ONNX's number of the type."""

_INDICES = (7, 13)
"""Integer types of which an input may hold indices only: 64 bits, signed and unsigned."""

MAX_FUNCTION_NODES = 500

SourceAttr = int | float | str | tuple[int, ...] | tuple[float, ...] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class SourceNode:
    """One node of a file; `name` is unique and not empty.

    An input or output that is left out is an empty text; the last of each is there.
    """

    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, SourceAttr]


@dataclass(frozen=True, slots=True)
class SourceModel:
    """The graph of a file.

    Attributes:
        name: Name of the graph.
        inputs: Shape of each input; a batch axis of unknown extent is 1.
        limits: Smallest and largest value of each input that holds integers.
        outputs: Names of the outputs.
        nodes: In execution order.
        constants: Values of the initializers.
        opsets: Version by domain.
        metadata: Properties stored with the model.
        precisions: Float format of each input, by NumPy's name.
        functions: Functions of our own quantizers, serialized, by name.
        indices: Rows of the table that an input takes vectors of, by name of the input.
    """

    name: str
    inputs: Mapping[str, tuple[int, ...]]
    limits: Mapping[str, tuple[int, int]]
    outputs: tuple[str, ...]
    nodes: tuple[SourceNode, ...]
    constants: Mapping[str, NDArray[Any]]
    opsets: Mapping[str, int]
    metadata: Mapping[str, str]
    precisions: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, bytes] = field(default_factory=dict)
    indices: Mapping[str, int] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Every name of a node or a tensor."""
        found = {*self.inputs, *self.outputs, *self.constants}
        for node in self.nodes:
            found.update((node.name, *node.inputs, *node.outputs))
        return frozenset(found)

    @property
    def opset(self) -> int:
        """Version of the standard operators."""
        return self.opsets.get("", self.opsets.get("ai.onnx", 13))


Extents = Mapping[str, tuple[int, ...]]


def load_model(path: Path, *, reals: Extents | None = None) -> SourceModel:
    """Parse and check a file.

    Args:
        path: The file.
        reals: Read it as a network of real values: inputs may hold integers of any width, and the
            extents that the file leaves open are those given here, by input.

    Raises:
        DataError: The file is missing, too large, or no ONNX model.
        GraphError: The graph is malformed; all faults are listed.
    """
    onnx = require("onnx", extra="qonnx", purpose="reading QONNX")
    model = parse_model(onnx, path)
    faults: list[str] = []
    graph = model.graph
    if len(graph.node) > MAX_EXECUTED_NODES:
        raise GraphError(
            f"{path}: {len(graph.node)} nodes; at most {MAX_EXECUTED_NODES} are read",
            hint="qonnx takes milliseconds for each node of every row; split the network",
        )
    functions = _functions(model, faults)
    if len(graph.sparse_initializer):
        faults.append("sparse initializers are not supported")
    constants = _constants(onnx, graph, path.parent, faults)
    indices = {} if reals is None else index_inputs(graph, constants)
    inputs, limits = _inputs(onnx, graph, constants, faults, reals, indices)
    limits = {**_annotated(graph, inputs), **limits}
    nodes = read_nodes(onnx, graph, path.parent, faults)
    outputs = tuple(plain_text(value.name) for value in graph.output)
    if not outputs:
        faults.append("the graph has no output")
    if not inputs:
        faults.append("the graph has no input")
    nodes = sort_nodes(nodes, inputs, constants, outputs, faults)
    if faults:
        raise GraphError(listing(f"{path}: the graph cannot be read", faults))
    return SourceModel(
        name=plain_text(graph.name),
        inputs=inputs,
        limits=limits,
        outputs=outputs,
        nodes=nodes,
        constants=constants,
        opsets={plain_text(entry.domain): entry.version for entry in model.opset_import},
        metadata={plain_text(e.key): plain_text(e.value) for e in model.metadata_props},
        precisions=_precisions(onnx, graph, inputs),
        functions=functions,
        indices=indices,
    )


def _functions(model: Any, faults: list[str]) -> dict[str, bytes]:
    """The functions of our own quantizers; others are not supported."""
    others = [function for function in model.functions if function.domain != QUANT_DOMAIN]
    if others:
        name = plain_text(others[0].name)
        faults.append(f'model functions are not supported (first: "{name}")')
    for function in model.functions:
        if len(function.node) > MAX_FUNCTION_NODES or any(node.domain for node in function.node):
            faults.append(
                f'the function "{plain_text(function.name)}" must have at most '
                f"{MAX_FUNCTION_NODES} nodes, all of them standard operators"
            )
    return {
        plain_text(function.name): function.SerializeToString(deterministic=True)
        for function in model.functions
        if function.domain == QUANT_DOMAIN
    }


def listing(head: str, faults: list[str]) -> str:
    """A message that lists up to 20 faults."""
    if len(faults) == 1:
        return f"{head}: {faults[0]}"
    rest = f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else ""
    return f"{head}:\n" + "\n".join(f"  - {fault}" for fault in faults[:20]) + rest


def parse_model(onnx: Any, path: Path) -> Any:
    """The model message of a file.

    Raises:
        DataError: The file is missing, too large, or no ONNX model.
    """
    data = read_bytes(path, most=MAX_FILE_BYTES)
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception:  # Protobuf has no error of its own for every kind of damage
        model = None
    if model is None or not model.HasField("graph"):
        raise DataError(
            "not an ONNX model (truncated or another format)",
            source=str(path),
            hint="export it again with write_qonnx or brevitas.export.export_qonnx",
        )
    words = (*model.opset_import, *model.graph.node, *model.functions)
    if not all(isinstance(word.domain, str) for word in words):  # Protobuf hands out bytes else
        raise DataError("names a domain that is not UTF-8", source=str(path))
    return model


def _constants(onnx: Any, graph: Any, folder: Path, faults: list[str]) -> dict[str, NDArray[Any]]:
    constants: dict[str, NDArray[Any]] = {}
    budget = Budget("the constants", MAX_STORED_VALUES)
    for tensor in graph.initializer:
        name = plain_text(tensor.name)
        if name in constants:
            faults.append(f'initializer "{name}" is given twice')
            continue
        try:
            if min(tensor.dims, default=0) >= 0:
                budget.spend_shape(tuple(tensor.dims))
            constants[name] = read_tensor(onnx, tensor, folder)
        except (DataError, GraphError) as error:
            faults.append(f'initializer "{name}": {error.message}')
            constants[name] = np.zeros(())  # so that what reads it is not a fault too
    return constants


def _inputs(
    onnx: Any,
    graph: Any,
    constants: Mapping[str, Any],
    faults: list[str],
    reals: Extents | None,
    indices: Mapping[str, int],
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, int]]]:
    """Shapes of the inputs, and the limits of those that hold integers."""
    kinds = onnx.TensorProto
    inputs: dict[str, tuple[int, ...]] = {}
    limits: dict[str, tuple[int, int]] = {}
    for value in graph.input:
        name = plain_text(value.name)
        if name in constants:
            continue
        if name in inputs:
            faults.append(f'input "{name}" is given twice')
        inputs[name] = (1,)
        tensor = value.type.tensor_type
        floats = {kinds.FLOAT, kinds.DOUBLE, kinds.FLOAT16, kinds.BFLOAT16}
        element = tensor.elem_type if value.type.HasField("tensor_type") else kinds.UNDEFINED
        if element in _INTEGERS or element in _INDICES:
            found = only_index(graph, name, constants) or _INTEGERS.get(element)
            if reals is not None:
                found = (0, indices[name] - 1) if name in indices else found or _INTEGERS[6]
            if found is None:
                faults.append(
                    f'input "{name}" holds integers of 64 bits, which are read as indices of '
                    "constant tables only"
                )
                continue
            limits[name] = found
        elif element not in floats:
            faults.append(f'input "{name}" must hold floats, or integers of at most 32 bits')
            continue
        if not tensor.HasField("shape") or not tensor.shape.dim:
            faults.append(f'input "{name}" has no shape with a batch axis')
            continue
        shape, given = [], (reals or {}).get(name, ())
        for axis, extent in enumerate(tensor.shape.dim):
            known = extent.dim_value if extent.HasField("dim_value") else 0
            if known < 1 and len(given) == len(tensor.shape.dim):
                known = given[axis] if axis else 1
            if known < 1 and axis > 0:
                stated = str(known) if extent.HasField("dim_value") else "unknown"
                symbol = plain_text(extent.dim_param) or stated
                faults.append(
                    f'input "{name}": the extent of axis {axis} must be a fixed number, '
                    f'not "{symbol}"; only the batch axis (0) may be dynamic'
                    + ("" if reals is None else ", or those that rows of your own give")
                )
            shape.append(max(int(known), 1))
        inputs[name] = tuple(shape)
    return inputs, limits


def _precisions(onnx: Any, graph: Any, inputs: Mapping[str, object]) -> dict[str, str]:
    kinds = onnx.TensorProto
    names = {kinds.FLOAT16: "float16", kinds.FLOAT: "float32", kinds.DOUBLE: "float64"}
    declared = {plain_text(v.name): v.type.tensor_type.elem_type for v in graph.input}
    return {name: names[declared[name]] for name in inputs if declared.get(name) in names}


def _annotated(graph: Any, inputs: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Limits of the inputs that FINN's annotation declares to hold integers."""
    found = {}
    for entry in graph.quantization_annotation:
        name = plain_text(entry.tensor_name)
        for pair in entry.quant_parameter_tensor_names:
            limits = _annotated_limits(plain_text(pair.value))
            if name in inputs and plain_text(pair.key) == "finn_datatype" and limits:
                found[name] = limits
    return found


def _annotated_limits(text: str) -> tuple[int, int] | None:
    """Limits of one of qonnx's integer types, by its name."""
    known = {"BINARY": (0, 1), "TERNARY": (-1, 1)}
    digits = text.removeprefix("U").removeprefix("INT")
    if text in known or not digits.isascii() or not digits.isdigit() or len(digits) > 2:
        return known.get(text)
    bits = int(digits)
    if not 1 <= bits <= 32 or text not in (f"INT{bits}", f"UINT{bits}"):
        return None
    half = 1 << (bits - 1)
    return (0, 2 * half - 1) if text.startswith("U") else (-half, half - 1)


def read_nodes(onnx: Any, graph: Any, folder: Path, faults: list[str]) -> tuple[SourceNode, ...]:
    """The nodes of a graph message with unique names; what cannot be read becomes a fault."""
    names: set[str] = {plain_text(node.name) for node in graph.node}
    used: set[str] = set()
    result = []
    for index, node in enumerate(graph.node):
        name, op = plain_text(node.name), plain_text(node.op_type)
        if not name or name in used:
            stem = f"{name or op}_{index}"
            name = f"{stem}_{len(used)}" if stem in names or stem in used else stem
        used.add(name)
        attrs: dict[str, SourceAttr] = {}
        kinds = onnx.AttributeProto
        plain = [a for a in node.attribute if a.type not in (kinds.GRAPH, kinds.GRAPHS)]
        if len(plain) < len(node.attribute):
            bodies = ", ".join(plain_text(a.name) for a in node.attribute if a not in plain)
            faults.append(
                f'node "{name}": operator {op} runs subgraphs ({bodies}), which are not supported; '
                "accepted: plain nodes, as an export with fixed shapes gives, its branches decided "
                "and its loops unrolled"
            )
        for attribute in plain:
            try:
                attrs[plain_text(attribute.name)] = _attribute(onnx, attribute, folder)
            except DataError as error:
                label = plain_text(attribute.name)
                faults.append(f'node "{name}": attribute {label}: {error.message}')
        outputs = tuple(plain_text(output) for output in node.output)
        while outputs and not outputs[-1]:
            outputs = outputs[:-1]
        if not outputs:
            faults.append(f'node "{name}" has no output')
            continue
        inputs = tuple(plain_text(source) for source in node.input)
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        result.append(SourceNode(name, op, plain_text(node.domain), inputs, outputs, attrs))
    return tuple(result)


def _attribute(onnx: Any, attribute: Any, folder: Path) -> SourceAttr:
    kinds = onnx.AttributeProto
    match attribute.type:
        case kinds.INT:
            return int(attribute.i)
        case kinds.FLOAT:
            return float(attribute.f)
        case kinds.STRING:
            return str(attribute.s.decode("utf-8", errors="replace"))
        case kinds.INTS:
            return tuple(int(value) for value in attribute.ints)
        case kinds.FLOATS:
            return tuple(float(value) for value in attribute.floats)
        case kinds.TENSOR:
            return read_tensor(onnx, attribute.t, folder)
    raise DataError("its type is not supported")


def sort_nodes(
    nodes: tuple[SourceNode, ...],
    inputs: Mapping[str, Any],
    constants: Mapping[str, Any],
    outputs: tuple[str, ...],
    faults: list[str],
) -> tuple[SourceNode, ...]:
    """The nodes in execution order, in the file's order where that allows it.

    What is made twice, by nobody, or in a cycle becomes a fault.
    """
    made: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            if name in made or name in inputs or name in constants:
                faults.append(f'tensor "{name}" is made twice (again by node "{node.name}")')
            made[name] = index
    known = inputs.keys() | constants.keys() | made.keys()
    for name in outputs:
        if name not in known:
            faults.append(f'output "{name}" is made by no node')
    waiting = [0] * len(nodes)
    readers: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        for name in dict.fromkeys(filter(None, node.inputs)):
            if name in made:
                waiting[index] += 1
                readers[made[name]].append(index)
            elif name not in known:
                faults.append(
                    f'node "{node.name}" reads "{name}", which is no input, initializer or result'
                )
    return _ordered(nodes, waiting, readers, faults)


def _ordered(
    nodes: tuple[SourceNode, ...],
    waiting: list[int],
    readers: list[list[int]],
    faults: list[str],
) -> tuple[SourceNode, ...]:
    ready = [index for index, count in enumerate(waiting) if count == 0]
    heapify(ready)
    order = []
    while ready:
        index = heappop(ready)
        order.append(index)
        for reader in readers[index]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                heappush(ready, reader)
    if len(order) < len(nodes):
        cycle = _cycle({index for index, count in enumerate(waiting) if count > 0}, readers)
        more = f" and {len(cycle) - 10} more" if len(cycle) > 10 else ""
        named = ", ".join(nodes[index].name for index in cycle[:10])
        faults.append(f"these nodes depend on each other in a cycle: {named}{more}")
    return tuple(nodes[index] for index in order)


def _cycle(stuck: set[int], readers: list[list[int]]) -> list[int]:
    """One cycle among nodes of which each waits for another of them, in execution order."""
    before = {reader: index for index in sorted(stuck) for reader in readers[index]}
    path, seen = [min(stuck)], {min(stuck): 0}
    while before[path[-1]] not in seen:
        seen[before[path[-1]]] = len(path)
        path.append(before[path[-1]])
    return path[seen[before[path[-1]]] :][::-1]
