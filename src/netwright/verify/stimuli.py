"""What a design is checked on: corners, ties, borders and random inputs beside the test set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from math import prod

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.formats import Rounding
from netwright.ir import (
    Array,
    Graph,
    Interpreter,
    Node,
    affordable_rows,
    passed_values,
    rows_together,
    spec_of,
)
from netwright.ir.ops.filters import channel_axis
from netwright.ir.row_size import VALUES_TOGETHER, in_groups
from netwright.verify.stimulus import InputGrid, Layout, Reals, Stimulus, joined, layouts

_SEARCHED_ROWS = 8192
_EXTREME_SUMS = 256
_SINGLE_VALUES = 256
_NUM_EDGES = 17
_LARGEST_SEARCHED_INPUT = 1024
_FEWEST_BORDER_ROWS = 16
MAX_RANDOM_ROWS = 10_000_000
"""Most random rows that may be asked for."""

_ENUMERATED = 1 << 20
"""Most values beside borders that are listed; of more they are drawn."""


def corners(graph: Graph) -> Stimulus:
    """Inputs at the edges of the input format.

    All values at the minimum, the maximum, zero, one step beside them, halfway between two codes
    (ties of the input quantizer), far outside the range; then every single value (the first 256 of
    a larger input) at its minimum and its maximum with the others at zero, and with the others at
    the opposite extreme; then, for the weighted sums that read the input, the rows that make the
    sums of up to 256 output channels as large and as small as they can be, so that an accumulator
    one bit too narrow is seen. The last are left out for inputs of more than 1024 values. Several
    inputs are one row of values side by side; where an input is read by several quantizers, each
    has its turn.

    Raises:
        GraphError: An input is not quantized.
    """
    parts, wanted = [], 0
    for layout in layouts(graph):
        singles, sums = _single_positions(layout), _extreme_sums(graph, layout)
        asked = _NUM_EDGES + 4 * len(singles) + len(sums)
        rows = chain(_edges(layout), _single_values(layout, singles), sums)
        flat = np.stack([*islice(rows, affordable_rows(graph, asked))])
        wanted += asked
        parts.append(layout.values(flat))
    return joined("corners", graph, parts, wanted=wanted)


def _edges(layout: Layout) -> Iterator[Reals]:
    """Rows whose every value lies at, beside, between or outside the ends of the codes."""
    low, high = layout.limits()
    zero, even = np.zeros(layout.size), np.arange(layout.size) % 2 == 0
    yield from (low, high, zero)
    yield from (end + step for end, step in ((low, 1), (high, -1), (zero, 1), (zero, -1)))
    yield from (zero + level for level in (0.5, 1.5, -0.5, -1.5))
    yield from (low - 0.5, high + 0.5)
    yield from (2.0 * low - 7, 2.0 * high + 7)
    yield np.where(even, low, high)
    yield np.where(even, high, low)


def _single_positions(layout: Layout) -> list[int]:
    each = max(_SINGLE_VALUES // len(layout.grids), 1)
    places = layout.places.values()
    return [n for place in places for n in range(place.start, min(place.stop, place.start + each))]


def _single_values(layout: Layout, positions: list[int]) -> Iterator[Reals]:
    """Rows of which one value lies at one end of its codes and the others elsewhere."""
    low, high = layout.limits()
    zero = np.zeros(layout.size)
    for position in positions:
        for level, others in ((low, zero), (high, zero), (low, high), (high, low)):
            row = others.copy()
            row[position] = level[position]
            yield row


def _extreme_sums(graph: Graph, layout: Layout) -> list[Reals]:
    size = layout.size
    if size > _LARGEST_SEARCHED_INPUT:
        return []
    low, high = layout.limits()
    rows = []
    for node, unit in _first_sums(graph, layout):
        if size * prod(graph.types[node.output].shape[1:]) > VALUES_TOGETHER:
            continue
        weights = np.asarray(graph.constants[node.inputs[1]], dtype=np.float64)
        made = spec_of(node).execute(node, [unit, weights])
        axis = channel_axis(node, made.ndim)
        response = np.moveaxis(made, axis, 1).reshape(size, made.shape[axis], -1)
        widest = np.abs(response).sum(axis=0).argmax(axis=1)
        for channel, place in enumerate(widest[:_EXTREME_SUMS]):
            column = response[:, channel, place]
            rows += [np.where(column > 0, high, low), np.where(column > 0, low, high)]
    return rows


def _first_sums(graph: Graph, layout: Layout) -> Iterator[tuple[Node, Reals]]:
    """The products that read the input codes, directly or behind operations that only move them.

    Each comes with what it reads when one code after the other is 1 and the others are 0.
    """
    units: dict[str, Reals] = {}
    for name, grid in layout.grids.items():
        ones = np.zeros((layout.size, grid.size))
        ones[layout.places[name]] = np.eye(grid.size)
        units[grid.node.output] = ones.reshape(layout.size, *grid.shape)
    for node in graph.nodes:
        unit = units.get(node.inputs[0]) if node.inputs else None
        if unit is None:
            continue
        if node.op == "Resize" or spec_of(node).category == "view":
            units[node.output] = np.asarray(spec_of(node).execute(node, [unit]))
        elif spec_of(node).category == "product" and node.inputs[1] in graph.constants:
            yield node, unit


def random(graph: Graph, *, rows: int, seed: int = 0) -> Stimulus:
    """Codes drawn uniformly from the whole input format.

    There are fewer rows where each is large; the stimulus tells how many were wanted. Where an
    input is read by several quantizers, each has its share of the rows.

    Raises:
        ConfigError: `rows` is below 1, or above :data:`MAX_RANDOM_ROWS`.
        GraphError: An input is not quantized.
    """
    check_random_rows(rows)
    generator = np.random.default_rng(seed)
    parts = []
    for layout, share in _shares(layouts(graph), affordable_rows(graph, rows)):
        codes = [
            generator.integers(grid.low, grid.high, size=(share, grid.size), endpoint=True)
            for grid in layout.grids.values()
        ]
        parts.append(layout.values(np.concatenate(codes, axis=1).astype(np.float64)))
    return joined("random", graph, parts, wanted=rows)


def check_random_rows(rows: int) -> None:
    """Refuse a number of random rows that is none.

    Raises:
        ConfigError: It is below 1, or above :data:`MAX_RANDOM_ROWS`.
    """
    if rows < 1:
        raise ConfigError(f"rows must be 1 or more, not {rows}")
    if rows > MAX_RANDOM_ROWS:
        raise ConfigError(f"random rows must be at most {MAX_RANDOM_ROWS}, not {rows}")


def _shares(found: tuple[Layout, ...], rows: int) -> Iterator[tuple[Layout, int]]:
    """Layouts with their numbers of rows, `rows` in all."""
    for turn, layout in enumerate(found):
        share = rows // len(found) + (turn < rows % len(found))
        if share:
            yield layout, share


def ties(graph: Graph, *, rows: int = 512, seed: int = 0) -> Stimulus:
    """Random inputs of which each makes some requantizer round a tie that its clamp lets through.

    Rows are searched among 8192 random ones; the result has fewer than `rows` rows, possibly none,
    when ties are rare (wide dyadic multipliers).

    Raises:
        GraphError: An input is not quantized.
    """
    pool = random(graph, rows=rows_together(passed_values(graph), _SEARCHED_ROWS), seed=seed)
    requantizers = [n for n in graph.nodes if n.op == "Requantize" and n.integer("shift") > 0]
    interpreter, hit = Interpreter.of(graph), np.zeros(len(pool), dtype=bool)
    size = {
        node.inputs[0]: len(pool) * prod(graph.types[node.output].shape[1:])
        for node in requantizers
    }
    for group in in_groups(requantizers, lambda node: size[node.inputs[0]]):
        values = interpreter.run(pool.inputs, keep=[node.inputs[0] for node in group])
        for node in group:
            hit |= _rounds_ties(node, values[node.inputs[0]])
    return Stimulus("ties", pool.part(np.flatnonzero(hit)[:rows].tolist()).inputs)


def _rounds_ties(node: Node, values: Array) -> NDArray[np.bool_]:
    """Rows in which a requantizer rounds a tie that its clamp lets through."""
    up, down = (
        spec_of(node).execute(replace(node, attrs={**node.attrs, "rounding": str(mode)}), [values])
        for mode in (Rounding.HALF_UP, Rounding.HALF_DOWN)
    )
    found: NDArray[np.bool_] = (up != down).reshape(len(values), -1).any(axis=1)
    return found  # they part at ties only


def borders(graph: Graph, *, rows: int = 1024, seed: int = 0) -> Stimulus:
    """Values next to every border between two codes of every input quantizer.

    For each border the nearest value that the input's precision holds and its neighbors below and
    above: two steps of float32 to each side, and one of float64 where the quantizer is not defined
    in float32. Borders are spread over the values of a row; where `rows` rows do not hold them all,
    they are drawn, the outermost ones always among them.

    Raises:
        ConfigError: `rows` is below 1.
        GraphError: An input is not quantized.
    """
    if rows < 1:
        raise ConfigError(f"rows must be 1 or more, not {rows}")
    generator = np.random.default_rng(seed)
    parts, asked = [], 0
    for layout, share in _shares(layouts(graph), rows):
        needed = max(-(-_num_neighbors(grid) // grid.size) for grid in layout.grids.values())
        wanted = min(max(needed, _FEWEST_BORDER_ROWS), share)
        asked += wanted
        count = affordable_rows(graph, wanted)
        found = {
            name: _beside_borders(grid, count, generator) for name, grid in layout.grids.items()
        }
        parts.append(layout.complete(found, count))
    return joined("borders", graph, parts, wanted=asked)


_NEIGHBORS: dict[str, tuple[tuple[type[np.floating], int], ...]] = {
    "": (*((np.float32, k) for k in (-1, 0, 1)), *((np.float64, k) for k in (-1, 0, 1))),
    "float16": tuple((np.float16, k) for k in (-2, -1, 0, 1, 2)),
    "float32": tuple((np.float32, k) for k in (-2, -1, 0, 1, 2)),
    "float64": tuple((np.float64, k) for k in (-2, -1, 0, 1, 2)),
}
"""Values beside a border, as steps of a precision, by the precision of the quantizer."""


def _num_neighbors(grid: InputGrid) -> int:
    return max(grid.num_borders, 1) * len(_NEIGHBORS[_precision(grid)])


def _precision(grid: InputGrid) -> str:
    return grid.node.text("precision") if "precision" in grid.node.attrs else ""


def _beside_borders(grid: InputGrid, rows: int, generator: np.random.Generator) -> Reals:
    """Real inputs (rows, *shape) beside the borders of a grid."""
    steps = _NEIGHBORS[_precision(grid)]
    pairs, cells = _num_neighbors(grid), rows * grid.size
    ends = np.unique([*range(len(steps)), *range(pairs - len(steps), pairs)])
    if pairs <= cells:
        drawn = generator.permutation(pairs)
    elif pairs <= _ENUMERATED:
        drawn = np.concatenate([ends, generator.permutation(pairs)])
    else:
        drawn = np.concatenate([ends, generator.integers(pairs, size=cells)])
    chosen = np.resize(drawn[:cells], cells)
    generator.shuffle(chosen)
    at = grid.inputs(grid.borders(chosen // len(steps)))
    kinds = (chosen % len(steps)).reshape(at.shape)
    return np.select(
        [kinds == index for index in range(len(steps))],
        [_moved(at, kind, count) for kind, count in steps],
    )


def _moved(values: Reals, kind: type[np.floating], count: int) -> NDArray[np.float64]:
    """Values moved by `count` steps of a float format, from where they are rounded to it."""
    with np.errstate(over="ignore"):
        moved = values.astype(kind)
        for _ in range(abs(count)):
            moved = np.nextafter(moved, kind(np.copysign(np.inf, count)))
    finite = np.clip(moved, np.finfo(kind).min, np.finfo(kind).max)
    return finite.astype(np.float64)
