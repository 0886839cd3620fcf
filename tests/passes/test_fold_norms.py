from __future__ import annotations

import numpy as np
import pytest

from netwright.ir import Graph, Node, TensorType, interpret
from netwright.passes import FoldNorms

RANDOM = np.random.default_rng(5)


def network(op: str, *behind: Node, constants: dict[str, np.ndarray], shape: tuple[int, ...]):  # type: ignore[no-untyped-def]
    """A product, and nodes that read its result ``y``; the last of them makes the output."""
    if op == "MatMul":
        product = Node("fc", "MatMul", ("x", "w"), "y")
        types = {"x": TensorType((1, 3)), "w": TensorType((3, 4)), "y": TensorType((1, 4))}
    else:
        window = {"strides": (1, 1), "pads": (0,) * 4, "dilations": (1, 1), "group": 1}
        product = Node("fc", "Conv", ("x", "w", "b"), "y", window)
        types = {"x": TensorType((1, 2, 4, 4)), "w": TensorType((4, 2, 3, 3)),
                 "y": TensorType((1, 4, 2, 2)), "b": TensorType((4,))}  # fmt: skip
        constants = {**constants, "b": RANDOM.normal(size=4)}
    constants = {**constants, "w": RANDOM.normal(size=types["w"].shape)}
    types |= {name: TensorType(value.shape) for name, value in constants.items()}
    types |= {node.output: TensorType(shape) for node in behind}
    nodes = (product, *behind)
    return Graph("toy", ("x",), (nodes[-1].output,), nodes, types, constants)


def same(graph: Graph, folded: Graph) -> None:
    rows = RANDOM.normal(size=(20, *graph.types["x"].shape[1:]))
    (name,) = graph.outputs
    np.testing.assert_allclose(
        interpret(folded, rows)[name], interpret(graph, rows)[name], rtol=1e-12, atol=1e-12
    )


NORM = Node("norm", "BatchNormalization", ("y", "g", "s", "m", "v"), "z", {"epsilon": (1e-5,)})


def statistics() -> dict[str, np.ndarray]:
    parts = {name: RANDOM.normal(size=4) for name in "gsm"}
    return {**parts, "v": RANDOM.uniform(0.5, 2.0, size=4)}


@pytest.mark.parametrize(("op", "shape"), [("MatMul", (1, 4)), ("Conv", (1, 4, 2, 2))])
def test_a_normalization_and_what_follows_it_go_into_the_product(op: str, shape: tuple) -> None:
    behind = (NORM, Node("gain", "Mul", ("two", "z"), "u"), Node("shift", "Add", ("u", "d"), "t"))
    each = (1, 4) if op == "MatMul" else (4, 1, 1)
    constants = {**statistics(), "two": np.array([2.0]), "d": RANDOM.normal(size=each)}
    graph = network(op, *behind, constants=constants, shape=shape)
    folded = FoldNorms()(graph)
    assert [node.op for node in folded.nodes] == [op]
    assert folded.nodes[0].name == "fc"
    assert set(folded.constants) == set(folded.nodes[0].inputs[1:])
    same(graph, folded)


def test_what_is_not_one_factor_for_each_channel_stays() -> None:
    square = Node("square", "Mul", ("y", "a"), "z")
    graph = network("Conv", square, constants={"a": RANDOM.normal(size=(2, 2))},
                    shape=(1, 4, 2, 2))  # fmt: skip
    assert FoldNorms()(graph) is graph


def test_a_product_that_is_read_twice_stays() -> None:
    relu = Node("relu", "Relu", ("y",), "r")
    both = Node("sum", "Add", ("z", "r"), "t")
    graph = network("MatMul", NORM, relu, both, constants=statistics(), shape=(1, 4))
    assert FoldNorms()(graph) is graph


def test_a_doubled_result_stays() -> None:
    graph = network("MatMul", Node("sum", "Add", ("y", "y"), "z"), constants={}, shape=(1, 4))
    assert FoldNorms()(graph) is graph
