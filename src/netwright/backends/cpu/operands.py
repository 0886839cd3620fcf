"""What the products of a graph multiply: weights and formats, as the kernels want them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from netwright.formats import Format, Int
from netwright.ir import Array, Bounds, Graph, Node
from netwright.ir.ops.format_quant import format_of
from netwright.kernels.table_rows import takes_scaled


@dataclass(frozen=True, slots=True)
class Window(Int):
    """Integers that lie in an interval, as codes with a zero point do once it is subtracted.

    Attributes:
        low: Smallest code.
        high: Largest code.
    """

    low: int = 0
    high: int = 0

    @property
    def min(self) -> int:
        """Smallest code."""
        return self.low

    @property
    def max(self) -> int:
        """Largest code."""
        return self.high


@dataclass(frozen=True, slots=True)
class Operands:
    """The operands of a product with constant weights.

    Attributes:
        constant: The constant tensor that the weights come from.
        source: The tensor whose values are multiplied with them.
        kinds: Formats of weights and of inputs.
        divisor: What real weights are divided by before their kernel codes them, and what their
            sums are multiplied with; ``None`` where the weights are taken as they are.
        step: The same of the inputs.
    """

    constant: str
    source: str
    kinds: tuple[Format, Format]
    divisor: Array | None = None
    step: float = 1.0

    def weights(self, graph: Graph) -> Array:
        """The weights that the kernel takes, ``(inputs, outputs)``."""
        values = graph.constants[self.constant]
        return values if self.divisor is None else values / self.divisor

    @property
    def factors(self) -> Array | None:
        """What the sums of each output are multiplied with, ``(outputs or 1, 1)``."""
        if self.divisor is None:
            return None
        return np.asarray(self.divisor.reshape(-1, 1) * self.step, np.float32)


def operands_of(graph: Graph, node: Node, limits: Mapping[str, Bounds]) -> Operands | None:
    """The operands of a product that a kernel of the table computes; ``None`` of other nodes.

    Values that pass a quantizer right before they are multiplied are left to the kernel, which
    codes them itself, where groups of them share scales.
    """
    if node.op != "MatMul":
        return None
    if node.inputs[1] in graph.constants:
        return Operands(node.inputs[1], node.inputs[0], _formats_of(graph, node, limits))
    read, held = (graph.producers.get(name) for name in node.inputs[:2])
    if read is None or held is None or held.inputs[0] not in graph.constants:
        return None
    if read.op != "FormatQuant" or held.op != "FormatQuant":
        return None
    shape = graph.types[held.output].shape
    weights, inputs = format_of(held), format_of(read)
    last = inputs.group_axis % len(graph.types[read.output].shape)
    is_last = last == len(graph.types[read.output].shape) - 1
    by_output = weights.axis in (None, 1) and inputs.axis is None
    inputs = replace(inputs, group_axis=-1)
    if len(shape) != 2 or not is_last or not by_output or not takes_scaled(weights, inputs, shape):
        return None
    divisor = weights.scale_array(shape)
    return Operands(held.inputs[0], read.inputs[0], (weights, inputs), divisor, inputs.scale[0])


def _formats_of(graph: Graph, node: Node, limits: Mapping[str, Bounds]) -> tuple[Format, Format]:
    """The formats of the weights and of the inputs of a product.

    Inputs that span no more than 256 codes are bytes for the kernels, wherever the codes begin.
    """
    weights, inputs = (graph.types[node.inputs[place]].format for place in (1, 0))
    found, number = limits.get(node.inputs[0]), inputs.number
    if found is None or not isinstance(number, Int) or number.bits <= 8:
        return weights, inputs
    if found.low < number.min or number.max < found.high:  # it wraps
        return weights, inputs
    window = Window(number.bits, number.signed, number.narrow, found.low, found.high)
    return weights, replace(inputs, number=window)
