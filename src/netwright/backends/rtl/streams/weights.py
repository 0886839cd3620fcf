"""The addresses of loadable weights, and the words that make a design compute another graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.streams.network import Network, Product
from netwright.backends.rtl.streams.spread_products import bias_words, matrices, weight_words
from netwright.errors import GraphError
from netwright.formats import NumberFormat, smallest_int
from netwright.ir import Graph, Interpreter, Node, bounds, spec_of


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a unit's weights or biases: `lanes` memories of `depth` words side by side.

    A word's address is ``base + (lane << address_bits) + place``.

    Attributes:
        unit: Name of the unit.
        role: ``"weights"`` or ``"bias"``.
        base: First address; a multiple of the size.
        lanes: Memories side by side.
        depth: Words of each.
        bits: Width of a word.
    """

    unit: str
    role: str
    base: int
    lanes: int
    depth: int
    bits: int

    @property
    def address_bits(self) -> int:
        """Bits of the place in a lane."""
        return max((self.depth - 1).bit_length(), 1)

    @property
    def lane_bits(self) -> int:
        """Bits of the lane."""
        return max((self.lanes - 1).bit_length(), 1)

    @property
    def size(self) -> int:
        """Addresses it takes: a power of two."""
        return 1 << (self.address_bits + self.lane_bits)


def memories(network: Network) -> tuple[Memory, ...]:
    """Every loadable memory, the largest first, so that none overlaps another."""
    if not network.loadable:
        return ()
    found = []
    for unit, product in network.products.items():
        tiling = product.tiling
        found.append(
            Memory(unit, "weights", 0, tiling.multipliers, tiling.reuse_factor, product.weight_bits)
        )
        if product.bias is not None:
            lanes = product.bias.shape[1]
            found.append(Memory(unit, "bias", 0, lanes, tiling.rounds, product.bias_bits))
    placed, base = [], 0
    for memory in sorted(found, key=lambda memory: -memory.size):
        placed.append(replace(memory, base=base))
        base += memory.size
    return tuple(placed)


def address_bits(network: Network) -> int:
    """Width of the address of the load port."""
    return max((sum(memory.size for memory in memories(network)) - 1).bit_length(), 1)


def data_bits(network: Network) -> int:
    """Width of the data of the load port."""
    return max((memory.bits for memory in memories(network)), default=1)


def load_words(network: Network, graph: Graph) -> NDArray[np.int64]:
    """What to write so that the design computes a graph: (words, 2), address and value.

    Args:
        network: A loadable design.
        graph: The graph it was made from, or one that :func:`check_loadable` accepts.
    """
    words = []
    for memory in memories(network):
        product = network.products[memory.unit]
        values = _values(product, graph, memory.role)
        places, lanes = np.indices(values.shape)
        addresses = memory.base + (lanes << memory.address_bits) + places
        words.append(np.stack([addresses.ravel(), values.ravel()], axis=1))
    return np.concatenate(words) if words else np.zeros((0, 2), dtype=np.int64)


def _values(product: Product, graph: Graph, role: str) -> NDArray[np.int64]:
    weights, bias = matrices(graph.node(product.node), graph, product.tiling)
    if role == "weights":
        return weight_words(weights, product.tiling)
    assert bias is not None
    return bias_words(bias, product.tiling)


def check_loadable(made_for: Graph, graph: Graph) -> None:
    """Refuse a graph that a loadable design cannot compute: it differs in more than weights.

    Weights must fit the formats of the first graph; nothing is clipped. Scales may differ: they are
    the host's. What wraps must wrap alike.

    Raises:
        GraphError: The graphs differ; the message lists every fault.
    """
    faults = list(_differences(made_for, graph))
    if faults:
        raise GraphError(
            f'graph "{graph.name}" cannot be loaded: {"; ".join(faults)}',
            hint="generate a design for it; only weights and biases of products can be loaded",
        )


def _differences(one: Graph, other: Graph) -> Iterator[str]:
    if (one.inputs, one.outputs) != (other.inputs, other.outputs):
        yield "it has other inputs or outputs"
    if len(one.nodes) != len(other.nodes):
        yield f"it has {len(other.nodes)} nodes, not {len(one.nodes)}"
        return
    loaded: set[str] = set()
    for node, twin in zip(one.nodes, other.nodes, strict=True):
        if _meaning(node) != _meaning(twin):
            yield f'node "{twin.name}" is not as "{node.name}" was'
        elif spec_of(node).category == "product":
            loaded.update(node.inputs[1:])
    for name, value in one.constants.items():
        twin_value = other.constants.get(name)
        if twin_value is None or twin_value.shape != value.shape:
            yield f'constant "{name}" has another shape'
        elif name in loaded:
            low, high = int(twin_value.min()), int(twin_value.max())
            dtype = one.types[name].dtype
            if dtype.is_integer and not np.all(dtype.allowed(twin_value)):
                yield f'"{name}" holds {low} to {high}, which {dtype} does not allow'
        elif not np.array_equal(twin_value, value):
            yield f'constant "{name}" has other values'
    wrapped = Interpreter.of(one).wrapped, Interpreter.of(other).wrapped
    for name in sorted(wrapped[0] | wrapped[1]):
        same = one.types[name].dtype == other.types[name].dtype
        if not (same and name in wrapped[0] and name in wrapped[1]):
            yield f'"{name}" wraps differently'


def other_weights(graph: Graph, *, count: int, seed: int) -> Iterator[Graph]:
    """The graph with other weights and biases, whose sums reach as far as those of any weights.

    First those of each product are all the least or all the greatest of their formats, alike in all
    products and by turns, with biases alike and opposite: eight graphs. Then they are drawn at
    random. Formats of sums grow with them.

    Args:
        graph: What a loadable design was made from.
        count: How many graphs.
        seed: For the weights that are drawn.
    """
    generator = np.random.default_rng(seed)
    products = [node for node in graph.nodes if spec_of(node).category == "product"]
    for number in range(count):
        made = graph
        for place, node in enumerate(products):
            for role, name in enumerate(node.inputs[1:]):
                dtype, shape = graph.types[name].dtype, graph.constants[name].shape
                if number < 8:
                    greatest = (number >> 2) ^ (number & place & 1) ^ (number >> 1 & role)
                    values = np.full(shape, dtype.max if greatest else dtype.min)
                else:
                    values = _drawn(generator, dtype, shape)
                made = made.with_constant(name, values.astype(np.int64))
        yield _widened(made, Interpreter.of(graph).wrapped)


def _drawn(
    generator: np.random.Generator, dtype: NumberFormat, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Codes of a format, drawn at random."""
    values = generator.integers(int(dtype.min), int(dtype.max), size=shape, endpoint=True)
    return np.where(dtype.allowed(values), values, dtype.max)


def _widened(graph: Graph, wrapped: frozenset[str]) -> Graph:
    """The graph with formats that hold all sums but those that are meant to wrap."""
    narrow = Interpreter.of(graph).wrapped - wrapped
    while narrow:
        found = bounds(graph)
        for name in narrow:
            kind = graph.types[name].with_number(smallest_int(found[name].low, found[name].high))
            graph = graph.with_type(name, kind)
        narrow = Interpreter.of(graph).wrapped - wrapped
    return graph


_ON_THE_HOST = ("scale", "axis", "rounding", "steps", "operands", "steps_axis", "precision")
"""Attributes of a Quantize that the hardware does not know."""


def _meaning(node: Node) -> tuple[object, ...]:
    attrs = {name: value for name, value in node.attrs.items()
             if node.op != "Quantize" or name not in _ON_THE_HOST}  # fmt: skip
    return node.name, node.op, node.inputs, node.output, sorted(attrs.items())
