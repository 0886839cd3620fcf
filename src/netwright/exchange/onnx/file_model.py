"""Copies of a user's model as an executor gets them: whole, in memory, nothing beside them read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from netwright.errors import DataError, UnsupportedOp
from netwright.exchange.onnx.input_shapes import free_reshapes
from netwright.exchange.onnx.source_model import Extents, load_model, parse_model
from netwright.exchange.onnx.source_tensor import plain_text, read_tensor
from netwright.exchange.onnx.vocabulary import (
    CHANNELS_LAST,
    MICROSOFT,
    QONNX_DOMAIN,
    QONNX_DOMAINS,
    QUANT_DOMAIN,
)

STANDARD_DOMAINS = ("", "ai.onnx")
_INITIALIZERS_ALONE = 4
"""First version of the format in which an initializer need not be an input as well."""

_FLOAT = 1
"""ONNX's number of the element type float32."""

_NAMED_DOMAINS = (*QONNX_DOMAINS, CHANNELS_LAST, MICROSOFT)

Feeds = Mapping[str, NDArray[Any]]


def self_contained(onnx: Any, path: Path, *, reals: Extents | None = None) -> Any:
    """The model of a file with everything that it needs inside, nodes in execution order.

    What an initializer overrides is no input any more. Domains are written in one way each, since
    qonnx imports a module of the name of every domain that it does not know.

    Raises:
        DataError: The file cannot be read.
        GraphError: The graph is malformed.
        UnsupportedOp: An operator is of a domain that no executor here knows.
    """
    order = {
        node.outputs[0]: place for place, node in enumerate(load_model(path, reals=reals).nodes)
    }
    model = parse_model(onnx, path)
    graph, folder = model.graph, path.parent
    tensors = [*graph.initializer]
    for node in graph.node:
        tensors += [a.t for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
        node.domain = _domain(node)
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            values = read_tensor(onnx, tensor, folder)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    nodes = sorted(
        (node for node in graph.node if _first_output(node) in order),
        key=lambda node: order[_first_output(node)],
    )
    given = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in given]
    model.ir_version = max(model.ir_version, _INITIALIZERS_ALONE)
    replace_all(graph.node, nodes)
    replace_all(graph.input, inputs)
    _name_opsets(onnx, model)
    return model


def settle_rows(model: Any) -> bool:
    """Let a free batch be 1, in everything that the file describes; say whether it was free."""
    symbols, graph = set(), model.graph
    for value in graph.input:
        batch = value.type.tensor_type.shape.dim[0]
        if batch.dim_value < 1:
            symbols.add(batch.dim_param)
            batch.Clear()
            batch.dim_value = 1
    for value in (*graph.output, *graph.value_info):
        for extent in value.type.tensor_type.shape.dim:
            if extent.HasField("dim_param") and extent.dim_param in symbols:
                extent.Clear()
                extent.dim_value = 1
    return bool(symbols)


def before_head(model: Any, outputs: tuple[str, ...]) -> Any:
    """The model up to the tensors that are outputs of the graph: what follows is left to the host.

    The model itself is changed, unless these are its outputs already, or no tensors of it.
    """
    graph = model.graph
    if outputs == tuple(plain_text(value.name) for value in graph.output):
        return model
    makers = {plain_text(name): node for node in graph.node for name in node.output if name}
    if not set(outputs) <= makers.keys():
        last = makers.get(plain_text(graph.output[0].name))
        if len(graph.output) != 1 or last is None or last.op_type != "Softmax":
            return model
        outputs = (plain_text(last.input[0]),)
    needed, waiting = set(), [makers[name] for name in outputs]
    while waiting:
        node = waiting.pop()
        if id(node) not in needed:
            needed.add(id(node))
            waiting += [makers[name] for name in map(plain_text, node.input) if name in makers]
    for node in [node for node in graph.node if id(node) not in needed]:
        graph.node.remove(node)
    kept = {plain_text(value.name): value for value in graph.output}
    made = []
    for name in outputs:
        value = type(graph.output[0])()
        if name in kept:
            value.CopyFrom(kept[name])
        else:
            value.name = name
            value.type.tensor_type.elem_type = _FLOAT
        made.append(value)
    replace_all(graph.output, made)
    inner = [value for value in graph.value_info if plain_text(value.name) not in outputs]
    replace_all(graph.value_info, inner)
    return model


def declared_rows(model: Any) -> int:
    """Extent of the batch axis that the file declares; 1 where it is free."""
    return max(int(model.graph.input[0].type.tensor_type.shape.dim[0].dim_value), 1)


def for_rows(onnx: Any, model: Any, rows: int, *, as_written: bool = False) -> Any:
    """A copy of the model that takes `rows` rows at once.

    A ``Reshape`` that names the declared batch keeps the batch that it gets. Whether that is what
    the model means is for the caller to check: on some rows, against the model as it is declared.

    Args:
        onnx: The package.
        model: A self-contained model.
        rows: How many rows.
        as_written: Leave every ``Reshape`` as it is.
    """
    copy = type(model)()
    copy.CopyFrom(model)
    graph, declared = copy.graph, declared_rows(copy)
    for value in graph.input:
        value.type.tensor_type.shape.dim[0].Clear()
        value.type.tensor_type.shape.dim[0].dim_value = rows
    _set_rows(graph, declared, rows)
    if not as_written:
        free_reshapes(onnx, graph, declared)
    return copy


def without_shapes(model: Any) -> Any:
    """A copy of the model that tells no shape behind its inputs, where it may be mistaken."""
    copy = type(model)()
    copy.CopyFrom(model)
    for value in copy.graph.output:
        value.type.tensor_type.ClearField("shape")
    del copy.graph.value_info[:]
    return copy


def last_reads(nodes: Sequence[Any], wanted: Collection[str]) -> list[list[str]]:
    """For each node of a model, the tensors that nothing reads behind it, but for wanted ones."""
    seen, found = set(wanted), []
    for node in reversed(nodes):
        names = dict.fromkeys((*node.output, *node.input))
        found.append([name for name in names if name not in seen])
        seen.update(names)
    return found[::-1]


def _set_rows(graph: Any, declared: int, rows: int) -> None:
    """Give everything that depends on an input the new batch."""
    dependent = {value.name for value in graph.input}
    for node in graph.node:
        if dependent.intersection(node.input):
            dependent.update(node.output)
    for value in (*graph.output, *graph.value_info):
        shape = value.type.tensor_type.shape.dim
        if value.name in dependent and shape and shape[0].dim_value == declared:
            shape[0].dim_value = rows


def _first_output(node: Any) -> str:
    return next((plain_text(name) for name in node.output if name), "")


def _domain(node: Any) -> str:
    domain = plain_text(node.domain)
    if domain in STANDARD_DOMAINS:
        return ""
    if domain in QONNX_DOMAINS:
        return QONNX_DOMAIN
    if domain in (CHANNELS_LAST, MICROSOFT, QUANT_DOMAIN):
        return domain
    raise UnsupportedOp(
        f"{domain}.{plain_text(node.op_type)}",
        node=plain_text(node.name),
        where="the executors of files",
        hint=f"domains that can be executed: {', '.join(_NAMED_DOMAINS)}",
    )


def _name_opsets(onnx: Any, model: Any) -> None:
    """One opset for each domain, under the names that the nodes have now."""
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        domain = plain_text(entry.domain)
        name = "" if domain in STANDARD_DOMAINS else domain
        name = QONNX_DOMAIN if domain in QONNX_DOMAINS else name
        versions[name] = max(int(entry.version), versions.get(name, 0))
    del model.opset_import[:]
    if not versions:
        raise DataError("the model names no version of the operators")
    for name in sorted(versions):
        model.opset_import.append(onnx.helper.make_opsetid(name, versions[name]))


def replace_all(field: Any, values: Sequence[Any]) -> None:
    """Put copies of the values, of which it may hold some, into a repeated field."""
    copies = []
    for value in values:
        copy = type(value)()
        copy.CopyFrom(value)
        copies.append(copy)
    del field[:]
    field.extend(copies)
