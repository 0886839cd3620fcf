"""What a time-multiplexed design consists of: streams, and the parts between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.cells.circuit import Layer, Port
from netwright.backends.rtl.reuse import Tiling


@dataclass(frozen=True, slots=True)
class Stream:
    """A tensor on its way: beats of equal elements, with valid and ready.

    Attributes:
        name: Prefix of its signals.
        tensor: Tensor of the graph it carries.
        beats: Beats of one row.
        lanes: Elements of one beat.
        interval: Smallest and largest value of an element.
    """

    name: str
    tensor: str
    beats: int
    lanes: int
    interval: Interval

    @property
    def bits(self) -> int:
        """Width of one element."""
        return width(self.interval)

    @property
    def is_signed(self) -> bool:
        """Whether elements are two's complement."""
        return self.interval[0] < 0

    @property
    def total_bits(self) -> int:
        """Width of one beat."""
        return self.lanes * self.bits


@dataclass(frozen=True, slots=True)
class Join:
    """Takes one beat of every input in the same clock."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Collects the beats of a row.

    Attributes:
        beats: How many.
    """

    beats: int


@dataclass(frozen=True, slots=True)
class Window:
    """Makes windows of positions; every pair is height, width.

    Attributes:
        extents: Of the image.
        before: Padding above and left.
        after: Padding below and right.
        kernel: Of a window.
        strides: Between windows.
        dilations: Between the positions of a window.
        fill: Value of the padding, and between positions that lie apart.
        steps: Between neighboring positions of the image.
    """

    extents: tuple[int, int]
    before: tuple[int, int]
    after: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    fill: int
    steps: tuple[int, int] = (1, 1)

    @property
    def stretched(self) -> tuple[int, int]:
        """Extents of the image with what lies between its positions."""
        height, width_ = (
            step * (extent - 1) + 1 for step, extent in zip(self.steps, self.extents, strict=True)
        )
        return height, width_

    @property
    def totals(self) -> tuple[int, int]:
        """Extents of the padded image."""
        height, width_ = (
            before + extent + after
            for before, extent, after in zip(self.before, self.stretched, self.after, strict=True)
        )
        return height, width_

    @property
    def spans(self) -> tuple[int, int]:
        """Extents that a window covers."""
        height, width_ = (
            dilation * (kernel - 1) + 1
            for dilation, kernel in zip(self.dilations, self.kernel, strict=True)
        )
        return height, width_


@dataclass(frozen=True, eq=False)
class Product:
    """Multiplies a vector by a matrix in several clocks.

    Attributes:
        node: Name of the node.
        tiling: How the product is spread over clocks.
        channels: Neighboring elements of a window's position that belong to one group.
        weight_bits: Width of every weight.
        bias_bits: Width of every bias.
        accumulator: Interval of the sums.
        levels_per_stage: Levels of the adder trees between registers; 0 for no registers.
        weights: (clocks, weights of one clock).
        bias: (rounds, biases of one round), or ``None`` where what follows adds it.
    """

    node: str
    tiling: Tiling
    channels: int
    weight_bits: int
    bias_bits: int
    accumulator: Interval
    levels_per_stage: int
    weights: NDArray[np.int64]
    bias: NDArray[np.int64] | None

    @property
    def accumulator_bits(self) -> int:
        """Width of a sum."""
        return width(self.accumulator)

    @property
    def tree_stages(self) -> int:
        """Registers in every adder tree."""
        levels = (self.tiling.inputs_per_clock - 1).bit_length()
        return levels // self.levels_per_stage if self.levels_per_stage else 0

    @property
    def latency(self) -> int:
        """Clocks from the first of a vector to its sums."""
        return self.tiling.reuse_factor + 2 + self.tree_stages


Front = Join | Gather | Window | Product


@dataclass(frozen=True, slots=True)
class Unit:
    """One module: a front that takes beats, a pipeline that never waits, a queue.

    Attributes:
        name: Name in the network.
        nodes: Nodes of the graph that it computes.
        inputs: Streams it reads.
        output: Stream it makes.
        front: How it takes beats.
        layer: What it computes of every beat; ``None`` for nothing.
        stages: Registers of the layer.
        depth: Places of the queue.
    """

    name: str
    nodes: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str
    front: Front
    layer: Layer | None
    stages: int
    depth: int

    @property
    def latency(self) -> int:
        """Clocks from taking a beat (the last one that counts) to writing its result."""
        first = 0 if isinstance(self.front, Join) else 1
        if isinstance(self.front, Product):
            first = self.front.latency
        return first + self.stages


@dataclass(frozen=True, slots=True)
class Fork:
    """Gives one stream to several readers."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Serialize:
    """Sends a beat as many smaller ones."""

    name: str
    inputs: tuple[str, ...]
    output: str


Part = Unit | Fork | Serialize


@dataclass(frozen=True, eq=False)
class Terminal:
    """A stream port of the design.

    Attributes:
        tensor: Tensor of the graph.
        name: Name of the port.
        stream: Stream inside.
        order: Which element every lane of every beat holds: (beats, lanes).
    """

    tensor: str
    name: str
    stream: Stream
    order: NDArray[np.int64]

    @property
    def port(self) -> Port:
        """The port's data: the elements of one beat."""
        stream = self.stream
        return Port(self.tensor, self.name, stream.lanes, stream.bits, stream.is_signed)


@dataclass(frozen=True, eq=False)
class Network:
    """A whole design.

    Attributes:
        name: Name of the top module.
        inputs: Ports in.
        outputs: Ports out.
        streams: Every stream by its name.
        parts: Its parts, each after the ones it reads.
        loadable: Whether weights come through a port.
    """

    name: str
    inputs: tuple[Terminal, ...]
    outputs: tuple[Terminal, ...]
    streams: Mapping[str, Stream]
    parts: tuple[Part, ...]
    loadable: bool = False

    @property
    def units(self) -> tuple[Unit, ...]:
        """The parts that have modules of their own."""
        return tuple(part for part in self.parts if isinstance(part, Unit))

    @cached_property
    def products(self) -> Mapping[str, Product]:
        """The spread products by the name of their unit."""
        return {unit.name: unit.front for unit in self.units if isinstance(unit.front, Product)}


def outputs_of(part: Part) -> tuple[str, ...]:
    """Streams that a part makes."""
    return part.outputs if isinstance(part, Fork) else (part.output,)
