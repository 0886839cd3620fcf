"""A named batch of real inputs, and the grids on which a graph's inputs are quantized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, GraphError
from netwright.formats import Rounding, holds_integers
from netwright.ir import Graph, Node, is_power_of_two
from netwright.ir.interpret import Values
from netwright.ir.ops.quant import unprepared

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stimulus:
    """A named batch of real inputs.

    Attributes:
        name: What the rows are, for tables.
        inputs: One array (rows, *shape) where the graph has one input, else arrays by input name.
        wanted: Rows that were asked for, where a row is so large that there are fewer; else 0.
    """

    name: str
    inputs: Values
    wanted: int = 0

    def __len__(self) -> int:
        arrays = _arrays(self.inputs)
        lengths = {len(array) if np.ndim(array) else 0 for array in arrays}
        if len(lengths) > 1:
            raise DataError(f'stimulus "{self.name}": inputs must have the same number of rows')
        if any(np.size(array) == 0 for array in arrays):
            return 0
        return lengths.pop() if lengths else 0

    def part(self, rows: slice | Sequence[int]) -> Stimulus:
        """Some of the rows."""
        index = rows if isinstance(rows, slice) else list(rows)
        if isinstance(self.inputs, np.ndarray):
            return Stimulus(self.name, self.inputs[index])
        return Stimulus(self.name, {name: a[index] for name, a in self.inputs.items()})

    def of_integers(self, limits: Mapping[str, tuple[int, int]], graph: Graph) -> Stimulus:
        """The rows with integers where inputs hold those, each different row once.

        Args:
            limits: Smallest and largest value of each input that holds integers.
            graph: The graph; its inputs are those of the rows.
        """
        if not limits or not len(self):
            return self
        arrays = dict(zip(graph.inputs, _arrays(self.inputs), strict=True))
        if isinstance(self.inputs, Mapping):
            arrays = dict(self.inputs)
        for name, (low, high) in limits.items():
            arrays[name] = np.clip(np.rint(arrays[name]), low, high)
        flat = [array.reshape(len(self), -1) for array in arrays.values()]
        _, kept = np.unique(np.concatenate(flat, axis=1), axis=0, return_index=True)
        made = arrays if isinstance(self.inputs, Mapping) else arrays[graph.inputs[0]]
        short = self.wanted if self.wanted > len(self) else 0
        return replace(Stimulus(self.name, made).part(np.sort(kept).tolist()), wanted=short)

    def first(self, rows: int | None) -> Stimulus:
        """The first rows, or all of them; what was wanted is still told."""
        if rows is None or rows >= len(self):
            return self
        return replace(self.part(slice(rows)), wanted=self.wanted or len(self))


def _arrays(inputs: Values) -> list[NDArray[np.floating]]:
    return [inputs] if isinstance(inputs, np.ndarray) else list(inputs.values())


@dataclass(frozen=True)
class InputGrid:
    """The codes that one input quantizer makes, and real values for them.

    Attributes:
        node: The quantizer.
        shape: Shape of the input without the batch axis.
        scale: Real value of one step, shaped to broadcast against (rows, *shape).
        low: Smallest code.
        high: Largest code.
    """

    node: Node
    shape: tuple[int, ...]
    scale: Reals
    low: int
    high: int

    @classmethod
    def of(cls, graph: Graph, node: Node) -> InputGrid:
        """The grid of a Quantize that reads an input of the graph."""
        tensor = graph.types[node.output]
        zero_point = node.integer("zero_point", 0)
        low, high = node.integer("low") - zero_point, node.integer("high") - zero_point
        number = tensor.dtype
        if holds_integers(number) and number.wraps:  # what wraps has ends of its own
            low, high = max(low, number.min), min(high, number.max)
        return cls(node, tensor.shape[1:], tensor.scale_array(), low, high)

    @property
    def size(self) -> int:
        """Values in one row."""
        return int(np.prod(self.shape))

    @property
    def rounding(self) -> Rounding:
        """How the quantizer rounds."""
        return Rounding(self.node.text("rounding"))

    def values(self, codes: NDArray[np.floating]) -> Reals:
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
        }.get(self.rounding)
        exact = all(is_power_of_two(value) for value in self.node.reals("scale"))
        if side is not None and not exact:
            codes = codes + np.where(codes == np.rint(codes), 0.25 * side, 0.0)
        return self.inputs(codes)

    def inputs(self, steps: NDArray[np.floating]) -> Reals:
        """Real inputs, (rows, *shape), so many steps from zero where they are quantized."""
        return np.asarray(unprepared(self.node, steps.reshape(-1, *self.shape) * self.scale))

    @property
    def num_borders(self) -> int:
        """Borders between two codes."""
        return self.high - self.low

    def borders(self, numbers: NDArray[np.int64]) -> Reals:
        """Where code ``low + number`` ends and the next begins, in steps from zero."""
        zero_point = self.node.integer("zero_point", 0)
        below = numbers.astype(np.float64) + (self.low + zero_point)
        match self.rounding:
            case Rounding.FLOOR:
                found = below + 1
            case Rounding.CEIL:
                found = below
            case Rounding.TOWARD_ZERO:
                found = np.where(below >= 0, below + 1, below)
            case Rounding.AWAY_FROM_ZERO:
                found = np.where(below >= 0, below, below + 1)
            case _:
                found = below + 0.5
        return np.asarray(found - zero_point)


@dataclass(frozen=True)
class Layout:
    """All inputs of a graph side by side, each on the grid of one of its quantizers.

    Attributes:
        graph: The graph.
        grids: Grid by input; an input that nothing reads has none.
    """

    graph: Graph
    grids: Mapping[str, InputGrid]

    @cached_property
    def places(self) -> Mapping[str, slice]:
        """Where the values of each input lie in a row."""
        found, start = {}, 0
        for name, grid in self.grids.items():
            found[name] = slice(start, start + grid.size)
            start += grid.size
        return found

    @property
    def size(self) -> int:
        """Values in one row, of all inputs together."""
        return sum(grid.size for grid in self.grids.values())

    def limits(self) -> tuple[Reals, Reals]:
        """Smallest and largest code of every value in a row."""
        low = [np.full(grid.size, float(grid.low)) for grid in self.grids.values()]
        high = [np.full(grid.size, float(grid.high)) for grid in self.grids.values()]
        return np.concatenate(low), np.concatenate(high)

    def values(self, codes: NDArray[np.floating]) -> dict[str, Reals]:
        """Real inputs by name for rows of codes, (rows, size)."""
        return self.complete(
            {name: grid.values(codes[:, self.places[name]]) for name, grid in self.grids.items()},
            len(codes),
        )

    def complete(self, found: Mapping[str, Reals], rows: int) -> dict[str, Reals]:
        """Arrays for every input in the graph's order: zeros where nothing reads it."""
        types = self.graph.types
        return {
            name: found[name] if name in found else np.zeros((rows, *types[name].shape[1:]))
            for name in self.graph.inputs
        }


def layouts(graph: Graph) -> tuple[Layout, ...]:
    """Layouts that together use every input quantizer of the graph.

    There is one for a graph whose inputs are read by one quantizer each.

    Raises:
        GraphError: An input is read by something else than a quantizer, or none is quantized.
    """
    grids: dict[str, list[InputGrid]] = {}
    for name in graph.inputs:
        readers = graph.consumers.get(name, ())
        others = [node.op for node in readers if node.op != "Quantize"]
        if others or name in graph.outputs:
            raise GraphError(
                f'graph "{graph.name}": input "{name}" must be read by Quantize nodes only, not by '
                f"{others[0] if others else 'an output'}",
                hint="lower the graph with netwright.passes.integerize first",
            )
        if readers:
            grids[name] = [InputGrid.of(graph, node) for node in readers]
    if not grids:
        raise GraphError(f'graph "{graph.name}" reads none of its inputs')
    count = max(len(found) for found in grids.values())
    return tuple(
        Layout(graph, {name: found[turn % len(found)] for name, found in grids.items()})
        for turn in range(count)
    )


def joined(
    name: str, graph: Graph, parts: Sequence[Mapping[str, Reals]], *, wanted: int = 0
) -> Stimulus:
    """Batches one after the other, as one stimulus; `wanted` counts if it is more."""
    arrays = {key: np.concatenate([part[key] for part in parts]) for key in graph.inputs}
    made = Stimulus(name, arrays[graph.inputs[0]] if len(arrays) == 1 else arrays)
    return replace(made, wanted=wanted) if wanted > len(made) else made
