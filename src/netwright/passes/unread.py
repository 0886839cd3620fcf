"""Take out what nothing reads, and ask who reads what."""

from __future__ import annotations

from dataclasses import replace

from netwright.ir import Graph, Node


def without_unread(graph: Graph) -> Graph:
    """The graph without nodes, tensors and constants that no output depends on."""
    needed, kept = set(graph.outputs), list[Node]()
    for node in reversed(graph.nodes):
        if node.output in needed:
            kept.append(node)
            needed.update(node.inputs)
    needed |= set(graph.inputs)
    return replace(
        graph,
        nodes=tuple(reversed(kept)),
        types={name: kind for name, kind in graph.types.items() if name in needed},
        constants={name: value for name, value in graph.constants.items() if name in needed},
    )


def is_inner(graph: Graph, name: str) -> bool:
    """Whether one node alone reads a tensor that a node makes."""
    made = name in graph.producers and name not in graph.outputs
    return made and len(graph.consumers[name]) == 1


def scalar(graph: Graph, name: str) -> float | None:
    """The value of a constant of one number; ``None`` for anything else."""
    values = graph.constants.get(name)
    return float(values.reshape(())) if values is not None and values.size == 1 else None


def split_constant(graph: Graph, node: Node) -> tuple[str, str] | None:
    """The computed operand of a node and its constant one, if it has one of each."""
    if len(node.inputs) != 2:
        return None
    fixed = [name in graph.constants for name in node.inputs]
    if sum(fixed) != 1:
        return None
    place = fixed.index(True)
    return node.inputs[1 - place], node.inputs[place]
