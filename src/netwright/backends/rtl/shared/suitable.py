"""What a shared accelerator computes, and what it refuses before anything is laid out."""

from __future__ import annotations

from collections.abc import Iterator

from netwright.backends.rtl.adders.adder_graph import width
from netwright.backends.rtl.shared.layers import WORD_BITS
from netwright.backends.rtl.shared.orders import MOVES, POINTWISE
from netwright.backends.rtl.unrolled.layers import check_lowerable
from netwright.errors import GraphError, UnsupportedOp
from netwright.ir import Graph, Interpreter, Node, bounds

PRODUCTS = ("Conv", "ConvTranspose", "MatMul")

SUPPORTED = ("Quantize", *PRODUCTS, *POINTWISE, *MOVES)

WHERE = "a shared accelerator"


def check_suitable(graph: Graph) -> None:
    """Refuse a graph that layers of an accelerator do not compute.

    Raises:
        GraphError: The graph breaks a rule, is not in the integer form, or has nodes of other
            kinds or widths; the message lists every fault.
        UnsupportedOp: Operators have no hardware here, and all else is fine; the hint lists them.
        NumericsError: A value would need more than 64 bits, or neighbors are coded together.
    """
    check_lowerable(graph)
    unknown = [node for node in graph.nodes if node.op not in SUPPORTED]
    faults = list(_faults(graph))
    hint = f"supported: {', '.join(SUPPORTED)}; convolutions of one dimension"
    if unknown and not faults:
        first, *others = unknown
        also = "".join(f'; also "{node.name}" ({node.op})' for node in others)
        raise UnsupportedOp(first.op, node=first.name, where=WHERE, hint=hint + also)
    faults = [f'node "{n.name}": operator "{n.op}" is not supported' for n in unknown] + faults
    if faults:
        raise GraphError("; ".join(faults), hint=hint)


def _faults(graph: Graph) -> Iterator[str]:
    limits, wrapped = bounds(graph), Interpreter.of(graph).wrapped
    for node in graph.nodes:
        if node.op in PRODUCTS:
            yield from _product_faults(node, graph)
        if node.output in wrapped:
            yield (
                f'tensor "{node.output}" wraps: its format {graph.types[node.output].dtype} holds '
                f"less than {limits[node.output].low} to {limits[node.output].high}"
            )
        if node.op == "Quantize":
            limit = limits[node.output]
            bits = width((limit.low, limit.high))
            if bits > WORD_BITS:
                yield f'input "{node.inputs[0]}" has codes of {bits} bits; at most {WORD_BITS} fit'


def _product_faults(node: Node, graph: Graph) -> Iterator[str]:
    if node.inputs[0] in graph.constants:
        yield f'node "{node.name}" multiplies a constant'
    if node.inputs[1] not in graph.constants:
        yield f'node "{node.name}" has weights that are no constants'
    if node.op != "MatMul" and len(graph.types[node.output].shape) != 3:
        yield f'node "{node.name}" is a convolution of two dimensions'
