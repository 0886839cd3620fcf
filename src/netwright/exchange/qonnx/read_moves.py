"""Operators of ONNX that move values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import array, axis, flag, integer, integers
from netwright.exchange.onnx.evaluate import evaluate
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.read_functions import whole_codes
from netwright.exchange.qonnx.reader import Codes, Reader
from netwright.ir.types import along_axis
from netwright.passes.carried import compact

_FLOATS = frozenset({1, 10, 11, 16})
INTEGERS = {
    2: (0, 255),
    3: (-128, 127),
    4: (0, 65_535),
    5: (-32_768, 32_767),
    6: (-(1 << 31), (1 << 31) - 1),
    7: (-(1 << 63), (1 << 63) - 1),
    12: (0, (1 << 32) - 1),
}
"""Element types of ONNX to which an activation may be cast, with the limits of integers."""


def constant(reader: Reader, node: SourceNode) -> None:
    """Read Constant."""
    value: NDArray[Any] | None = array(node, "value")
    for name in ("value_float", "value_floats", "value_int", "value_ints"):
        if name in node.attrs:
            kind = np.float32 if "float" in name else np.int64
            value = np.asarray(node.attrs[name]).astype(kind)
    if value is None or value.dtype.kind not in "fiubV":
        raise GraphError("a Constant must hold numbers", node=node.name)
    reader.constants[node.outputs[0]] = value


def identity(reader: Reader, node: SourceNode) -> None:
    """Read Identity."""
    name = node.inputs[0] if node.inputs else ""
    if name in reader.quantized:
        reader.quantized[node.outputs[0]] = reader.quantized[name]
    elif name in reader.codes:
        reader.codes[node.outputs[0]] = reader.codes[name]
    elif name in reader.slopes:
        reader.slopes[node.outputs[0]] = reader.slopes[name]
    else:
        reader.rename(node, reader.activation(node))


def dropout(reader: Reader, node: SourceNode) -> None:
    """Read Dropout as it acts after training: not at all."""
    if len(node.outputs) > 1 and any(reader.uses[name] for name in node.outputs[1:]):
        raise GraphError(
            "the mask of Dropout is not supported",
            node=node.name,
            hint="export the model in evaluation mode",
        )
    if len(node.inputs) > 2 and node.inputs[2]:
        training = reader.constant(node, 2, "training_mode")
    else:
        training = np.asarray(reader.source.opset < 7 and not flag(node, "is_test", 0))
    if np.any(training):
        raise GraphError(
            "training_mode of Dropout must be false",
            node=node.name,
            hint="export the model in evaluation mode",
        )
    identity(reader, node)


def shape(reader: Reader, node: SourceNode) -> None:
    """Read Shape and Size of an activation, which the file fixes."""
    source = reader.activation(node)
    extents = (reader.batch, *reader.shape(source)[1:])
    if node.op == "Size":
        reader.constants[node.outputs[0]] = np.asarray(np.prod(extents), dtype=np.int64)
        return
    end = integer(node, "end", len(extents))
    part = extents[integer(node, "start", 0) : end]
    reader.constants[node.outputs[0]] = np.asarray(part, dtype=np.int64)


def cast(reader: Reader, node: SourceNode) -> None:
    """Read Cast of floats to floats, and of integers to floats or to integers that hold them."""
    target = integer(node, "to", 0)
    name = node.inputs[0] if node.inputs else ""
    codes = reader.codes.get(name)
    if target in _FLOATS:
        reader.rename(node, reader.activation(node))
    elif codes is not None and target in INTEGERS and _holds(INTEGERS[target], codes):
        kind = None if codes.limits is None else INTEGERS[target]
        reader.codes[node.outputs[0]] = replace(codes, limits=kind)
    elif codes is None and target in INTEGERS and (made := whole_codes(reader, name)) is not None:
        if not _holds(INTEGERS[target], made):
            raise GraphError(
                f"Cast of codes from {made.low} to {made.high} to integers from "
                f"{INTEGERS[target][0]} to {INTEGERS[target][1]} may wrap",
                node=node.name,
                hint="cast to int64",
            )
        reader.codes[node.outputs[0]] = replace(made, limits=INTEGERS[target])
    else:
        raise GraphError(
            f"Cast of an activation to element type {target} is not supported",
            node=node.name,
            hint="floats may be cast to floats; integers to floats and to integers that hold them; "
            "a quantizer makes integers of floats",
        )


def _holds(limits: tuple[int, int], codes: Codes) -> bool:
    return limits[0] <= codes.low and codes.high <= limits[1]


def reshape(reader: Reader, node: SourceNode) -> None:
    """Read Reshape with a constant shape."""
    if node.inputs and node.inputs[0] in reader.quantized:
        _move_constant(reader, node)
        return
    target = list(reader.integers(node, 1, "the shape"))
    source, shape = _source(reader, node)
    if not flag(node, "allowzero", 0):
        if any(v == 0 and i >= len(shape) for i, v in enumerate(target)):
            raise GraphError(f"cannot reshape {shape} to {tuple(target)}", node=node.name)
        target = [shape[i] if v == 0 else v for i, v in enumerate(target)]
    _reshape_to(reader, node, source, shape, target)


def flatten(reader: Reader, node: SourceNode) -> None:
    """Read Flatten behind the batch axis, or of one row."""
    source, shape = _source(reader, node)
    position = axis(node, integer(node, "axis", 1), len(shape) + 1)
    if position != 1 and int(np.prod(shape[:position], dtype=object)) != shape[0]:
        raise GraphError(
            "Flatten must keep the batch axis",
            node=node.name,
            hint="export with axis = 1, or with a batch of 1",
        )
    if position == 0 and shape[0] != 1:
        raise GraphError(
            "Flatten must keep the batch axis (axis = 1)",
            node=node.name,
            hint="export with axis = 1, or with a batch of 1",
        )
    _reshape_to(reader, node, source, shape, [shape[0], -1])


def squeeze(reader: Reader, node: SourceNode) -> None:
    """Read Squeeze with constant axes."""
    if node.inputs and node.inputs[0] in reader.quantized:
        _move_constant(reader, node)
        return
    source, shape = _source(reader, node)
    wanted = _axes(reader, node, len(shape))
    if not wanted:
        wanted = [i for i, extent in enumerate(shape) if extent == 1 and i > 0]
    if 0 in wanted or any(shape[i] != 1 for i in wanted):
        raise GraphError(f"axes {wanted} of {shape} cannot be squeezed", node=node.name,
                         hint="axes of one element behind the batch can; keep the batch first, or "
                         "do it on the host")  # fmt: skip
    kept = [extent for i, extent in enumerate(shape) if i not in wanted]
    _reshape_to(reader, node, source, shape, kept)


def unsqueeze(reader: Reader, node: SourceNode) -> None:
    """Read Unsqueeze with constant axes."""
    if node.inputs and node.inputs[0] in reader.quantized:
        _move_constant(reader, node)
        return
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
    if order[:1] != (0,):
        raise GraphError(
            f"perm {order} does not keep the batch axis first", node=node.name,
            hint="export with the batch first in every tensor, or do it on the host",
        )  # fmt: skip
    reader.emit(node, "Transpose", (reader.activation(node),), attrs={"order": order})


def _move_constant(reader: Reader, node: SourceNode) -> None:
    """Reshape a quantized constant; its scale is spelled out and moved along with it."""
    quantized = reader.quantized[node.inputs[0]]
    others = {name: reader.constants[name] for name in node.inputs[1:] if name in reader.constants}
    moved = []
    for part in (quantized.values, np.broadcast_to(quantized.scale, quantized.values.shape)):
        known = {**others, node.inputs[0]: np.ascontiguousarray(part)}
        moved.append(evaluate(node, known, reader.source.opsets)[node.outputs[0]])
    values, scale = moved
    if quantized.scale.ndim == 0:
        scale = quantized.scale
    else:
        line, along = compact(scale, values.shape, node=node.name)
        scale = along_axis(tuple(map(float, line)), along, values.ndim)
    reader.quantized[node.outputs[0]] = quantized.moved(values, scale)


def concat(reader: Reader, node: SourceNode) -> None:
    """Read Concat of activations."""
    sources = tuple(reader.activation(node, index) for index in range(len(node.inputs)))
    if not sources:
        raise GraphError("Concat needs an input", node=node.name)
    along = axis(node, integer(node, "axis", 0), len(reader.shape(sources[0])))
    if along == 0:
        raise GraphError("Concat must not join rows of a batch", node=node.name,
                         hint="join along an axis behind the batch, or on the host")  # fmt: skip
    reader.emit(node, "Concat", sources, attrs={"axis": along})


def _source(reader: Reader, node: SourceNode) -> tuple[str, tuple[int, ...]]:
    """The activation a node reads and its shape, with the file's batch."""
    source = reader.activation(node)
    return source, (reader.batch, *reader.shape(source)[1:])


def _axes(reader: Reader, node: SourceNode, rank: int) -> list[int]:
    given = integers(node, "axes", ())
    if not given and len(node.inputs) > 1:
        given = reader.integers(node, 1, "the axes")
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
            hint="begin the shape with 0, which keeps the batch axis, or do it on the host",
        )
    reader.emit(node, "Reshape", (source,), attrs={"shape": (1, *target[1:])})
