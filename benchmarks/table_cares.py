"""What a network of tables leaves to choose: entries that nothing looks up, equal functions.

Usage: python -m benchmarks.table_cares GRAPH.npz

The graph is that of the stage ``tables`` of a run. A code that no sum of a layer can have, whatever
its tables give, is an entry that the next layer's tables may choose freely; a function that another
one of the same code equals up to a constant needs no table of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from netwright import ir
from netwright.ir import Graph, Node

Codes = list[set[int]]
"""The codes that each element of a tensor can have."""


def cares(graph: Graph) -> tuple[tuple[str, int, int, int, int], ...]:
    """Of each layer of tables: its name, functions, distinct ones, entries, entries that count.

    Args:
        graph: Integer form: ``Quantize``, then ``Lookup``, ``MatMul`` with zeros and ones, and
            ``Requantize`` in any order.

    Raises:
        SystemExit: It holds another operator.
    """
    found, codes = [], {}
    ones = {node.inputs[0]: graph.constants[node.inputs[1]] for node in of(graph, "MatMul")}
    for node in graph.nodes:
        if node.op == "Quantize":
            every = set(range(node.attrs["low"], node.attrs["high"] + 1))
            codes[node.output] = [every] * int(np.prod(graph.types[node.output].shape))
        elif node.op == "Lookup":
            tables = graph.constants[node.inputs[1]]
            read = codes[node.inputs[0]]
            used = kept(node, tables, ones)
            codes[node.output] = [
                {int(tables[i, j, code - node.attrs["first"]]) for code in read[i]}
                if used[i, j] else {0}
                for i in range(tables.shape[0])
                for j in range(tables.shape[1])
            ]  # fmt: skip
            found.append((node.name, *counted(tables, read, used, node.attrs["first"])))
        elif node.op == "MatMul":
            codes[node.output] = sums(codes[node.inputs[0]], graph.constants[node.inputs[1]])
        elif node.op == "Requantize":
            codes[node.output] = [requantized(node, each) for each in codes[node.inputs[0]]]
        else:
            raise SystemExit(f"{node.name}: {node.op} is no part of a network of tables")
    return tuple(found)


def of(graph: Graph, op: str) -> list[Node]:
    return [node for node in graph.nodes if node.op == op]


def kept(
    node: Node, tables: NDArray[np.int64], ones: dict[str, NDArray[np.int64]]
) -> NDArray[np.bool_]:
    """Which functions some sum reads; all where no sum follows."""
    if node.output not in ones:
        return np.ones(tables.shape[:2], bool)
    return ones[node.output].any(axis=1).reshape(tables.shape[:2])


def counted(
    tables: NDArray[np.int64], read: Codes, used: NDArray[np.bool_], first: int
) -> tuple[int, int, int, int]:
    """Functions, distinct ones up to a constant where they count, entries, those that count."""
    distinct = 0
    for i, codes in enumerate(read):
        places = np.array(sorted(codes)) - first
        own = tables[i][used[i]][:, places]
        distinct += len({tuple(row - row[0]) for row in own})
    each = used.sum(axis=1)
    count = sum(int(n) * len(codes) for n, codes in zip(each, read, strict=True))
    return int(used.sum()), distinct, int(used.sum()) * tables.shape[2], count


def sums(terms: Codes, ones: NDArray[np.int64]) -> Codes:
    """Every sum that terms could have if they were independent: at least those that they have."""
    found = []
    for column in ones.T:
        reached = {0}
        for term in np.flatnonzero(column):
            reached = {a + b for a in reached for b in terms[term]}
        found.append(reached)
    return found


def requantized(node: Node, codes: set[int]) -> set[int]:
    a = node.attrs
    if a["multiplier"] != (1,) or a["rounding"] != "floor":
        raise SystemExit(f"{node.name}: not a shift that rounds down")
    return {max(a["low"], min(a["high"], (code + a["offset"][0]) >> a["shift"])) for code in codes}


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    table = Table("layer", "functions", "distinct", "entries", "that a row may look up")
    for name, *figures in cares(ir.load(Path(sys.argv[1]))):
        table.add_row(name, *map(str, figures))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
