from __future__ import annotations

import itertools

import numpy as np
import pytest

from netwright import compress
from netwright.compress.post_training import shape_of
from netwright.errors import DataError, Infeasible
from netwright.ir import Graph, Node, TensorType, interpret, real_values
from netwright.passes import Widths, integerize, quantize
from tests.passes.test_post_training import dense, residual

RANDOM = np.random.default_rng(4)


def test_the_shapes_count_what_products_do() -> None:
    graph = residual()
    shapes = [shape_of(graph, graph.node(name)) for name in ("c1", "head")]
    assert [(s.inputs, s.outputs, s.positions, s.weights) for s in shapes] == [
        (18, 3, 16, 54), (6, 2, 1, 12),
    ]  # fmt: skip


def test_errors_fall_with_the_width_and_leave_the_others_alone() -> None:
    for layer in compress.output_errors(dense(), RANDOM.normal(size=(100, 6)), bits=(3, 5, 8)):
        for errors in (layer.weight, layer.activation):
            assert errors[3] > 4 * errors[5] > 16 * errors[8] > 0


def test_the_allocation_is_the_best_of_all_choices() -> None:
    graph, rows, bits = dense(), RANDOM.normal(size=(60, 6)), (3, 4, 6)
    measured = compress.output_errors(graph, rows, bits=bits)
    limit = compress.bops(2200)
    widths, allocation = compress.allocate_post_training(graph, rows, [limit], bits=bits)
    costs = []
    for chosen in itertools.product(bits, repeat=4):
        pairs = list(zip(measured, chosen[::2], chosen[1::2], strict=True))
        if sum(limit.cost(m.shape, w, a) for m, w, a in pairs) <= limit.limit:
            costs.append(sum(m.weight[w] + m.activation[a] for m, w, a in pairs))
    assert allocation.objective == pytest.approx(min(costs), rel=1e-9)
    assert 1 < len(costs) < 81
    assert allocation.costs["bops"] <= limit.limit
    assert set(widths) == {"fc1", "fc2"}


def error(graph: Graph, bits: Widths | dict[str, Widths], rows: np.ndarray) -> float:
    exact = integerize(quantize(graph, rows, bits=bits))
    found = real_values(exact, exact.outputs[0], interpret(exact, rows)[exact.outputs[0]])
    wanted = interpret(graph, rows)[graph.outputs[0]]
    return float(np.square(found - wanted).mean() / np.square(wanted).mean())


def test_the_predicted_error_is_near_the_one_of_the_integers() -> None:
    graph, rows = residual(), RANDOM.normal(size=(200, 2, 4, 4))
    names = ("c1", "c2", "head")
    uniform = sum(compress.layer_bops(shape_of(graph, graph.node(n)), 5, 5) for n in names)
    widths, allocation = compress.allocate_post_training(graph, rows, [compress.bops(uniform)])
    found = error(graph, widths, rows)
    assert allocation.objective / 4 < found < allocation.objective * 4
    assert found < error(graph, Widths(5, 5), rows)


def test_what_cannot_be_allocated_is_refused() -> None:
    with pytest.raises(Infeasible):
        compress.allocate_post_training(dense(), RANDOM.normal(size=(9, 6)), [compress.bops(10)])
    silent = dense()
    for name in ("w2", "b2"):
        silent = silent.with_constant(name, np.zeros_like(silent.constants[name]))
    with pytest.raises(DataError, match="so no width can be judged"):
        compress.output_errors(silent, RANDOM.normal(size=(9, 6)))


def test_the_cost_of_a_transposed_convolution_is_that_of_its_inputs() -> None:
    attrs = {
        "strides": (2, 2), "pads": (0, 0, 0, 0), "dilations": (1, 1), "output_padding": (0, 0),
        "group": 2,
    }  # fmt: skip
    node = Node("up", "ConvTranspose", ("x", "w"), "y", attrs)
    types = {
        "x": TensorType((1, 4, 3, 5)),
        "w": TensorType((4, 3, 2, 2)),
        "y": TensorType((1, 6, 6, 10)),
    }
    graph = Graph("up", ("x",), ("y",), (node,), types, {"w": np.ones((4, 3, 2, 2))})
    shape = shape_of(graph, node)
    assert (shape.outputs, shape.inputs, shape.positions) == (6, 8, 15)
    assert shape.outputs * shape.inputs * shape.positions == 15 * 48
