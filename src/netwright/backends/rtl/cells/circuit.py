"""What a design consists of: wires with exact intervals, cells of the library, layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netwright.backends.rtl.adders.adder_graph import Interval, width


@dataclass(frozen=True, slots=True)
class Wire:
    """A signal that carries integers.

    Attributes:
        name: Name in the module it belongs to.
        interval: Smallest and largest value it can have; both are reached.
    """

    name: str
    interval: Interval

    @property
    def bits(self) -> int:
        """Width of the signal."""
        return width(self.interval)

    @property
    def is_signed(self) -> bool:
        """Whether it is two's complement."""
        return self.interval[0] < 0


Element = Wire | int
"""One element of a tensor: a signal or a constant."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One instance of a library module.

    Attributes:
        module: Name of the module.
        parameters: Its parameters.
        inputs: The wire on every input port; several wires side by side, the first in the lowest
            bits, together or each in the width that the parameter ``PORT_BITS`` names.
        port: Name of the output port.
        output: The wire on it; the instance is named after it.
        clocked: Whether the module has the port ``clk``.
    """

    module: str
    parameters: Mapping[str, int]
    inputs: Mapping[str, Wire | tuple[Wire, ...]]
    port: str
    output: Wire
    clocked: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """The elements of a tensor between two layers, packed into one port; constants left out.

    Attributes:
        tensor: Tensor of the graph.
        name: Name of the port.
        elements: Its elements in row-major order, with the names they have inside the layer.
        stage: Number of registers between the inputs of the design and these wires.
        bases: A constant for every element, which its value is more than its wire; nothing if they
            are all zero.
    """

    tensor: str
    name: str
    elements: tuple[Element, ...]
    stage: int
    bases: tuple[int, ...] = ()

    def base(self, index: int) -> int:
        """What an element is more than its wire."""
        return self.bases[index] if self.bases else 0

    @property
    def wires(self) -> tuple[Wire, ...]:
        """The elements that are signals."""
        return tuple(element for element in self.elements if isinstance(element, Wire))

    @property
    def bits(self) -> int:
        """Width of the port."""
        return sum(wire.bits for wire in self.wires)


@dataclass(frozen=True, slots=True)
class LinearClaim:
    """A wire that is said to be a weighted sum: ``sum(weights * inputs) + offset``.

    Attributes:
        node: The node of the graph that needs it.
        index: Which of the node's outputs it serves, in row-major order.
        wire: Name of the wire.
        inputs: The wires it sums.
        weights: One integer for each input.
        offset: A constant.
    """

    node: str
    index: int
    wire: str
    inputs: tuple[Wire, ...]
    weights: tuple[int, ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """An element of a tensor inside a layer, as a product, a pooling or a sum of tables reads it.

    Attributes:
        reader: Node that reads it.
        tensor: Tensor of the graph.
        index: Number of the element in row-major order.
        element: The wire that carries it, or what it always is.
        base: What the element is more than its wire.
    """

    reader: str
    tensor: str
    index: int
    element: Element
    base: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """One module: some nodes of the graph that follow each other.

    Attributes:
        name: Name of the module.
        nodes: Names of the nodes it computes.
        inputs: Tensors it reads.
        outputs: Tensors that others read.
        cells: Its instances, each after the ones it reads.
        claims: What its adders shall compute, from the weights of the graph.
        settled: The elements that products, poolings and sums of tables read inside it.
    """

    name: str
    nodes: tuple[str, ...]
    inputs: tuple[Bundle, ...]
    outputs: tuple[Bundle, ...]
    cells: tuple[Cell, ...]
    claims: tuple[LinearClaim, ...] = ()
    settled: tuple[Settled, ...] = ()

    @property
    def is_clocked(self) -> bool:
        """Whether it holds registers."""
        return any(cell.clocked for cell in self.cells)

    @property
    def num_adders(self) -> int:
        """Adders and subtractors with two variable operands."""
        return sum(cell.module == "shift_adder" for cell in self.cells)

    @property
    def register_bits(self) -> int:
        """Bits of all pipeline registers."""
        return sum(cell.output.bits for cell in self.cells if cell.module == "register")


@dataclass(frozen=True, slots=True)
class Port:
    """A data port of the design: a tensor with all elements in the same width.

    Attributes:
        tensor: Tensor of the graph.
        name: Name of the port.
        num_elements: Elements of one row.
        bits: Width of every element.
        signed: Whether the elements are two's complement.
    """

    tensor: str
    name: str
    num_elements: int
    bits: int
    signed: bool

    @property
    def total_bits(self) -> int:
        """Width of the port."""
        return self.num_elements * self.bits


@dataclass(frozen=True, slots=True)
class Circuit:
    """A whole design.

    Attributes:
        name: Name of the top module.
        inputs: Data ports in.
        outputs: Data ports out.
        layers: Its modules, each after the ones it reads.
        latency_cycles: Clocks from an input to its outputs.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[Layer, ...]
    latency_cycles: int
