"""qonnx's executor, node by node, without the tensors that nothing reads any more."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import require
from netwright.exchange.onnx.file_model import last_reads, replace_all

_PURPOSE = "executing a file with qonnx"


def execute(
    model: Any, feeds: Mapping[str, NDArray[Any]], wanted: Collection[str]
) -> dict[str, NDArray[Any]]:
    """Values of the wanted tensors, as qonnx's ``execute_onnx`` computes them.

    That function makes every tensor before it begins and holds it to the end; this one calls what
    it calls for each node, and drops a tensor behind its last reader.

    Args:
        model: A model in qonnx's wrapper, with all shapes.
        feeds: Its inputs.
        wanted: Names of tensors.

    Raises:
        Exception: Whatever qonnx raises where it cannot execute a node.
    """
    executor = require("qonnx.core.onnx_exec", extra="qonnx", purpose=_PURPOSE)
    basic = require("qonnx.util.basic", extra="qonnx", purpose=_PURPOSE)
    sanitizes = basic.get_sanitize_quant_tensors() != 0
    versions = model.get_opset_imports()
    context = {**_empty(model), **feeds}
    nodes = list(model.graph.node)
    for node, finished in zip(nodes, last_reads(nodes, wanted), strict=True):
        if sanitizes:
            context = executor.sanitize_quant_values(model, node.input, context)
        version = versions.get(node.domain, basic.get_preferred_qonnx_opset())
        executor.execute_node(node, context, model.graph, version)
        if sanitizes:
            context = executor.sanitize_quant_values(model, node.output, context)
        for name in finished:
            context.pop(name, None)
    return {name: context[name] for name in wanted}


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
    hidden, shown = deepcopy(list(model.graph.node)), []
    for node in model.graph.node:
        if registry.is_custom_op(node.domain, node.op_type):
            node = registry.getCustomOp(node).make_shape_compatible_op(model)
            if node.op_type == "Constant":
                (values,) = (a.t for a in node.attribute if a.name == "value")
                shape = list(values.dims)
                node = onnx.helper.make_node("RandomNormal", [], [*node.output], shape=shape)
        shown.append(node)
    replace_all(model.graph.node, shown)
    made = inference.infer_shapes(model.model)
    replace_all(made.graph.node, hidden)
    return type(model)(made)


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
