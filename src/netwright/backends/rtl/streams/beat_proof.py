"""What a unit computes of one beat, as a layer with a graph of its own, so that it can be proven.

Every beat of a tensor meets the same circuit, so one beat stands for all: the graph holds the nodes
of the unit with the extents that one beat has, and what enters is what the front hands on: elements
of a beat, a window, a row, or the sums of a product, each anywhere in its interval. That these are
the right ones is not said here: sums have a proof of their own, and how beats travel is simulated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval
from netwright.backends.rtl.cells.circuit import Bundle, Element, Layer
from netwright.backends.rtl.streams.fronts import one_window
from netwright.backends.rtl.streams.layout import Layout, beat_shape, layouts, order, plain
from netwright.backends.rtl.streams.network import (
    Gather,
    Network,
    Product,
    Serialize,
    Stream,
    Unit,
    Window,
)
from netwright.backends.rtl.streams.product_proof import specified
from netwright.errors import BackendError
from netwright.formats import MAX_BITS, Int
from netwright.ir import Graph, Interpreter, Node, TensorType
from netwright.ir.graph import Array
from netwright.ir.ops.transposed import correlation


def one_beat(unit: Unit, network: Network, graph: Graph) -> tuple[Graph, Layer]:
    """The graph of what a unit computes of one beat, and the unit's layer in its terms.

    Args:
        unit: A unit that computes something.
        network: The network it is part of.
        graph: What the network computes.

    Raises:
        BackendError: Sums need not lie in the interval that the layer takes for granted.
    """
    assert unit.layer is not None
    (result,) = unit.layer.outputs
    sources = [network.streams[name] for name in unit.inputs]
    grows = network.loadable  # formats of sums, with the weights that are loaded
    kept = Interpreter.of(graph).wrapped if grows else frozenset(graph.types)
    made = _Beat(graph, layouts(graph), kept)
    if isinstance(unit.front, Product):
        inputs = [made.sums(unit.front, sources[0], network.loadable, unit.layer.inputs[0])]
        rest = unit.nodes[1:]
    elif result.tensor in {source.tensor for source in sources}:
        inputs, rest = [made.moved(unit, sources[0])], ()
    elif isinstance(unit.front, Window):
        inputs = [made.window(unit.front, graph.node(unit.nodes[0]), unit.layer.inputs[0])]
        rest = unit.nodes[1:]
    else:
        pairs = zip(sources, unit.layer.inputs, strict=True)
        inputs = [made.taken(unit, source, bundle) for source, bundle in pairs]
        rest = unit.nodes
    for name in rest:
        made.add(graph.node(name))
    output = made.sent(result.tensor, unit, network)
    layer = replace(unit.layer, inputs=tuple(inputs), outputs=(replace(result, tensor=output),))
    return made.graph(output), layer


@dataclass
class _Beat:
    """The graph of one beat in the making."""

    whole: Graph
    layouts: Mapping[str, Layout]
    kept: Collection[str]
    entering: list[str] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)

    def graph(self, output: str) -> Graph:
        """The finished graph."""
        parts = tuple(self.entering), (output,), tuple(self.nodes), self.types, self.constants
        return Graph(self.whole.name, *parts)

    def add(self, node: Node) -> None:
        """A node as it stands, with the extents that one beat of its output has."""
        for name in node.inputs:
            if name in self.whole.constants and name not in self.constants:
                self.constants[name] = self.whole.constants[name]
                self.types[name] = self.whole.types[name]
        self.nodes.append(node)
        self._type(node.output, node.output, self._extents(node.output, node.name))

    def taken(self, unit: Unit, source: Stream, bundle: Bundle) -> Bundle:
        """Elements of a beat of a stream, or of all beats of a row."""
        extents = self._shape(source.tensor)
        if isinstance(unit.front, Gather):
            bundle = replace(bundle, elements=self._row(source, bundle))
        elif source.lanes != int(np.prod(extents)):
            extents = self._extents(source.tensor, unit.nodes[0])
        self._enter(source.tensor, source.tensor, extents)
        return bundle

    def moved(self, unit: Unit, source: Stream) -> Bundle:
        """Elements that are handed on as they are, in another order or side by side."""
        assert unit.layer is not None
        tensor, (bundle,) = source.tensor, unit.layer.inputs
        extents = self._shape(tensor)
        if isinstance(unit.front, Gather):
            bundle = replace(bundle, elements=self._row(source, bundle))
        elif len(bundle.elements) != int(np.prod(extents)):
            extents = (len(bundle.elements),)
        self._enter(f"{tensor}__taken", tensor, extents)
        self._hand_on(self.whole.producers[tensor].name, f"{tensor}__taken", tensor, extents)
        return replace(bundle, tensor=f"{tensor}__taken")

    def window(self, front: Window, node: Node, bundle: Bundle) -> Bundle:
        """One window of a convolution, a pooling, a repetition or a part."""
        channels, *rest = self._shape(node.inputs[0])
        extents = (channels, *front.kernel[-len(rest) :])
        numbers = np.arange(len(bundle.elements)).reshape(*extents[1:], channels)
        alone, values = one_window(node, self.whole)
        names = tuple(f"{name}__window" for name in alone.inputs[1:])
        for own, name, value in zip(names, alone.inputs[1:], values, strict=True):
            self.constants[own] = value
            self.types[own] = replace(self.whole.types[name], shape=value.shape)
        self._enter(node.inputs[0], node.inputs[0], extents)
        self.nodes.append(replace(alone, inputs=(node.inputs[0], *names)))
        self._type(node.output, node.output, self._extents(node.output, node.name))
        order_ = np.moveaxis(numbers, -1, 0).reshape(-1).tolist()
        return replace(bundle, elements=tuple(bundle.elements[number] for number in order_))

    def sums(self, front: Product, source: Stream, loadable: bool, bundle: Bundle) -> Bundle:
        """The sums of a product; what is behind them adds biases that are part of the hardware."""
        node = self.whole.node(front.node)
        least, most = _reach(node, self.whole, source.interval, loadable=loadable)
        if least < front.accumulator[0] or front.accumulator[1] < most:
            raise BackendError(
                f'node "{node.name}": sums reach {least} to {most}, and what reads them takes '
                f"{front.accumulator[0]} to {front.accumulator[1]} for granted",
                hint="generate the design again",
            )
        extents, name = self._extents(node.output, node.name), f"{node.output}__sums"
        self._enter(name, node.output, extents)
        if loadable or len(node.inputs) < 3:
            self._hand_on(node.name, name, node.output, extents)
            return replace(bundle, tensor=name)
        bias = f"{name}__bias"
        self.constants[bias] = self.whole.constants[node.inputs[2]].reshape(extents)
        self.types[bias] = replace(self.whole.types[node.inputs[2]], shape=extents)
        self.nodes.append(Node(node.name, "Add", (name, bias), node.output))
        self._type(node.output, node.output, extents)
        return replace(bundle, tensor=name)

    def sent(self, tensor: str, unit: Unit, network: Network) -> str:
        """The tensor that leaves: where it is sent in several beats, with its positions first."""
        for part in network.parts:
            if isinstance(part, Serialize) and part.inputs == (unit.output,):
                break
        else:
            return tensor
        if Layout(part.name.rpartition("__")[2]) is not Layout.CHANNELS:
            return tensor
        channels, *rest = self._shape(tensor)
        turned = (0, *range(2, len(rest) + 2), 1)
        name = self.whole.producers[tensor].name
        self.nodes.append(Node(name, "Transpose", (tensor,), f"{tensor}__sent", {"order": turned}))
        self._type(f"{tensor}__sent", tensor, (*rest, channels))
        return f"{tensor}__sent"

    def _row(self, source: Stream, bundle: Bundle) -> tuple[Element, ...]:
        """The elements of a row from its beats."""
        shape = self._shape(source.tensor)
        layout = plain(self.layouts[self.whole.producers[source.tensor].name], shape)
        numbers = order(layout, shape).reshape(-1).tolist()
        elements = dict(zip(numbers, bundle.elements, strict=True))
        return tuple(elements[number] for number in range(len(numbers)))

    def _enter(self, name: str, tensor: str, extents: Sequence[int]) -> None:
        self.entering.append(name)
        self._type(name, tensor, extents)

    def _hand_on(self, node: str, source: str, tensor: str, extents: Sequence[int]) -> None:
        """A node that changes nothing."""
        self.nodes.append(Node(node, "Reshape", (source,), tensor, {"shape": tuple(extents)}))
        self._type(tensor, tensor, extents)

    def _type(self, name: str, tensor: str, extents: Sequence[int]) -> None:
        kind = self.whole.types[tensor]
        if tensor not in self.kept:
            kind = kind.with_number(Int(MAX_BITS))
        self.types[name] = replace(kind, shape=(1, *extents))

    def _shape(self, tensor: str) -> tuple[int, ...]:
        return self.whole.types[tensor].shape[1:]

    def _extents(self, tensor: str, node: str) -> tuple[int, ...]:
        """Extents of a tensor's part in one beat, in the layout of a node."""
        shape = self._shape(tensor)
        return beat_shape(plain(self.layouts[node], shape), shape)


def _reach(node: Node, graph: Graph, read: Interval, *, loadable: bool) -> Interval:
    """The least and the greatest sum of a product, over all weights where those are loaded."""
    if not loadable:
        matrix = specified(node, graph)
        ends = np.stack([matrix * end for end in read])
        return int(ends.min(axis=0).sum(axis=1).min()), int(ends.max(axis=0).sum(axis=1).max())
    weights, *biases = (graph.types[name].dtype for name in node.inputs[1:])
    ends_of = [(int(kind.min), int(kind.max)) for kind in (weights, *biases)]
    corners = [weight * end for weight in ends_of[0] for end in read]
    extents = graph.constants[node.inputs[1]].shape
    terms = extents[0] if node.op == "MatMul" else int(np.prod(_filters(node, graph).shape[1:]))
    low, high = ends_of[1] if biases else (0, 0)
    return terms * min(corners) + low, terms * max(corners) + high


def _filters(node: Node, graph: Graph) -> NDArray[np.int64]:
    return correlation(node, graph.constants[node.inputs[1]].astype(np.int64)).weights
