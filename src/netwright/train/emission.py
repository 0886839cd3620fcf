"""The integer graph while a quantized network writes itself into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.formats import Int, Pattern, smallest_int
from netwright.ir import FLOAT, AttrValue, Graph, Node, TensorType, bounds, check, spec_of
from netwright.train.grid import Grid

_WIDEST = Int(64)
ANYWHERE = Grid(torch.ones((), dtype=torch.float64), None, 0, 0)
"""The grid of nothing."""


@dataclass
class Emission:
    """Collects nodes; says what the operation at hand reads and is called.

    Attributes:
        name: Name of the graph.
        step: Name of the operation at hand.
        origin: Its layer, as a path in the user's module.
        inputs: Tensors that it reads.
        output: The tensor that it makes.
        sources: Where the codes lie that it reads.
        grid: Where the codes lie that it makes.
        readers: How often each tensor of the network is read or returned.
    """

    name: str
    step: str = ""
    origin: str = ""
    inputs: tuple[str, ...] = ()
    output: str = ""
    sources: tuple[Grid, ...] = ()
    grid: Grid = ANYWHERE
    readers: Counter[str] = field(default_factory=Counter)
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)

    def input(self, name: str, shape: Sequence[int]) -> None:
        """Declare an input of real values."""
        self.types[name] = TensorType((1, *shape), FLOAT)

    def node(
        self, op: str, attrs: Mapping[str, AttrValue], *, inputs: tuple[str, ...] | None = None
    ) -> None:
        """Append the node that makes the output; its format is narrowed in the end."""
        inputs = self.inputs if inputs is None else inputs
        self._append(self.step, op, inputs, self.output, attrs, self.grid)

    def helper(
        self,
        suffix: str,
        op: str,
        inputs: tuple[str, ...],
        grid: Grid,
        attrs: Mapping[str, AttrValue],
    ) -> str:
        """Append a node in front of the one that makes the output; returns what it makes."""
        name = f"{self.step}_{suffix}"
        output = f"{name}_out"
        self._append(name, op, inputs, output, attrs, grid)
        return output

    def alias(self) -> None:
        """The output is what is read."""
        self.same[self.output] = self.inputs[0]

    def rescale(self) -> None:
        """The output is what is read, its codes mean other values."""
        (source,) = self.inputs
        if self.readers[source] > 1 or self.types[source].dtype == FLOAT:
            same: dict[str, AttrValue] = {
                "multiplier": (1,),
                "offset": (0,),
                "shift": 0,
                "axis": None,
            }
            ends: dict[str, AttrValue] = {"low": self.grid.low, "high": self.grid.high}
            self.node("Requantize", {**same, **ends, "rounding": "half-even"})
            return
        scale = self.grid.steps()
        axis = None if len(scale) == 1 else self.grid.axis
        made = self.types[source]
        self.types[source] = TensorType(made.shape, made.dtype, scale, axis)
        self.alias()

    def constant(
        self,
        suffix: str,
        values: NDArray[np.int64],
        grid: Grid,
        axis: int | None,
        pattern: Pattern | None = None,
    ) -> str:
        """Add a constant and return its name."""
        name = f"{self.step}_{suffix}"
        dtype = smallest_int(int(values.min()), int(values.max()))
        scale = grid.steps()
        axis = None if len(scale) == 1 else axis
        self.types[name] = TensorType(values.shape, dtype, scale, axis, pattern)
        self.constants[name] = values
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor for one row, with its batch axis."""
        return self.types[name].shape

    def finish(self, inputs: Sequence[str], outputs: Sequence[str], *, head: str) -> Graph:
        """The graph, with the narrowest formats that hold all values."""
        graph = Graph(
            self.name, tuple(inputs), tuple(outputs), tuple(self.nodes), self.types,
            self.constants, head=head,
        )  # fmt: skip
        limits = bounds(graph)
        narrow: Mapping[str, TensorType] = {
            node.output: replace_number(graph.types[node.output], limits[node.output].low,
                                        limits[node.output].high)
            for node in graph.nodes
        }  # fmt: skip
        return check(replace(graph, types={**graph.types, **narrow}))

    def _append(
        self,
        name: str,
        op: str,
        inputs: tuple[str, ...],
        output: str,
        attrs: Mapping[str, AttrValue],
        grid: Grid,
    ) -> None:
        node = Node(name, op, inputs, output, attrs, self.origin or name)
        shape = spec_of(node).shape(node, [self.types[key].shape for key in node.inputs])
        scale = grid.steps()
        axis = None if len(scale) == 1 else grid.axis
        self.types[output] = TensorType(shape, _WIDEST, scale, axis)
        self.nodes.append(node)


def replace_number(tensor: TensorType, low: int, high: int) -> TensorType:
    """The type with the smallest format that holds `low` to `high`."""
    return tensor.with_number(smallest_int(low, high))
