"""What a design is checked on: corner inputs, ties and random inputs beside the test set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, GraphError
from netwright.ir import Graph, Interpreter, Node, spec_of

_SEARCHED_ROWS = 8192
_EXTREME_SUMS = 256
_LARGEST_SEARCHED_INPUT = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Stimulus:
    """A named batch of real inputs, (rows, *shape)."""

    name: str
    inputs: NDArray[np.float64]


def input_quantizer(graph: Graph) -> Node:
    """The node that quantizes the graph's one input.

    Raises:
        GraphError: The graph has several inputs, or its input is not quantized first.
    """
    readers = graph.consumers.get(graph.inputs[0], ()) if len(graph.inputs) == 1 else ()
    if len(readers) != 1 or readers[0].op != "Quantize":
        raise GraphError(
            f'graph "{graph.name}" must have one input that is read by one Quantize node',
            hint="lower the graph with netwright.passes.integerize first",
        )
    return readers[0]


def _grid(graph: Graph) -> tuple[Node, tuple[int, ...], NDArray[np.float64], int, int]:
    node = input_quantizer(graph)
    tensor = graph.types[node.output]
    zero_point = node.integer("zero_point", 0)
    low, high = node.integer("low") - zero_point, node.integer("high") - zero_point
    return node, tensor.shape[1:], tensor.scale_array(), low, high


def corners(graph: Graph) -> Stimulus:
    """Inputs at the edges of the input format.

    All values at the minimum, the maximum, zero, one step beside them, halfway between two codes
    (ties of the input quantizer), far outside the range; then every single value at its minimum and
    its maximum with the others at zero, and with the others at the opposite extreme; then, for the
    weighted sums that read the input, the rows that make each sum as large and as small as it can
    be, so that an accumulator one bit too narrow is seen.
    """
    _, shape, scale, low, high = _grid(graph)
    size = int(np.prod(shape))
    levels = [low, high, 0, low + 1, high - 1, 1, -1, 0.5, 1.5, -0.5, -1.5, low - 0.5, high + 0.5]
    levels += [2.0 * low - 7, 2.0 * high + 7]
    flat = [np.full(size, float(level)) for level in levels]
    alternating = np.where(np.arange(size) % 2 == 0, float(low), float(high))
    flat += [alternating, alternating[::-1]]
    for position in range(min(size, 256)):
        for level, others in ((low, 0), (high, 0), (low, high), (high, low)):
            row = np.full(size, float(others))
            row[position] = level
            flat.append(row)
    flat += _extreme_sums(graph, size, shape, low, high)
    return Stimulus("corners", np.stack(flat).reshape(-1, *shape) * scale)


def _extreme_sums(
    graph: Graph, size: int, shape: tuple[int, ...], low: int, high: int
) -> list[NDArray[np.float64]]:
    if size > _LARGEST_SEARCHED_INPUT:
        return []
    rows = []
    for node in graph.consumers[input_quantizer(graph).output]:
        if node.op not in ("MatMul", "Conv"):
            continue
        weights = np.asarray(graph.constants[node.inputs[1]], dtype=np.float64)
        unit = np.eye(size).reshape(size, *shape)
        response = spec_of(node).execute(node, [unit, weights]).reshape(size, -1)
        for column in response.T[:_EXTREME_SUMS]:
            rows += [np.where(column > 0, high, low) * 1.0, np.where(column > 0, low, high) * 1.0]
    return rows


def random(graph: Graph, *, rows: int, seed: int = 0) -> Stimulus:
    """Codes drawn uniformly from the whole input format.

    Raises:
        ConfigError: `rows` is below 1.
    """
    if rows < 1:
        raise ConfigError(f"rows must be 1 or more, not {rows}")
    _, shape, scale, low, high = _grid(graph)
    generator = np.random.default_rng(seed)
    codes = generator.integers(low, high, size=(rows, *shape), endpoint=True)
    return Stimulus("random", codes * scale)


def ties(graph: Graph, *, rows: int = 512, seed: int = 0) -> Stimulus:
    """Random inputs of which each makes some requantizer round an exact tie.

    Rows are searched among 8192 random ones; the result has fewer than `rows` rows, possibly none,
    when ties are rare (wide dyadic multipliers).
    """
    pool = random(graph, rows=_SEARCHED_ROWS, seed=seed).inputs
    requantizers = [n for n in graph.nodes if n.op == "Requantize" and n.integer("shift") > 0]
    values = Interpreter.of(graph).run(pool, keep=[node.inputs[0] for node in requantizers])
    hit = np.zeros(len(pool), dtype=bool)
    for node in requantizers:
        sums = values[node.inputs[0]].astype(object)
        shape = [-1 if i == node.axis() else 1 for i in range(sums.ndim)]
        factors = np.array(node.integers("multiplier"), dtype=object)
        offsets = np.array(node.integers("offset"), dtype=object)
        if node.axis() is not None:
            factors, offsets = factors.reshape(shape), offsets.reshape(shape)
        shift = node.integer("shift")
        rest = (sums * factors + offsets) % (1 << shift)
        hit |= (rest == 1 << (shift - 1)).reshape(len(pool), -1).any(axis=1)
    return Stimulus("ties", pool[hit][:rows])
