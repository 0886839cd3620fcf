"""Workloads from operator graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from netwright.formats import FLOAT, Format, Int, Pattern
from netwright.ir import Graph, Node, TensorType, spec_of
from netwright.workload.einsum import Einsum, MapOp, ReduceOp, Tensor, TensorKind, Workload
from netwright.workload.functions import UnaryOp
from netwright.workload.layout import settle
from netwright.workload.lower import (
    Operand,
    Windows,
    convolution,
    extents_made,
    opaque,
    pointwise,
    pooling,
    product,
    rescaled,
    softmax_over,
)
from netwright.workload.view import View
from netwright.workload.widths import all_widths, guessed

FLOAT_BITS = 8
"""Width of elements of the quantized form, where the graph does not say how codes are stored."""


def from_graph(graph: Graph, *, float_bits: int = FLOAT_BITS) -> Workload:
    """The Einsums of a graph, one a node; every Einsum remembers its node.

    Reshapes and transpositions are views, which readers absorb at no cost. Nodes on constants alone
    are folded away. Operators that are not affine are ``opaque``: sizes are right, accesses whole.

    Args:
        graph: A checked graph.
        float_bits: Width of elements whose type is real-valued.
    """
    views: dict[str, View] = {}
    constants = set(graph.constants)
    einsums: list[Einsum] = []
    for node in graph.nodes:
        view = _view(graph, node, views)
        is_constant = all(name in constants for name in node.inputs)
        if view is not None:
            views[node.output] = view
        elif not is_constant:
            einsums += _einsums(graph, node)
        if is_constant:
            constants.add(node.output)
    shapes = {name: known.shape or (1,) for name, known in graph.types.items()}
    for einsum in einsums:
        shapes.setdefault(einsum.output.tensor, extents_made(einsum))
    laid = settle(einsums, views, shapes, graph.outputs)
    used = dict.fromkeys(a.tensor for e in laid.einsums for a in (*e.inputs, e.output))
    kinds = {name: _kind(graph, name, constants) for name in used}
    known = {name: bits for name, bits in _widths(graph).items() if name in used}
    widths = all_widths(laid.einsums, kinds, laid.shapes, laid.outputs, known)
    tensors = tuple(
        _tensor(graph, name, widths.get(name, float_bits), kinds[name], laid.shapes[name])
        for name in used
    )
    missing = [name for name in used if name not in widths]
    taken = guessed(missing, 0, float_bits)
    return Workload(graph.name, tensors, laid.einsums, laid.outputs, assumptions=taken)


def _view(graph: Graph, node: Node, views: Mapping[str, View]) -> View | None:
    """What moves nothing, as a view of a stored tensor."""
    name = node.inputs[0] if node.inputs else ""
    view = views.get(name) or View.of(name, graph.types[name].shape or (1,))
    if node.op == "Reshape":
        return view.reshaped(graph.types[node.output].shape or (1,))
    if node.op == "Transpose":
        return view.permuted(node.integers("order"))
    return None


def _widths(graph: Graph) -> dict[str, int]:
    """Bits of an element, of every tensor that the graph says it of: integers, and codes."""
    widths = {name: known.dtype.bits for name, known in graph.types.items() if _is_said(known)}
    for node in graph.nodes:
        if node.output not in widths and spec_of(node).category == "quantizer":
            widths[node.output] = node.integer("bits", 1)  # codes of -1 and +1 have one
    return widths


def _kind(graph: Graph, name: str, constants: set[str]) -> TensorKind:
    if name in constants:
        return "weight"
    return "input" if name in graph.inputs else "activation"


def _tensor(graph: Graph, name: str, bits: int, kind: TensorKind, shape: tuple[int, ...]) -> Tensor:
    """A tensor that is stored under a shape, with the format that the graph says."""
    known = graph.types.get(name)
    if known is None:
        return Tensor(name, shape, Format(Int(bits)), kind)
    format = known.format if _is_said(known) else Format(Int(bits))
    format = replace(format, pattern=_pattern(graph, name))
    return Tensor(name, known.shape or (1,), format, kind).under(shape)


def _is_said(known: TensorType) -> bool:
    """Whether a type says how elements are stored; real values of the quantized form do not."""
    return known.dtype != FLOAT


def _pattern(graph: Graph, name: str) -> Pattern | None:
    """The pattern of a tensor, looked up through its quantizer: codes of 0 are 0, unless signs."""
    maker, own = graph.producers.get(name), graph.types[name].pattern
    quantizes = maker is not None and spec_of(maker).category == "quantizer"
    if own is None and maker is not None and quantizes and maker.op != "BipolarQuant":
        return graph.types[maker.inputs[0]].pattern
    return own


def _work(node: Node) -> tuple[MapOp, tuple[UnaryOp, ...], ReduceOp]:
    """What the operator says that it does at each point."""
    work = spec_of(node).work
    if work is None:
        return "opaque", (), "none"
    map_op, unary = cast(MapOp, work.map_op), cast(tuple[UnaryOp, ...], work.unary)
    return map_op, unary, cast(ReduceOp, work.reduce_op)


def _einsums(graph: Graph, node: Node) -> list[Einsum]:
    map_op, unary, reduce_op = _work(node)
    sources = [Operand(name, graph.types[name].shape or (1,)) for name in node.inputs]
    output = Operand(node.output, graph.types[node.output].shape or (1,))
    if node.op == "Conv":
        source, weight, *more = sources
        windows = _windows(node, weight.shape[2:], node.integers("dilations"))
        group = node.attrs.get("group", 1)
        assert isinstance(group, int)  # the operator's own check
        bias = more[0] if more else None
        made = convolution(node.name, source, weight, output, windows, groups=group, bias=bias)
    elif node.op == "MatMul" and min(len(source.shape) for source in sources[:2]) > 1:
        bias = sources[2] if len(sources) > 2 else None
        made = product(node.name, sources[0], sources[1], output, bias=bias)
    elif node.op in ("AveragePool", "MaxPool", "SumPool"):
        kernel = node.integers("kernel")
        windows = _windows(node, kernel, (1,) * len(kernel))
        made = [pooling(node.name, sources[0], output, windows, reduce_op=reduce_op)]
    elif node.op == "Softmax":
        made = softmax_over(node.name, sources[0], output, (_axis(node, len(output.shape)),))
    elif node.op == "BatchNormalization":
        made = rescaled(node.name, sources[0], output, sources[1], sources[2])
    elif reduce_op == "none" and (unary or map_op not in ("opaque", "copy")):
        made = [pointwise(node.name, sources, output, map_op, unary=unary)]
    else:
        made = [opaque(node.name, sources, output, map_op)]
    return [replace(einsum, origin=node.origin or node.name) for einsum in made]


def _axis(node: Node, rank: int) -> int:
    axis = node.attrs.get("axis", -1)
    assert isinstance(axis, int)  # the operator's own check
    return axis % rank


def _windows(node: Node, taps: tuple[int, ...], dilations: tuple[int, ...]) -> Windows:
    return Windows(taps, node.integers("strides"), node.integers("pads")[: len(taps)], dilations)
