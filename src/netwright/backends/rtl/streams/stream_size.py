"""How much hardware a graph needs in streams, and the reuse factors that make it fit."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from netwright.backends.rtl.reuse import PRODUCTS, Tiling, fitting, tilings
from netwright.backends.rtl.streams.layout import Layout, beat_shape, layouts
from netwright.backends.rtl.unrolled.unrolling import MOVES
from netwright.ir import Graph, Node


def operations(
    graph: Graph, spread_over: Mapping[str, Tiling], *, loadable: bool
) -> dict[str, int]:
    """Operations side by side of every node, by its name.

    An operation is a multiplier, or an element that is added, compared or requantized.
    """
    travels = layouts(graph)
    return {
        node.name: _operations(node, graph, spread_over, travels[node.name], loadable)
        for node in graph.nodes
    }


def elements(graph: Graph) -> int:
    """Elements of tensors that travel side by side, in all beats together."""
    travels = layouts(graph)
    shapes = ((travels[node.name], graph.types[node.output].shape[1:]) for node in graph.nodes)
    return sum(prod(beat_shape(layout, shape)) for layout, shape in shapes)


def advice(graph: Graph, max_operations: int) -> str:
    """What to do with a graph that needs more operations than allowed."""
    shapes = tilings(graph, 1)
    others = operations(graph, shapes, loadable=False)
    rest = sum(count for name, count in others.items() if name not in shapes)
    factors = fitting(graph, max_operations - rest) if shapes else None
    if factors is None:
        return "raise max_operations; no reuse_factor is enough"
    if isinstance(factors, int):
        return f"use --reuse-factor {factors} (reuse_factor={factors}), or raise max_operations"
    options = ",".join(f"{name}={factor}" for name, factor in factors.items())
    inner = ", ".join(f'"{name}": {factor}' for name, factor in factors.items())
    return f"use --reuse-factor {options} (reuse_factor={{{inner}}}), or raise max_operations"


def _operations(
    node: Node,
    graph: Graph,
    spread_over: Mapping[str, Tiling],
    layout: Layout,
    loadable: bool,
) -> int:
    if node.op in PRODUCTS:
        tiling = spread_over[node.name]
        if loadable or tiling.reuse_factor > 1:
            return tiling.multipliers
        return int(np.count_nonzero(graph.constants[node.inputs[1]]))
    if node.op in MOVES:
        return 0
    terms = int(np.prod(node.integers("kernel"))) if "kernel" in node.attrs else 1
    return terms * int(np.prod(beat_shape(layout, graph.types[node.output].shape[1:])))
