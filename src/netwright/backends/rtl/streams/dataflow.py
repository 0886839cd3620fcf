"""From the nodes of a graph to streams and units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netwright.backends.rtl.cells.affine import Affine, settle
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Bundle, Element, Wire
from netwright.backends.rtl.reuse import PRODUCTS, ReuseFactor, Tiling, tilings
from netwright.backends.rtl.streams.fronts import made_by, one_window, window_front
from netwright.backends.rtl.streams.layout import (
    Layout,
    beat_shape,
    is_windowed,
    layouts,
    order,
    plain,
)
from netwright.backends.rtl.streams.network import (
    Front,
    Gather,
    Join,
    Network,
    Part,
    Serialize,
    Stream,
    Terminal,
    Unit,
)
from netwright.backends.rtl.streams.spread_products import matrices, spread
from netwright.backends.rtl.streams.stream_size import advice, elements, operations
from netwright.backends.rtl.streams.wiring import wire_up
from netwright.backends.rtl.unrolled.layers import (
    Elements,
    check_lowerable,
    constant_elements,
    entering,
    filled,
    identifiers,
    top_name,
    wrapped,
)
from netwright.backends.rtl.unrolled.operators import OPERATORS
from netwright.backends.rtl.unrolled.unrolling import refuse_large
from netwright.errors import GraphError, NumericsError
from netwright.formats import MAX_BITS
from netwright.ir import Graph, Interpreter, Node

RESERVED = ("clk", "rst_n", "w", "made", "result", "room", "take")
"""Names that the modules use themselves."""

Key = tuple[str, Layout]


@dataclass(slots=True)
class _Open:
    """A unit whose pipeline may still grow."""

    name: str
    inputs: tuple[str, ...]
    front: Front
    layer: LayerBuilder
    values: Elements
    nodes: list[str] = field(default_factory=list)


def lower_to_streams(
    graph: Graph,
    reuse_factor: ReuseFactor,
    *,
    loadable: bool,
    adders_per_stage: int | None,
    max_operations: int,
) -> Network:
    """The streams and units of a graph.

    A product with reuse factor 1 becomes adders, as in the unrolled architecture, unless weights
    shall be loadable; others become multipliers that are used again. What works element by element
    follows in the same module.

    Args:
        graph: A graph in integer form.
        reuse_factor: Clocks in which every product uses its multipliers again.
        loadable: Whether weights come through a port.
        adders_per_stage: Adders between two pipeline registers; ``None`` for no registers.
        max_operations: Operations side by side that are allowed.

    Raises:
        GraphError: The graph breaks a rule, is not in integer form, needs too many operations, or a
            node reads constants only.
        ConfigError: A reuse factor does not fit its node.
        UnsupportedOp: An operator has no hardware here.
        NumericsError: An accumulator may need more than 64 bits.
    """
    check_lowerable(graph)
    spread_over = tilings(graph, reuse_factor)
    counts = operations(graph, spread_over, loadable=loadable)
    refuse_large(
        graph,
        counts,
        max_operations,
        lambda: advice(graph, max_operations),
        elements=elements(graph),
    )
    made = _Lowering(graph, spread_over, loadable, adders_per_stage)
    return wire_up(made.network())


class _Lowering:
    """The network in the making.

    Names that are derived from an identifier have two underscores, which no identifier has.
    """

    def __init__(
        self,
        graph: Graph,
        tilings: Mapping[str, Tiling],
        loadable: bool,
        adders_per_stage: int | None,
    ) -> None:
        self.graph = graph
        self.tilings = tilings
        self.loadable = loadable
        self.adders_per_stage = adders_per_stage
        self.layouts = layouts(graph)
        self.name = top_name(graph)
        self.names = identifiers(graph, reserved=RESERVED)
        self.wrapped = Interpreter.of(graph).wrapped
        self.live = _live(graph)
        self.streams: dict[str, Stream] = {}
        self.parts: list[Part] = []
        self.open: dict[Key, _Open] = {}
        self.closed: dict[Key, str] = {}
        self.made_in: dict[str, Layout] = {}

    def network(self) -> Network:
        """All parts, every stream still read by any number of them."""
        for node in self.graph.nodes:
            if node.name in self.live:
                self._node(node)
        inputs = [
            node.output
            for node in self.graph.nodes
            if node.op == "Quantize" and node.name in self.live
        ]
        outputs = list(dict.fromkeys(self.graph.outputs))
        ends = [self._terminal(tensor, "y", i, outputs) for i, tensor in enumerate(outputs)]
        starts = [self._terminal(tensor, "x", i, inputs) for i, tensor in enumerate(inputs)]
        return Network(
            self.name, tuple(starts), tuple(ends), self.streams, tuple(self.parts),
            self.loadable,
        )  # fmt: skip

    def _terminal(self, tensor: str, side: str, number: int, all_of: Sequence[str]) -> Terminal:
        layout = self.made_in[tensor]
        name = f"{side}{number if len(all_of) > 1 else ''}"
        stream = self.streams[self._stream(tensor, layout)]
        return Terminal(tensor, name, stream, order(layout, self._shape(tensor)))

    def _node(self, node: Node) -> None:
        layout = plain(self.layouts[node.name], self._shape(node.output))
        self.made_in[node.output] = layout
        if node.op == "Quantize":
            self._take_input(node, layout)
            return
        sources = [name for name in dict.fromkeys(node.inputs) if name not in self.graph.constants]
        if not sources:
            raise GraphError("reads constants only", node=node.name)
        reads = self.layouts[node.name]
        if node.op in PRODUCTS and (self.loadable or self.tilings[node.name].reuse_factor > 1):
            made = self._spread(node, reads)
        elif is_windowed(node, reads):
            made = self._windowed(node)
        else:
            made = self._pointwise(node, sources, reads)
        made.nodes.append(node.name)
        if node.output in self.wrapped:
            dtype = self.graph.types[node.output].dtype
            made.values = wrapped(made.values, dtype, made.layer, self.names[node.name])
        self.open[node.output, layout] = made

    def _take_input(self, node: Node, layout: Layout) -> None:
        interval = entering(node, self.graph)
        beats, lanes = order(layout, self._shape(node.output)).shape
        name = self.names[node.output]
        self.streams[name] = Stream(name, node.output, beats, lanes, interval)
        self.closed[node.output, layout] = name

    def _pointwise(self, node: Node, sources: Sequence[str], layout: Layout) -> _Open:
        name = self.names[node.name]
        if len(sources) == 1:
            made = self._opened(sources[0], layout, name)
            values = {sources[0]: made.values}
        else:
            streams = [self._stream(source, layout) for source in sources]
            made, arrays = self._start(name, streams, Join())
            shapes = [beat_shape(plain(layout, self._shape(s)), self._shape(s)) for s in sources]
            parts = zip(sources, arrays, shapes, strict=True)
            values = {source: array.reshape(shape) for source, array, shape in parts}
        inputs = [
            constant_elements(self.graph, tensor, node)
            if tensor in self.graph.constants
            else values[tensor]
            for tensor in node.inputs
        ]
        for value in values.values():
            _refuse_wide(node, value)
        made.values = OPERATORS[node.op](node, inputs, made.layer, name)
        return made

    def _windowed(self, node: Node) -> _Open:
        """A convolution or pooling of one window a clock."""
        source, name = node.inputs[0], self.names[node.name]
        stream = self._stream(source, Layout.CHANNELS)
        front = window_front(node, self.graph, self.streams[stream].interval)
        rank = len(self._shape(source)) - 1
        made, (taps,) = self._start(name, [stream], front)
        channels = self._shape(source)[0]
        kernel = front.kernel[-rank:]
        _refuse_wide(node, taps)
        window = np.moveaxis(taps.reshape(*kernel, channels), -1, 0)
        alone, values = one_window(node, self.graph)
        constants = [filled(array) for array in values]
        made.values = OPERATORS[alone.op](alone, [window, *constants], made.layer, name)
        return made

    def _spread(self, node: Node, layout: Layout) -> _Open:
        """A product whose multipliers are used again."""
        source, name = node.inputs[0], self.names[node.name]
        stream = self._stream(source, layout)
        if node.op != "MatMul":
            stream = self._windows(node, stream)
        tiling = self.tilings[node.name]
        product = spread(
            node,
            self.graph,
            self.streams[stream].interval,
            tiling,
            loadable=self.loadable,
            levels_per_stage=self.adders_per_stage or 0,
        )
        made, (sums,) = self._start(name, [stream], product)
        _, bias = matrices(node, self.graph, tiling)
        if bias is not None and not self.loadable:
            pairs = zip(sums.flat, bias.flat, strict=True)
            sums = _elements([value.plus(int(b)) for value, b in pairs])
        output = self._shape(node.output)
        made.values = sums.reshape(beat_shape(plain(layout, output), output))
        return made

    def _windows(self, node: Node, source: str) -> str:
        """The stream of a convolution's windows."""
        front = window_front(node, self.graph, self.streams[source].interval)
        name = f"{self.names[node.name]}__windows"
        made, (taps,) = self._start(name, [source], front)
        made.values = taps
        made.nodes.append(node.name)
        beats = int(np.prod(self._shape(node.output)[1:]))
        return self._close(made, self.streams[source].tensor, beats)

    def _start(
        self, name: str, streams: Sequence[str], front: Front
    ) -> tuple[_Open, list[Elements]]:
        """A unit without a pipeline yet, and what its front makes, stream by stream."""
        layer = LayerBuilder(f"{self.name}_{name}__beat", self.adders_per_stage)
        sources = [self.streams[stream] for stream in streams]
        arrays = []
        for number, source in enumerate(sources):
            lanes, interval = made_by(front, source)
            label = f"x{number if len(sources) > 1 else ''}" if isinstance(front, Join) else "made"
            wires = (Wire(label, interval),) * lanes
            read: tuple[Element, ...] = layer.read(
                label, Bundle(source.tensor, label, wires, 0), [(0, 0)] * lanes
            )
            if interval[0] == interval[1]:  # nothing to compute with, though it travels
                read = (interval[0],) * lanes
            arrays.append(_elements([Affine.of(element) for element in read]))
        return _Open(name, tuple(streams), front, layer, arrays[0]), arrays

    def _opened(self, tensor: str, layout: Layout, name: str) -> _Open:
        """A unit whose pipeline holds the beats of a tensor and may grow."""
        shape = self._shape(tensor)
        layout = plain(layout, shape)
        if (tensor, layout) in self.open and self._is_read_once(tensor):
            return self.open.pop((tensor, layout))
        made_in = self.made_in[tensor]
        if layout is Layout.ROW and made_in is not Layout.ROW and self._is_read_once(tensor):
            return self._gathered(tensor, f"{name}__row")
        made, (values,) = self._start(name, [self._stream(tensor, layout)], Join())
        made.values = values.reshape(beat_shape(layout, shape))
        return made

    def _gathered(self, tensor: str, name: str) -> _Open:
        """The whole rows of a tensor that travels in several beats."""
        shape, layout = self._shape(tensor), self.made_in[tensor]
        numbers = order(layout, shape)
        stream = self._stream(tensor, layout)
        made, (beats,) = self._start(name, [stream], Gather(len(numbers)))
        values = beats.copy()
        values[numbers.reshape(-1)] = beats
        made.values = values.reshape(shape)
        return made

    def _stream(self, tensor: str, layout: Layout) -> str:
        """The name of the stream that carries a tensor in a layout; made if need be."""
        shape = self._shape(tensor)
        layout = plain(layout, shape)
        key = tensor, layout
        if key in self.closed:
            return self.closed[key]
        if key in self.open:
            beats = len(order(layout, shape))
            self.closed[key] = self._close(self.open.pop(key), tensor, beats)
        elif layout is Layout.ROW:
            made = self._gathered(tensor, f"{self.names[tensor]}__row")
            self.closed[key] = self._close(made, tensor, 1)
        else:
            self.closed[key] = self._serialized(tensor, layout)
        return self.closed[key]

    def _serialized(self, tensor: str, layout: Layout) -> str:
        numbers = order(layout, self._shape(tensor))
        name = f"{self.names[tensor]}__{layout.value}"
        made = self._opened(tensor, Layout.ROW, f"{name}__row")
        made.values = made.values.reshape(-1)[numbers.reshape(-1)]
        packed = self.streams[self._close(made, tensor, 1)]
        beats, lanes = numbers.shape
        self.streams[name] = Stream(name, tensor, beats, lanes, packed.interval)
        self.parts.append(Serialize(name, (packed.name,), name))
        return name

    def _close(self, made: _Open, tensor: str, beats: int) -> str:
        """End a unit; return its stream."""
        settled = [
            settle(value, made.layer, f"result_{number}")
            for number, value in enumerate(made.values.flat)
        ]
        bundle = made.layer.aligned(tensor, "result", settled)
        lows, highs = zip(*(_interval(element) for element in bundle.elements), strict=True)
        stream = Stream(
            f"{made.name}__out", tensor, beats, len(bundle.elements), (min(lows), max(highs))
        )
        layer = made.layer.layer(made.nodes, [bundle])
        assert stream.name not in self.streams
        self.streams[stream.name] = stream
        self.parts.append(
            Unit(made.name, tuple(made.nodes), made.inputs, stream.name, made.front, layer,
                 bundle.stage, depth=1)
        )  # fmt: skip
        return stream.name

    def _is_read_once(self, tensor: str) -> bool:
        readers = [node for node in self.graph.consumers[tensor] if node.name in self.live]
        return len(readers) + (tensor in self.graph.outputs) == 1

    def _shape(self, tensor: str) -> tuple[int, ...]:
        return self.graph.types[tensor].shape[1:]


def _refuse_wide(node: Node, values: Elements) -> None:
    """Refuse values that need more than 64 bits on their way through a node.

    The graph's own bounds exclude them for its weights, not for any weights of their formats.

    Raises:
        NumericsError: There may be such values.
    """
    peak = max(max(abs(end) for end in value.interval) for value in values.flat)
    if node.op == "Requantize":
        peak = peak * max(map(abs, node.integers("multiplier")))
        peak += max(map(abs, node.integers("offset"))) + (1 << node.integer("shift"))
    elif node.op == "SumPool":
        peak *= int(np.prod(node.integers("kernel")))
    bits = peak.bit_length() + 1
    if bits > MAX_BITS:
        raise NumericsError(
            f'node "{node.name}" makes values of up to {bits} bits for any weights of their '
            f"formats; at most {MAX_BITS} are supported",
            tensor=node.output,
            hint='use fewer weight or activation bits, or weights="fixed"',
        )


def _live(graph: Graph) -> frozenset[str]:
    """Names of the nodes that an output depends on."""
    wanted = set(graph.outputs)
    live = set()
    for node in reversed(graph.nodes):
        if node.output in wanted:
            live.add(node.name)
            wanted.update(node.inputs)
    return frozenset(live)


def _interval(element: Element) -> tuple[int, int]:
    return (element, element) if isinstance(element, int) else element.interval


def _elements(values: Sequence[Affine]) -> Elements:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
