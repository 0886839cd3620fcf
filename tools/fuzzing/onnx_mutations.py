"""Changes to the structure of ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .mutations import CODE

_EXTENTS = (0, 1, 2, -1, 3, 7, 1 << 16, 1 << 31, 1 << 40, (1 << 63) - 1)
_INTEGERS = (0, 1, -1, 2, 3, 64, -64, 1 << 20, 1 << 31, -(1 << 31), (1 << 63) - 1, -(1 << 63))
_REALS = (0.0, -0.0, 1.0, -1.0, 1e-45, 3e38, float("inf"), float("-inf"), float("nan"))
_OPERATORS = (
    "Add", "Mul", "Conv", "MatMul", "Gemm", "Relu", "Reshape", "Transpose", "Concat", "Pad", "Tile",
    "Expand", "Range", "ConstantOfShape", "Resize", "MaxPool", "AveragePool", "Softmax", "Slice",
    "Gather", "Split", "Loop", "If", "Quant", "IntQuant", "BipolarQuant", "Trunc", "MultiThreshold",
    "QuantizeLinear", "DequantizeLinear", "ConvTranspose", "OneHot", "EyeLike", "Squeeze", "Nope",
)  # fmt: skip

Model = Any


def _attribute(random: Random, model: Model) -> None:
    """Another value or type of an attribute."""
    found = [attribute for node in model.graph.node for attribute in node.attribute]
    if not found:
        return
    attribute = random.choice(found)
    kind = random.randrange(5)
    if kind == 0:
        attribute.type = random.randrange(15)
    elif kind == 1 and attribute.ints:
        attribute.ints[random.randrange(len(attribute.ints))] = random.choice(_INTEGERS)
    elif kind == 2:
        attribute.ints.extend([random.choice(_INTEGERS)] * random.choice((1, 3, 500)))
    elif kind == 3:
        attribute.s = random.choice(CODE).encode()
    else:
        attribute.i, attribute.f = random.choice(_INTEGERS), random.choice(_REALS)


def _extent(random: Random, model: Model) -> None:
    """Another extent of a constant, an input or an output."""
    graph = model.graph
    shapes = [tensor.dims for tensor in graph.initializer]
    dims = [dim for value in (*graph.input, *graph.output, *graph.value_info)
            for dim in value.type.tensor_type.shape.dim]  # fmt: skip
    if shapes and random.random() < 0.5:
        shape = random.choice(shapes)
        if shape:
            shape[random.randrange(len(shape))] = random.choice(_EXTENTS)
        else:
            shape.append(random.choice(_EXTENTS))
    elif dims:
        dim = random.choice(dims)
        if random.random() < 0.2:
            dim.dim_param = random.choice(CODE)
        else:
            dim.dim_value = random.choice(_EXTENTS)


def _value(random: Random, model: Model) -> None:
    """Another value of a small constant: scales, widths, shapes."""
    found = [t for t in model.graph.initializer if t.raw_data and len(t.raw_data) <= 64]
    if not found:
        return
    tensor = random.choice(found)
    array = numpy_helper.to_array(tensor).copy().reshape(-1)
    if not array.size:
        return
    pool = _INTEGERS if array.dtype.kind in "iu" else (*_REALS, *_INTEGERS, 0.5, 1e-30, 1e30)
    with np.errstate(all="ignore"):
        array[random.randrange(array.size)] = np.array(random.choice(pool)).astype(array.dtype)
    tensor.raw_data = array.tobytes()


def _tensor(random: Random, model: Model) -> None:
    """Another element type, less data, or data elsewhere."""
    if not model.graph.initializer:
        return
    tensor = random.choice(model.graph.initializer)
    match random.randrange(4):
        case 0:
            tensor.data_type = random.randrange(26)
        case 1:
            tensor.raw_data = tensor.raw_data[: random.randrange(len(tensor.raw_data) + 1)]
        case 2:
            tensor.data_location = onnx.TensorProto.EXTERNAL
            place = random.choice(("../../etc/passwd", "/etc/passwd", "seed.bin", ".", "a\0b", ""))
            tensor.external_data.add(key="location", value=place)
            tensor.external_data.add(key="length", value=str(random.choice(_INTEGERS)))
        case _:
            tensor.float_data.extend([1.0] * random.choice((1, 1000)))


def _name(random: Random, model: Model) -> None:
    """A name that is code, everywhere that the old one is used, or in one place only."""
    graph = model.graph
    new = random.choice(CODE)
    if random.random() < 0.3:
        random.choice((graph, *graph.node)).name = new
        return
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    if not names:
        return
    old = random.choice(names)
    everywhere = random.random() < 0.8
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
                    if not everywhere:
                        return
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        if value.name == old:
            value.name = new


def _wiring(random: Random, model: Model) -> None:
    """A node that reads something else, is gone, comes twice or is another operator."""
    nodes = model.graph.node
    if not nodes:
        return
    place = random.randrange(len(nodes))
    node = nodes[place]
    others = [name for other in nodes for name in (*other.input, *other.output)]
    match random.randrange(7):
        case 0 if node.input:
            node.input[random.randrange(len(node.input))] = random.choice(others)
        case 1:
            del nodes[place]
        case 2:
            nodes.append(node)
        case 3:
            node.op_type = random.choice(_OPERATORS)
        case 4:
            del node.input[random.randrange(len(node.input) + 1) :]
        case 5:
            node.domain = random.choice(("", "ai.onnx", "qonnx.custom_op.general", "x", "\x1b[2J"))
        case _:
            node.output.append(random.choice(others))


def _growth(random: Random, model: Model) -> None:
    """Constants that are computed from small ones and are huge, and activations that grow."""
    graph = model.graph
    size = random.choice((4, 1 << 10, 1 << 15, 1 << 20, 1 << 40))
    ints = numpy_helper.from_array(np.array([size, size], dtype=np.int64), "grow.shape")
    one = numpy_helper.from_array(np.ones((1, 1), dtype=np.float32), "grow.one")
    bounds = [numpy_helper.from_array(np.array(v, dtype=np.int64), f"grow.{n}")
              for n, v in (("first", 0), ("last", size), ("step", 1))]  # fmt: skip
    graph.initializer.extend([ints, one, *bounds])
    made = random.choice(
        (
            helper.make_node("ConstantOfShape", ["grow.shape"], ["grow.made"]),
            helper.make_node("Expand", ["grow.one", "grow.shape"], ["grow.made"]),
            helper.make_node("Tile", ["grow.one", "grow.shape"], ["grow.made"]),
            helper.make_node("Range", ["grow.first", "grow.last", "grow.step"], ["grow.made"]),
            helper.make_node("EyeLike", ["grow.one"], ["grow.made"]),
            helper.make_node("Concat", ["grow.one"] * min(size, 5000), ["grow.made"], axis=0),
            helper.make_node("Resize", ["grow.one", "", "", "grow.shape"], ["grow.made"]),
        )
    )
    if random.random() < 0.5 and graph.node and graph.node[-1].input:
        reader = random.choice([node for node in graph.node if node.input] or [graph.node[-1]])
        source = reader.input[0]
        grown = helper.make_node("Add", [source, "grow.made"], ["grow.sum"])
        for node in graph.node:
            for index, name in enumerate(node.input):
                if name == source:
                    node.input[index] = "grow.sum"
        graph.node.append(grown)
    graph.node.append(made)


def _head(random: Random, model: Model) -> None:
    """Other versions, domains, properties and functions."""
    match random.randrange(5):
        case 0 if model.opset_import:
            random.choice(model.opset_import).version = random.choice(_INTEGERS)
        case 1:
            model.ir_version = random.choice(_INTEGERS)
        case 2:
            model.metadata_props.add(key="netwright.patterns", value=random.choice(CODE))
        case 3:
            body = [helper.make_node("f", ["a"], ["b"], domain="x")]
            made = helper.make_function("x", "f", ["a"], ["b"], body, [])
            model.functions.append(made)
        case _:
            for value in (*model.graph.input, *model.graph.output):
                value.type.tensor_type.elem_type = random.randrange(26)


CHANGES: tuple[Callable[[Random, Model], None], ...] = (
    _attribute, _extent, _value, _value, _tensor, _name, _wiring, _wiring, _growth, _head,
)  # fmt: skip


def structure(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One to three changes to the structure of an ONNX model."""
    model = onnx.ModelProto.FromString(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        try:
            random.choice(CHANGES)(random, model)
        except Exception:
            continue  # a change that does not fit what an earlier one left
    return bytes(model.SerializeToString())
