"""Make a constant that is added to a product the product's third input."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netwright.ir import Graph, Node, TensorType, operators
from netwright.ir.ops.filters import channel_axis, num_filters
from netwright.passes.constant_values import constant_values

_PRODUCTS = operators("product")


@dataclass(frozen=True, slots=True)
class FuseBias:
    """Turn ``Add(MatMul(x, w), b)`` and ``Add(Conv(x, w), b)`` into one node with a bias.

    The bias is a constant or a quantized constant with one value for each output channel, and the
    product has no other reader. Quantized form only.
    """

    def __call__(self, graph: Graph) -> Graph:
        """The graph with fused biases, or `graph` itself."""
        if graph.is_integer:
            return graph
        fused: dict[str, Node] = {}
        dropped: set[str] = set()
        constants, types = dict(graph.constants), dict(graph.types)
        known = constant_values(graph)
        for add in graph.nodes:
            found = _product_and_bias(graph, add, frozenset(known)) if add.op == "Add" else None
            if found is None or found[0].name in dropped:
                continue
            product, bias = found
            channels = num_filters(product, graph.types[product.inputs[1]].shape)
            shape = graph.types[bias].shape
            if shape != (channels,):
                flat = _flat_name(graph, bias)
                if flat is None or known[bias].size != channels:
                    continue
                if not _lies_on_channels(graph, product, shape):
                    continue
                constants[flat] = known[bias].reshape(channels)
                types[flat] = TensorType((channels,))
                bias = flat
            dropped.add(product.name)
            fused[add.name] = replace(
                product,
                inputs=(*product.inputs, bias),
                output=add.output,
                origin=product.origin or product.name,
            )
        if not fused:
            return graph
        for node in graph.nodes:
            if node.name in dropped:
                del types[node.output]
        nodes = _in_order(graph, fused, dropped)
        return replace(graph, nodes=nodes, constants=constants, types=types)


def _in_order(graph: Graph, fused: dict[str, Node], dropped: set[str]) -> tuple[Node, ...]:
    return tuple(fused.get(node.name, node) for node in graph.nodes if node.name not in dropped)


def _product_and_bias(graph: Graph, add: Node, known: frozenset[str]) -> tuple[Node, str] | None:
    for source, bias in (add.inputs, add.inputs[::-1]):
        product = graph.producers.get(source)
        if product is None or product.op not in _PRODUCTS or len(product.inputs) != 2:
            continue
        alone = len(graph.consumers[source]) == 1 and source not in graph.outputs
        same = graph.types[add.output].shape == graph.types[source].shape
        if alone and same and bias in known:
            return product, bias
    return None


def _lies_on_channels(graph: Graph, product: Node, shape: tuple[int, ...]) -> bool:
    """Whether a bias of `shape` varies along the channels only when it is broadcast."""
    rank = len(graph.types[product.output].shape)
    full = (1,) * (rank - len(shape)) + shape
    axis = channel_axis(product, rank)
    return all(extent == 1 for i, extent in enumerate(full) if i != axis)


def _flat_name(graph: Graph, bias: str) -> str | None:
    """A free name for the flattened bias; none for quantized ones, whose format would be lost."""
    if bias not in graph.constants:
        return None
    name = f"{bias}_flat"
    return None if name in graph.types else name
