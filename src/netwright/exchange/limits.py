"""What a model file may ask for, in one place, checked before anything is allocated.

A file of some hundred bytes can declare, broadcast, repeat or compute its way to any amount of
memory. The limits leave room for every network that hardware here could hold. They bound what a
row needs; results of many rows are held on top of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netwright.errors import GraphError
from netwright.ir import Graph, Node, held_values, spec_of

MAX_FILE_BYTES = 1 << 30
"""Bytes of a file, and of one with external data."""

MAX_NODES = 100_000
"""Nodes of a file whose costs are estimated."""

MAX_EXECUTED_NODES = 10_000
"""Nodes of a file that is made integer: qonnx takes milliseconds for each node of every row."""

MAX_TENSOR_VALUES = 1 << 27
"""Values of a constant that a file stores."""

MAX_STORED_VALUES = 1 << 28
"""Values of all constants that a file stores, external data included."""

MAX_COMPUTED_VALUES = 1 << 23
"""Values of a constant that is computed from others."""

MAX_ALL_COMPUTED_VALUES = 1 << 26
"""Values of all constants that are computed from others."""

MAX_ROW_VALUES = 1 << 28
"""Values of all tensors together that one row of inputs goes through, which bounds its time."""

MAX_HELD_VALUES = 1 << 24
"""Values of one row that are held at once, each until its last reader, which bounds its memory.

Whatever executes a file or a graph here frees what is read no more, and holds a value in 4 or 8
bytes, a few times where outputs are compared.
"""

MAX_ROW_STEPS = 1 << 36
"""Multiplications of one row of inputs, and values that its windows look at."""


class Budget:
    """Counts what a file has asked for so far.

    Args:
        what: What is counted, as in ``"the activations of one row"``.
        most: How many values there may be.
    """

    def __init__(self, what: str, most: int) -> None:
        self.what = what
        self.most = most
        self.spent = 0

    def spend(self, values: int, *, node: str | None = None) -> None:
        """Count some more values.

        Raises:
            GraphError: There are too many now.
        """
        self.spent += values
        if self.spent > self.most:
            raise GraphError(
                f"{self.what} have more than {self.most} values",
                node=node,
                hint="no hardware here holds so many; split the network or reduce its inputs",
            )

    def spend_shape(self, shape: tuple[int, ...], *, node: str | None = None) -> None:
        """Count a tensor of this shape; see :meth:`spend`."""
        count: int = prod(shape)
        self.spend(count, node=node)


class RowBudget:
    """Counts what one row of inputs asks for, while a graph is made."""

    def __init__(self) -> None:
        self._passed = Budget("the tensors that a row goes through", MAX_ROW_VALUES)
        self._steps = Budget("the products and windows of a row", MAX_ROW_STEPS)

    def spend_input(self, shape: tuple[int, ...]) -> None:
        """Count an input of this shape, without its batch axis; see :meth:`Budget.spend`."""
        self._passed.spend_shape(shape)

    def spend(self, node: Node, shapes: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> None:
        """Count what a node makes, what it looks at, and what padding makes of its input.

        Args:
            node: The node.
            shapes: Shapes of what it reads.
            shape: Shape of what it makes.

        Raises:
            GraphError: It is too much.
        """
        self._passed.spend_shape(shape[1:], node=node.origin)
        kernel = node.integers("kernel") if "kernel" in node.attrs else ()
        steps = spec_of(node).macs(node, shapes) or prod((*kernel, *shape[1:]))
        self._steps.spend(steps, node=node.origin)
        if "pads" in node.attrs:
            pads, source = node.integers("pads"), shapes[0]
            rank = len(pads) // 2
            padded = (n + pads[axis] + pads[axis + rank] for axis, n in enumerate(source[-rank:]))
            budget = Budget("the padded inputs of a node", MAX_HELD_VALUES)
            budget.spend_shape((*source[1:-rank], *padded), node=node.origin)


def check_row(graph: Graph) -> Graph:
    """Return `graph` if a row of its inputs fits the memory, and needs no unreasonable time.

    Raises:
        GraphError: It does not.
    """
    row = RowBudget()
    for name in graph.inputs:
        row.spend_input(graph.types[name].shape[1:])
    for node in graph.nodes:
        shapes = [graph.types[source].shape for source in node.inputs]
        row.spend(node, shapes, graph.types[node.output].shape)
    Budget("the tensors of a row that are held at once", MAX_HELD_VALUES).spend(held_values(graph))
    return graph
