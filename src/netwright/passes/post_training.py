"""Quantizers for a graph of real values, with scales from calibration rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from netwright.errors import ConfigError, GraphError
from netwright.ir import FLOAT, KEEPS_VALUES, Graph, Node, TensorType, check, operators
from netwright.ir.interpret import Values
from netwright.ir.names import Names
from netwright.passes.base import run_passes
from netwright.passes.calibration import (
    QuantGrid,
    ScaleKind,
    ScaleRule,
    activation_grid,
    observe,
    weight_grid,
)
from netwright.passes.fold_constants import FoldConstants
from netwright.passes.fold_norms import FoldNorms
from netwright.passes.function_tables import with_tables
from netwright.passes.fuse_bias import FuseBias
from netwright.passes.strip_head import StripHead

PRODUCTS = operators("product")
_MOVES = KEEPS_VALUES
_KEEP = _MOVES | {"Relu"}
_TABLED = _KEEP | {"Function"}
QUANTIZERS = operators("quantizer")
"""Operators that quantize."""


WEIGHT_BITS, INPUT_BITS = range(2, 17), range(1, 17)
"""Widths that are accepted; tensors that hold negative values need 2 bits."""


@dataclass(frozen=True, slots=True)
class Widths:
    """Widths of one product: of its weights and of what it reads."""

    weight_bits: int
    input_bits: int

    def __post_init__(self) -> None:
        for name, value, accepted in (
            ("weight_bits", self.weight_bits, WEIGHT_BITS),
            ("input_bits", self.input_bits, INPUT_BITS),
        ):
            if value not in accepted:
                raise ConfigError(
                    f"{name} must be from {accepted.start} to {accepted.stop - 1}, not {value}"
                )


def prepare(graph: Graph) -> Graph:
    """A float graph as its quantizers see it: constants, biases and normalizations folded.

    Constants are rounded to single precision, so that a file of the result holds them exactly.

    Raises:
        GraphError: The graph has quantizers already; comparisons and signs are such.
    """
    found = [node for node in graph.nodes if node.op in QUANTIZERS]
    if found and all(node.op == "BipolarQuant" for node in found):
        raise GraphError(
            f'graph "{graph.name}" compares values or takes their signs: a quantizer of one bit',
            node=found[0].name,
            hint="end the file before it (--until TENSOR)",
        )
    if found or graph.is_integer:
        raise GraphError(
            f'graph "{graph.name}" is quantized already',
            node=found[0].name if found else None,
            hint="convert it without choosing widths again",
        )
    folded = run_passes(graph, (FoldConstants(), StripHead(), FuseBias(), FoldNorms()))
    single = {n: v.astype(np.float32).astype(np.float64) for n, v in folded.constants.items()}
    return replace(folded, constants=single)


def quantize(
    graph: Graph,
    rows: Values,
    *,
    bits: Widths | Mapping[str, Widths] = Widths(8, 8),
    scale: ScaleKind = "power-of-two",
    rules: tuple[ScaleRule, ScaleRule] = ("mse", "mse"),
) -> Graph:
    """Put quantizers into a graph of real values, after training.

    Weights get one scale for each output channel, other tensors one; each scale is the one of
    smallest mean squared error, on the weights themselves or on what the calibration rows give,
    unless `rules` say otherwise.
    Quantized is what products and functions read, the terms of sums, what is concatenated and what
    is averaged; functions are tables of their codes (:func:`with_tables`), and the outputs keep the
    precision of the last sums. Where the rows give no negative value, codes are unsigned. With
    power-of-two scales biases lie on the grids of their sums, and everything behind is exact in
    integers.

    Args:
        graph: A graph in the quantized form that has no quantizers.
        rows: Calibration rows, as for :meth:`netwright.ir.Interpreter.run`.
        bits: Widths of every product, or those of each by name of its node.
        scale: Rule for all scales.
        rules: How the scales of weights are chosen, and those of all else.

    What is read with several widths gets a quantizer for each; the terms of sums have the largest.

    Returns:
        The graph with quantizers; :func:`~netwright.passes.integerize` makes integers of it.

    Raises:
        GraphError: The graph has quantizers, or a product reads computed weights.
        ConfigError: A product has no widths.
        DataError: The rows do not fit.

    >>> import numpy as np
    >>> from netwright.ir import Graph, Node, TensorType
    >>> node = Node("fc", "MatMul", ("x", "w"), "y")
    >>> types = {"x": TensorType((1, 2)), "w": TensorType((2, 3)), "y": TensorType((1, 3))}
    >>> float_graph = Graph("tiny", ("x",), ("y",), (node,), types, {"w": np.ones((2, 3))})
    >>> [node.op for node in quantize(float_graph, np.array([[0.5, -1.0]])).nodes]
    ['Quant', 'Quant', 'MatMul']
    """
    prepared = prepare(graph)
    widths = widths_of(prepared, bits)
    places = places_of(prepared, widths)
    seen = observe(prepared, rows, sorted({name for place in places for name, _ in place.readers}))
    for name, values in seen.items():
        if not np.all(np.isfinite(values)):
            maker = prepared.producers.get(name)
            raise GraphError(
                f'"{name}" is not finite on the calibration rows, so that no scale fits it',
                node=None if maker is None else maker.name,
                hint="calibrate with rows on which the file gives numbers, or end it before this",
            )
    grids: dict[tuple[str, str], QuantGrid] = {}
    for place in places:
        values = np.concatenate([seen[name] for name in dict(place.readers)])
        kind = "power-of-two" if place.tabled else scale  # dividing by it must be exact
        grid = activation_grid(values, place.bits, kind, rules[1])
        grids.update(dict.fromkeys(place.readers, grid))
    weights = {
        node.name: weight_grid(prepared, node, widths[node.name].weight_bits, scale, rules[0])
        for node in products_of(prepared)
    }
    made = with_tables(with_quantizers(prepared, grids, weights))
    return _with_biases_on_grids(made) if scale == "power-of-two" else made


def products_of(graph: Graph) -> tuple[Node, ...]:
    """The nodes that multiply with weights.

    Raises:
        GraphError: The weights of one are computed from the inputs.
    """
    found = tuple(node for node in graph.nodes if node.op in PRODUCTS)
    for node in found:
        if node.inputs[1] not in graph.constants:
            raise GraphError(
                "weights must be constant to be quantized",
                node=node.name,
                hint="end the file before products of two activations, and do the rest on the host",
            )
    return found


def widths_of(graph: Graph, bits: Widths | Mapping[str, Widths]) -> dict[str, Widths]:
    """The widths of every product, by name of its node."""
    names = [node.name for node in products_of(graph)]
    if isinstance(bits, Widths):
        return dict.fromkeys(names, bits)
    missing = [name for name in names if name not in bits]
    if missing:
        raise ConfigError(f"no widths are given for {', '.join(missing)}")
    return {name: bits[name] for name in names}


@dataclass(frozen=True, slots=True)
class Place:
    """Readings of tensors that go through one grid.

    Attributes:
        readers: Tensors, each with the name of a node that reads it.
        bits: Width of the codes.
        tabled: Whether a function is a table of the codes.
    """

    readers: tuple[tuple[str, str], ...]
    bits: int
    tabled: bool = False


def places_of(graph: Graph, widths: Mapping[str, Widths]) -> tuple[Place, ...]:
    """Where codes are read, in the order of the graph.

    What a product reads has the product's width, through all that only moves values, and so has
    what a function reads whose values it multiplies. What is concatenated shares a grid, so that a
    concatenation only moves codes. Other readers get the largest width of all.
    """
    most = max((item.input_bits for item in widths.values()), default=8)
    found: list[Place] = []
    joins: list[set[str]] = []
    for name in _gridded(graph):
        for reader in graph.consumers[name]:
            beyond = [reader]
            if reader.op in _KEEP:
                beyond += _onward(graph, reader.output)
            behind = [*beyond]
            if reader.op in _TABLED:
                behind += _onward(graph, reader.output, through=_TABLED)
            bits = min(
                (widths[n.name].input_bits for n in behind if n.name in widths), default=most
            )
            own = {node.name for node in beyond if node.op == "Concat"}
            tabled = any(node.op == "Function" for node in beyond)
            place = Place(((name, reader.name),), bits, tabled)
            for i in [i for i, other in enumerate(joins) if other & own]:
                readers = (*found[i].readers, *place.readers)
                place = Place(readers, min(found[i].bits, bits), found[i].tabled or place.tabled)
                own |= joins[i]
                found[i], joins[i] = Place((), most), set()
            found.append(place)
            joins.append(own)
    return tuple(place for place in found if place.readers)


def _gridded(graph: Graph) -> list[str]:
    """The tensors that get quantizers."""
    on_grid: set[str] = set()
    chosen: list[str] = []
    for name in (*graph.inputs, *(node.output for node in graph.nodes)):
        node = graph.producers.get(name)
        if node is not None and not _depends_on_inputs(graph, node):
            continue
        data = [] if node is None else [n for n in node.inputs if n not in graph.constants]
        keeps = node is not None and node.op in _KEEP
        if keeps and all(source in on_grid for source in data):
            on_grid.add(name)
        elif _must_lie_on_a_grid(graph, name):
            on_grid.add(name)
            chosen.append(name)
    return chosen


def _depends_on_inputs(graph: Graph, node: Node) -> bool:
    return any(name not in graph.constants for name in node.inputs)


def _must_lie_on_a_grid(graph: Graph, name: str) -> bool:
    """Whether what reads a tensor needs codes; at the end of the graph sums stay as they are."""
    if name in graph.inputs:
        return bool(graph.consumers[name])
    readers, maker = graph.consumers[name], graph.producers.get(name)
    if maker is not None and maker.op == "Function" and readers and not _only_ends(graph, name):
        return True
    if len(readers) > 1 and not _only_ends(graph, name):
        return True
    for reader in readers:
        data = [source for source in reader.inputs if source not in graph.constants]
        if reader.op in (*PRODUCTS, "AveragePool", "Concat", "Function"):
            return True
        if reader.op == "Add" and len(data) == 2:
            return True
        if reader.op in _MOVES and not _only_ends(graph, reader.output):
            return True
    return False


def _only_ends(graph: Graph, name: str) -> bool:
    """Whether a tensor is only moved on its way to the outputs."""
    moves = _MOVES - {"Concat"}
    return all(reader.op in moves for reader in _onward(graph, name, through=moves))


def _onward(graph: Graph, name: str, *, through: frozenset[str] = _KEEP) -> Iterator[Node]:
    """All nodes that read a tensor, and what operators of `through` make of it."""
    seen, waiting = {name}, [name]
    while waiting:
        for reader in graph.consumers[waiting.pop()]:
            yield reader
            if reader.op in through and reader.output not in seen:
                seen.add(reader.output)
                waiting.append(reader.output)


def with_quantizers(
    graph: Graph,
    grids: Mapping[tuple[str, str], QuantGrid],
    weights: Mapping[str, QuantGrid],
) -> Graph:
    """The graph with quantizers between tensors and the nodes that read them, and on weights.

    Readers of one tensor that have the same grid share a quantizer. The graph's outputs stay what
    they are.

    Args:
        graph: A graph of real values.
        grids: The grid of each reading, by tensor and name of the reader.
        weights: The grid of the weights of each product, by name of its node.
    """
    types, names = dict(graph.types), Names({*graph.types, *(n.name for n in graph.nodes)})
    nodes: list[Node] = []
    made: dict[tuple[str, QuantGrid], str] = {}

    def quantized(source: str, wanted: str, grid: QuantGrid, origin: str) -> str:
        if (source, grid) not in made:
            name = names.fresh(f"{wanted}_quant")
            types[name] = TensorType(types[source].shape, FLOAT)
            nodes.append(Node(name, "Quant", (source,), name, grid.attrs, origin))
            made[source, grid] = name
        return made[source, grid]

    for node in graph.nodes:
        inputs = list(node.inputs)
        for place, source in enumerate(node.inputs):
            if (source, node.name) in grids:
                maker = graph.producers.get(source)
                label = source if maker is None else maker.name
                inputs[place] = quantized(source, label, grids[source, node.name], label)
        if node.name in weights:
            label = f"{node.name}_weight"
            inputs[1] = quantized(inputs[1], label, weights[node.name], node.name)
        nodes.append(replace(node, inputs=tuple(inputs)))
    return check(replace(graph, nodes=tuple(nodes), types=types))


def _with_biases_on_grids(graph: Graph) -> Graph:
    """The graph with every bias rounded to the step of the sums that it is added to."""
    constants = dict(graph.constants)
    for node in products_with_bias(graph):
        weights = graph.producers[node.inputs[1]].reals("scale")
        step = np.array(weights) * _scale_behind(graph, node.inputs[0])
        name = node.inputs[2]
        if step.size > 1:  # a transposed convolution has the same scales in every group
            step = np.tile(step, graph.constants[name].size // step.size)
        constants[name] = np.rint(graph.constants[name] / step) * step
    return replace(graph, constants=constants)


def products_with_bias(graph: Graph) -> Iterator[Node]:
    """Products that add a constant which nothing else reads."""
    for node in graph.nodes:
        bias = node.inputs[2] if node.op in PRODUCTS and len(node.inputs) == 3 else ""
        if bias in graph.constants and graph.consumers[bias] == (node,):
            yield node


def _scale_behind(graph: Graph, name: str) -> float:
    """The scale of the codes that moves bring to a tensor."""
    node = graph.producers[name]
    while node.op != "Quant":
        node = graph.producers[node.inputs[0]]
    return node.reals("scale")[0]
