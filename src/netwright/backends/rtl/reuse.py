"""Reuse factors: how a product is spread over clocks, and what is accepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import gcd, isqrt

import numpy as np

from netwright.errors import ConfigError
from netwright.ir import Graph, Node, operators
from netwright.ir.ops.transposed import correlation

ReuseFactor = int | Mapping[str, int]
"""One factor for all products, or one for each node by its name (1 where none is given)."""

PRODUCTS = operators("product")


@dataclass(frozen=True, slots=True)
class Tiling:
    """One product with constant weights, spread over clocks.

    The inputs are divided first; where the factor exceeds them, the outputs are, too.

    Attributes:
        groups: Independent products side by side.
        inputs: Terms of every sum.
        outputs: Sums of every group.
        reuse_factor: Clocks for one vector.
    """

    groups: int
    inputs: int
    outputs: int
    reuse_factor: int

    @property
    def steps(self) -> int:
        """Clocks that the terms of one sum are spread over."""
        return gcd(self.reuse_factor, self.inputs)

    @property
    def rounds(self) -> int:
        """Blocks that the outputs are divided into."""
        return self.reuse_factor // self.steps

    @property
    def inputs_per_clock(self) -> int:
        """Terms of every sum that are added in one clock."""
        return self.inputs // self.steps

    @property
    def outputs_per_clock(self) -> int:
        """Sums of every group that are worked on in one clock."""
        return self.outputs // self.rounds

    @property
    def multipliers(self) -> int:
        """Multipliers in hardware."""
        return self.groups * self.inputs_per_clock * self.outputs_per_clock


def accepted(inputs: int, outputs: int) -> tuple[int, ...]:
    """Every reuse factor of a product: a divisor of its inputs times one of its outputs.

    >>> accepted(4, 3)
    (1, 2, 3, 4, 6, 12)
    """
    pairs = {one * other for one in _divisors(inputs) for other in _divisors(outputs)}
    return tuple(sorted(pairs))


def tilings(graph: Graph, reuse_factor: ReuseFactor) -> dict[str, Tiling]:
    """The tiling of every product of a graph, by the name of its node.

    Raises:
        ConfigError: A factor does not fit its node, or a name is not that of a product; the
            message lists every fault.
    """
    nodes = {node.name: node for node in graph.nodes if node.op in PRODUCTS}
    faults = list(_unknown(reuse_factor, nodes))
    made = {}
    for name, node in nodes.items():
        factor = reuse_factor if isinstance(reuse_factor, int) else reuse_factor.get(name, 1)
        tiling = Tiling(*product_shape(node, graph), factor)
        if tiling.inputs % tiling.steps or factor % tiling.steps or tiling.outputs % tiling.rounds:
            faults.append(_misfit(name, tiling))
        made[name] = tiling
    if faults:
        raise ConfigError(faults)
    return made


def product_shape(node: Node, graph: Graph) -> tuple[int, int, int]:
    """Groups of a product, and inputs and outputs of each."""
    if node.op == "MatMul":
        rows, columns = graph.types[node.inputs[1]].shape
        return 1, rows, columns
    weights = correlation(node, graph.constants[node.inputs[1]]).weights
    groups = node.integer("group")
    return groups, int(np.prod(weights.shape[1:])), len(weights) // groups


def reuse_faults(reuse_factor: object) -> Iterator[str]:
    """What is wrong with the option, whatever the graph; one sentence a fault."""
    if isinstance(reuse_factor, Mapping):
        for name, factor in reuse_factor.items():
            if not _is_factor(factor):
                yield f'reuse_factor of "{name}" must be 1 or more, not {factor!r}'
    elif reuse_factor is not None and not _is_factor(reuse_factor):
        yield (
            f"reuse_factor must be 1 or more, such a number for each node, or None, not "
            f"{reuse_factor!r}"
        )


def reuse_factors(graph: Graph, *, multipliers: int) -> ReuseFactor:
    """The smallest reuse factors with which the products of a graph share so many multipliers.

    Args:
        graph: The graph.
        multipliers: Multipliers of all products together, at most.

    Returns:
        One factor where it fits all products, else one for each node.

    Raises:
        ConfigError: No factors are enough.
    """
    found = fitting(graph, multipliers)
    if found is None:
        least = sum(product_shape(n, graph)[0] for n in graph.nodes if n.op in PRODUCTS)
        raise ConfigError(
            f'graph "{graph.name}" needs {least} multipliers or more, one for each group of every '
            f"product, not {multipliers}"
        )
    return found


def fitting(graph: Graph, max_multipliers: int) -> ReuseFactor | None:
    """The smallest reuse factors with which all products need at most so many multipliers.

    Returns:
        One factor where it fits all nodes, else one for each; ``None`` where none is enough.
    """
    shapes = {node.name: product_shape(node, graph) for node in graph.nodes if node.op in PRODUCTS}
    choices = {name: accepted(shape[1], shape[2]) for name, shape in shapes.items()}
    for least in sorted({factor for factors in choices.values() for factor in factors}):
        picked = {
            name: next((factor for factor in factors if factor >= least), factors[-1])
            for name, factors in choices.items()
        }
        total = sum(Tiling(*shapes[name], picked[name]).multipliers for name in picked)
        if total <= max_multipliers:
            return least if set(picked.values()) == {least} else picked
    return None


def _is_factor(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _divisors(number: int) -> list[int]:
    small = [i for i in range(1, isqrt(number) + 1) if number % i == 0]
    return sorted({*small, *(number // i for i in small)})


def _unknown(reuse_factor: ReuseFactor, nodes: Mapping[str, Node]) -> Iterator[str]:
    if isinstance(reuse_factor, Mapping):
        for name in reuse_factor:
            if name not in nodes:
                known = ", ".join(f'"{node}"' for node in nodes) or "none in this graph"
                yield f'reuse_factor names "{name}", which is no product with weights ({known})'


def _misfit(name: str, tiling: Tiling) -> str:
    factor = tiling.reuse_factor
    choices = accepted(tiling.inputs, tiling.outputs)
    below = [choice for choice in choices if choice < factor][-1:]
    above = [choice for choice in choices if choice > factor][:1]
    nearest = " or ".join(str(choice) for choice in below + above)
    return (
        f'reuse_factor of "{name}" must be a divisor of its {tiling.inputs} inputs times one of '
        f"its {tiling.outputs} outputs, such as {nearest}, not {factor}"
    )
