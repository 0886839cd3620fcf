"""Recognize functions of one tensor that are written out, such as GELU by its error function."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netwright.ir import Array, AttrValue, Graph, Node, spec_of
from netwright.ir.ops.function import CURVES
from netwright.passes.unread import is_inner, scalar, without_unread

_STEPS = frozenset({"Add", "Clip", "Div", "Function", "Mul", "Relu"})
_KNOWN = ("gelu", "gelu_tanh", "silu", "hard_swish", "sigmoid", "softplus", "mish", "softsign")
_MOST = 16
"""Most nodes of a function that is written out."""

POINTS: Array = np.concatenate(
    [np.linspace(-12, 12, 2401), np.linspace(-600, 600, 241), np.array([1e-8, -1e-8, 0.0])]
)
"""Where a tree is compared with a known function."""

CLOSE = 2.0**-22
"""Largest difference, relative to 1 or to the value: constants are those of float32."""


@dataclass(frozen=True, slots=True)
class FuseFunctions:
    """Make one ``Function`` of a tree of sums, products and functions of one tensor and numbers.

    Whatever the order of its terms: a tree is GELU, SiLU and so on if it gives the same on
    :data:`POINTS`, but for the precision of its constants.
    """

    def __call__(self, graph: Graph) -> Graph:
        """The graph with functions, or `graph` itself."""
        made: dict[str, Node] = {}
        for node in graph.nodes:
            found = _known(graph, node) if node.op in ("Mul", "Div", "Clip") else None
            if found is not None:
                name, source = found
                attrs: dict[str, AttrValue] = {"name": name, "parameter": (0.0,)}
                made[node.name] = replace(node, op="Function", inputs=(source,), attrs=attrs)
        if not made:
            return graph
        nodes = tuple(made.get(node.name, node) for node in graph.nodes)
        return without_unread(replace(graph, nodes=nodes))


def _known(graph: Graph, top: Node) -> tuple[str, str] | None:
    """The function that a tree is, and the tensor that it is of."""
    if graph.types[top.output].is_integer:
        return None
    leaves, inner = _tree(graph, top)
    if len(leaves) != 1 or len(inner) < 2:
        return None
    (leaf,) = leaves
    if graph.types[leaf].is_integer or graph.types[leaf].shape != graph.types[top.output].shape:
        return None
    values: dict[str, Array] = {leaf: POINTS}
    with np.errstate(all="ignore"):
        for node in inner:
            read = [
                values[name] if name in values else graph.constants[name].reshape(())
                for name in node.inputs
            ]
            values[node.output] = np.asarray(spec_of(node).execute(node, read))
        for name in _KNOWN:
            wanted = CURVES[name](POINTS, 0.0)
            apart = np.abs(values[top.output] - wanted)
            if np.all(apart <= CLOSE * np.maximum(1, np.abs(wanted))):
                return name, leaf
    return None


def _tree(graph: Graph, top: Node) -> tuple[set[str], list[Node]]:
    """Tensors that a tree reads, and its nodes in order; no leaves where it is no such tree."""
    inner, waiting = {top.name}, [top]
    leaves: set[str] = set()
    while waiting:
        node = waiting.pop()
        for name in node.inputs:
            maker = graph.producers.get(name)
            if scalar(graph, name) is not None:
                continue
            if name in graph.constants:
                return set(), []
            within = (
                maker is not None
                and maker.op in _STEPS
                and _of_numbers(graph, maker)
                and _reads_within(graph, name, inner)
            )
            if maker is not None and within and len(inner) < _MOST:
                if maker.name not in inner:
                    inner.add(maker.name)
                    waiting.append(maker)
                leaves.discard(name)
            else:
                leaves.add(name)
    return leaves, [node for node in graph.nodes if node.name in inner]


def _of_numbers(graph: Graph, node: Node) -> bool:
    """Whether the constants that a node reads are one number each."""
    return all(scalar(graph, name) is not None for name in node.inputs if name in graph.constants)


def _reads_within(graph: Graph, name: str, inner: set[str]) -> bool:
    """Whether nothing but the tree reads a tensor."""
    if name in graph.outputs:
        return False
    return is_inner(graph, name) or all(node.name in inner for node in graph.consumers[name])
