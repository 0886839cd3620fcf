"""From the nodes of a graph to the layers of an accelerator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.shared.chain import Chain, exact
from netwright.backends.rtl.shared.layers import (
    MAX_DIGITS,
    MAX_PIECES,
    MAX_PLANES,
    WORD_BITS,
    Layer,
    Plane,
    Rescale,
)
from netwright.backends.rtl.shared.orders import (
    MOVES,
    Order,
    channels_last,
    chosen,
    fixed,
    moved,
    row_major,
)
from netwright.backends.rtl.shared.products import byte_rows, of_piece, windows_of
from netwright.backends.rtl.shared.suitable import PRODUCTS, check_suitable
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.errors import GraphError
from netwright.ir import Graph, Node, bounds

Exact = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor in the memory of feature maps.

    Attributes:
        tensor: Its name.
        order: The element, in row-major order, in every place.
        interval: Its smallest and largest value.
    """

    tensor: str
    order: Order
    interval: Interval

    @property
    def words(self) -> int:
        """Words of one plane."""
        return len(self.order)

    @cached_property
    def pieces(self) -> int:
        """Words of a value."""
        return -(-width(self.interval) // WORD_BITS)

    @property
    def planes(self) -> tuple[Plane, ...]:
        """What a layer reads of it; only the upper words have a sign."""
        top = self.pieces - 1
        return tuple(
            Plane(self.tensor, piece, piece == top and self.interval[0] < 0)
            for piece in range(self.pieces)
        )


@dataclass(frozen=True, eq=False)
class _Product:
    """A product with weights that waits for what follows it."""

    node: Node
    source: Stored


@dataclass(frozen=True, eq=False)
class _Sum:
    """Stored tensors, each times integers, added element by element."""

    terms: tuple[tuple[Stored, Exact], ...]

    @property
    def num_planes(self) -> int:
        return sum(source.pieces for source, _ in self.terms)


@dataclass(frozen=True, eq=False)
class _Pending:
    """What will be stored when somebody asks for it."""

    front: _Product | _Sum
    chain: Chain
    nodes: tuple[str, ...]
    order: Order


class Lowering:
    """The layers of a graph in the making.

    Attributes:
        layers: The layers, each behind those it reads.
        stored: Every tensor that has a place in memory; of several names of the same words, the
            first.
    """

    def __init__(self, graph: Graph, options: SharedOptions) -> None:
        self.graph, self.options = graph, options
        self.limits = bounds(graph)
        self.layers: list[Layer] = []
        self.stored: dict[str, Stored] = {}
        self.faults: list[str] = []
        self._pending: dict[str, _Pending] = {}
        self._views: dict[str, Stored] = {}
        for node in graph.nodes:
            self._handle(node)
        for name in graph.outputs:
            if name not in graph.constants:
                self.view(name)

    def view(self, tensor: str) -> Stored:
        """Where a tensor is stored, and in which order; a layer is made for it if need be."""
        if tensor in self._pending:
            self._emit(tensor, self._pending.pop(tensor))
        return self._views[tensor]

    def _handle(self, node: Node) -> None:
        graph = self.graph
        if node.op == "Quantize":
            self._store(node.output, chosen(node.output, graph))
        elif node.op in MOVES:
            source = self.view(node.inputs[0])
            order = moved(node, graph, source.order)
            self._views[node.output] = replace(source, order=order)
        elif node.op in PRODUCTS:
            self._product(node)
        elif node.op == "Add":
            self._add(node)
        else:
            self._follow(node)

    def _store(self, tensor: str, order: Order) -> Stored:
        limit = self.limits[tensor]
        made = Stored(tensor, order, (limit.low, limit.high))
        self.stored[tensor] = self._views[tensor] = made
        return made

    def _is_shared(self, tensor: str) -> bool:
        """Whether more than one reader needs a tensor as it is."""
        return len(self.graph.consumers[tensor]) != 1 or tensor in self.graph.outputs

    def _product(self, node: Node) -> None:
        graph = self.graph
        source = self.view(node.inputs[0])
        shape = graph.types[node.inputs[0]].shape[1:]
        if node.op != "MatMul":
            self._require(node, source, channels_last(shape))
        elif len(shape) > 1:
            self._require(node, source, row_major(shape))
        order = fixed(node.output, graph)
        if order is None:
            order = chosen(node.output, graph)
        bias = Chain.nothing()
        if len(node.inputs) == 3:
            channels = np.broadcast_to(
                graph.constants[node.inputs[2]].astype(object).reshape(
                    (-1,) if node.op == "MatMul" else (-1, *(1,) * (len(shape) - 1))
                ),
                graph.types[node.output].shape[1:],
            )  # fmt: skip
            bias = replace(bias, offset=channels.reshape(-1)[order])
        self._pending[node.output] = _Pending(_Product(node, source), bias, (node.name,), order)

    def _require(self, node: Node, source: Stored, order: Order) -> None:
        if not np.array_equal(source.order, order):
            self.faults.append(
                f'node "{node.name}" reads "{node.inputs[0]}" with its channels side by side, but '
                "it is stored in another order, which another node needs"
            )

    def _add(self, node: Node) -> None:
        graph, shape = self.graph, self.graph.types[node.output].shape
        chain, terms, order = Chain.nothing(), [], None
        nodes = [node.name]
        for name in node.inputs:
            if name in graph.constants:
                continue
            parts, offset, inner = self._terms(name, room=MAX_PLANES - len(node.inputs) + 1)
            if graph.types[name].shape != shape:
                self.faults.append(
                    f'node "{node.name}" adds "{name}" of shape {graph.types[name].shape[1:]} to '
                    f"every part of a tensor of shape {shape[1:]}; only equal shapes are added"
                )
                return self._give_up(node)
            order = parts[0][0].order if order is None else order
            if not all(np.array_equal(source.order, order) for source, _ in parts):
                self.faults.append(
                    f'node "{node.name}" adds tensors that are stored in different orders'
                )
                return self._give_up(node)
            terms += parts
            nodes += inner
            chain = replace(chain, offset=chain.offset + offset)
        if order is None:
            self.faults.append(f'node "{node.name}" reads constants only')
            return self._give_up(node)
        for name in node.inputs:
            if name in graph.constants:
                values = np.broadcast_to(graph.constants[name].astype(object), shape)
                chain = replace(chain, offset=chain.offset + values.reshape(-1)[order])
        front = _Sum(tuple(terms))
        if front.num_planes > MAX_PLANES:
            self.faults.append(
                f'node "{node.name}" adds {front.num_planes} planes of {WORD_BITS}-bit '
                f"words; at most {MAX_PLANES} are added at once"
            )
            return self._give_up(node)
        self._pending[node.output] = _Pending(front, chain, tuple(nodes), order)

    def _give_up(self, node: Node) -> None:
        """Go on behind a node with a fault, to find others."""
        self._store(node.output, chosen(node.output, self.graph))

    def _terms(
        self, tensor: str, *, room: int
    ) -> tuple[list[tuple[Stored, Exact]], Exact, tuple[str, ...]]:
        """What a tensor is the sum of, what is added to it, and the nodes that this covers."""
        found = self._pending.get(tensor)
        if (
            found is not None
            and isinstance(found.front, _Sum)
            and found.chain.is_affine
            and not self._is_shared(tensor)
            and found.front.num_planes <= room
        ):
            del self._pending[tensor]
            factor = found.chain.multiplier
            terms = [(source, weight * factor) for source, weight in found.front.terms]
            return terms, found.chain.offset, found.nodes
        source = self.view(tensor)
        return [(source, exact(1))], exact(0), ()

    def _follow(self, node: Node) -> None:
        source = node.inputs[0]
        reach = self.limits[source].low, self.limits[source].high
        found = self._pending.get(source)
        if found is not None and not self._is_shared(source):
            chain = found.chain.followed_by(node, self.graph, found.order, reach)
            if chain is not None and self._is_channelwise(found, chain):
                del self._pending[source]
                self._pending[node.output] = replace(
                    found, chain=chain, nodes=(*found.nodes, node.name)
                )
                return
        stored = self.view(source)
        chain = Chain.nothing().followed_by(node, self.graph, stored.order, reach)
        if chain is None:
            self.faults.append(f'node "{node.name}" wraps, or limits channels differently')
            return self._give_up(node)
        front = _Sum(((stored, exact(1)),))
        self._pending[node.output] = _Pending(front, chain, (node.name,), stored.order)

    def _is_channelwise(self, pending: _Pending, chain: Chain) -> bool:
        """Whether what follows a product differs between channels only."""
        if isinstance(pending.front, _Sum):
            return True
        channels = self._channels(pending.front.node)
        return all(_period(v, channels) is not None for v in (chain.multiplier, chain.offset))

    def _channels(self, node: Node) -> int:
        shape = self.graph.types[node.output].shape
        return shape[-1] if node.op == "MatMul" else shape[1]

    def _emit(self, tensor: str, pending: _Pending) -> None:
        target = self._store(tensor, pending.order)
        if target.pieces > MAX_PIECES:
            self.faults.append(
                f'tensor "{tensor}" has values of {width(target.interval)} bits; at most '
                f"{MAX_PIECES * WORD_BITS} are stored"
            )
            return
        front = pending.front
        made = (
            self._product_layers(tensor, pending, front, target)
            if isinstance(front, _Product)
            else [self._sum_layer(tensor, pending, front, target)]
        )
        for layer in made:
            if layer.digits > MAX_DIGITS:
                self.faults.append(
                    f'node "{pending.nodes[0]}" needs weights of {layer.digits} bytes; at most '
                    f"{MAX_DIGITS} are multiplied"
                )
                return
            self.layers.append(layer)

    def _product_layers(
        self, tensor: str, pending: _Pending, front: _Product, target: Stored
    ) -> Iterator[Layer]:
        channels, source = self._channels(front.node), front.source
        factors = _period(pending.chain.multiplier, channels)
        addends = _period(pending.chain.offset, channels)
        assert factors is not None
        assert addends is not None
        for found in windows_of(front.node, self.graph, source.order, target.order):
            planes = source.planes
            full = np.stack([of_piece(found.matrix, plane.piece) for plane in planes])
            blocks = -(-channels // self.options.channels)
            padded = np.zeros(
                (len(planes), blocks * self.options.channels, full.shape[2]), dtype=object
            )
            padded[:, :channels] = full
            matrices = padded.reshape(len(planes), blocks, -1, full.shape[2]).swapaxes(0, 1)
            rows, digits = byte_rows(matrices, self.options)
            yield Layer(
                name=pending.nodes[-1],
                nodes=pending.nodes,
                planes=planes,
                size=source.words,
                first_index=found.first_index,
                source_stride=found.stride,
                block_stride=0,
                positions=found.positions,
                channels=channels,
                weights=rows,
                same_rows=False,
                digits=digits,
                multipliers=factors,
                offsets=addends,
                rescale=self._rescale(tensor, pending.chain),
                sums=_reach(found.matrix.astype(object), source.interval),
                target=target.tensor,
                target_first=found.target_first,
                target_stride=found.target_stride,
                pieces=target.pieces,
            )

    def _sum_layer(self, tensor: str, pending: _Pending, front: _Sum, target: Stored) -> Layer:
        """A sum as windows of as many words as there are channels at a time, times diagonals."""
        chain, words, each = pending.chain, target.words, self.options.channels
        lines = [chain.multiplier, chain.offset, *(weight for _, weight in front.terms)]
        channels = self._same_channels(tensor, lines, words)
        positions = -(-words // channels)
        blocks = -(-channels // each)
        planes = [
            (plane, of_piece(weight, plane.piece))
            for source, weight in front.terms
            for plane in source.planes
        ]
        same = all(len(weight) == 1 for _, weight in front.terms)
        matrices = np.zeros((1 if same else blocks, len(planes), each, each), dtype=object)
        for number, (_, weight) in enumerate(planes):
            line = np.zeros(len(matrices) * each, dtype=object)
            line[: each if same else channels] = (
                np.broadcast_to(weight, (words,))[0]
                if same
                else (np.broadcast_to(weight, (words,))[:channels])
            )
            for block in range(len(matrices)):
                part = line[block * each : (block + 1) * each]
                matrices[block, number][np.diag_indices(each)] = part
        rows, digits = byte_rows(matrices, self.options)
        factors, addends = (_period(line, channels) for line in (chain.multiplier, chain.offset))
        assert factors is not None
        assert addends is not None
        ends = [
            (weight.min() * end, weight.max() * end)
            for source, weight in front.terms
            for end in source.interval
        ]
        low = sum(min(0, *ends[2 * i], *ends[2 * i + 1]) for i in range(len(front.terms)))
        high = sum(max(0, *ends[2 * i], *ends[2 * i + 1]) for i in range(len(front.terms)))
        return Layer(
            name=pending.nodes[-1],
            nodes=pending.nodes,
            planes=tuple(plane for plane, _ in planes),
            size=words,
            first_index=0,
            source_stride=channels,
            block_stride=each,
            positions=positions,
            channels=channels,
            weights=rows,
            same_rows=same,
            digits=digits,
            multipliers=factors,
            offsets=addends,
            rescale=self._rescale(tensor, chain),
            sums=(int(low), int(high)),
            target=target.tensor,
            target_first=0,
            target_stride=channels,
            pieces=target.pieces,
        )

    def _same_channels(self, tensor: str, lines: Sequence[Exact], words: int) -> int:
        """After how many elements in memory what is done with them begins again."""
        if all(len(line) == 1 for line in lines):
            return min(words, self.options.channels)
        shape = self.graph.types[tensor].shape
        for channels in (shape[1], shape[-1]):
            if words % channels == 0 and all(_period(v, channels) is not None for v in lines):
                return channels
        return words

    def _rescale(self, tensor: str, chain: Chain) -> Rescale:
        """The requantizer's part; limits that nothing reaches are as near as they can be."""
        limit, zero = self.limits[tensor], chain.zero_point
        low, high = limit.low + zero, limit.high + zero
        return Rescale(
            chain.shift,
            chain.rounding,
            low if chain.low is None else max(low, chain.low),
            high if chain.high is None else min(high, chain.high),
            zero,
        )


def _period(line: Exact, channels: int) -> tuple[int, ...] | None:
    """The values of every channel, where they are the same at all positions."""
    if len(line) == 1:
        return (int(line[0]),) * channels
    rows = line.reshape(-1, channels) if len(line) % channels == 0 else None
    if rows is None or np.any(rows != rows[0]):
        return None
    return tuple(int(value) for value in rows[0])


def _reach(matrix: Exact, interval: Interval) -> Interval:
    """Smallest and largest sum that any channel can have, where terms may be absent."""
    low, high = min(interval[0], 0), max(interval[1], 0)
    up = np.where(matrix > 0, matrix, 0).sum(axis=1)
    down = np.where(matrix < 0, matrix, 0).sum(axis=1)
    return int((up * low + down * high).min()), int((up * high + down * low).max())


def lowered(graph: Graph, options: SharedOptions) -> Lowering:
    """The layers of a graph.

    Raises:
        GraphError: It breaks a rule, or cannot be computed by layers of this kind; the message
            lists every fault.
        UnsupportedOp: Operators have no hardware here.
        NumericsError: A value would need more than 64 bits, or neighbors are coded together.
    """
    check_suitable(graph)
    made = Lowering(graph, options)
    if made.faults:
        raise GraphError("; ".join(dict.fromkeys(made.faults)))
    return made
