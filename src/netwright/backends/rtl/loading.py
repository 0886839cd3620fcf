"""Weights that are loaded into hardware: which ones, what they may be, and what must stay."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.formats import Int, NumberFormat, holds_integers, smallest_int
from netwright.ir import Graph, Interpreter, Node, bounds, spec_of


def loaded_constants(graph: Graph) -> tuple[str, ...]:
    """Weights and biases of all products, in the order of the nodes, each once."""
    products = (node for node in graph.nodes if spec_of(node).category == "product")
    names = (name for node in products for name in node.inputs[1:] if name in graph.constants)
    return tuple(dict.fromkeys(names))


def register_interval(graph: Graph, tensor: str) -> tuple[int, int]:
    """Smallest and largest value that a register of a constant's format holds.

    These are all patterns of its bits: what the format leaves out, a register can still hold.
    """
    dtype = graph.types[tensor].dtype
    assert holds_integers(dtype)
    held = smallest_int(int(dtype.min), int(dtype.max))
    low = -(1 << (held.bits - 1)) if held.signed else 0
    return low, low + (1 << held.bits) - 1


def with_stored_bits(graph: Graph, *, weight_bits: int | None, bias_bits: int | None) -> Graph:
    """The graph with wider formats of weights and biases, so that others fit, too.

    Args:
        graph: The graph.
        weight_bits: Bits of every weight, sign included; ``None`` for those of the graph.
        bias_bits: The same for biases.

    Raises:
        GraphError: A weight or a bias of the graph does not fit; the message lists every fault.
    """
    faults, roles = [], {"weights": weight_bits, "biases": bias_bits}
    for node in graph.nodes:
        if spec_of(node).category != "product":
            continue
        for (role, bits), name in zip(roles.items(), node.inputs[1:], strict=False):
            if bits is None or name not in graph.constants:
                continue
            stored, values = Int(bits), graph.constants[name]
            if not np.all(stored.allowed(values)):
                faults.append(
                    f'{role} "{name}" hold {int(values.min())} to {int(values.max())}, which '
                    f"{bits} bits do not"
                )
            else:
                graph = graph.with_type(name, graph.types[name].with_number(stored))
    if faults:
        raise GraphError("; ".join(faults), hint="raise weight_bits or bias_bits")
    return graph


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
            hint="generate a design for it; only weights and biases of products can be loaded, "
            "and weight_bits and bias_bits say how large they may be",
        )


def _differences(one: Graph, other: Graph) -> Iterator[str]:
    if (one.inputs, one.outputs) != (other.inputs, other.outputs):
        yield "it has other inputs or outputs"
    if len(one.nodes) != len(other.nodes):
        yield f"it has {len(other.nodes)} nodes, not {len(one.nodes)}"
        return
    loaded: set[str] = set()
    for node, twin in zip(one.nodes, other.nodes, strict=True):
        if meaning(node) != meaning(twin):
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
    products and by turns, with biases alike and opposite: eight graphs. A layer that saturates
    hides what those before it do, so the weights of one product are extreme in each of the others,
    with everything else drawn at random: each product by turns, then none. Formats of sums grow
    with them.

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
            turn, aimed = divmod(number - 8, len(products) + 1)
            for role, name in enumerate(node.inputs[1:]):
                dtype, shape = graph.types[name].dtype, graph.constants[name].shape
                if number < 8:
                    greatest = (number >> 2) ^ (number & place & 1) ^ (number >> 1 & role)
                    values = np.full(shape, dtype.max if greatest else dtype.min)
                elif role == 0 and aimed == place:
                    values = np.full(shape, dtype.min if turn % 2 else dtype.max)
                else:
                    values = _drawn(generator, dtype, shape)
                made = made.with_constant(name, values.astype(np.int64))
        yield widened(made, graph)


def _drawn(
    generator: np.random.Generator, dtype: NumberFormat, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Codes of a format, drawn at random."""
    values = generator.integers(int(dtype.min), int(dtype.max), size=shape, endpoint=True)
    return np.where(dtype.allowed(values), values, dtype.max)


def widened(graph: Graph, made_for: Graph) -> Graph:
    """A graph with formats that hold all its sums but those that wrap in `made_for`, too."""
    wrapped = Interpreter.of(made_for).wrapped
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


def meaning(node: Node) -> tuple[object, ...]:
    """What a node is in hardware: everything but what the host does with a real input."""
    attrs = {name: value for name, value in node.attrs.items()
             if node.op != "Quantize" or name not in _ON_THE_HOST}  # fmt: skip
    return node.name, node.op, node.inputs, node.output, sorted(attrs.items())
