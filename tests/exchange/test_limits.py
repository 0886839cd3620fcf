import time
from itertools import pairwise

import numpy as np
import pytest
from onnx import numpy_helper

from netwright.errors import GraphError
from netwright.exchange import read_qonnx
from netwright.exchange.limits import MAX_HELD_VALUES, MAX_ROW_VALUES, Budget, check_row
from netwright.ir import Graph, Node, TensorType
from tests.exchange.onnx_files import model, node, saved


def test_a_budget_names_what_is_too_much() -> None:
    budget = Budget("the constants", 10)
    budget.spend_shape((2, 5))
    with pytest.raises(GraphError) as caught:
        budget.spend(1, node="fc1")
    assert str(caught.value) == (
        'node "fc1": the constants have more than 10 values\n'
        "hint: no hardware here holds so many; split the network or reduce its inputs"
    )


@pytest.mark.parametrize("op", ["Expand", "Tile"])
def test_many_constants_that_are_each_allowed(tmp_path, op: str) -> None:
    nodes, weights = [], {"one": np.ones((1, 1), np.float32)}
    for number in range(9):
        weights[f"by{number}"] = np.array([2048, 4096], dtype=np.int64)
        nodes.append(node(op, f"one by{number}", f"big{number}"))
    path = saved(model([*nodes, node("Relu", "x")], weights), tmp_path)
    with pytest.raises(GraphError, match="the constants that are computed have more than"):
        read_qonnx(path)


def test_constants_that_are_too_large_at_once(tmp_path) -> None:
    weights = {"a": np.ones((16384, 1), np.float32), "b": np.ones((1, 16384), np.float32)}
    path = saved(model([node("Add", "a b", "c"), node("Relu", "x")], weights), tmp_path)
    with pytest.raises(GraphError, match="Add makes a constant of 268435456 values; at most"):
        read_qonnx(path)


def test_activations_that_grow(tmp_path) -> None:
    nodes, last = [], "x"
    for number in range(30):
        nodes.append(node("Concat", f"{last} {last}", f"c{number}", axis=1))
        last = f"c{number}"
    path = saved(model([*nodes, node("Relu", last)], {}), tmp_path)
    with pytest.raises(GraphError, match=f"a row goes through have more than {MAX_ROW_VALUES}"):
        read_qonnx(path)


def test_activations_that_are_held_at_once(tmp_path) -> None:
    nodes = [node("Relu", "x", "c0")]
    nodes += [node("Concat", f"c{n} c{n}", f"c{n + 1}", axis=1) for n in range(22)]
    path = saved(model([*nodes, node("Relu", "c22")], {}), tmp_path)
    with pytest.raises(GraphError, match=f"held at once have more than {MAX_HELD_VALUES} values"):
        read_qonnx(path)


def test_many_small_tensors_of_a_deep_network_are_held_one_by_one(tmp_path) -> None:
    names = ["x", *(f"r{n}" for n in range(11)), "y"]
    nodes = [node("Relu", *pair) for pair in pairwise(names)]
    shape = (1, MAX_HELD_VALUES // 4)
    assert len(read_qonnx(saved(model(nodes, {}, shape=shape), tmp_path)).nodes) == 12


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"pads": [0, 1 << 30, 0, 1 << 30], "strides": [1, 1 << 30]}, "padded inputs of a node"),
        ({"pads": [0, 0, 0, 0]}, "products and windows of a row"),
    ],
)
def test_windows_that_look_at_too_much(more, told: str, tmp_path) -> None:
    kernel = [1, 1] if "strides" in more else [1500, 1500]
    weights = {"w": np.zeros((1, 1, *kernel), np.float32)}
    made = model([node("Conv", "x w", **more)], weights, shape=(1, 1, 3000, 3000))
    with pytest.raises(GraphError, match=told):
        read_qonnx(saved(made, tmp_path))


def test_a_row_of_a_finished_graph_is_checked() -> None:
    types = {"x": TensorType((1, MAX_HELD_VALUES)), "y": TensorType((1, MAX_HELD_VALUES))}
    graph = Graph("g", ("x",), ("y",), (Node("relu", "Relu", ("x",), "y"),), types, {})
    with pytest.raises(GraphError, match="held at once"):
        check_row(graph)


def test_a_weight_that_lies_about_its_shape(tmp_path) -> None:
    made = model([node("MatMul", "x w")], {})
    tensor = numpy_helper.from_array(np.ones((3, 2), np.float32), "w")
    tensor.dims[0] = 1 << 40
    made.graph.initializer.append(tensor)
    with pytest.raises(GraphError, match="the constants have more than"):
        read_qonnx(saved(made, tmp_path))


def test_long_chains_are_refused_before_anything_executes_them(tmp_path) -> None:
    nodes = [node("Relu", "x", "a0"), *(node("Relu", f"a{i}", f"a{i + 1}") for i in range(60_000))]
    path = saved(model([*nodes, node("Relu", "a60000", "y")], {}), tmp_path)
    start = time.process_time()
    with pytest.raises(GraphError) as caught:
        read_qonnx(path)
    assert time.process_time() - start < 10
    assert str(caught.value) == (
        f"{path}: 60002 nodes; at most 10000 are read\n"
        "hint: qonnx takes milliseconds for each node of every row; split the network"
    )
