"""One ONNX node, or a few, for each node of a quantized graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import NumericsError, UnsupportedOp, require
from netwright.exchange.onnx.vocabulary import QONNX_DOMAIN, QUANT_DOMAIN
from netwright.exchange.qonnx.format_functions import Twin, twin_function
from netwright.exchange.qonnx.precision import is_float32
from netwright.formats import QONNX_ROUNDING
from netwright.ir import Graph, Node
from netwright.ir.names import Names
from netwright.ir.ops.quant import code_type, rounding_of

OnnxAttr = int | float | str | tuple[int, ...]


class OnnxBuilder:
    """Collects ONNX nodes, initializers and value descriptions.

    Attributes:
        graph: The quantized graph that is being written.
        wide: Tensors written as float64.
        batch: Extent of the batch axis.
        nodes: ONNX nodes made so far.
        initializers: Values by name.
        shapes: Shape of every activation made so far.
        elements: Whether a tensor is float64.
        single: Tensors that are rounded to float32 before they are used.
        integers: Tensors that are int64: places in tables.
        names: Every name of the graph and of the file.
        functions: What our own quantizers do, by name.
    """

    def __init__(self, graph: Graph, wide: frozenset[str], batch: int) -> None:
        self._onnx: Any = require("onnx", extra="qonnx", purpose="writing QONNX")
        self.graph = graph
        self.wide = wide
        self.batch = batch
        self.nodes: list[Any] = []
        self.initializers: dict[str, NDArray[Any]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.elements: dict[str, bool] = {}
        self.single = _single(graph)
        self.integers: set[str] = set()
        self.names = Names([*graph.types, *(node.name for node in graph.nodes)])
        self.functions: dict[str, Any] = {}
        self._casts: dict[str, str] = {}

    @property
    def int64(self) -> int:
        """ONNX's number for 64-bit integers."""
        return int(self._onnx.TensorProto.INT64)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of the tensor `name` with the batch that is written."""
        shape = self.graph.types[name].shape
        return shape if name in self.graph.constants else (self.batch, *shape[1:])

    def node(
        self,
        op: str,
        name: str,
        inputs: tuple[str, ...],
        output: str,
        *,
        shape: tuple[int, ...],
        wide: bool,
        domain: str = "",
        attrs: Mapping[str, OnnxAttr] = MappingProxyType({}),
    ) -> None:
        """Append an ONNX node."""
        self.nodes.append(
            self._onnx.helper.make_node(op, inputs, [output], name=name, domain=domain, **attrs)
        )
        self.shapes[output] = shape
        self.elements[output] = wide

    def initializer(self, wanted: str, value: NDArray[Any]) -> str:
        """Add an initializer; its name resembles `wanted`."""
        name = self.names.fresh(wanted)
        self.initializers[name] = value
        return name

    def real(self, wanted: str, values: NDArray[Any] | float, *, wide: bool = False) -> str:
        """Add a float initializer: float32 where that is exact and `wide` is not asked for."""
        array = np.asarray(values, dtype=np.float64)
        if not wide and is_float32(array):
            array = array.astype(np.float32)
        return self.initializer(wanted, array)

    def read(self, name: str, *, wide: bool) -> str:
        """The tensor `name` in the wanted float format, behind a Cast where needed."""
        if name in self.graph.constants and name not in self.initializers:
            self.elements[name] = wide
            value = self.graph.constants[name]
            self.initializers[name] = value.astype(np.float64 if wide else np.float32)
        if wide and name in self.single and self.elements[name]:
            name = self.read(name, wide=False)
        if self.elements[name] == wide:
            return name
        if name not in self._casts:  # to the one other format
            output = self.names.fresh(f"{name}_{'float64' if wide else 'float32'}")
            kind = self._onnx.TensorProto.DOUBLE if wide else self._onnx.TensorProto.FLOAT
            shape = self.shapes[name] if name in self.shapes else self.graph.types[name].shape
            self.node("Cast", output, (name,), output, shape=shape, wide=wide, attrs={"to": kind})
            self._casts[name] = output
        return self._casts[name]


def _single(graph: Graph) -> frozenset[str]:
    """Tensors between an input and a quantizer that computes in float32.

    Each is rounded to float32, whatever it was computed in.
    """
    found: set[str] = set()
    for node in reversed(graph.nodes):
        if node.attrs.get("precision") == "float32" or node.output in found:
            found.update(name for name in node.inputs if name not in graph.constants)
    return frozenset(found)


def write_node(builder: OnnxBuilder, node: Node) -> None:
    """Append what stands for `node`.

    Raises:
        UnsupportedOp: QONNX has no such operator.
        NumericsError: QONNX cannot name its rounding.
    """
    rule = _RULES.get(node.op)
    if rule is None:
        raise UnsupportedOp(
            node.op, node=node.name, where="write_qonnx", hint="supported: " + ", ".join(_RULES)
        )
    rule(builder, node)


def _plain(
    builder: OnnxBuilder, node: Node, op: str, inputs: tuple[str, ...] = (), **attrs: OnnxAttr
) -> None:
    wide = node.output in builder.wide
    sources = tuple(builder.read(name, wide=wide) for name in node.inputs)
    shape = builder.shape(node.output)
    if node.inputs[0] in builder.graph.constants:
        shape = builder.graph.types[node.output].shape
    builder.node(
        op, node.name, (*sources, *inputs), node.output, shape=shape, wide=wide, attrs=attrs
    )


def _matmul(builder: OnnxBuilder, node: Node) -> None:
    if len(node.inputs) == 2:
        _plain(builder, node, "MatMul")
        return
    wide = node.output in builder.wide
    source, weights, bias = (builder.read(name, wide=wide) for name in node.inputs)
    product = builder.names.fresh(f"{node.output}_product")
    shape = builder.shape(node.output)
    builder.node("MatMul", node.name, (source, weights), product, shape=shape, wide=wide)
    builder.node(
        "Add",
        builder.names.fresh(f"{node.name}_bias"),
        (product, bias),
        node.output,
        shape=shape,
        wide=wide,
    )


def _conv(builder: OnnxBuilder, node: Node) -> None:
    attrs: dict[str, OnnxAttr] = {
        "kernel_shape": builder.graph.types[node.inputs[1]].shape[2:],
        "strides": node.integers("strides"),
        "pads": node.integers("pads"),
        "dilations": node.integers("dilations"),
        "group": node.integer("group"),
    }
    if node.op == "ConvTranspose":
        attrs["output_padding"] = node.integers("output_padding")
    _plain(builder, node, node.op, (), **attrs)


def _slice(builder: OnnxBuilder, node: Node) -> None:
    given = zip(("starts", "ends", "axes", "steps"), ("start", "stop", "axis", "step"), strict=True)
    limits = tuple(
        builder.initializer(f"{node.name}.{name}", np.array([node.integer(key)], np.int64))
        for name, key in given
    )
    _plain(builder, node, "Slice", limits)


def _resize(builder: OnnxBuilder, node: Node) -> None:
    """Repetition, which ONNX Runtime has for float32; of float64 values, copies are joined."""
    factors = node.integers("factors")
    if node.output not in builder.wide:
        scales = builder.initializer(f"{node.name}.scales", np.array([1, 1, *factors], np.float32))
        nearest: dict[str, OnnxAttr] = {
            "mode": "nearest",
            "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor",
        }
        _plain(builder, node, "Resize", ("", scales), **nearest)
        return
    made, shape = builder.read(node.inputs[0], wide=True), builder.shape(node.inputs[0])
    for place, factor in enumerate(factors, start=2):
        split = (*shape[: place + 1], 1, *shape[place + 1 :])
        copies = (*shape[: place + 1], factor, *shape[place + 1 :])
        shape = (*shape[:place], shape[place] * factor, *shape[place + 1 :])
        column = _reshaped(builder, node, made, f"{node.name}_column{place}", split)
        joined = builder.names.fresh(f"{node.name}_copies{place}")
        builder.node(
            "Concat", joined, (column,) * factor, joined, shape=copies, wide=True,
            attrs={"axis": place + 1},
        )  # fmt: skip
        last = place == len(factors) + 1
        wanted = node.output if last else f"{node.name}_larger{place}"
        made = _reshaped(builder, node, joined, wanted, shape, name=node.name if last else "")


def _reshaped(
    builder: OnnxBuilder,
    node: Node,
    source: str,
    wanted: str,
    shape: tuple[int, ...],
    *,
    name: str = "",
) -> str:
    """A float64 tensor under another shape; the result is called `wanted` if the node is named."""
    output = wanted if name else builder.names.fresh(wanted)
    target = builder.initializer(f"{output}.shape", np.array([0, *shape[1:]], dtype=np.int64))
    builder.node("Reshape", name or output, (source, target), output, shape=shape, wide=True)
    return output


def _pool(builder: OnnxBuilder, node: Node) -> None:
    attrs: dict[str, OnnxAttr] = {
        "kernel_shape": node.integers("kernel"),
        "strides": node.integers("strides"),
        "pads": node.integers("pads"),
    }
    if node.op == "AveragePool":
        attrs["count_include_pad"] = 1
    _plain(builder, node, node.op, (), **attrs)


def _reshape(builder: OnnxBuilder, node: Node) -> None:
    target = np.array([0, *node.integers("shape")[1:]], dtype=np.int64)
    name = builder.initializer(f"{node.name}.shape", target)
    _plain(builder, node, "Reshape", (name,))


def _clip(builder: OnnxBuilder, node: Node) -> None:
    wide = node.output in builder.wide
    kind = np.float64 if wide else np.float32
    limits = []
    for name in ("low", "high"):
        value = np.asarray(node.reals(name)[0], dtype=kind)
        limits.append(builder.initializer(f"{node.name}.{name}", value))
    _plain(builder, node, "Clip", tuple(limits))


def _along_axis(values: tuple[float, ...], axis: int | None, rank: int) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if axis is None:
        return array.reshape(())
    return array.reshape([-1 if i == axis else 1 for i in range(rank)])


def _quantizer(
    builder: OnnxBuilder,
    node: Node,
    op: str,
    more: tuple[str, ...],
    *,
    domain: str = QONNX_DOMAIN,
    **attrs: OnnxAttr,
) -> None:
    """A QONNX operator; its result is float32 in qonnx's executor, whatever it reads."""
    name = node.inputs[0]
    constant = name in builder.graph.constants
    if constant:
        builder.read(name, wide=name in builder.wide)
    # the result of BipolarQuant is as wide as what it reads, and float32 keeps the sign
    if op == "BipolarQuant" or name in builder.single:
        name = builder.read(name, wide=False)
    shape = builder.graph.types[node.output].shape if constant else builder.shape(node.output)
    rank = len(builder.graph.types[node.inputs[0]].shape)
    scale = builder.real(f"{node.name}.scale", _along_axis(node.reals("scale"), node.axis(), rank))
    builder.node(
        op,
        node.name,
        (name, scale, *more),
        node.output,
        shape=shape,
        wide=False,
        domain=domain,
        attrs=attrs,
    )


def _format_quant(builder: OnnxBuilder, node: Node) -> None:
    """Our own operator, whose function stands in the file."""
    twin = Twin.of(node, len(builder.graph.types[node.output].shape))
    builder.functions[twin.name] = twin_function(twin)
    number, axis = node.text("number"), node.integer("group_axis", -1)
    _quantizer(builder, node, twin.name, (), domain=QUANT_DOMAIN, number=number, group_axis=axis)


def _quant(builder: OnnxBuilder, node: Node) -> None:
    dtype = code_type(node)
    if dtype.bits == 1 and dtype.signed:
        _quantizer(builder, node, "BipolarQuant", ())
        return
    zero_point = builder.real(f"{node.name}.zero_point", float(node.integer("zero_point", 0)))
    bits = builder.real(f"{node.name}.bits", float(dtype.bits))
    _quantizer(
        builder,
        node,
        "IntQuant",
        (zero_point, bits),
        signed=int(dtype.signed),
        narrow=int(dtype.narrow),
        rounding_mode=_rounding_name(node),
    )


def _trunc(builder: OnnxBuilder, node: Node) -> None:
    """Trunc of version 2 fixes the output scale; another one becomes a product behind it."""
    dtype, scale, result = code_type(node), node.reals("scale")[0], node.reals("output_scale")[0]
    natural = scale * 2.0 ** node.integer("shift")
    kept = builder.names.fresh(f"{node.output}_kept")
    output = node.output if result == natural else kept
    inputs = (
        node.inputs[0],
        builder.real(f"{node.name}.scale", scale),
        builder.real(f"{node.name}.zero_point", 0.0),
        builder.real(f"{node.name}.input_bits", 32.0),
        builder.real(f"{node.name}.output_scale", natural),
        builder.real(f"{node.name}.bits", float(dtype.bits)),
    )
    shape = builder.shape(node.output)
    attrs: dict[str, OnnxAttr] = {
        "signed": int(dtype.signed),
        "narrow": int(dtype.narrow),
        "rounding_mode": _rounding_name(node),
    }
    builder.node(
        "Trunc",
        node.name,
        inputs,
        output,
        shape=shape,
        wide=False,
        domain=QONNX_DOMAIN,
        attrs=attrs,
    )
    if output != node.output:
        factor = np.asarray(result / natural, dtype=np.float32)
        names = (output, builder.initializer(f"{node.name}.factor", factor))
        builder.node(
            "Mul",
            builder.names.fresh(f"{node.name}_scaled"),
            names,
            node.output,
            shape=shape,
            wide=False,
        )


def _lookup(builder: OnnxBuilder, node: Node) -> None:
    """Codes become places in one long table, of which Gather takes rows, or values of one function.

    Features with the same tables share them.
    """
    wide = node.output in builder.wide
    tables = builder.graph.constants[node.inputs[1]]
    if np.array_equal(tables, np.broadcast_to(tables[:1], tables.shape)):
        tables = tables[:1]
    features, functions, entries = tables.shape
    rows = tables.transpose(0, 2, 1).reshape(-1, functions)
    table = builder.initializer(
        f"{node.name}.entries",
        (rows if functions > 1 else rows[:, 0]).astype(np.float64 if wide else np.float32),
    )
    first = np.arange(features, dtype=np.int64) * entries - node.integer("first")
    source = node.inputs[0]
    shape = builder.shape(source)
    codes, places = (builder.names.fresh(f"{node.output}_{part}") for part in ("codes", "places"))
    builder.integers |= {codes, places}
    to = {"to": builder.int64}
    builder.node("Cast", codes, (source,), codes, shape=shape, wide=False, attrs=to)
    moved = builder.initializer(f"{node.name}.first", first)
    builder.node("Add", places, (codes, moved), places, shape=shape, wide=False)
    if functions == 1:
        builder.node("Gather", node.name, (table, places), node.output, shape=shape, wide=wide)
        return
    found = builder.names.fresh(f"{node.output}_rows")
    builder.node("Gather", node.name, (table, places), found, shape=(*shape, functions), wide=wide)
    target = np.array([0, *builder.shape(node.output)[1:]], dtype=np.int64)
    flat = (found, builder.initializer(f"{node.name}.shape", target))
    shape = builder.shape(node.output)
    builder.node(
        "Reshape", builder.names.fresh(found + "_flat"), flat, node.output, shape=shape, wide=wide
    )


def _rounding_name(node: Node) -> str:
    mode = rounding_of(node)
    if mode not in QONNX_ROUNDING:
        raise NumericsError(
            f'node "{node.name}": rounding {mode} has no QONNX name',
            hint="integerize the graph first: integer graphs are rewritten exactly",
        )
    return QONNX_ROUNDING[mode]


_RULES: dict[str, Callable[[OnnxBuilder, Node], None]] = {
    "MatMul": _matmul,
    "Conv": _conv,
    "ConvTranspose": _conv,
    "Add": lambda builder, node: _plain(builder, node, "Add"),
    "Mul": lambda builder, node: _plain(builder, node, "Mul"),
    "BatchNormalization": lambda builder, node: _plain(
        builder, node, "BatchNormalization", epsilon=node.reals("epsilon")[0]
    ),
    "Relu": lambda builder, node: _plain(builder, node, "Relu"),
    "Clip": _clip,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "Transpose": lambda builder, node: _plain(
        builder, node, "Transpose", perm=node.integers("order")
    ),
    "Concat": lambda builder, node: _plain(builder, node, "Concat", axis=node.integer("axis")),
    "Softmax": lambda builder, node: _plain(
        builder, node, "Softmax", axis=node.integer("axis", -1)
    ),
    "Lookup": _lookup,
    "FormatQuant": _format_quant,
    "Quant": _quant,
    "BipolarQuant": lambda builder, node: _quantizer(builder, node, "BipolarQuant", ()),
    "Trunc": _trunc,
}
