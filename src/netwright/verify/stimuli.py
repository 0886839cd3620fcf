"""What a design is checked on: corner inputs, ties and random inputs beside the test set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.dtypes import Int, Rounding
from netwright.errors import ConfigError, GraphError
from netwright.ir import Graph, Interpreter, Node, is_power_of_two, spec_of
from netwright.ir.ops.quant import unprepared

_SEARCHED_ROWS = 8192
_EXTREME_SUMS = 256
_SINGLE_VALUES = 256
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


@dataclass(frozen=True)
class _Grid:
    """The codes that the input quantizer makes, and real values for them."""

    node: Node
    shape: tuple[int, ...]
    scale: NDArray[np.float64]
    low: int
    high: int

    @classmethod
    def of(cls, graph: Graph) -> _Grid:
        node = input_quantizer(graph)
        tensor = graph.types[node.output]
        zero_point = node.integer("zero_point", 0)
        low, high = node.integer("low") - zero_point, node.integer("high") - zero_point
        if isinstance(tensor.dtype, Int):  # of a format that wraps: its own ends
            low, high = max(low, tensor.dtype.min), min(high, tensor.dtype.max)
        return cls(node, tensor.shape[1:], tensor.scale_array(), low, high)

    def values(self, codes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Real inputs, (rows, *shape), that the quantizer turns into whole `codes`.

        A product with a scale that is no power of two may lie beside the grid point, where the
        modes that do not round to nearest would give the code next to it: for them the value is
        moved by a quarter of a step to the side from which it is rounded.
        """
        side = {
            Rounding.FLOOR: np.ones_like(codes),
            Rounding.CEIL: -np.ones_like(codes),
            Rounding.TOWARD_ZERO: np.sign(codes),
            Rounding.AWAY_FROM_ZERO: -np.sign(codes),
        }.get(Rounding(self.node.text("rounding")))
        exact = all(is_power_of_two(value) for value in self.node.reals("scale"))
        if side is not None and not exact:
            codes = codes + np.where(codes == np.rint(codes), 0.25 * side, 0.0)
        return unprepared(self.node, codes.reshape(-1, *self.shape) * self.scale)


def corners(graph: Graph) -> Stimulus:
    """Inputs at the edges of the input format.

    All values at the minimum, the maximum, zero, one step beside them, halfway between two codes
    (ties of the input quantizer), far outside the range; then every single value (the first 256 of
    a larger input) at its minimum and its maximum with the others at zero, and with the others at
    the opposite extreme; then, for the weighted sums that read the input, the rows that make the
    sums of up to 256 output channels as large and as small as they can be, so that an accumulator
    one bit too narrow is seen. The last are left out for inputs of more than 1024 values.
    """
    grid = _Grid.of(graph)
    low, high, size = grid.low, grid.high, int(np.prod(grid.shape))
    levels = [low, high, 0, low + 1, high - 1, 1, -1, 0.5, 1.5, -0.5, -1.5, low - 0.5, high + 0.5]
    levels += [2.0 * low - 7, 2.0 * high + 7]
    flat = [np.full(size, float(level)) for level in levels]
    alternating = np.where(np.arange(size) % 2 == 0, float(low), float(high))
    flat += [alternating, alternating[::-1]]
    for position in range(min(size, _SINGLE_VALUES)):
        for level, others in ((low, 0), (high, 0), (low, high), (high, low)):
            row = np.full(size, float(others))
            row[position] = level
            flat.append(row)
    flat += _extreme_sums(graph, grid, size)
    return Stimulus("corners", grid.values(np.stack(flat)))


def _extreme_sums(graph: Graph, grid: _Grid, size: int) -> list[NDArray[np.float64]]:
    if size > _LARGEST_SEARCHED_INPUT:
        return []
    rows = []
    for node, unit in _first_sums(graph, grid, size):
        weights = np.asarray(graph.constants[node.inputs[1]], dtype=np.float64)
        made = spec_of(node).execute(node, [unit, weights])
        channel_axis = 1 if node.op == "Conv" else made.ndim - 1
        response = np.moveaxis(made, channel_axis, 1).reshape(size, made.shape[channel_axis], -1)
        widest = np.abs(response).sum(axis=0).argmax(axis=1)
        for channel, place in enumerate(widest[:_EXTREME_SUMS]):
            column = response[:, channel, place]
            rows += [
                np.where(column > 0, float(grid.high), float(grid.low)),
                np.where(column > 0, float(grid.low), float(grid.high)),
            ]
    return rows


def _first_sums(graph: Graph, grid: _Grid, size: int) -> Iterator[tuple[Node, NDArray[np.float64]]]:
    """The products that read the input codes, directly or behind operations that only move them.

    Each comes with what it reads when one code after the other is 1 and the others are 0.
    """
    units = {grid.node.output: np.eye(size).reshape(size, *grid.shape)}
    for node in graph.nodes:
        unit = units.get(node.inputs[0])
        if unit is None:
            continue
        if node.op in ("Reshape", "Transpose"):
            units[node.output] = np.asarray(spec_of(node).execute(node, [unit]))
        elif node.op in ("MatMul", "Conv") and node.inputs[1] in graph.constants:
            yield node, unit


def random(graph: Graph, *, rows: int, seed: int = 0) -> Stimulus:
    """Codes drawn uniformly from the whole input format.

    Raises:
        ConfigError: `rows` is below 1.
    """
    if rows < 1:
        raise ConfigError(f"rows must be 1 or more, not {rows}")
    grid = _Grid.of(graph)
    generator = np.random.default_rng(seed)
    codes = generator.integers(grid.low, grid.high, size=(rows, *grid.shape), endpoint=True)
    return Stimulus("random", grid.values(codes.astype(np.float64)))


def ties(graph: Graph, *, rows: int = 512, seed: int = 0) -> Stimulus:
    """Random inputs of which each makes some requantizer round a tie that its clamp lets through.

    Rows are searched among 8192 random ones; the result has fewer than `rows` rows, possibly none,
    when ties are rare (wide dyadic multipliers).
    """
    pool = random(graph, rows=_SEARCHED_ROWS, seed=seed).inputs
    requantizers = [n for n in graph.nodes if n.op == "Requantize" and n.integer("shift") > 0]
    values = Interpreter.of(graph).run(pool, keep=[node.inputs[0] for node in requantizers])
    hit = np.zeros(len(pool), dtype=bool)
    for node in requantizers:
        up, down = (
            spec_of(node).execute(
                replace(node, attrs={**node.attrs, "rounding": str(mode)}), [values[node.inputs[0]]]
            )
            for mode in (Rounding.HALF_UP, Rounding.HALF_DOWN)
        )
        hit |= (up != down).reshape(len(pool), -1).any(axis=1)  # they part at ties only
    return Stimulus("ties", pool[hit][:rows])
