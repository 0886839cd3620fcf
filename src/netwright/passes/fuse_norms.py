"""Recognize normalizations that are written out: means, squares, roots and quotients."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netwright.ir import AttrValue, Graph, Node
from netwright.passes.unread import is_inner, scalar, split_constant, without_unread

_ROOTS: dict[tuple[str, float], bool] = {
    ("sqrt", 0.0): False, ("rsqrt", 0.0): True, ("power", 0.5): False, ("power", -0.5): True
}  # fmt: skip
"""Functions that are a square root, and whether they are one over it."""


@dataclass(frozen=True, slots=True)
class FuseNorms:
    """Make ``RMSNormalization`` and ``LayerNormalization`` of what computes them.

    That is ``x * rsqrt(mean(x ** 2) + epsilon)`` and its like over the last axis; then times a gain
    and, where the mean is subtracted, plus an offset.
    """

    def __call__(self, graph: Graph) -> Graph:
        """The graph with normalizations, or `graph` itself."""
        found = {n.name: made for n in graph.nodes if (made := _norm(graph, n)) is not None}
        if not found:
            return graph
        nodes = tuple(found.get(node.name, node) for node in graph.nodes)
        graph = without_unread(replace(graph, nodes=nodes))
        for name in found:
            graph = _with_vectors(graph, name)
        return graph


def _norm(graph: Graph, node: Node) -> Node | None:
    """The normalization that a product or a quotient is."""
    if node.op not in ("Mul", "Div") or graph.types[node.output].is_integer:
        return None
    orders = [node.inputs] if node.op == "Div" else [node.inputs, node.inputs[::-1]]
    for source, factor in orders:
        root = _root(graph, factor, inverse=node.op == "Mul")
        if root is None:
            continue
        mean, epsilon = root
        squared = _squared(graph, _mean_of(graph, mean))
        if squared != source or not 0 <= epsilon < 1e30:
            continue
        attrs: dict[str, AttrValue] = {"epsilon": (epsilon,), "axis": -1}
        centered = _centered(graph, source)
        if centered is not None:
            return replace(node, op="LayerNormalization", inputs=(centered,), attrs=attrs)
        return replace(node, op="RMSNormalization", inputs=(source,), attrs=attrs)
    return None


def _maker(graph: Graph, name: str, *ops: str) -> Node | None:
    node = graph.producers.get(name)
    return node if node is not None and node.op in ops else None


def _function(node: Node) -> tuple[str, float]:
    parameter = node.reals("parameter")[0] if "parameter" in node.attrs else 0.0
    return node.text("name"), parameter


def _root(graph: Graph, name: str, *, inverse: bool) -> tuple[str, float] | None:
    """What a root is of, but for the constant that is added, and that constant."""
    node = graph.producers.get(name)
    if node is None:
        return None
    if node.op == "Div" and scalar(graph, node.inputs[0]) == 1:
        return _root(graph, node.inputs[1], inverse=not inverse)
    if node.op != "Function":
        return None
    if _function(node)[0] == "reciprocal":
        return _root(graph, node.inputs[0], inverse=not inverse)
    if _ROOTS.get(_function(node)) is not inverse:
        return None
    added = _maker(graph, node.inputs[0], "Add")
    parts = None if added is None else split_constant(graph, added)
    if parts is None:
        return node.inputs[0], 0.0
    epsilon = scalar(graph, parts[1])
    return None if epsilon is None else (parts[0], epsilon)


def _mean_of(graph: Graph, name: str) -> str | None:
    """What a tensor is the mean of, over the last axis, which it keeps with extent 1."""
    shape = graph.types[name].shape
    node = _maker(graph, name, "AveragePool", "Reshape")
    while node is not None and node.op == "Reshape":
        node = _maker(graph, node.inputs[0], "AveragePool", "Reshape")
    if node is None:
        return None
    source = node.inputs[0]
    while (view := _maker(graph, source, "Reshape")) is not None:
        source = view.inputs[0]
    own, kernel = graph.types[source].shape, node.integers("kernel")
    rows = graph.types[node.inputs[0]].shape
    count = int(np.prod(kernel))
    whole = kernel == rows[-len(kernel) :] and not any(node.integers("pads"))
    return source if whole and own[-1] == count and shape == (*own[:-1], 1) else None


def _squared(graph: Graph, name: str | None) -> str | None:
    """What a tensor is the square of."""
    node = None if name is None else graph.producers.get(name)
    if node is None:
        return None
    if node.op == "Mul" and node.inputs[0] == node.inputs[1]:
        return node.inputs[0]
    if node.op == "Function" and _function(node) in (("square", 0.0), ("power", 2.0)):
        return node.inputs[0]
    return None


def _centered(graph: Graph, name: str) -> str | None:
    """The tensor of which another is the difference to its own mean."""
    node = _maker(graph, name, "Add")
    if node is None:
        return None
    for source, other in (node.inputs, node.inputs[::-1]):
        minus = _maker(graph, other, "Mul")
        parts = None if minus is None else split_constant(graph, minus)
        if parts is None or scalar(graph, parts[1]) != -1:
            continue
        if _mean_of(graph, parts[0]) == source:
            return source
    return None


def _with_vectors(graph: Graph, name: str) -> Graph:
    """Take the gain behind a normalization into it, and the offset."""
    for op, most in (("Mul", 1), ("Add", 2)):
        node = graph.node(name)
        if len(node.inputs) != most or not is_inner(graph, node.output):
            continue
        (reader,) = graph.consumers[node.output]
        parts = split_constant(graph, reader) if reader.op == op else None
        if parts is None or (op == "Add" and node.op == "RMSNormalization"):
            continue
        values, features = graph.constants[parts[1]], graph.types[node.output].shape[-1]
        if values.size not in (1, features) or values.shape[-1:] not in ((features,), (1,), ()):
            continue
        vector = f"{reader.name}_vector"
        if (
            vector in graph.types
            or graph.types[reader.output].shape != graph.types[node.output].shape
        ):
            continue
        array = np.broadcast_to(values.reshape(-1), (features,)).astype(np.float64)
        changed = replace(node, inputs=(*node.inputs, vector), output=reader.output)
        nodes = [
            changed if other is node else other for other in graph.nodes if other is not reader
        ]
        kind = replace(graph.types[node.output], shape=(features,))
        graph = without_unread(replace(
            graph, nodes=tuple(nodes), types={**graph.types, vector: kind},
            constants={**graph.constants, vector: array},
        ))  # fmt: skip
    return graph
