"""How much hardware a graph unrolls to, and the refusal of too much."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from netwright.errors import GraphError
from netwright.ir import Graph, Node

MAX_OPERATIONS = 50_000
"""Operations side by side that a design may have unless told otherwise.

An operation is a product with a weight that is not zero, or an element that is added, compared or
requantized. A layer 16-32 with 6-bit weights maps to about nine LUTs for each (the table is in
docs/backends-rtl.md), so this many are some 450 000 LUTs.
"""

ELEMENTS_PER_OPERATION = 20
"""Elements side by side that a design may have for each operation that it may have.

Moves cost no cells, but each of their elements is wires, ports and statements.
"""

MOVES = ("Quantize", "Reshape", "Resize", "Transpose", "Slice", "Concat")
_SHOWN = 5


def operations(node: Node, graph: Graph, *, loadable: bool = False) -> int:
    """Operations of a node when every one has hardware of its own.

    Args:
        node: The node.
        graph: Its graph.
        loadable: Weights that are zero may be loaded with others, so they count, too.
    """
    count = np.size if loadable else np.count_nonzero
    shape = graph.types[node.output].shape[1:]
    if node.op in MOVES:
        return 0
    if node.op == "MatMul":
        return int(count(graph.constants[node.inputs[1]]) * np.prod(shape[:-1]))
    if node.op in ("Conv", "ConvTranspose"):
        reads = node.inputs[0] if node.op == "ConvTranspose" else node.output
        positions = np.prod(graph.types[reads].shape[2:])
        return int(count(graph.constants[node.inputs[1]]) * positions)
    terms = int(np.prod(node.integers("kernel"))) if "kernel" in node.attrs else 1
    return terms * int(np.prod(shape))


def refuse_large(
    graph: Graph,
    counts: Mapping[str, int],
    max_operations: int,
    advice: Callable[[], str],
    *,
    elements: int,
) -> None:
    """Refuse a graph that needs more operations than allowed, or has too many elements.

    Args:
        graph: The graph.
        counts: Operations of every node by its name.
        max_operations: How many are allowed.
        advice: Says what to do instead.
        elements: Elements of tensors that the design has side by side.

    Raises:
        GraphError: There are more; the message names the largest nodes.
    """
    most = ELEMENTS_PER_OPERATION * max_operations
    if elements > most:
        raise GraphError(
            f'graph "{graph.name}" has {elements} elements of tensors side by side; a design of '
            f"max_operations ({max_operations}) has at most {most}",
            hint="split the network or reduce its inputs, or raise max_operations",
        )
    total = sum(counts.values())
    if total <= max_operations:
        return
    largest = sorted(counts.items(), key=lambda item: -item[1])
    named = ", ".join(f"{name} {count}" for name, count in largest[:_SHOWN] if count)
    rest = sum(count for _, count in largest[_SHOWN:])
    others = f", others {rest}" if rest else ""
    raise GraphError(
        f'graph "{graph.name}" needs {total} operations side by side, more than max_operations '
        f"({max_operations}): {named}{others}",
        hint=advice(),
    )
