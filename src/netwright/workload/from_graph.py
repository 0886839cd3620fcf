"""Workloads from operator graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netwright.formats import Format, Int
from netwright.ir import Graph, Node
from netwright.workload.einsum import (
    ARITHMETIC,
    Einsum,
    MapOp,
    ReduceOp,
    Tensor,
    TensorKind,
    Workload,
)
from netwright.workload.functions import UnaryOp
from netwright.workload.fuse import is_vector
from netwright.workload.lower import (
    Operand,
    Windows,
    convolution,
    opaque,
    pointwise,
    pooling,
    product,
)

_OPERATORS: Mapping[str, tuple[MapOp, tuple[UnaryOp, ...], ReduceOp]] = {
    "Add": ("add", (), "none"),
    "AveragePool": ("copy", (), "add"),
    "BatchNormalization": ("normalize", (), "none"),
    "BipolarQuant": ("copy", ("quantize",), "none"),
    "Clip": ("copy", ("clip",), "none"),
    "Concat": ("copy", (), "none"),
    "Conv": ("multiply", (), "add"),
    "Limit": ("copy", ("clip",), "none"),
    "MatMul": ("multiply", (), "add"),
    "MaxPool": ("copy", (), "max"),
    "Mul": ("multiply", (), "none"),
    "Quant": ("copy", ("quantize",), "none"),
    "Quantize": ("copy", ("quantize",), "none"),
    "Relu": ("copy", ("relu",), "none"),
    "Requantize": ("copy", ("quantize",), "none"),
    "Sign": ("copy", ("sign",), "none"),
    "Softmax": ("normalize", (), "none"),
    "SumPool": ("copy", (), "add"),
    "Transpose": ("copy", (), "none"),
    "Trunc": ("copy", ("quantize",), "none"),
}

_VIEWS = ("Reshape",)

FLOAT_BITS = 8
"""Width of elements of the quantized form, where the graph does not say how codes are stored."""

_QUANTIZERS = ("Quant", "Trunc")
_KEEP_CODES = ("Concat", "MaxPool", "Relu", "Reshape", "Transpose")
"""Operators whose results are codes of their operands: as wide, never wider."""


def from_graph(graph: Graph, *, float_bits: int = FLOAT_BITS) -> Workload:
    """The Einsums of a graph, one a node; every Einsum remembers its node.

    Reshapes are views and cost nothing. Nodes on constants alone are folded away. Operators that
    are not affine are ``opaque``: sizes are right, accesses whole.

    Args:
        graph: A checked graph.
        float_bits: Width of elements whose type is real-valued.
    """
    views: dict[str, str] = {}
    constants = set(graph.constants)
    einsums: list[Einsum] = []
    for node in graph.nodes:
        if all(name in constants for name in node.inputs):
            constants.add(node.output)
        elif node.op in _VIEWS:
            views[node.output] = views.get(node.inputs[0], node.inputs[0])
        else:
            einsums.append(_einsum(graph, node, views))
    used = dict.fromkeys(a.tensor for e in einsums for a in (*e.inputs, e.output))
    widths = _widths(graph)
    guessed = [name for name in used if name not in widths]
    tensors = tuple(_tensor(graph, name, constants, widths.get(name, float_bits)) for name in used)
    outputs = tuple(dict.fromkeys(views.get(name, name) for name in graph.outputs))
    taken: tuple[str, ...] = ()
    if guessed:
        few = ", ".join(guessed[:3]) + (", ..." if len(guessed) > 3 else "")
        taken = (f"{len(guessed)} tensors without codes count as {float_bits} bits: {few}",)
    return Workload(graph.name, tensors, tuple(einsums), outputs, assumptions=taken)


def _widths(graph: Graph) -> dict[str, int]:
    """Bits of an element, of every tensor that the graph says it of: integers, and codes."""
    widths = {name: known.dtype.bits for name, known in graph.types.items() if known.is_integer}
    for node in graph.nodes:
        if node.output in widths:
            continue
        read = [widths.get(name) for name in node.inputs]
        known = [bits for bits in read if bits is not None]
        if node.op in _QUANTIZERS:
            widths[node.output] = node.integer("bits")
        elif node.op == "BipolarQuant":
            widths[node.output] = 1
        elif node.op in _KEEP_CODES and known and len(known) == len(read):
            widths[node.output] = max(known)
    return widths | _stored_widths(graph, widths)


def _stored_widths(graph: Graph, widths: Mapping[str, int]) -> dict[str, int]:
    """Bits of real values that only quantizers read, perhaps through operators that work in place.

    The quantizer works where the value is made, so that its codes are what is stored.
    """
    wanted: dict[str, list[int | None]] = {name: [None] for name in graph.outputs}
    found: dict[str, int] = {}
    for node in reversed(graph.nodes):
        bits = None
        if node.op in (*_QUANTIZERS, "BipolarQuant"):
            bits = widths[node.output]
        elif _works_in_place(graph, node) or node.op in _VIEWS:
            needs = wanted.get(node.output, [None])
            known = [need for need in needs if need is not None]
            bits = max(known) if known and len(known) == len(needs) else None
        for name in (name for name in node.inputs if name not in graph.constants):
            wanted.setdefault(name, []).append(bits)
    for name, needs in wanted.items():
        known = [need for need in needs if need is not None]
        if name not in widths and known and len(known) == len(needs):
            found[name] = max(known)
    return found


def _works_in_place(graph: Graph, node: Node) -> bool:
    """Whether :func:`~netwright.workload.fuse` will remove it."""
    map_op, unary, reduce_op = _OPERATORS.get(node.op, ("opaque", (), "none"))
    constants = [name for name in node.inputs if name in graph.constants]
    small = all(is_vector(graph.types[name].shape) for name in constants)
    arithmetic = map_op in ARITHMETIC and reduce_op == "none"
    one = len(node.inputs) - len(constants) == 1
    return bool(unary) or map_op == "normalize" or (arithmetic and small and one)


def _tensor(graph: Graph, name: str, constants: set[str], bits: int) -> Tensor:
    known = graph.types[name]
    kind: TensorKind = "activation"
    if name in constants:
        kind = "weight"
    elif name in graph.inputs:
        kind = "input"
    return Tensor(name, known.shape or (1,), Format(Int(bits)), kind)


def _einsum(graph: Graph, node: Node, views: Mapping[str, str]) -> Einsum:
    map_op, unary, reduce_op = _OPERATORS.get(node.op, ("opaque", (), "none"))
    sources = [_operand(graph, name, views) for name in node.inputs]
    output = _operand(graph, node.output, views)
    if node.op == "Conv":
        source, weight, *more = sources
        windows = _windows(node, weight.shape[2:], node.integers("dilations"))
        group = node.attrs.get("group", 1)
        assert isinstance(group, int)  # the operator's own check
        einsum = convolution(node.name, source, weight, output, windows, groups=group, more=more)
    elif node.op == "MatMul" and min(len(source.shape) for source in sources) > 1:
        einsum = product(node.name, sources[0], sources[1], output, more=sources[2:])
    elif node.op in ("AveragePool", "MaxPool", "SumPool"):
        kernel = node.integers("kernel")
        windows = _windows(node, kernel, (1,) * len(kernel))
        einsum = pooling(node.name, sources[0], output, windows, reduce_op=reduce_op)
    elif reduce_op == "none" and (unary or map_op not in ("opaque", "copy")):
        einsum = pointwise(node.name, sources, output, map_op, unary=unary)
    else:
        einsum = opaque(node.name, sources, output, map_op)
    return replace(einsum, origin=node.origin or node.name)


def _windows(node: Node, taps: tuple[int, ...], dilations: tuple[int, ...]) -> Windows:
    return Windows(taps, node.integers("strides"), node.integers("pads")[: len(taps)], dilations)


def _operand(graph: Graph, name: str, views: Mapping[str, str]) -> Operand:
    stored = views.get(name, name)
    return Operand(stored, graph.types[name].shape or (1,), graph.types[stored].shape or (1,))
