"""From the nodes of a graph to the cells of layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.base import refuse_groups
from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.cells.affine import Affine, settle
from netwright.backends.rtl.cells.builder import (
    Delay,
    LayerBuilder,
    SearchedGraphs,
    Time,
)
from netwright.backends.rtl.cells.circuit import Bundle, Circuit, Layer, Port, Wire
from netwright.backends.rtl.cells.rescaling import wrap
from netwright.backends.rtl.cells.verilog import library_names
from netwright.backends.rtl.loading import loaded_constants, register_interval
from netwright.backends.rtl.unrolled.balancing import Balance, balanced
from netwright.backends.rtl.unrolled.operators import OPERATORS
from netwright.backends.rtl.unrolled.table_constants import constants_behind, table_lifts
from netwright.backends.rtl.unrolled.table_sums import is_sum_of_tables, sum_tables
from netwright.backends.rtl.unrolled.unrolling import MAX_OPERATIONS, operations, refuse_large
from netwright.errors import GraphError, UnsupportedOp
from netwright.escape import Identifiers, identifier
from netwright.formats import (
    IntegerFormat,
    NumberFormat,
    holds_integers,
    reach,
    smallest_int,
)
from netwright.ir import (
    Graph,
    Interpreter,
    Node,
    TensorType,
    bounds,
    check,
    operators,
    passed_values,
    real_regions,
)

WHERE = "the RTL backend"

_FIRST = operators("product", "lookup")
"""Operators that begin a layer."""

Elements = NDArray[Any]
"""An array of :class:`Affine` in the shape of a tensor, batch axis left out."""


def lower(
    graph: Graph,
    adders_per_stage: int | None,
    *,
    max_operations: int = MAX_OPERATIONS,
    advice: Callable[[], str] = lambda: "raise max_operations",
    loadable: bool = False,
    balance: Balance | None = None,
    table_inputs: int | None = None,
    chain: bool = False,
) -> Circuit:
    """The circuit of a graph.

    Every product with constant weights and every table begins a layer; the nodes up to the next one
    belong to it. A chain of tables belongs to the layer of the tables.

    Args:
        graph: A graph in integer form.
        adders_per_stage: Adders between two pipeline registers; ``None`` for no registers.
        max_operations: Operations side by side that are allowed.
        advice: Says what to do with a graph that needs more.
        loadable: Weights and biases of products are ports, and may be anything of their width.
        balance: Place registers by estimated delays instead of counted adders.
        table_inputs: Inputs of a lookup table that narrow inputs of products may share; ``None``
            for adders alone.
        chain: Tables are summed one after the other, not as a tree.

    Raises:
        GraphError: The graph breaks a rule, is not in integer form or needs too many operations.
        UnsupportedOp: An operator has no hardware here; nothing has been made.
        NumericsError: A value would need more than 64 bits.
    """
    check_lowerable(graph)
    counts = {node.name: operations(node, graph, loadable=loadable) for node in graph.nodes}
    refuse_large(
        graph,
        counts,
        max_operations,
        advice,
        elements=passed_values(graph),
    )
    if balance is None:
        return _Lowering(
            graph,
            adders_per_stage,
            loadable=loadable,
            table_inputs=table_inputs,
            chain=chain,
        ).circuit()
    searched: SearchedGraphs = {}

    def lowered(stage_ns: float | None) -> tuple[Circuit, float]:
        made = _Lowering(
            graph,
            stage_ns,
            loadable=loadable,
            table_inputs=table_inputs,
            chain=chain,
            delay=balance.delays.of,
            searched=searched,
        )
        return made.circuit(), made.longest

    return balanced(lowered, balance.latency_cycles)


def check_lowerable(graph: Graph) -> None:
    """Refuse a graph that cannot be made in hardware here.

    Raises:
        GraphError: The graph breaks a rule or is not in integer form.
        UnsupportedOp: An operator has no hardware here.
        NumericsError: A value would need more than 64 bits, or neighbors are coded together.
    """
    check(graph)
    if not graph.is_integer:
        raise GraphError(
            f'graph "{graph.name}" is not in integer form{real_regions(graph)}',
            hint="lower it with netwright.passes.integerize first",
        )
    bounds(graph)
    for node in graph.nodes:
        if node.op == "Quantize":
            if node.inputs[0] not in graph.inputs:
                raise GraphError("must read an input of the graph", node=node.name)
        elif node.op not in OPERATORS:
            raise UnsupportedOp(
                node.op,
                node=node.name,
                where=WHERE,
                hint=f"supported: {', '.join(sorted(OPERATORS))}",
            )
    refuse_groups(graph, WHERE)


class _Lowering:
    """The circuit in the making."""

    def __init__(
        self,
        graph: Graph,
        stage_holds: float | None,
        *,
        loadable: bool,
        table_inputs: int | None,
        chain: bool = False,
        delay: Delay | None = None,
        searched: SearchedGraphs | None = None,
    ) -> None:
        self.graph, self.chain = graph, chain
        self.delay = delay
        self.table_inputs = table_inputs
        self.searched = searched
        self.longest = 0.0
        self.loaded = loaded_constants(graph) if loadable else ()
        self.wrapped = Interpreter.of(graph).wrapped if loadable else None
        self.stage_holds = stage_holds
        self.name = top_name(graph)
        self.names = identifiers(graph, constants=self.loaded)
        self.made: dict[str, tuple[Bundle, list[Time]]] = {}
        self.layers: list[Layer] = []

    def circuit(self) -> Circuit:
        """All layers and ports."""
        hosts = [node for node in self.graph.nodes if node.op == "Quantize"]
        for node in hosts:
            self._take_input(node.output, entering(node, self.graph))
        for tensor in self.loaded:
            self._take_input(tensor, register_interval(self.graph, tensor))
        for nodes in _groups(self.graph, self._begins):
            self._layer(nodes)
        latency = max(self.made[name][0].stage for name in self.graph.outputs)
        return Circuit(
            name=self.name,
            inputs=(
                *self._ports([node.output for node in hosts], "x"),
                *self._weight_ports(),
            ),
            outputs=tuple(self._reaching(port) for port in self._ports(self.graph.outputs, "y")),
            layers=tuple(self.layers),
            latency_cycles=latency,
        )

    def _ports(self, tensors: Sequence[str], name: str) -> tuple[Port, ...]:
        many = len(tensors) > 1
        return tuple(
            _port(tensor, f"{name}{number if many else ''}", self.graph.types[tensor])
            for number, tensor in enumerate(tensors)
        )

    def _weight_ports(self) -> Iterator[Port]:
        for number, tensor in enumerate(self.loaded):
            low, high = register_interval(self.graph, tensor)
            size = int(self.graph.constants[tensor].size)
            yield Port(tensor, f"w{number}", size, width((low, high)), low < 0)

    def _reaching(self, port: Port) -> Port:
        """An output port that is wide enough for all that loaded weights make of it."""
        if not self.loaded or port.tensor not in self.made:
            return port
        elements = self.made[port.tensor][0].elements
        ends = [e.interval if isinstance(e, Wire) else (e, e) for e in elements]
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        bits = width((low, high)) + int(low >= 0 and port.signed)
        return replace(port, bits=max(bits, port.bits), signed=port.signed or low < 0)

    def _take_input(self, tensor: str, interval: Interval) -> None:
        name = self.names[tensor]
        size = int(np.prod(self._shape(tensor)))
        wires = tuple(Wire(f"{name}_{number}", interval) for number in range(size))
        self.made[tensor] = Bundle(tensor, name, wires, 0), [(0, 0)] * size

    def _layer(self, nodes: list[Node]) -> None:
        name = f"{self.name}_{self.names[nodes[0].name]}"
        layer = LayerBuilder(
            name,
            self.stage_holds,
            delay=self.delay,
            searched=self.searched,
            table_inputs=self.table_inputs,
        )
        values: dict[str, Elements] = {}
        summed = {node.inputs[0]: node for node in nodes if self._sums_tables(node)}
        for node in nodes:
            if node.output in summed:
                continue
            if node.inputs[0] in summed:
                lookup = self.graph.producers[node.inputs[0]]
                inputs = self._operands(lookup, values, layer)
                inputs += [constant_elements(self.graph, node.inputs[1], node)]
                later = constants_behind(node, self.graph, inputs[-1].shape[1])
                result = sum_tables(lookup, node, inputs, later, layer, self.names[node.name])
            else:
                inputs = self._operands(node, values, layer)
                if node.op == "Lookup" and self._is_product_input(node.output):
                    layer.lifts[node.name] = table_lifts(
                        node, self.graph, [value.interval for value in inputs[0].flat]
                    )
                result = OPERATORS[node.op](node, inputs, layer, self.names[node.name])
            if self.wrapped is None or node.output in self.wrapped:
                dtype = self.graph.types[node.output].dtype
                result = wrapped(result, dtype, layer, self.names[node.name])
            values[node.output] = result
        inside = {node.name for node in nodes}
        outputs = []
        for node in nodes:
            if node.output in summed:
                continue
            readers = {reader.name for reader in self.graph.consumers[node.output]}
            if node.output in self.graph.outputs or readers - inside:
                outputs.append(self._write(node.output, values[node.output], layer))
        self.layers.append(layer.layer([node.name for node in nodes], outputs))
        self.longest = max([self.longest, *(depth for _, depth in layer.times.values())])

    def _begins(self, node: Node) -> bool:
        return node.op in _FIRST and not self._sums_tables(node)

    def _sums_tables(self, node: Node) -> bool:
        loaded = node.inputs[-1] in self.loaded
        return self.chain and not loaded and is_sum_of_tables(self.graph, node)

    def _operands(
        self, node: Node, values: dict[str, Elements], layer: LayerBuilder
    ) -> list[Elements]:
        """What a node reads; what comes from another layer enters this one."""
        for tensor in node.inputs:
            if tensor in self.made and tensor not in values:
                values[tensor] = self._read(tensor, layer)
        return [
            constant_elements(self.graph, tensor, node)
            if tensor in self.graph.constants and tensor not in self.loaded
            else values[tensor]
            for tensor in node.inputs
        ]

    def _read(self, tensor: str, layer: LayerBuilder) -> Elements:
        made, times = self.made[tensor]
        local = layer.read(self.names[tensor], made, times)
        values = [Affine.of(element).plus(made.base(i)) for i, element in enumerate(local)]
        return _array(values, self._shape(tensor))

    def _write(self, tensor: str, values: Elements, layer: LayerBuilder) -> Bundle:
        name, bases = self.names[tensor], self._bases(tensor, values)
        settled = [
            settle(value.plus(-base), layer, f"{name}_{number}_settled")
            for number, (value, base) in enumerate(zip(values.flat, bases, strict=True))
        ]
        bundle = layer.aligned(tensor, name, settled, bases if any(bases) else ())
        times = [
            layer.times[element.name] if isinstance(element, Wire) else (0, 0)
            for element in bundle.elements
        ]
        self.made[tensor] = bundle, times
        return bundle

    def _bases(self, tensor: str, values: Elements) -> tuple[int, ...]:
        """The constants that no adder need add, because all that reads the tensor are products.

        A product adds them to its own constant.
        """
        if not self._is_product_input(tensor):
            return (0,) * values.size
        return tuple(value.offset if value.wire is not None else 0 for value in values.flat)

    def _is_product_input(self, tensor: str) -> bool:
        """Whether all that reads a tensor are products of matrices with constant weights."""
        readers = self.graph.consumers[tensor]
        return tensor not in self.graph.outputs and all(
            node.op == "MatMul" and node.inputs[0] == tensor and node.inputs[1] not in self.loaded
            for node in readers
        )

    def _shape(self, tensor: str) -> tuple[int, ...]:
        if tensor in self.graph.constants:
            return self.graph.constants[tensor].shape
        return self.graph.types[tensor].shape[1:]


def entering(node: Node, graph: Graph) -> Interval:
    """Smallest and largest code of a ``Quantize``, after a wrap to its declared format."""
    zero_point = node.integer("zero_point", 0)
    low, high = node.integer("low") - zero_point, node.integer("high") - zero_point
    dtype = graph.types[node.output].dtype
    if not (holds_integers(dtype) and dtype.wraps) or _holds(dtype, (low, high)):
        return low, high
    return reach(dtype)


def constant_elements(graph: Graph, tensor: str, node: Node) -> Elements:
    """The elements of a constant that `node` reads, without the batch axis where it has one."""
    values = graph.constants[tensor]
    if node.op == "Add" and values.ndim == len(graph.types[node.output].shape):
        values = values[0]
    return filled(values)


def filled(values: NDArray[np.int64]) -> Elements:
    """Constants as elements."""
    return _array([Affine(None, offset=int(value)) for value in values.flat], values.shape)


def wrapped(values: Elements, dtype: NumberFormat, layer: LayerBuilder, name: str) -> Elements:
    """The values modulo the width of a declared format, where it is too narrow for them."""
    result = values.copy()
    for number, value in enumerate(values.flat):
        if holds_integers(dtype) and dtype.wraps and not _holds(dtype, value.interval):
            place = f"{name}_{number}"
            result.flat[number] = wrap(value, dtype.min, dtype.bits, layer, place)
    return result


def _holds(dtype: IntegerFormat, interval: Interval) -> bool:
    low, high = reach(dtype)
    return low <= interval[0] and interval[1] <= high


def _groups(graph: Graph, begins: Callable[[Node], bool]) -> list[list[Node]]:
    """The nodes of every layer: one that `begins` begins it."""
    groups: list[list[Node]] = []
    for node in graph.nodes:
        if node.op == "Quantize":
            continue
        if not groups or begins(node):
            groups.append([])
        groups[-1].append(node)
    return groups


def _port(tensor: str, name: str, kind: TensorType) -> Port:
    size = int(np.prod(kind.shape[1:]))
    assert holds_integers(kind.dtype)
    held = smallest_int(*reach(kind.dtype))
    return Port(tensor, name, size, held.bits, held.signed)


def _array(values: list[Affine], shape: tuple[int, ...]) -> Elements:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def identifiers(
    graph: Graph, *, reserved: Collection[str] = (), constants: Sequence[str] = ()
) -> dict[str, str]:
    """A Verilog identifier for every node and tensor: unique, stable, none of a port.

    Args:
        graph: The graph.
        reserved: Further names that are taken.
        constants: Constants that get one, too.
    """
    sides = "xyw" if constants else "xy"
    ports = {f"{side}{number}" for side in sides for number in ("", *range(len(graph.types)))}
    identifiers = Identifiers(ports | set(reserved), whole=False)
    names: dict[str, str] = {}
    for node in graph.nodes:
        for name in (node.name, node.output):
            if name not in names:
                names[name] = identifiers.of(name)
    return names | {name: identifiers.of(name) for name in constants}


def top_name(graph: Graph) -> str:
    """The name of the top module: that of the graph, unless it means something else in Verilog.

    Names of layers begin with it, so it must not be the beginning of a library module either.
    """
    modules = library_names()
    beginnings = {m[:end] for m in modules for end in _underscores(m)}
    return identifier(graph.name, default="model", also=beginnings.union(modules))


def _underscores(name: str) -> list[int]:
    return [place for place, character in enumerate(name) if character == "_"]
