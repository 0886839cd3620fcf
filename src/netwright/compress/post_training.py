"""Widths for a graph that is quantized after training, under a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.compress.allocation import Allocation, FreeActivations, allocate
from netwright.compress.budget import Budget
from netwright.compress.plan import LayerShape, Width
from netwright.errors import DataError
from netwright.ir import FLOAT, Graph, Interpreter, Node, TensorType, spec_of
from netwright.ir.interpret import Values
from netwright.ir.ops.filters import num_filters
from netwright.passes import Widths
from netwright.passes.calibration import (
    QuantGrid,
    ScaleKind,
    activation_grid,
    observe,
    quantized_weights,
    weight_grid,
)
from netwright.passes.post_training import prepare, products_of

CANDIDATES = tuple(range(2, 9))
"""Widths that are tried."""

MEASURED_ROWS = 256
"""Rows on which the error of every width is measured."""


@dataclass(frozen=True, slots=True)
class ProductError:
    """What each width of one product costs in accuracy, the rest of the network in real numbers.

    Attributes:
        shape: What the cost of the product depends on.
        weight: Mean squared change of the outputs, as a share of their mean square, by width.
        activation: The same for what the product reads.
    """

    shape: LayerShape
    weight: dict[int, float]
    activation: dict[int, float]


def shape_of(graph: Graph, node: Node) -> LayerShape:
    """What the cost of a product depends on."""
    shapes = [graph.types[name].shape for name in node.inputs]
    weights = shapes[1]
    outputs = num_filters(node, weights)
    return LayerShape(
        name=node.name,
        inputs=int(np.prod(weights)) // outputs,
        outputs=outputs,
        positions=spec_of(node).macs(node, shapes) // int(np.prod(weights)),
        weights=int(np.prod(weights)),
    )


def output_errors(
    graph: Graph,
    rows: Values,
    *,
    bits: Sequence[int] = CANDIDATES,
    scale: ScaleKind = "power-of-two",
) -> tuple[ProductError, ...]:
    """Measure how far each width of each product moves the outputs of a float graph.

    No labels are needed. At most :data:`MEASURED_ROWS` rows are used, spread over those given.

    Raises:
        DataError: The outputs are zero on all rows, or the rows do not fit.
    """
    prepared = prepare(graph)
    arrays = Interpreter.of(prepared).checked_inputs(rows)
    count = len(next(iter(arrays.values())))
    chosen = np.linspace(0, max(count - 1, 0), min(count, MEASURED_ROWS)).astype(np.int64)
    few = {name: array[chosen] for name, array in arrays.items()}
    base = _outputs(prepared, few)
    power = float(np.square(base).mean()) if base.size else 0.0
    if power == 0:
        raise DataError("the outputs are zero on all calibration rows, so no width can be judged")

    def moved(changed: Graph) -> float:
        return float(np.square(_outputs(changed, few) - base).mean()) / power

    found = []
    for node in products_of(prepared):
        weight, activation = {}, {}
        read = node.inputs[0]
        values = observe(prepared, few, [read])[read]
        for width in sorted(set(bits)):
            grid = weight_grid(prepared, node, width, scale)
            values_of = quantized_weights(prepared, node, grid)
            weight[width] = moved(_with_weights(prepared, node, values_of))
            activation[width] = moved(
                _reading(prepared, node, activation_grid(values, width, scale))
            )
        found.append(ProductError(shape_of(prepared, node), weight, activation))
    return tuple(found)


def _outputs(graph: Graph, rows: Values) -> NDArray[np.float64]:
    found = Interpreter.of(graph).run(rows)
    return np.concatenate(
        [np.asarray(found[name], dtype=np.float64).reshape(-1) for name in graph.outputs]
    )


def _with_weights(graph: Graph, node: Node, values: NDArray[np.float64]) -> Graph:
    """The graph in which this product alone has other weights, shared constants or not."""
    name = f"{node.name}_own_weight"
    while name in graph.types:
        name += "_"
    return replace(
        graph.with_node(replace(node, inputs=(node.inputs[0], name, *node.inputs[2:]))),
        constants={**graph.constants, name: values},
        types={**graph.types, name: TensorType(values.shape)},
    )


def _reading(graph: Graph, node: Node, grid: QuantGrid) -> Graph:
    """The graph in which this product alone reads a quantized tensor."""
    name = f"{node.name}_own_input"
    while name in graph.types or any(name == other.name for other in graph.nodes):
        name += "_"
    quant = Node(name, "Quant", (node.inputs[0],), name, grid.attrs)
    place = graph.nodes.index(node)
    changed = replace(node, inputs=(name, *node.inputs[1:]))
    return replace(
        graph,
        nodes=(*graph.nodes[:place], quant, changed, *graph.nodes[place + 1 :]),
        types={**graph.types, name: TensorType(graph.types[node.inputs[0]].shape, FLOAT)},
    )


def allocate_post_training(
    graph: Graph,
    rows: Values,
    budgets: Sequence[Budget],
    *,
    bits: Sequence[int] = CANDIDATES,
    scale: ScaleKind = "power-of-two",
) -> tuple[dict[str, Widths], Allocation]:
    """The widths that move the outputs least within every budget, by the exact allocator.

    The error of a network is predicted as the sum of the errors of its tensors, each measured with
    everything else in real numbers (:func:`output_errors`).

    Returns:
        The widths by product, for :func:`netwright.passes.quantize`, and the allocation.

    Raises:
        Infeasible: No choice is within a budget; the error names the smallest limit that one is.
    """
    measured = output_errors(graph, rows, bits=bits, scale=scale)

    def metric(layer: ProductError, kind: str, width: Width) -> float:
        assert isinstance(width, int)
        return (layer.weight if kind == "weight" else layer.activation)[width]

    allocation = allocate(
        measured,
        budgets,
        weight_bits=bits,
        activations=FreeActivations(tuple(bits)),
        metric=metric,
        origin="post-training, by the errors of the outputs",
    )
    widths = {p.name: Widths(p.weight_bits, p.input_bits) for p in allocation.plan.layers}
    return widths, allocation
