"""Workloads from operator graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netwright.formats import FLOAT, Format, Int, Pattern
from netwright.ir import Graph, Node, TensorType, spec_of
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand, extents_made
from netwright.ir.ops.format_quant import format_of
from netwright.workload.layout import settle
from netwright.workload.view import View
from netwright.workload.widths import all_widths, guessed
from netwright.workload.workload import Tensor, TensorKind, Workload

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
    """What moves nothing, as a view of a stored tensor; ``None`` for what has to be copied."""
    if spec_of(node).category != "view":
        return None
    name = node.inputs[0] if node.inputs else ""
    view = views.get(name) or View.of(name, graph.types[name].shape or (1,))
    if "order" in node.attrs:
        return view.permuted(node.integers("order"))
    if "step" in node.attrs:
        axis = node.integer("axis")
        num = graph.types[node.output].shape[axis]
        return view.cut(axis, node.integer("start"), num, node.integer("step"))
    return view.reshaped(graph.types[node.output].shape or (1,))


def _widths(graph: Graph) -> dict[str, int]:
    """Bits of an element, of every tensor that the graph says it of: integers, and codes."""
    widths = {name: known.dtype.bits for name, known in graph.types.items() if _is_said(known)}
    for node in graph.nodes:
        if node.output in widths:
            continue
        if node.op == "FormatQuant":
            widths[node.output] = format_of(node).bits
        elif spec_of(node).category == "quantizer":
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
    maker = graph.producers.get(name)
    format = known.format if _is_said(known) else Format(Int(bits))
    if maker is not None and maker.op == "FormatQuant":
        format = format_of(maker)
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


def _einsums(graph: Graph, node: Node) -> list[Einsum]:
    sources = [Operand(name, graph.types[name].shape or (1,)) for name in node.inputs]
    output = Operand(node.output, graph.types[node.output].shape or (1,))
    make = spec_of(node).einsums
    assert make is not None  # of a view, too, that may have to be copied
    return [
        replace(einsum, origin=node.origin or node.name) for einsum in make(node, sources, output)
    ]
