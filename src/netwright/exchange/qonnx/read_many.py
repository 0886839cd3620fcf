"""Operators of ONNX on any number of tensors, and repetition: chains of what the graph has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx import read_functions, read_linear
from netwright.exchange.qonnx.reader import Reader, Reals, Rule
from netwright.ir import AttrValue

MAX_JOINED = 64
"""Most tensors that one ``Concat`` of the graph joins."""


def sums(reader: Reader, node: SourceNode, *, add: Rule = read_linear.add) -> None:
    """Read Sum and Mean of any number of tensors.

    Args:
        reader: The graph.
        node: The node.
        add: How a sum of two is read.
    """
    names = sorted(node.inputs, key=lambda name: not reader.is_activation(name))
    count, made = len(names), names[0]
    for index, name in enumerate(names[1:], start=1):
        own = reader.names.fresh(f"{node.name}_sum{index}")
        last = node.op == "Sum" and index == count - 1
        output = node.outputs[0] if last else own
        reader.uses[output] += 1
        step = replace(node, name=own, op="Add", inputs=(made, name), outputs=(output,), attrs={})
        add(reader, step)
        made = output
    source = reader.real(reader.tensor(made))
    if count == 1:
        reader.rename(node, source)
    elif node.op == "Mean":
        reader.emit(node, "Mul", (source, reader.place_values(f"{node.name}.share", 1 / count)))


def extremes(reader: Reader, node: SourceNode) -> None:
    """Read Max and Min of any number of tensors, constants among them.

    The larger of two tensors is what a pool over both takes, and ``max(x, c)`` of a constant is
    ``relu(x - c) + c``; the smaller one is the larger one of their negations, negated.
    """
    data = [i for i, name in enumerate(node.inputs) if reader.is_activation(name)]
    held = [i for i in range(len(node.inputs)) if i not in data]
    limits = [reader.values(node, i, "the limit") for i in held]
    sources = [reader.real(reader.activation(node, i)) for i in data]
    if len(data) == 1 and all(limit.size == 1 for limit in limits):
        _limited(reader, node, sources[0], [float(limit.reshape(())) for limit in limits])
        return
    shape = common_shape(node, [reader.shape(source) for source in sources])
    if limits:
        shape = common_shape(node, [shape, *(limit.shape for limit in limits)])
        limit: Reals = reduce(np.maximum if node.op == "Max" else np.minimum, limits)
    sign = 1.0 if node.op == "Max" else -1.0
    parts = []
    for index, source in enumerate(sources):
        wide = expanded(reader, node, source, shape, f"input{index}")
        parts.append(reader.scaled(node, wide, sign, 0.0, f"input{index}"))
    made = larger(reader, node, parts)
    if limits:
        line = sign * limit
        made = reader.scaled(node, made, 1.0, -line, "above")
        made = reader.emit(node, "Relu", (made,), "beyond")
        made = reader.scaled(node, made, 1.0, line, "limited")
    reader.rename(node, reader.scaled(node, made, sign, 0.0, "result"))


def _limited(reader: Reader, node: SourceNode, source: str, limits: Sequence[float]) -> None:
    """One tensor and numbers: a table where codes are read, a clip elsewhere."""
    if not limits:
        reader.rename(node, source)
        return
    if len(limits) == 1 and read_functions.is_of_codes(reader, source):
        read_functions.function(reader, node)
        return
    ends = (max(limits), np.inf) if node.op == "Max" else (-np.inf, min(limits))
    reader.emit(node, "Clip", (source,), attrs={"low": (ends[0],), "high": (float(ends[1]),)})


def common_shape(node: SourceNode, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that all broadcast to.

    Raises:
        GraphError: There is none.
    """
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        told = " and ".join(map(str, shapes))
        raise GraphError(f"shapes {told} do not broadcast", node=node.name) from None


def larger(
    reader: Reader, node: SourceNode, parts: Sequence[str], output: str | None = "larger"
) -> str:
    """The largest of tensors of one shape, element by element: a pool over all of them."""
    if len(set(parts)) == 1:
        return parts[0]
    shape = reader.shape(parts[0])
    if not shape or shape[0] != 1:
        raise GraphError(
            f"{node.op} of tensors of shape {shape} is not supported", node=node.name,
            hint="give them a batch axis of 1 in front",
        )  # fmt: skip
    column = (1, int(np.prod(shape[1:], dtype=object)), 1)
    lines = [
        reader.emit(node, "Reshape", (part,), f"part{index}_column", {"shape": column})
        for index, part in enumerate(parts)
    ]
    joined = _joined(reader, node, lines, 2, "side_by_side")
    count = len(parts)
    window: dict[str, AttrValue] = {"kernel": (count,), "strides": (1,), "pads": (0, 0)}
    made = reader.emit(node, "MaxPool", (joined,), "largest", window)
    return reader.emit(node, "Reshape", (made,), output, {"shape": shape})


def _joined(
    reader: Reader, node: SourceNode, parts: Sequence[str], axis: int, output: str | None
) -> str:
    """Tensors one behind the other, in groups where they are many."""
    while len(parts) > MAX_JOINED:
        parts = [
            _joined(reader, node, parts[at : at + MAX_JOINED], axis, "group")
            for at in range(0, len(parts), MAX_JOINED)
        ]
    if len(parts) == 1:
        return parts[0]
    return reader.emit(node, "Concat", tuple(parts), output, {"axis": axis})


def repeated(
    reader: Reader, node: SourceNode, source: str, axis: int, count: int, output: str | None
) -> str:
    """A tensor that is repeated along one axis."""
    if count < 1:
        raise GraphError(f"{node.op} leaves nothing along axis {axis}", node=node.name)
    if count <= MAX_JOINED:
        return _joined(reader, node, (source,) * count, axis, output)
    block = _joined(reader, node, (source,) * MAX_JOINED, axis, "block")
    whole, rest = divmod(count, MAX_JOINED)
    parts = [repeated(reader, node, block, axis, whole, "blocks")]
    if rest:
        parts.append(_joined(reader, node, (source,) * rest, axis, "rest"))
    return _joined(reader, node, parts, axis, output) if rest else parts[0]


def expanded(
    reader: Reader, node: SourceNode, source: str, shape: tuple[int, ...], what: str
) -> str:
    """A tensor that is repeated along axes of one element until it has `shape`."""
    own = reader.shape(source)
    if own == shape:
        return source
    if len(own) < len(shape):
        front = (1, *(1,) * (len(shape) - len(own)), *own[1:])
        if own[0] != 1 or shape[0] != 1:
            raise GraphError(f"{own} is not expanded to {shape}", node=node.name)
        source = reader.emit(node, "Reshape", (source,), f"{what}_axes", {"shape": front})
        own = front
    for at, (have, wanted) in enumerate(zip(own, shape, strict=True)):
        if have != wanted:
            source = repeated(reader, node, source, at, wanted, f"{what}_axis{at}")
    return source


def tile(reader: Reader, node: SourceNode) -> None:
    """Read Tile by constant numbers, behind the batch."""
    source = reader.activation(node)
    shape = reader.shape(source)
    counts = reader.integers(node, 1, "the numbers of copies")
    if len(counts) != len(shape) or counts[0] != 1 or min(counts) < 1:
        raise GraphError(
            f"{shape} is not repeated {counts} times", node=node.name,
            hint="one number of copies for each axis, 1 for the batch; rows are for the host",
        )  # fmt: skip
    for at, count in enumerate(counts):
        if count > 1:
            source = repeated(reader, node, source, at, count, f"axis{at}")
    reader.rename(node, source)


def expand(reader: Reader, node: SourceNode) -> None:
    """Read Expand to a constant shape."""
    source = reader.real(reader.activation(node))
    target = reader.integers(node, 1, "the shape")
    own = (reader.batch, *reader.shape(source)[1:])
    made = expanded_shape(node, own, target, reader.batch)
    reader.rename(node, expanded(reader, node, source, (1, *made[1:]), "input"))


def expanded_shape(
    node: SourceNode, own: tuple[int, ...], target: tuple[int, ...], batch: int
) -> tuple[int, ...]:
    """The shape that Expand makes.

    Raises:
        GraphError: There is none, or the batch is not its first axis.
    """
    fits = len(target) <= len(own) and min(target, default=1) > 0
    try:
        made = tuple(np.broadcast_shapes(own, target)) if fits else ()
    except ValueError:
        made = ()
    if len(made) != len(own) or made[0] != batch:
        raise GraphError(f"{own} is not expanded to {target}", node=node.name,
                         hint="keep the batch first; rows are for the host")  # fmt: skip
    return made
