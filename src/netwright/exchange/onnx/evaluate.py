"""Nodes that read constants only, executed by ONNX's own reference implementation."""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError, require
from netwright.exchange.limits import MAX_COMPUTED_VALUES
from netwright.exchange.onnx.arity import check_inferable
from netwright.exchange.onnx.source_model import SourceNode

_SHAPED_BY = 4096
"""Integer constants of at most this many elements may decide shapes: targets, axes, pads."""

EVALUATED = frozenset(
    {
        "Abs", "Add", "And", "ArgMax", "ArgMin", "BitShift", "BitwiseAnd", "BitwiseNot",
        "BitwiseOr", "BitwiseXor", "Cast", "CastLike", "Ceil", "Clip", "Concat", "ConstantOfShape",
        "CumSum", "DepthToSpace", "Div", "Equal", "Erf", "Exp", "Expand",
        "EyeLike", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "Gemm", "Greater",
        "GreaterOrEqual", "HardSigmoid", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less",
        "LessOrEqual", "Log", "MatMul", "Max", "Mean", "Min", "Mod", "Mul", "Neg", "Not", "OneHot",
        "Or", "Pad", "Pow", "QuantizeLinear", "Range", "Reciprocal", "ReduceL1", "ReduceL2",
        "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
        "Relu", "Reshape", "Round", "ScatterElements", "ScatterND", "Shape", "Sigmoid", "Sign",
        "Size", "Slice", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile",
        "Transpose", "Trilu", "Unsqueeze", "Where", "Xor",
    }
)  # fmt: skip
"""Operators that are evaluated when all they read is constant."""

_NEWER = {"QuantizeLinear": 21}
"""Operators whose older versions mean the same, and are not executed by the library."""

_NEVER_LARGER = frozenset({"Flatten", "Reshape", "Slice", "Split", "Squeeze", "Unsqueeze"})

Value = NDArray[Any]


def is_evaluated(node: SourceNode, known: Container[str]) -> bool:
    """Whether the node is a standard one that reads only what is `known`."""
    standard = node.domain in ("", "ai.onnx") and node.op in EVALUATED
    return standard and bool(node.inputs) and all(n in known for n in node.inputs if n)


def evaluate(
    node: SourceNode,
    values: Mapping[str, Value],
    opsets: Mapping[str, int],
    *,
    limit: int = MAX_COMPUTED_VALUES,
) -> dict[str, Value]:
    """Results of a standard node whose inputs are constants, as ONNX defines them.

    Args:
        node: The node; its operator is one of :data:`EVALUATED`.
        values: The constants it reads, by name, in the element types that the file gives them.
        opsets: Version by domain.
        limit: Most values that a result may have, unless its operands have more.

    Raises:
        GraphError: The operands do not fit each other, or a result would be too large.
    """
    onnx = require("onnx", extra="qonnx", purpose="reading ONNX")
    reference = require("onnx.reference", extra="qonnx", purpose="reading ONNX")
    feeds = {name: values[name] for name in node.inputs if name}
    if node.op == "Mod" and not node.attrs.get("fmod"):
        feeds = {name: _whole(node, value) for name, value in feeds.items()}
    outputs = [name for name in node.outputs if name]
    model = _one_node(onnx, node, feeds, outputs, opsets)
    _check_sizes(onnx, node, model, feeds, outputs, limit)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = reference.ReferenceEvaluator(model).run(outputs, feeds)
    except Exception:  # it raises whatever NumPy does with malformed operands
        raise GraphError(
            f"{node.op} of these constants cannot be evaluated", node=node.name
        ) from None
    return {name: np.asarray(value) for name, value in zip(outputs, found, strict=True)}


def _whole(node: SourceNode, value: Value) -> Value:
    """Operands of a Mod with the sign of the divisor, which ONNX defines for integers alone."""
    if value.dtype.kind != "f":
        return value
    if not np.all(np.isfinite(value)) or np.any(value != np.rint(value)):
        raise GraphError(
            "Mod of real values must have fmod=1", node=node.name,
            hint="fmod=0 is for integers: quantize with a step of 1 before it",
        )  # fmt: skip
    return value.astype(np.int64)


def _one_node(
    onnx: Any,
    node: SourceNode,
    feeds: Mapping[str, Value],
    outputs: Sequence[str],
    opsets: Mapping[str, int],
) -> Any:
    """A model of this node alone; small integers are known while its shapes are inferred."""
    helper = onnx.helper
    attrs = {
        name: onnx.numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
        for name, value in node.attrs.items()
    }
    try:
        proto = helper.make_node(node.op, node.inputs, node.outputs, **attrs)
        graph = helper.make_graph(
            [proto],
            "constant",
            [
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
                )
                for name, value in feeds.items()
            ],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            [
                onnx.numpy_helper.from_array(value, name)
                for name, value in feeds.items()
                if value.size <= _SHAPED_BY
            ],
        )
    except (TypeError, ValueError, KeyError):
        raise GraphError(f"{node.op} has malformed attributes", node=node.name) from None
    version = opsets.get("", opsets.get("ai.onnx", 13))
    if node.op in _NEWER:
        version = max(version, _NEWER[node.op])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])


def _check_sizes(
    onnx: Any,
    node: SourceNode,
    model: Any,
    feeds: Mapping[str, Value],
    outputs: Sequence[str],
    limit: int,
) -> None:
    """Refuse results that are too large before anything makes them.

    Raises:
        GraphError: A result is too large, or its size cannot be told beforehand.
    """
    check_inferable(model)
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    except Exception:  # the library raises whatever its C++ part throws
        raise GraphError(
            f"{node.op} of these constants cannot be evaluated", node=node.name
        ) from None
    made = {value.name: value.type.tensor_type for value in inferred.graph.output}
    read = sum(value.size for value in feeds.values())
    for name in outputs:
        size = _size(made[name])
        if size is None and node.op not in _NEVER_LARGER:
            raise GraphError(
                f"how large {node.op} of these constants is cannot be told", node=node.name
            )
        if (read if size is None else size) > max(limit, read):
            raise GraphError(
                f"{node.op} makes a constant of {size} values; at most {limit} are computed",
                node=node.name,
                hint="store the constant itself",
            )


def _size(tensor: Any) -> int | None:
    """Number of values of a tensor type, if all its extents are known."""
    if not tensor.HasField("shape"):
        return None
    if not all(extent.HasField("dim_value") for extent in tensor.shape.dim):
        return None
    return prod(int(extent.dim_value) for extent in tensor.shape.dim)
