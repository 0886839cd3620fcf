from __future__ import annotations

import numpy as np

from netwright.ir import Graph, Node, TensorType, interpret
from tests.ir.ops.harness import alone, check_node, every_code


def test_relu_equals_the_definition_and_its_bounds_are_tight() -> None:
    codes = every_code(-8, 7, 2)
    graph = alone(Node("r", "Relu", ("q",), "y"), width=(2,), bits=4)
    limit = check_node(graph, codes, np.maximum(codes, 0))
    assert (limit.low, limit.high) == (0, 7)


def test_relu_of_negative_values_only_is_zero() -> None:
    node = Node("r", "Relu", ("s",), "y")
    graph = alone(Node("fc", "MatMul", ("q", "w"), "y"), width=(1,),
                  constants={"w": np.array([[-1]])}, bits=2, signed=False)  # fmt: skip
    nodes = (graph.nodes[0], Node("fc", "MatMul", ("q", "w"), "s"), node)
    types = {**graph.types, "s": graph.types["y"]}
    chained = Graph("g", ("x",), ("y",), nodes, types, graph.constants)
    limit = check_node(chained, np.array([[0], [3]]), np.zeros((2, 1)))
    assert (limit.low, limit.high) == (0, 0)


def test_clip_and_softmax_in_the_quantized_form() -> None:
    nodes = (
        Node("clip", "Clip", ("x",), "c", {"low": (-1.0,), "high": (2.0,)}),
        Node("softmax", "Softmax", ("c",), "y", {"axis": -1}),
    )
    types = {name: TensorType((1, 3)) for name in ("x", "c", "y")}
    graph = Graph("g", ("x",), ("y",), nodes, types, {})
    inputs = np.array([[-5.0, 0.0, 900.0]])
    wanted = np.exp([-1.0, 0.0, 2.0]) / np.exp([-1.0, 0.0, 2.0]).sum()
    np.testing.assert_allclose(interpret(graph, inputs)["y"][0], wanted)


def test_softmax_of_large_logits_does_not_overflow() -> None:
    node = Node("softmax", "Softmax", ("x",), "y")
    types = {name: TensorType((1, 2)) for name in ("x", "y")}
    graph = Graph("g", ("x",), ("y",), (node,), types, {})
    assert interpret(graph, np.array([[1e4, 0.0]]))["y"].tolist() == [[1.0, 0.0]]
