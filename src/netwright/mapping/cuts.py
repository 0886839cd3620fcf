"""The fewest bytes that can live while an operator runs: a minimum cut for each operator."""

from __future__ import annotations

from math import gcd

import numpy as np

from netwright.errors import require
from netwright.mapping.precedence import Precedence

SOURCE, SINK = 0, 1


def least_live(precedence: Precedence, step: int, *, enough: int = 0) -> int:
    """Bytes that live at least while an operator runs, in every order, besides its operands.

    What must run before the operator is on one side, what must run after it on the other; what may
    do either chooses its side so that the tensors with users on both sides are small, and nothing
    runs before what it reads from. That is a minimum cut.

    Args:
        precedence: Of a schedule.
        step: The operator.
        enough: Nothing is solved, and what must live anyhow is returned, where even all tensors
            that may live are no more bytes than this.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    schedule = precedence.schedule
    must, may = precedence.lives[step], precedence.may_live[step]
    forced = sum(schedule.sizes[name] for name in must)
    if not may or forced + sum(schedule.sizes[name] for name in may) <= enough:
        return forced
    above, below = precedence.ancestors[step], precedence.descendants[step]
    node: dict[int, int] = {}

    def side(operator: int) -> int:
        """The source, the sink, or a node of its own."""
        if above >> operator & 1:
            return SOURCE
        if below >> operator & 1:
            return SINK
        return node.setdefault(operator, len(node) + 2)

    unit = gcd(*(schedule.sizes[name] for name in may))
    tensors = [({side(user) for user in schedule.uses[name]}, name) for name in may]
    total = 1 + sum(schedule.sizes[name] // unit for name in may)
    edges: list[tuple[int, int, int]] = []
    queue = list(node)
    while queue:
        operator = queue.pop()
        for source in precedence.before[operator]:
            if source not in node and side(source) > SINK:
                queue.append(source)
            edges.append((node[operator], side(source), total))
    count = 2 + len(node)
    for sides, name in tensors:
        before, after = count, count + 1
        count += 2
        edges.append((before, after, schedule.sizes[name] // unit))
        edges += [(user, before, total) for user in sorted(sides)]
        edges += [(after, user, total) for user in sorted(sides)]
    return forced + _minimum_cut(edges, count, total) * unit


def _minimum_cut(edges: list[tuple[int, int, int]], count: int, most: int) -> int:
    sparse = require("scipy.sparse", extra="solve", purpose="the bound of all orders")
    graphs = require("scipy.sparse.csgraph", extra="solve", purpose="the bound of all orders")
    useful = [(a, b, size) for a, b, size in edges if a != b and b != SOURCE and a != SINK]
    rows, columns, sizes = (np.array(part) for part in zip(*useful, strict=True))
    matrix = sparse.coo_array((sizes, (rows, columns)), shape=(count, count)).tocsr()
    if 4 * most >= np.iinfo(np.int32).max:  # the library counts in 32 bits
        return 0
    matrix.data = np.minimum(matrix.data, most)
    return int(graphs.maximum_flow(matrix.astype(np.int32), SOURCE, SINK).flow_value)
