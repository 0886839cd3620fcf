"""Folding of the small computations from which ONNX files derive their shapes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import require
from netwright.exchange.source_model import SourceNode

MAX_FOLDED_VALUES = 4096
"""Constants of at most this many elements keep their values: targets of reshapes, axes, scales."""

FOLDED = frozenset(
    {
        "Abs", "Add", "And", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div",
        "Equal", "Expand", "Floor", "Gather", "Greater", "Identity", "Less", "Max", "Min", "Mod",
        "Mul", "Neg", "Not", "Or", "Range", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum",
        "Reshape", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where",
    }
)  # fmt: skip
"""Operators that are executed on small constants, by ONNX's own reference implementation."""

OF_FIRST_ONLY = frozenset({"CastLike"})
"""Operators whose other inputs lend a type and no data."""

Value = NDArray[Any]


def fold(
    onnx: Any,
    model: Any,
    nodes: tuple[SourceNode, ...],
    shapes: Mapping[str, tuple[int, ...]],
    values: dict[str, Value],
) -> bool:
    """Compute what small constants and known shapes decide, and put it into the model.

    Args:
        onnx: The library.
        model: A model message; what is computed becomes an initializer of it.
        nodes: Its nodes in execution order.
        shapes: Extents of tensors as far as they are known.
        values: Small constants by name; what is computed is added.

    Returns:
        Whether anything new was computed, so that more shapes may be known now.
    """
    protos = {output: node for node in model.graph.node for output in node.output if output}
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    new: dict[str, Value] = {}
    for node in nodes:
        if node.outputs[0] in values:
            continue
        known = {**values, **new}
        found = _shape_of(node, shapes) if node.op in ("Shape", "Size") else None
        results = {node.outputs[0]: found} if found is not None else {}
        if node.op in OF_FIRST_ONLY and node.inputs and node.inputs[0] in known:
            results = {node.outputs[0]: known[node.inputs[0]]}
        elif node.op == "Constant":
            value = _constant(node)
            results = {} if value is None else {node.outputs[0]: value}
        elif node.op in FOLDED and all(name in known for name in node.inputs if name):
            proto = protos.get(node.outputs[0])
            if proto is not None and _is_small(node, known):
                results = _executed(onnx, proto, opsets, node, known)
        new |= results
    made = {name for name in new if name in protos and protos[name].op_type != "Constant"}
    values |= new
    if not made:
        return False
    kept = [node for node in model.graph.node if not made.intersection(node.output)]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    for name in sorted(made):
        model.graph.initializer.append(onnx.numpy_helper.from_array(new[name], name))
    return True


def _shape_of(node: SourceNode, shapes: Mapping[str, tuple[int, ...]]) -> Value | None:
    shape = shapes.get(node.inputs[0]) if node.inputs else None
    if shape is None:
        return None
    if node.op == "Size":
        return np.array(prod(shape), dtype=np.int64)
    start, end = node.attrs.get("start", 0), node.attrs.get("end", len(shape))
    if not isinstance(start, int) or not isinstance(end, int):
        return None
    return np.array(shape[start:end], dtype=np.int64)


def _constant(node: SourceNode) -> Value | None:
    """The value of a ``Constant`` node, if it is small and a number."""
    for name in ("value", "value_int", "value_ints", "value_float", "value_floats"):
        value = node.attrs.get(name)
        if value is not None and not isinstance(value, str):
            array = np.asarray(value)
            return array if array.size <= MAX_FOLDED_VALUES else None
    return None


def _is_small(node: SourceNode, known: Mapping[str, Value]) -> bool:
    """Whether the result is small, as far as inputs say it beforehand."""
    sources = [known[name] for name in node.inputs if name]
    if not sources:
        return False
    if node.op in ("ConstantOfShape", "Expand"):
        extents = [abs(int(extent)) for extent in np.ravel(sources[-1])]
        return prod(extents) * sources[0].size <= MAX_FOLDED_VALUES
    if node.op == "Range":
        first, last, step = (float(np.ravel(value)[0]) for value in sources)
        return step != 0 and abs(last - first) / abs(step) <= MAX_FOLDED_VALUES
    return sum(source.size for source in sources) <= MAX_FOLDED_VALUES


def _executed(
    onnx: Any, proto: Any, opsets: Mapping[str, int], node: SourceNode, known: Mapping[str, Value]
) -> dict[str, Value]:
    """Results by ONNX's reference implementation; none if it cannot."""
    reference = require("onnx.reference", extra="qonnx", purpose="reading ONNX")
    feeds = {name: known[name] for name in node.inputs if name}
    try:
        graph = onnx.helper.make_graph(
            [proto],
            "fold",
            [
                onnx.helper.make_tensor_value_info(
                    name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
                )
                for name, value in feeds.items()
            ],
            [onnx.helper.make_empty_tensor_value_info(name) for name in node.outputs],
        )
        ids = [onnx.helper.make_opsetid(domain, version) for domain, version in opsets.items()]
        one = onnx.helper.make_model(graph, opset_imports=ids)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = reference.ReferenceEvaluator(one).run(list(node.outputs), feeds)
    except Exception:  # it raises whatever NumPy does with malformed operands
        return {}
    arrays = [np.asarray(value) for value in found]
    fits = all(array.size <= MAX_FOLDED_VALUES and array.dtype.kind in "fiub" for array in arrays)
    return dict(zip(node.outputs, arrays, strict=True)) if fits else {}
