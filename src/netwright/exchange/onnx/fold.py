"""Folding of the small computations from which ONNX files derive their shapes."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.onnx.evaluate import evaluate, is_evaluated
from netwright.exchange.onnx.source_model import SourceNode

MAX_FOLDED_VALUES = 4096
"""Constants of at most this many elements keep their values: targets of reshapes, axes, scales."""

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
    known = ChainMap(new, values)
    for node in nodes:
        if node.outputs[0] in values:
            continue
        found = _shape_of(node, shapes) if node.op in ("Shape", "Size") else None
        results = {node.outputs[0]: found} if found is not None else {}
        if node.op in OF_FIRST_ONLY and node.inputs and node.inputs[0] in known:
            results = {node.outputs[0]: known[node.inputs[0]]}
        elif node.op == "Constant":
            value = _constant(node)
            results = {} if value is None else {node.outputs[0]: value}
        elif is_evaluated(node, known):
            results = _executed(node, known, opsets)
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


def _executed(
    node: SourceNode, known: Mapping[str, Value], opsets: Mapping[str, int]
) -> dict[str, Value]:
    """Results by ONNX's reference implementation; none if it cannot, or they are not small."""
    if sum(known[name].size for name in node.inputs if name) > MAX_FOLDED_VALUES:
        return {}
    try:
        results = evaluate(node, known, opsets, limit=MAX_FOLDED_VALUES)
    except GraphError:
        return {}
    fits = all(v.size <= MAX_FOLDED_VALUES and v.dtype.kind in "fiub" for v in results.values())
    return results if fits else {}
