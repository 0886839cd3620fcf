"""Workloads from operator graphs."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.ir import Graph, Node
from netwright.workload.einsum import (
    Access,
    Affine,
    Compute,
    Einsum,
    Rank,
    Reduce,
    Tensor,
    TensorKind,
    Workload,
)

_COMPUTES: Mapping[str, tuple[Compute, Reduce]] = {
    "Add": ("add", "none"),
    "AveragePool": ("add", "add"),
    "BatchNormalization": ("normalize", "none"),
    "BipolarQuant": ("activate", "none"),
    "Clip": ("activate", "none"),
    "Concat": ("copy", "none"),
    "Conv": ("multiply", "add"),
    "MatMul": ("multiply", "add"),
    "MaxPool": ("max", "max"),
    "Mul": ("multiply", "none"),
    "Quant": ("activate", "none"),
    "Quantize": ("activate", "none"),
    "Relu": ("activate", "none"),
    "Requantize": ("activate", "none"),
    "Sign": ("activate", "none"),
    "Softmax": ("normalize", "none"),
    "SumPool": ("add", "add"),
    "Transpose": ("copy", "none"),
    "Trunc": ("activate", "none"),
}

_VIEWS = ("Reshape",)

FLOAT_BITS = 8
"""Width of elements of the quantized form, where the graph does not say how codes are stored."""


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
    tensors = tuple(_tensor(graph, name, constants, float_bits) for name in used)
    outputs = tuple(dict.fromkeys(views.get(name, name) for name in graph.outputs))
    return Workload(graph.name, tensors, tuple(einsums), outputs)


def _tensor(graph: Graph, name: str, constants: set[str], float_bits: int) -> Tensor:
    known = graph.types[name]
    bits = known.dtype.bits if known.is_integer else float_bits
    kind: TensorKind = "activation"
    if name in constants:
        kind = "weight"
    elif name in graph.inputs:
        kind = "input"
    return Tensor(name, known.shape or (1,), bits, kind)


def _einsum(graph: Graph, node: Node, views: Mapping[str, str]) -> Einsum:
    compute, reduce = _COMPUTES.get(node.op, ("opaque", "none"))
    sources = [views.get(name, name) for name in node.inputs]
    shape = graph.types[node.output].shape or (1,)
    writes = tuple(Affine(((f"B{i}", 1),)) for i in range(len(shape)))
    ranks = [Rank(f"B{i}", extent) for i, extent in enumerate(shape)]
    whole = [Access(name, (Affine(()),) * len(graph.types[name].shape or (1,))) for name in sources]
    inputs = tuple(whole)
    if node.op == "Conv" and sources[0] == node.inputs[0]:
        inputs, more = _conv(graph, node)
        ranks += more
    return Einsum(
        node.name, tuple(ranks), Access(node.output, writes), inputs, compute, reduce,
        node.origin or node.name,
    )  # fmt: skip


def _conv(graph: Graph, node: Node) -> tuple[tuple[Access, ...], list[Rank]]:
    """Sliding accesses of a convolution over ranks B (batch, channel, extents), C and R."""
    _, depth, *taps = graph.types[node.inputs[1]].shape
    strides, pads = node.integers("strides"), node.integers("pads")
    dilations = node.integers("dilations")
    ranks = [Rank("C", depth), *(Rank(f"R{i}", tap) for i, tap in enumerate(taps))]
    rows = tuple(
        Affine(((f"B{i + 2}", strides[i]), (f"R{i}", dilations[i])), -pads[i])
        for i in range(len(taps))
    )
    source = Access(node.inputs[0], (Affine((("B0", 1),)), Affine((("C", 1),)), *rows))
    axes = ("B1", "C", *(f"R{i}" for i in range(len(taps))))
    weight = Access(node.inputs[1], tuple(Affine(((axis, 1),)) for axis in axes))
    bias = tuple(Access(name, (Affine((("B1", 1),)),)) for name in node.inputs[2:])
    return (source, weight, *bias), ranks
