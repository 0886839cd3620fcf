"""A graph some of whose nodes are replaced by others."""

from __future__ import annotations

from dataclasses import replace

from netwright.ir import Graph, Node, TensorType
from netwright.ir.names import Names
from netwright.passes.carried import Reals


class Replacing:
    """What becomes of a graph while nodes of it are replaced.

    Attributes:
        graph: The graph as it was.
        names: Names that are taken.
        types: Of all tensors, new ones included.
        constants: Of the graph, new ones included.
        made: What stands in the place of a node, by its name.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = Names({*graph.types, *(node.name for node in graph.nodes)})
        self.types = dict(graph.types)
        self.constants = dict(graph.constants)
        self.made: dict[str, list[Node]] = {}

    def tensor(self, wanted: str, shape: tuple[int, ...]) -> str:
        """A new tensor of real values, called `wanted` or after it."""
        name = self.names.fresh(wanted)
        self.types[name] = TensorType(shape)
        return name

    def constant(self, wanted: str, values: Reals) -> str:
        """A new constant, called `wanted` or after it."""
        name = self.tensor(wanted, values.shape)
        self.constants[name] = values
        return name

    def whole(self) -> Graph:
        """The graph with everything that was replaced; itself where nothing was."""
        if not self.made:
            return self.graph
        nodes = [made for node in self.graph.nodes for made in self.made.get(node.name, [node])]
        return replace(self.graph, nodes=tuple(nodes), types=self.types, constants=self.constants)
