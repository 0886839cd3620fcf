"""From quantizers on real values to integers."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.errors import UnsupportedOp
from netwright.ir import Graph, Node, check
from netwright.passes.carried import Carried, HostValues, TableValues
from netwright.passes.code_functions import fold_functions
from netwright.passes.constant_values import constant_values
from netwright.passes.flat_affine import flat_affine
from netwright.passes.integer_builder import IntegerBuilder
from netwright.passes.integerize_affine import add, affine, product
from netwright.passes.integerize_formats import format_quant
from netwright.passes.integerize_moves import average_pool, clamp, concat, max_pool, move
from netwright.passes.integerize_pending import OUTPUT, OUTPUT_BITS, plain
from netwright.passes.integerize_quant import bipolar_quant, is_plain_quantizer, quant, trunc
from netwright.passes.integerize_tables import lookup, quantized_table

INTEGER_OPS = (
    "MatMul", "Conv", "ConvTranspose", "Add", "Mul", "BatchNormalization", "Relu", "Clip",
    "MaxPool", "AveragePool", "Reshape", "Transpose", "Resize", "Slice", "Concat", "Lookup",
    "Quant", "BipolarQuant", "Trunc", "FormatQuant",
)  # fmt: skip
"""Operators that have an integer meaning between quantizers."""


@dataclass(frozen=True, slots=True)
class Integerize:
    """Give every tensor behind the input quantizers integer codes and a scale.

    Scales and offsets are carried along as real numbers and end in the next quantizer, which
    becomes a Requantize: multiply by an integer, add an integer, shift, round, clamp; the integers
    are chosen so that the codes are those of exact arithmetic. Whatever is not exact is noted in
    the result.

    Attributes:
        guard_bits: How much finer than the finer term the common grid of a sum is, where no grid
            of reasonable width holds both terms.
    """

    guard_bits: int = 8

    def __call__(self, graph: Graph) -> Graph:
        """The graph in the integer form; `graph` itself if it already is.

        Raises:
            GraphError: A tensor has no integer meaning.
            NumericsError: A value would need more than 63 bits.
        """
        if graph.is_integer:
            return graph
        check(graph)
        graph = flat_affine(fold_functions(graph))
        values = constant_values(graph)
        builder = IntegerBuilder(graph, values)
        builder.state.update({name: HostValues(name) for name in graph.inputs})
        needed = _needed(graph)
        for node in graph.nodes:
            if node.name in needed and node.output not in values:
                builder.state[node.output] = self._translate(builder, node)
        return builder.finish({name: _output(builder, name) for name in graph.outputs})

    def _translate(self, builder: IntegerBuilder, node: Node) -> Carried | HostValues | TableValues:
        match node.op:
            case "MatMul" | "Conv" | "ConvTranspose":
                return product(builder, node)
            case "Quant":
                source = builder.state.get(node.inputs[0])
                if isinstance(source, TableValues) and is_plain_quantizer(node):
                    return quantized_table(builder, node, source)
                return quant(builder, node)
            case "FormatQuant":
                return format_quant(builder, node)
            case "Lookup":
                return lookup(builder, node)
            case "BipolarQuant":
                return bipolar_quant(builder, node)
            case "Trunc":
                return trunc(builder, node)
            case "Add" if not any(name in builder.values for name in node.inputs):
                return add(builder, node, self.guard_bits)
            case "Add" | "Mul" | "BatchNormalization":
                return affine(builder, node)
            case "Relu" | "Clip":
                return clamp(builder, node)
            case "MaxPool":
                return max_pool(builder, node)
            case "AveragePool":
                return average_pool(builder, node)
            case "Reshape" | "Transpose" | "Resize" | "Slice":
                return move(builder, node)
            case "Concat":
                return concat(builder, node)
        raise UnsupportedOp(
            node.op,
            node=node.name,
            where="integerize",
            hint=f"supported: {', '.join(INTEGER_OPS)}, and Softmax at the end; --backend cpu "
            "computes the others in files that it reads",
        )


def _output(builder: IntegerBuilder, name: str) -> Carried:
    maker = builder.graph.producers.get(name)
    node = Node(maker.name if maker else name, OUTPUT, (name,), name)
    return plain(builder, name, node, finer_bits=OUTPUT_BITS)


def _needed(graph: Graph) -> set[str]:
    """Names of the nodes that an output depends on."""
    wanted = set(graph.outputs)
    needed = set()
    for node in reversed(graph.nodes):
        if node.output in wanted:
            needed.add(node.name)
            wanted.update(node.inputs)
    return needed
