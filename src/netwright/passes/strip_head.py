"""Leave a trailing softmax to the host."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netwright.ir import Graph, Note

_SAID = '{} of "{}" is left to the host'


@dataclass(frozen=True, slots=True)
class StripHead:
    """Remove a Softmax that makes the only output; the graph's `head` remembers it.

    The axis is told where it is not the last one.
    """

    def __call__(self, graph: Graph) -> Graph:
        """The graph that ends in logits, or `graph` itself."""
        last = graph.producers.get(graph.outputs[0]) if len(graph.outputs) == 1 else None
        if last is None or last.op != "Softmax" or graph.consumers[last.output]:
            return graph
        rank = len(graph.types[last.output].shape)
        along = last.integer("axis", -1) % rank
        head = "softmax" if along == rank - 1 else f"softmax on axis {along}"
        types = {name: value for name, value in graph.types.items() if name != last.output}
        return replace(
            graph,
            outputs=last.inputs,
            nodes=tuple(node for node in graph.nodes if node is not last),
            types=types,
            head=head,
            notes=(*graph.notes, Note(last.name, _SAID.format(head, last.inputs[0]))),
        )
