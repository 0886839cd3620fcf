"""Tensors of a row whose batch is not the first axis: they get a batch axis of their own in front.

Exports of attention merge the batch with the heads, or put the tokens first. A row is read as a
batch of one, so such a tensor is as good with one more axis in front of it: nodes that read it are
told axes and shapes one further, until a node makes one whose first axis is 1 again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import flag, integer, integers
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.constant_values import whole_numbers
from netwright.exchange.qonnx.real_reader import RealReader

Shape = tuple[int, ...]

_PLAIN = frozenset(
    {
        "Abs", "Add", "And", "Cast", "Celu", "Clip", "Cos", "Div", "Elu", "Equal", "Erf", "Exp",
        "Gelu", "Gemm", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity",
        "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log", "MatMul", "Max", "Mean", "Min", "Mish",
        "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal", "Relu", "Selu", "Sigmoid", "Sin",
        "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Swish", "Tanh", "Where", "Xor",
    }
)  # fmt: skip
"""Operators that count axes from the last one alone."""

_WITH_AXIS = {
    "Concat": None, "Gather": 0, "LayerNormalization": -1, "RMSNormalization": -1, "Softmax": -1,
    "Split": 0,
}  # fmt: skip
"""Operators with one axis, and which one it is if they do not say."""

_WITH_AXES = {
    "ReduceL1": 1, "ReduceL2": 1, "ReduceMax": 1, "ReduceMean": 1, "ReduceSum": 1,
    "ReduceSumSquare": 1, "Slice": 3, "Squeeze": 1, "Unsqueeze": 1,
}  # fmt: skip
"""Operators with several axes, and the input that lists them in newer versions."""


def ready(reader: RealReader, node: SourceNode) -> SourceNode:
    """The node as it reads lifted tensors; itself where it reads none and makes none.

    Raises:
        GraphError: It does something to a lifted tensor that is not known.
    """
    data = [n for n in node.inputs if n and reader.is_activation(n) and n not in reader.masks]
    if reader.batch != 1 or not data or node.domain not in ("", "ai.onnx"):
        return node
    if not reader.lifted.intersection(data) and not _leaves(reader, node):
        return node
    if node.op in ("Shape", "Size") and data[0] in reader.lifted:
        return _with_constant(reader, node)
    shapes = [_shape_of(reader, name) for name in data]
    rank = max(map(len, shapes)) if node.op in _PLAIN else 0
    constants = [np.ndim(reader.constants[n]) for n in node.inputs if n in reader.constants]
    if node.op in _PLAIN and max(constants, default=0) > rank:
        raise GraphError(
            f"a constant with more axes than {shapes[0]}, where the batch is not the first axis",
            node=node.name,
            hint="store it without leading axes of 1",
        )
    inputs = tuple(_lifted(reader, n, rank) if n in data else n for n in node.inputs)
    reader.lifting.add(node.name)
    return _told(reader, replace(node, inputs=inputs), shapes[0])


def settle(reader: RealReader, node: SourceNode) -> None:
    """Take the axis off again where the first axis of the file is 1."""
    if node.name not in reader.lifting:
        return
    for name in filter(None, node.outputs):
        if name in reader.masked or name in reader.masks or name in reader.undefined:
            raise GraphError(
                "a mask of minus infinity must be applied while the batch is the first axis",
                node=node.name,
            )
        if name not in reader.types and name not in reader.renamed:
            continue
        tensor = reader.tensor(name)
        shape = reader.shape(tensor)
        if len(shape) < 3 or shape[1] != 1:
            reader.lifted.add(name)
            continue
        output = reader.names.fresh(f"{name}_row")
        reader.renamed[name] = reader.emit_as(
            output, "Reshape", (tensor,), output, {"shape": shape[1:]}, origin=node.name
        )


def _shape_of(reader: RealReader, name: str) -> Shape:
    """Shape of a tensor in the file, for a batch of one."""
    shape = reader.shape(reader.tensor(name))
    return shape[1:] if name in reader.lifted else shape


def _leaves(reader: RealReader, node: SourceNode) -> bool:
    """Whether a node takes the batch from the first axis of what it reads first."""
    name = node.inputs[0] if node.inputs else ""
    if not name or not reader.is_activation(name) or name in reader.masks:
        return False
    if node.op not in ("Flatten", "Gather", "Reshape", "Squeeze", "Transpose"):
        return False
    shape = reader.shape(reader.tensor(name))
    match node.op:
        case "Transpose":
            order = integers(node, "perm", tuple(reversed(range(len(shape)))))
            return len(order) == len(shape) and order[0] != 0
        case "Reshape":
            return _target(reader, node, shape)[:1] != (1,)
        case "Flatten":
            return integer(node, "axis", 1) % (len(shape) + 1) > 1
        case "Gather":
            return integer(node, "axis", 0) % len(shape) == 0
    return 0 in [at % len(shape) for at in _listed(reader, node, "axes", 1)]


def _target(reader: RealReader, node: SourceNode, shape: Shape) -> Shape:
    """The shape that a Reshape makes."""
    if len(node.inputs) < 2 or node.inputs[1] not in reader.constants:
        return (1,)  # the rule itself refuses it
    target = list(whole_numbers(reader.constants[node.inputs[1]]) or (1,))
    if not flag(node, "allowzero", 0):
        target = [shape[i] if v == 0 and i < len(shape) else v for i, v in enumerate(target)]
    size = int(np.prod(shape, dtype=object))
    known = int(np.prod([v for v in target if v != -1], dtype=object))
    if target.count(-1) == 1 and known > 0 and size % known == 0:
        target = [size // known if v == -1 else v for v in target]
    return tuple(target)


def _lifted(reader: RealReader, name: str, rank: int) -> str:
    """A tensor of the file with one more axis in front, and as many axes as `rank` asks for."""
    own = _shape_of(reader, name)
    if name in reader.lifted and len(own) >= rank:
        return name
    tensor = reader.tensor(name)
    output = reader.names.fresh(f"{name}_lifted")
    shape = (1, *(1,) * (rank - len(own)), *own)
    made = reader.emit_as(output, "Reshape", (tensor,), output, {"shape": shape}, origin=name)
    alias = reader.alias(made, reader.kinds.get(name))
    reader.lifted.add(alias)
    return alias


def _told(reader: RealReader, node: SourceNode, shape: Shape) -> SourceNode:
    """The node with axes and shapes for one more axis in front; `shape` is that in the file."""
    if node.op in _PLAIN:
        return node
    match node.op:
        case "Transpose":
            order = integers(node, "perm", tuple(reversed(range(len(shape)))))
            return replace(node, attrs={"perm": (0, *(at + 1 for at in order))})
        case "Reshape":
            return _reshape(reader, node, _target(reader, node, shape))
        case "Flatten":
            at = integer(node, "axis", 1) % (len(shape) + 1)
            halves = (int(np.prod(part, dtype=object)) for part in (shape[:at], shape[at:]))
            return _reshape(reader, node, tuple(halves))
        case op if op in _WITH_AXIS:
            at = integer(node, "axis", _WITH_AXIS[op] or 0)
            return replace(node, attrs={**node.attrs, "axis": at if at < 0 else at + 1})
        case op if op in _WITH_AXES:
            return _with_axes(reader, node, shape)
    raise GraphError(
        f"{node.op} is not supported where the batch is not the first axis", node=node.name,
        hint="export with the batch first in every tensor",
    )  # fmt: skip


def _reshape(reader: RealReader, node: SourceNode, target: Shape) -> SourceNode:
    name = reader.names.fresh(f"{node.name}_shape")
    reader.constants[name] = np.array((1, *target), np.int64)
    return replace(node, op="Reshape", inputs=(node.inputs[0], name), attrs={"allowzero": 1})


def _with_axes(reader: RealReader, node: SourceNode, shape: Shape) -> SourceNode:
    place = _WITH_AXES[node.op]
    axes = _listed(reader, node, "axes", place)
    if not axes and node.op == "Slice":
        axes = tuple(range(len(_listed(reader, node, "starts", 1))))
    elif not axes and node.op == "Squeeze":
        axes = tuple(i for i, extent in enumerate(shape) if extent == 1)
    elif not axes:
        axes = tuple(range(len(shape)))
    moved = tuple(at if at < 0 else at + 1 for at in axes)
    if "axes" in node.attrs or (len(node.inputs) <= place and reader.source.opset < 13):
        return replace(node, attrs={**node.attrs, "axes": moved})
    name = reader.names.fresh(f"{node.name}_axes")
    reader.constants[name] = np.array(moved, np.int64)
    inputs = (*node.inputs[:place], *("",) * (place - len(node.inputs)), name)
    return replace(node, inputs=(*inputs, *node.inputs[place + 1 :]))


def _listed(reader: RealReader, node: SourceNode, name: str, place: int) -> tuple[int, ...]:
    if name in node.attrs:
        return integers(node, name, ())
    if place >= len(node.inputs) or node.inputs[place] not in reader.constants:
        return ()
    return whole_numbers(reader.constants[node.inputs[place]]) or ()


def _with_constant(reader: RealReader, node: SourceNode) -> SourceNode:
    """Shape of a lifted tensor, as an Identity of a constant."""
    shape = reader.shape(reader.tensor(node.inputs[0]))[1:]
    if node.op == "Size":
        found = np.asarray(np.prod(shape), np.int64)
    else:
        last = integer(node, "end", len(shape))
        found = np.asarray(shape[integer(node, "start", 0) : last], np.int64)
    reader.constants[node.outputs[0]] = found
    return replace(node, op="Constant", inputs=(), attrs={"value": found})
