from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import Graph, Node, TensorType, bounds, check, interpret, spec_of
from tests.ir.ops.harness import alone, check_node, every_code


def test_add_of_a_constant_equals_the_definition_and_its_bounds_are_tight() -> None:
    node = Node("add", "Add", ("q", "c"), "y")
    constants = {"c": np.array([[5, -3, 0]])}
    codes = every_code(-4, 3, 3)
    graph = alone(node, width=(3,), constants=constants, bits=3)
    limit = check_node(graph, codes, codes + constants["c"])
    assert (limit.low, limit.high) == (-4 - 3, 3 + 5)


def test_add_of_two_activations() -> None:
    node = Node("add", "Add", ("q", "q"), "y")
    codes = every_code(-4, 3, 2)
    graph = alone(Node("r", "Relu", ("q",), "y"), width=(2,), bits=3)
    graph = graph.with_node(Node("r", "Relu", ("q",), "y"))
    doubled = Graph(
        "g", ("x",), ("y",), (graph.node("quantize"), node), graph.types, graph.constants
    )
    limit = check_node(doubled, codes, 2 * codes)
    assert (limit.low, limit.high) == (-8, 6)


def test_mul_and_batch_normalization_in_the_quantized_form() -> None:
    rng = np.random.default_rng(0)
    constants = {
        "k": np.array([[2.0, 0.5]]),
        **{name: rng.uniform(0.5, 2, 2) for name in ("gamma", "beta", "mean", "variance")},
    }
    nodes = (
        Node("mul", "Mul", ("x", "k"), "m"),
        Node(
            "norm", "BatchNormalization", ("m", "gamma", "beta", "mean", "variance"), "y",
            {"epsilon": (1e-5,)},
        ),
    )  # fmt: skip
    types = {name: TensorType((1, 2)) for name in ("x", "m", "y")}
    types |= {name: TensorType(value.shape) for name, value in constants.items()}
    graph = Graph("g", ("x",), ("y",), nodes, types, constants)
    inputs = rng.normal(size=(10, 2))
    wanted = (inputs * constants["k"] - constants["mean"]) / np.sqrt(constants["variance"] + 1e-5)
    wanted = wanted * constants["gamma"] + constants["beta"]
    np.testing.assert_allclose(interpret(graph, inputs)["y"], wanted, rtol=1e-12)
    with pytest.raises(GraphError, match='node "mul": Mul has no integer meaning'):
        bounds(graph)


def test_normalization_works_on_axis_1_of_images() -> None:
    node = Node("n", "BatchNormalization", ("x", "g", "b", "m", "v"), "y", {"epsilon": (0.0,)})
    source = np.arange(8.0).reshape(1, 2, 2, 2)
    one, zero = np.ones(2), np.zeros(2)
    made = spec_of(node).execute(node, [source, np.array([1.0, 10.0]), zero, zero, one])
    assert made[0, 1].tolist() == [[40.0, 50.0], [60.0, 70.0]]


def test_shapes_that_do_not_fit_are_named() -> None:
    add = Node("add", "Add", ("x", "y"), "z")
    with pytest.raises(GraphError) as caught:
        spec_of(add).shape(add, [(1, 3), (1, 4)])
    assert str(caught.value) == 'node "add": shapes (1, 3) and (1, 4) do not broadcast'
    norm = Node("n", "BatchNormalization", ("x", "g", "b", "m", "v"), "y")
    with pytest.raises(GraphError) as caught:
        spec_of(norm).shape(norm, [(1, 3), (3,), (3,), (2,), (3,)])
    assert str(caught.value) == 'node "n": parameters must have shape (3,), not (2,)'


@pytest.mark.parametrize("shape", [(4, 3), (1, 1, 3)])
def test_a_constant_must_not_touch_the_batch_axis(shape: tuple[int, ...]) -> None:
    node = Node("add", "Add", ("x", "c"), "z")
    made = np.broadcast_shapes((1, 3), shape)
    types = {"x": TensorType((1, 3)), "c": TensorType(shape), "z": TensorType(made)}
    with pytest.raises(GraphError) as caught:
        check(Graph("g", ("x",), ("z",), (node,), types, {"c": np.zeros(shape)}))
    assert str(caught.value) == (
        f'node "add": a constant makes {made} of "x" (1, 3); it must keep the batch axis: '
        "rows have no constants of their own"
    )
