"""Put normalizations, factors and shifts behind a product into its weights and bias."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netwright.ir import Array, Graph, Node, TensorType, operators
from netwright.ir.ops.filters import channel_axis, filters_as_stored, filters_first
from netwright.passes.carried import with_axes

_PRODUCTS = operators("product")


@dataclass(frozen=True, slots=True)
class FoldNorms:
    """Fold ``BatchNormalization``, ``Mul`` and ``Add`` with constants into the product before.

    The product's weights are plain constants, nothing else reads its result, and the factors vary
    along its output channels only. In real numbers the result is the same; this is for graphs that
    have no quantizers yet, since weights that are quantized already would change.
    """

    def __call__(self, graph: Graph) -> Graph:
        """The graph with folded weights, or `graph` itself."""
        while True:
            changed = _fold_each(graph)
            if changed is graph:
                return graph
            graph = changed


def _fold_each(graph: Graph) -> Graph:
    """Fold what stands directly behind a product, once for each product."""
    constants, types = dict(graph.constants), dict(graph.types)
    merged: dict[str, Node] = {}
    dropped: set[str] = set()
    for node in graph.nodes:
        for source in dict.fromkeys(node.inputs):
            product = graph.producers.get(source)
            if product is None or not _is_free(graph, product, node) or product.name in merged:
                continue
            found = _affine(graph, node, product)
            if found is not None:
                merged[node.name] = _merge(graph, product, node, found, constants, types)
                dropped.add(product.name)
    if not merged:
        return graph
    nodes = tuple(merged.get(n.name, n) for n in graph.nodes if n.name not in dropped)
    used = {name for n in nodes for name in (*n.inputs, n.output)}
    used |= {*graph.inputs, *graph.outputs}
    return replace(
        graph,
        nodes=nodes,
        constants={name: value for name, value in constants.items() if name in used},
        types={name: value for name, value in types.items() if name in used},
    )


def _is_free(graph: Graph, product: Node, node: Node) -> bool:
    """Whether a product has plain constants and no reader but `node`."""
    return (
        product.op in _PRODUCTS
        and product.output not in graph.outputs
        and graph.consumers[product.output] == (node,)
        and all(name in graph.constants for name in product.inputs[1:])
    )


def _affine(graph: Graph, node: Node, product: Node) -> tuple[Array, Array] | None:
    """Factor and shift of each output channel, if `node` is such a map."""
    axis = channel_axis(product, len(graph.types[product.output].shape))
    channels = graph.types[product.output].shape[axis]
    constants = [graph.constants[name] for name in node.inputs[1:] if name in graph.constants]
    if node.op == "BatchNormalization" and axis == 1 and len(constants) == 4:
        gamma, beta, mean, variance = constants
        gain = gamma / np.sqrt(variance + node.reals("epsilon")[0])
        return gain, beta - mean * gain
    if node.op in ("Mul", "Add") and len(set(node.inputs)) == 2:
        other = next((name for name in node.inputs if name in graph.constants), None)
        if other is None or graph.types[node.output].shape != graph.types[product.output].shape:
            return None
        values = np.asarray(graph.constants[other], dtype=np.float64)
        rank = len(graph.types[product.output].shape)
        full = with_axes(values, rank)
        if any(extent != 1 for i, extent in enumerate(full.shape) if i != axis):
            return None
        each = np.broadcast_to(full.reshape(-1), (channels,))
        still = np.ones(channels) if node.op == "Add" else np.zeros(channels)
        return (still, each) if node.op == "Add" else (each, still)
    return None


def _merge(
    graph: Graph,
    product: Node,
    node: Node,
    affine: tuple[Array, Array],
    constants: dict[str, Array],
    types: dict[str, TensorType],
) -> Node:
    """The product that gives what `node` gave; its constants are added."""
    gain, shift = affine
    values = constants[product.inputs[1]]
    filters = filters_first(product, values, values.shape)
    scaled = filters_as_stored(product, filters * gain.reshape(-1, *(1,) * (values.ndim - 1)))
    bias = constants[product.inputs[2]] if len(product.inputs) == 3 else np.zeros(len(gain))
    names = []
    for part, array in (("weight", scaled), ("bias", bias * gain + shift)):
        names.append(_free(types, f"{product.name}_folded_{part}"))
        constants[names[-1]], types[names[-1]] = np.asarray(array), TensorType(array.shape)
    return replace(
        product,
        inputs=(product.inputs[0], *names),
        output=node.output,
        origin=product.origin or product.name,
    )


def _free(types: dict[str, TensorType], wanted: str) -> str:
    name, count = wanted, 1
    while name in types:
        count += 1
        name = f"{wanted}_{count}"
    return name
