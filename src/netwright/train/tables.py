"""Activation functions of quantized networks: one table for all elements of a tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from netwright.ir import Node
from netwright.ir.ops.function import curve
from netwright.train.emission import ANYWHERE, Emission
from netwright.train.grid import Grid
from netwright.train.operations import Quantizing, grid_of
from netwright.train.quantizer import Quantizer

FUNCTIONS: Mapping[str, Callable[[Tensor, float], Tensor]] = {
    "sigmoid": lambda x, _: torch.sigmoid(x),
    "tanh": lambda x, _: torch.tanh(x),
    "gelu": lambda x, _: functional.gelu(x),
    "gelu_tanh": lambda x, _: functional.gelu(x, approximate="tanh"),
    "silu": lambda x, _: functional.silu(x),
    "softplus": lambda x, _: functional.softplus(x),
    "hard_sigmoid": lambda x, _: functional.hardsigmoid(x),
    "hard_swish": lambda x, _: functional.hardswish(x),
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "exp": lambda x, _: torch.exp(x),
    "square": lambda x, _: torch.square(x),
    "absolute": lambda x, _: torch.abs(x),
    "erf": lambda x, _: torch.erf(x),
    "sin": lambda x, _: torch.sin(x),
    "cos": lambda x, _: torch.cos(x),
}
"""What tables hold, by name: functions that are numbers everywhere, of values and a parameter."""


class Table(Quantizing):
    """A function of each code, its results quantized: an entry for every code that may come in.

    Args:
        quantizer: Of what comes out.
        node: The ``Function`` of the float graph.
    """

    def __init__(self, quantizer: Quantizer, node: Node) -> None:
        super().__init__(quantizer)
        self.node = node

    def grid(self, *sources: Grid) -> Grid:
        """The quantizer's."""
        return grid_of(self.quantizer)

    def unquantized(self, *values: Tensor) -> Tensor:
        """The values of the function."""
        function = FUNCTIONS[self.node.text("name")]
        return function(values[0], self.node.reals("parameter")[0])

    def simulate(self, *values: Tensor) -> Tensor:
        """The values of the function, on the grid."""
        return self.quantizer(self.unquantized(*values))

    def entries(self, source: Grid) -> NDArray[np.int64]:
        """The code that comes out for every code that may come in, from the lowest."""
        reads = np.arange(source.low, source.high + 1, dtype=np.float64) * float(source.scale)
        values = torch.from_numpy(curve(self.node, reads)).to(self.quantizer.scale.device)
        return self.quantizer.codes(values).cpu().numpy().astype(np.int64)

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """Entries of the table."""
        (source,) = sources
        entries = torch.from_numpy(self.entries(source)).double().to(codes[0].device)
        return entries[(codes[0] - source.low).long()]

    def emit(self, at: Emission) -> None:
        """A ``Lookup``; of tensors with several axes one by one, as if they were flat."""
        (source,) = at.sources
        entries, shape = self.entries(source), at.shape(at.inputs[0])
        attrs = {"first": source.low}
        if len(shape) == 2:
            tables = np.tile(entries, (shape[1], 1, 1))
            name = at.constant("table", tables, ANYWHERE, None)
            at.node("Lookup", attrs, inputs=(at.inputs[0], name))
            return
        flat = at.helper(
            "flat", "Reshape", at.inputs, source, {"shape": (1, prod(shape[1:]), 1)}
        )  # fmt: skip
        name = at.constant("table", entries.reshape(1, 1, -1), ANYWHERE, None)
        found = at.helper("lookup", "Lookup", (flat, name), at.grid, attrs)
        at.node("Reshape", {"shape": shape}, inputs=(found,))
