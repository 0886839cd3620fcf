"""Evaluate what does not depend on the input, and drop what does nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.ir import Graph, Node, TensorType, spec_of

_KEPT = frozenset({"Quant", "BipolarQuant", "FormatQuant"})
"""Quantizers of constants stay: integerization needs their codes."""

_NEUTRAL = {"Mul": 1.0, "Add": 0.0}


@dataclass(frozen=True, slots=True)
class FoldConstants:
    """Evaluate nodes that read constants only, quantizers excepted, and drop neutral nodes.

    Neutral are products with 1, sums with 0, reshapes and transposes that change nothing, and
    concatenations of one tensor. Quantized form only; an integer graph comes back as it is.
    """

    def __call__(self, graph: Graph) -> Graph:
        """The smaller graph, or `graph` itself."""
        if graph.is_integer:
            return graph
        constants = dict(graph.constants)
        renamed: dict[str, str] = {}
        nodes: list[Node] = []
        for node in graph.nodes:
            inputs = tuple(renamed.get(name, name) for name in node.inputs)
            node = node if inputs == node.inputs else replace(node, inputs=inputs)
            if node.op not in _KEPT and all(name in constants for name in inputs):
                values = [constants[name] for name in inputs]
                constants[node.output] = np.asarray(spec_of(node).execute(node, values))
                continue
            kept = _kept_input(node, constants, graph)
            if kept is None or node.output in graph.outputs:
                nodes.append(node)
            else:
                renamed[node.output] = kept
        if len(nodes) == len(graph.nodes):
            return graph
        return _without_leftovers(replace(graph, nodes=tuple(nodes), constants=constants))


def _kept_input(
    node: Node, constants: dict[str, NDArray[np.float64] | NDArray[np.int64]], graph: Graph
) -> str | None:
    """The input that equals the node's output, if there is one."""
    source, result = graph.types[node.inputs[0]].shape, graph.types[node.output].shape
    match node.op:
        case "Reshape" if source == result:
            return node.inputs[0]
        case "Transpose" if node.integers("order") == tuple(range(len(source))):
            return node.inputs[0]
        case "Slice" if source == result:
            return node.inputs[0]
        case "Concat" if len(node.inputs) == 1:
            return node.inputs[0]
        case "Mul" | "Add":
            for data, other in (node.inputs, node.inputs[::-1]):
                value = constants.get(other)
                same = value is not None and bool(np.all(value == _NEUTRAL[node.op]))
                if same and graph.types[data].shape == result:
                    return data
    return None


def _without_leftovers(graph: Graph) -> Graph:
    """Drop constants and types that nothing uses any more."""
    used = {*graph.inputs, *graph.outputs}
    for node in graph.nodes:
        used.update((*node.inputs, node.output))
    constants = {name: value for name, value in graph.constants.items() if name in used}
    types = {name: value for name, value in graph.types.items() if name in used}
    for name, value in constants.items():
        types.setdefault(name, TensorType(value.shape))
    return replace(graph, constants=constants, types=types)
