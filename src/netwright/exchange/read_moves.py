"""Operators of ONNX that move values, and arithmetic on constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.read_attrs import array, axis, flag, integer, integers
from netwright.exchange.reader import Reader
from netwright.exchange.source_model import SourceNode
from netwright.exchange.source_tensor import MAX_TENSOR_VALUES

_FLOAT_KINDS = {1: np.float32, 11: np.float64}
"""Element types of ONNX to which an activation may be cast."""


def constant(reader: Reader, node: SourceNode) -> None:
    """Read Constant."""
    value = array(node, "value")
    for name in ("value_float", "value_floats", "value_int", "value_ints"):
        if name in node.attrs:
            value = np.asarray(node.attrs[name])
    if value is None or value.dtype.kind not in "fiub":
        raise GraphError("a Constant must hold numbers", node=node.name)
    reader.constants[node.outputs[0]] = value


def identity(reader: Reader, node: SourceNode) -> None:
    """Read Identity."""
    name = node.inputs[0] if node.inputs else ""
    if name in reader.constants:
        reader.constants[node.outputs[0]] = reader.constants[name]
    elif name in reader.quantized:
        reader.quantized[node.outputs[0]] = reader.quantized[name]
    else:
        reader.rename(node, reader.activation(node))


def cast(reader: Reader, node: SourceNode) -> None:
    """Read Cast between float formats; values are kept in float64 here."""
    target = integer(node, "to", 0)
    name = node.inputs[0] if node.inputs else ""
    if name not in reader.constants and target not in _FLOAT_KINDS:
        raise GraphError("activations may be cast to float32 and float64 only", node=node.name)
    identity(reader, node)


def reshape(reader: Reader, node: SourceNode) -> None:
    """Read Reshape with a constant shape."""
    target = [int(v) for v in reader.constant(node, 1, "the shape").reshape(-1)]
    source, shape = _source(reader, node)
    if not flag(node, "allowzero", 0):
        if any(v == 0 and i >= len(shape) for i, v in enumerate(target)):
            raise GraphError(f"cannot reshape {shape} to {tuple(target)}", node=node.name)
        target = [shape[i] if v == 0 else v for i, v in enumerate(target)]
    _reshape_to(reader, node, source, shape, target)


def flatten(reader: Reader, node: SourceNode) -> None:
    """Read Flatten behind the batch axis."""
    source, shape = _source(reader, node)
    if axis(node, integer(node, "axis", 1), len(shape) + 1) != 1:
        raise GraphError("Flatten must keep the batch axis (axis = 1)", node=node.name)
    _reshape_to(reader, node, source, shape, [shape[0], -1])


def squeeze(reader: Reader, node: SourceNode) -> None:
    """Read Squeeze with constant axes."""
    source, shape = _source(reader, node)
    wanted = _axes(reader, node, len(shape))
    if not wanted:
        wanted = [i for i, extent in enumerate(shape) if extent == 1 and i > 0]
    if 0 in wanted or any(shape[i] != 1 for i in wanted):
        raise GraphError(f"axes {wanted} of {shape} cannot be squeezed", node=node.name)
    kept = [extent for i, extent in enumerate(shape) if i not in wanted]
    _reshape_to(reader, node, source, shape, kept)


def unsqueeze(reader: Reader, node: SourceNode) -> None:
    """Read Unsqueeze with constant axes."""
    source, shape = _source(reader, node)
    count = len(_axes(reader, node, 1 << 30))
    wanted = _axes(reader, node, len(shape) + count)
    target = list(shape)
    for position in sorted(wanted):
        target.insert(position, 1)
    _reshape_to(reader, node, source, shape, target)


def transpose(reader: Reader, node: SourceNode) -> None:
    """Read Transpose; constants are transposed at once."""
    name = node.inputs[0] if node.inputs else ""
    quantized = reader.quantized.get(name)
    rank = quantized.values.ndim if quantized else len(_source(reader, node)[1])
    order = integers(node, "perm", tuple(reversed(range(rank))))
    if sorted(order) != list(range(rank)):
        raise GraphError(f"perm must be a permutation of {rank} axes, not {order}", node=node.name)
    if quantized is not None:
        scale = quantized.scale.transpose(order) if quantized.scale.ndim else quantized.scale
        values = quantized.values.transpose(order).copy()
        reader.quantized[node.outputs[0]] = quantized.moved(values, scale)
        return
    reader.emit(node, "Transpose", (reader.activation(node),), attrs={"order": order})


def concat(reader: Reader, node: SourceNode) -> None:
    """Read Concat of activations."""
    sources = tuple(reader.activation(node, index) for index in range(len(node.inputs)))
    if not sources:
        raise GraphError("Concat needs an input", node=node.name)
    along = axis(node, integer(node, "axis", 0), len(reader.shape(sources[0])))
    reader.emit(node, "Concat", sources, attrs={"axis": along})


def _source(reader: Reader, node: SourceNode) -> tuple[str, tuple[int, ...]]:
    """The activation a node reads and its shape, with the file's batch."""
    source = reader.activation(node)
    return source, (reader.batch, *reader.shape(source)[1:])


def _axes(reader: Reader, node: SourceNode, rank: int) -> list[int]:
    given = integers(node, "axes", ())
    if not given and len(node.inputs) > 1:
        given = tuple(int(v) for v in reader.constant(node, 1, "the axes").reshape(-1))
    return [axis(node, value, rank) for value in given]


def _reshape_to(
    reader: Reader, node: SourceNode, source: str, shape: tuple[int, ...], target: list[int]
) -> None:
    size = int(np.prod(shape, dtype=object))
    known = int(np.prod([v for v in target if v != -1], dtype=object))
    if target.count(-1) == 1 and known > 0 and size % known == 0:
        target = [size // known if v == -1 else v for v in target]
    if not target or min(target) < 0 or int(np.prod(target, dtype=object)) != size:
        raise GraphError(f"cannot reshape {shape} to {tuple(target)}", node=node.name)
    if target[0] != shape[0]:
        raise GraphError(
            f"cannot reshape {shape} to {tuple(target)}: the batch axis must stay first",
            node=node.name,
        )
    reader.emit(node, "Reshape", (source,), attrs={"shape": (1, *target[1:])})


def fold(reader: Reader, node: SourceNode) -> bool:
    """Evaluate a node that reads constants only, if its operator is simple; say whether."""
    rule = _FOLDED.get(node.op)
    if rule is None or not node.inputs or not all(n in reader.constants for n in node.inputs):
        return False
    values = [reader.constants[name] for name in node.inputs]
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(rule(node, values))
    except (ValueError, TypeError, IndexError, np.exceptions.AxisError):
        raise GraphError(
            f"{node.op} of these constants cannot be evaluated", node=node.name
        ) from None
    if result.size > MAX_TENSOR_VALUES:
        raise GraphError("the constant is too large", node=node.name)
    reader.constants[node.outputs[0]] = result
    return True


def _fold_reshape(node: SourceNode, values: list[NDArray[Any]]) -> NDArray[Any]:
    shape = values[0].shape
    target = [int(v) for v in values[1].reshape(-1)]
    return values[0].reshape([shape[i] if v == 0 else v for i, v in enumerate(target)])


def _fold_axes(node: SourceNode, values: list[NDArray[Any]]) -> tuple[int, ...]:
    given = integers(node, "axes", ())
    return given or (tuple(int(v) for v in values[1].reshape(-1)) if len(values) > 1 else ())


def _checked_broadcast(values: list[NDArray[Any]]) -> None:
    shape = np.broadcast_shapes(*(value.shape for value in values))
    if int(np.prod(shape, dtype=object)) > MAX_TENSOR_VALUES:
        raise ValueError


def _arithmetic(
    operation: Callable[[Any, Any], Any],
) -> Callable[[SourceNode, list[NDArray[Any]]], NDArray[Any]]:
    def evaluate(node: SourceNode, values: list[NDArray[Any]]) -> NDArray[Any]:
        _checked_broadcast(values)
        first, second = values
        return np.asarray(operation(first, second))

    return evaluate


_FOLDED: dict[str, Callable[[SourceNode, list[NDArray[Any]]], NDArray[Any]]] = {
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Mul": _arithmetic(np.multiply),
    "Div": _arithmetic(np.divide),
    "Reshape": _fold_reshape,
    "Transpose": lambda node, values: values[0].transpose(
        integers(node, "perm", tuple(reversed(range(values[0].ndim))))
    ),
    "Squeeze": lambda node, values: np.squeeze(values[0], _fold_axes(node, values) or None),
    "Unsqueeze": lambda node, values: np.expand_dims(values[0], _fold_axes(node, values)),
    "Concat": lambda node, values: np.concatenate(values, integer(node, "axis", 0)),
    "Flatten": lambda node, values: values[0].reshape(len(values[0]), -1),
}
