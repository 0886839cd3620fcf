"""From integers back to quantizers on real values, with identical results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from netwright.errors import GraphError, NumericsError, UnsupportedOp
from netwright.ir import AttrValue, Graph, Interpreter, Node, bounds, check, spec_of
from netwright.ir.ops.filters import channel_axis
from netwright.passes.carried import Reals
from netwright.passes.real_builder import RealBuilder
from netwright.passes.realize_quant import format_codes, quantize, requantize, sign


@dataclass(frozen=True, slots=True)
class Realized:
    """A graph in the quantized form and how to read codes from its tensors.

    Attributes:
        graph: The graph; equal to the integer graph value for value.
        carriers: For each integer tensor: the tensor that carries it, and the real value of one
            code there, shaped to broadcast. Always a power of two, so division is exact.
    """

    graph: Graph
    carriers: Mapping[str, tuple[str, Reals]]


def realize(graph: Graph) -> Realized:
    """Write an integer graph with quantizers on real values.

    Tensors whose scales are powers of two are carried as real values; others as plain codes, with
    the multipliers of requantizations as exact factors between. Outputs are real values.

    Args:
        graph: A graph in the integer form.

    Raises:
        GraphError: It is not in the integer form, or an input holds codes.
        NumericsError: A tensor wraps, which no quantizer on real values does, or an integer does
            not fit a float64.
    """
    if not graph.is_integer:
        raise GraphError(f'graph "{graph.name}" must be in the integer form')
    wrapped = sorted(Interpreter.of(graph).wrapped)
    if wrapped:
        raise NumericsError(
            f"wraps in its declared format {graph.types[wrapped[0]].dtype}",
            tensor=wrapped[0],
            hint="declare a format that holds all values; wrapping cannot be written in QONNX",
        )
    builder = RealBuilder(graph, bounds(graph))
    for node in graph.nodes:
        _translate(builder, node)
    _finish_outputs(builder)
    quantized = replace(
        graph, nodes=tuple(builder.nodes), types=builder.types, constants=builder.constants
    )
    return Realized(check(quantized), builder.carriers)


def _translate(builder: RealBuilder, node: Node) -> None:
    match node.op:
        case "Quantize":
            quantize(builder, node)
        case "Requantize":
            requantize(builder, node)
        case "FormatCodes":
            format_codes(builder, node)
        case "Sign":
            sign(builder, node)
        case "MatMul" | "Conv" | "ConvTranspose":
            _product(builder, node)
        case "Relu" | "MaxPool" | "Reshape" | "Transpose" | "Resize" | "Slice":
            _move(builder, node)
        case "SumPool":
            _sum_pool(builder, node)
        case "Add":
            _add(builder, node)
        case "Concat":
            _concat(builder, node)
        case "Lookup":
            _lookup(builder, node)
        case _:
            raise UnsupportedOp(node.op, node=node.name, where="realize")


def _product(builder: RealBuilder, node: Node) -> None:
    source, unit = builder.carried(node.inputs[0])
    if unit.size > 1:
        source, unit = builder.as_codes(node.inputs[0]), np.ones(())
    weights, weight_unit = builder.weights(node)
    rank = len(builder.graph.types[node.output].shape)
    flat = np.ravel(weight_unit) * unit.reshape(())
    outputs = channel_axis(node, rank)
    result = flat.reshape([-1 if i == outputs else 1 for i in range(rank)])
    result = result.reshape(()) if flat.size == 1 else result
    inputs: tuple[str, ...] = (source, weights)
    if len(node.inputs) == 3:
        inputs = (*inputs, builder.quantized_constant(node.inputs[2], flat))
    builder.emit(node, node.op, inputs, node.output, node.attrs)
    builder.carriers[node.output] = (node.output, result)


def _move(builder: RealBuilder, node: Node) -> None:
    source, unit = builder.carried(node.inputs[0])
    builder.emit(node, node.op, (source,), node.output, node.attrs)
    if unit.size > 1 and spec_of(node).category == "view":
        shape = builder.graph.types[node.inputs[0]].shape
        unit = np.asarray(spec_of(node).execute(node, [np.broadcast_to(unit, shape)]))
    builder.carriers[node.output] = (node.output, unit)


def _sum_pool(builder: RealBuilder, node: Node) -> None:
    """An average where its divisor is a power of two, a convolution with ones elsewhere."""
    source, unit = builder.carried(node.inputs[0])
    kernel = node.integers("kernel")
    terms = int(np.prod(kernel))
    if terms & (terms - 1) == 0:
        builder.emit(node, "AveragePool", (source,), node.output, node.attrs)
        builder.carriers[node.output] = (node.output, unit / terms)
        return
    channels = builder.graph.types[node.inputs[0]].shape[1]
    ones = builder.constant(builder.free_name(f"{node.name}.ones"), np.ones((channels, 1, *kernel)))
    attrs: dict[str, AttrValue] = {
        "strides": node.integers("strides"),
        "pads": node.integers("pads"),
        "dilations": (1,) * len(kernel),
        "group": channels,
    }
    builder.emit(node, "Conv", (source, ones), node.output, attrs)
    builder.carriers[node.output] = (node.output, unit)


def _add(builder: RealBuilder, node: Node) -> None:
    first, unit = builder.carried(node.inputs[0])
    second, other = builder.carried(node.inputs[1])
    if not np.array_equal(unit, other):
        second = builder.scaled(node.inputs[1], unit / other, f"{node.name}_aligned")
    builder.emit(node, "Add", (first, second), node.output, {})
    builder.carriers[node.output] = (node.output, unit)


def _concat(builder: RealBuilder, node: Node) -> None:
    parts = [builder.carried(name) for name in node.inputs]
    unit = parts[0][1]
    sources = tuple(name for name, _ in parts)
    if unit.size > 1 or not all(np.array_equal(unit, other) for _, other in parts):
        unit = np.ones(())
        sources = tuple(builder.as_codes(name) for name in node.inputs)
    builder.emit(node, "Concat", sources, node.output, node.attrs)
    builder.carriers[node.output] = (node.output, unit)


def _lookup(builder: RealBuilder, node: Node) -> None:
    """Entries are found by plain codes and carried as plain codes."""
    source, tables = builder.as_codes(node.inputs[0]), builder.carried(node.inputs[1])[0]
    builder.emit(node, "Lookup", (source, tables), node.output, node.attrs)
    builder.carriers[node.output] = (node.output, np.ones(()))


def _finish_outputs(builder: RealBuilder) -> None:
    """Make every output a real value under its own name."""
    for name in dict.fromkeys(builder.graph.outputs):
        source, unit = builder.carried(name)
        factor = builder.graph.types[name].scale_array() / unit
        if np.all(factor == 1):
            if source == name:
                continue
            if builder.is_inner(source):
                builder.rename(source, name)
                continue
        if source == name:
            source = builder.rename(name, builder.free_name(f"{name}_codes"))
        constant = builder.constant(builder.free_name(f"{name}.scale"), factor)
        shape = builder.types[source].shape
        node = Node(builder.free_name(f"{name}_scaled"), "Mul", (source, constant), name)
        builder.append(node, shape)
