"""qonnx's executor, node by node, without the tensors that nothing reads any more."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import require
from netwright.exchange.onnx.arity import check_inferable
from netwright.exchange.onnx.file_model import last_reads, replace_all

_PURPOSE = "executing a file with qonnx"
_LARGEST_KEPT = 1 << 16
"""Bytes of a loaded operator that is kept; only one that holds its constants has more."""


def wrapped(model: Any) -> Any:
    """A copy of a model in qonnx's wrapper, with a shape for every constant that lacks one.

    The wrapper does that itself, but looks through the whole graph at every tensor.
    """
    onnx = require("onnx", extra="qonnx", purpose=_PURPOSE)
    wrapper = require("qonnx.core.modelwrapper", extra="qonnx", purpose=_PURPOSE)
    made = wrapper.ModelWrapper(model, make_deepcopy=True, fix_missing_initializer_valueinfo=False)
    known, graph = _Parts(made).values, made.graph
    graph.value_info.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        for tensor in graph.initializer
        if tensor.name not in known
    )
    return made


def execute(
    model: Any, feeds: Mapping[str, NDArray[Any]], wanted: Collection[str]
) -> dict[str, NDArray[Any]]:
    """Values of the wanted tensors, as qonnx's ``execute_onnx`` computes them.

    That function makes every tensor before it begins and holds it to the end, looks through the
    whole graph at every node, and loads every standard operator anew into ONNX Runtime. This one
    calls what it calls for each node, with the part of the graph that the node needs, drops a
    tensor behind its last reader, and keeps loaded operators that are alike.

    Args:
        model: A model in qonnx's wrapper, with all shapes.
        feeds: Its inputs.
        wanted: Names of tensors.

    Raises:
        Exception: Whatever qonnx raises where it cannot execute a node.
    """
    executor = require("qonnx.core.onnx_exec", extra="qonnx", purpose=_PURPOSE)
    basic = require("qonnx.util.basic", extra="qonnx", purpose=_PURPOSE)
    registry = require("qonnx.custom_op.registry", extra="qonnx", purpose=_PURPOSE)
    sanitizes = basic.get_sanitize_quant_tensors() != 0
    versions = model.get_opset_imports()
    context = {**_empty(model), **feeds}
    parts = _Parts(model)
    nodes = list(model.graph.node)
    for node, finished in zip(nodes, last_reads(nodes, wanted), strict=True):
        part = parts.of(node)
        if sanitizes:
            read = [name for name in node.input if name in parts.annotated]
            context = executor.sanitize_quant_values(part, read, context)
        version = versions.get(node.domain, basic.get_preferred_qonnx_opset())
        if registry.is_custom_op(node.domain, node.op_type) or _has_subgraph(node):
            executor.execute_node(node, context, _graph_for(model, part, node), version)
        else:
            context.update(_executed(node, context, part.graph, version))
        if sanitizes:
            made = [name for name in node.output if name in parts.annotated]
            context = executor.sanitize_quant_values(part, made, context)
        for name in finished:
            context.pop(name, None)
    return {name: context[name] for name in wanted}


class _Parts:
    """A model's nodes, each as a model of its own with what is told of its tensors.

    Attributes:
        values: What is told of tensors, by name.
        known: Names of the tensors with a shape, and of constants.
        annotated: Names of the tensors that are told to hold integers.
    """

    def __init__(self, model: Any) -> None:
        graph = model.graph
        self._onnx = require("onnx", extra="qonnx", purpose=_PURPOSE)
        self._model = model
        self.values = {v.name: v for v in (*graph.input, *graph.output, *graph.value_info)}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._annotations = {a.tensor_name: a for a in graph.quantization_annotation}
        self.known = self.values.keys() | self._constants.keys()
        self.annotated = self._annotations.keys()

    def of(self, node: Any, *, constants: bool = False) -> Any:
        """The node's own model, in qonnx's wrapper; with the values of its constants or without."""
        names = dict.fromkeys(name for name in (*node.input, *node.output) if name)
        made = self._onnx.ModelProto()
        made.opset_import.extend(self._model.model.opset_import)
        graph = made.graph
        graph.node.append(node)
        graph.value_info.extend(self.values[name] for name in names if name in self.values)
        graph.quantization_annotation.extend(
            self._annotations[name] for name in names if name in self._annotations
        )
        if constants:
            graph.initializer.extend(
                self._constants[name] for name in names if name in self._constants
            )
        return type(self._model)(made, fix_missing_initializer_valueinfo=False)

    def between(self, nodes: Sequence[Any]) -> Any:
        """A model of some nodes, with the constants that they read and what is told of tensors."""
        made = self._onnx.ModelProto()
        made.opset_import.extend(self._model.model.opset_import)
        names = dict.fromkeys(name for node in nodes for name in node.input if name)
        made.graph.node.extend(nodes)
        made.graph.value_info.extend(self.values[name] for name in names if name in self.values)
        made.graph.initializer.extend(
            self._constants[name] for name in names if name in self._constants
        )
        check_inferable(made)
        return made

    def learn(self, told: Sequence[Any]) -> None:
        """Take in what was found out of tensors, in the model too."""
        new = [value for value in told if value.name not in self.values]
        self._model.graph.value_info.extend(new)
        self.values |= {value.name: value for value in new}
        self.known |= {value.name for value in new}


def _has_subgraph(node: Any) -> bool:
    return any(attribute.HasField("g") for attribute in node.attribute)


def _graph_for(model: Any, part: Any, node: Any) -> Any:
    """The graph that a node is executed in: all of it where its bodies may read anything."""
    return model.graph if _has_subgraph(node) else part.graph


def _executed(
    node: Any, context: Mapping[str, Any], graph: Any, version: int
) -> dict[str, NDArray[Any]]:
    """Outputs of a standard operator, by ONNX Runtime on a model of it alone, as qonnx does it."""
    onnx = require("onnx", extra="qonnx", purpose=_PURPOSE)
    basic = require("qonnx.util.basic", extra="qonnx", purpose=_PURPOSE)
    place = {name: f"t{i}" for i, name in enumerate(dict.fromkeys((*node.input, *node.output)))}
    place[""] = ""
    plain = onnx.NodeProto()
    plain.CopyFrom(node)
    plain.name, plain.doc_string = "node", ""
    plain.input[:] = [place[name] for name in node.input]
    plain.output[:] = [place[name] for name in node.output]
    values = {}
    for value in graph.value_info:
        values[value.name] = onnx.ValueInfoProto()
        values[value.name].CopyFrom(value)
        values[value.name].name = place[value.name]
    read = [values[name] for name in dict.fromkeys(node.input) if name in values]
    made = [values[name] for name in node.output if name in values]
    model = basic.qonnx_make_model(onnx.helper.make_graph([plain], "node", read, made))
    model.opset_import[0].version = version
    text = model.SerializeToString()
    session = _kept_session(text) if len(text) < _LARGEST_KEPT else _session(text)
    feeds = {place[name]: context[name] for name in node.input if name}
    names = [name for name in node.output if name]
    return dict(zip(names, session.run([place[name] for name in names], feeds), strict=True))


def _session(model: bytes) -> Any:
    runtime = require("onnxruntime", extra="qonnx", purpose=_PURPOSE)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


_kept_session = lru_cache(maxsize=256)(_session)


def _empty(model: Any) -> dict[str, Any]:
    """The initializers, and for every other tensor one zero that is told to have its shape."""
    onnx = require("onnx", extra="qonnx", purpose=_PURPOSE)
    graph = model.graph
    context: dict[str, Any] = {"": None}
    for value in (*graph.input, *graph.output, *graph.value_info):
        tensor = value.type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        shape = [extent.dim_value for extent in tensor.shape.dim]
        context[value.name] = np.broadcast_to(np.zeros((), dtype), shape)
    context.update((t.name, onnx.numpy_helper.to_array(t)) for t in graph.initializer)
    return context


def all_shapes_known(model: Any) -> bool:
    """Whether every tensor of a model in qonnx's wrapper has a shape, or is a constant."""
    known = _Parts(model).known | {""}
    return all(known.issuperset((*node.input, *node.output)) for node in model.graph.node)


def infer_shapes(model: Any) -> Any:
    """The model with the shapes that qonnx's ``InferShapes`` finds.

    That transformation finds the operators that it has hidden by their text, constants of the size
    of a tensor included, which takes minutes for images; this one by their place.

    Args:
        model: A model in qonnx's wrapper, which is changed.

    Raises:
        Exception: Whatever qonnx raises where it cannot tell a shape.
    """
    onnx = require("onnx", extra="qonnx", purpose=_PURPOSE)
    inference = require("onnx.shape_inference", extra="qonnx", purpose=_PURPOSE)
    registry = require("qonnx.custom_op.registry", extra="qonnx", purpose=_PURPOSE)
    hidden, parts = deepcopy(list(model.graph.node)), _Parts(model)
    shown, begun = list[Any](), 0
    for node in model.graph.node:
        if registry.is_custom_op(node.domain, node.op_type):
            custom = registry.getCustomOp(node)
            try:
                node = custom.make_shape_compatible_op(parts.of(node, constants=True))
            except (TypeError, ValueError):  # some ask for the shapes of what they read
                learned = inference.infer_shapes(parts.between(shown[begun:])).graph.value_info
                parts.learn(learned)
                begun = len(shown)
                node = custom.make_shape_compatible_op(parts.of(node, constants=True))
            if node.op_type == "Constant":
                (values,) = (a.t for a in node.attribute if a.name == "value")
                shape = list(values.dims)
                node = onnx.helper.make_node("RandomNormal", [], [*node.output], shape=shape)
        shown.append(node)
    replace_all(model.graph.node, shown)
    check_inferable(model.model)
    made = inference.infer_shapes(model.model)
    replace_all(made.graph.node, hidden)
    return type(model)(made, fix_missing_initializer_valueinfo=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what qonnx and ONNX Runtime say about each single-node model they make."""
    runtime = require("onnxruntime", extra="qonnx", purpose=_PURPOSE)
    runtime.set_default_logger_severity(4)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        runtime.set_default_logger_severity(2)
