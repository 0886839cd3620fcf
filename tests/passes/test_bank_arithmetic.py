from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError, GraphError
from netwright.formats import BFLOAT16, Int
from netwright.formats.bfloat import lane_product, rounded_to_bfloat16
from netwright.ir import Graph, HostArithmetic, Node, TensorType, check, interpret
from netwright.passes import BankArithmetic

RANDOM = np.random.default_rng(0)


def network(*nodes: Node, **constants: np.ndarray) -> Graph:
    """A graph of nodes whose results have the width 6."""
    types = {name: TensorType(value.shape) for name, value in constants.items()}
    types |= {name: TensorType((1, 6)) for name in ("x", *(node.output for node in nodes))}
    return check(Graph("net", ("x",), (nodes[-1].output,), nodes, types, constants))


def test_every_operator_gets_the_arithmetic_of_banks_and_host() -> None:
    w, b, g = RANDOM.normal(size=(6, 6)), RANDOM.normal(size=6), RANDOM.normal(size=6)
    graph = network(
        Node("norm", "RMSNormalization", ("x", "g"), "n", {"epsilon": (1e-5,)}),
        Node("product", "MatMul", ("n", "w", "b"), "p"),
        Node("act", "Function", ("p",), "a", {"name": "gelu"}),
        Node("quotient", "Div", ("a", "n"), "d"),
        Node("sum", "Add", ("d", "x"), "y"),
        w=w, b=b, g=g,
    )  # fmt: skip
    host = HostArithmetic(newton_steps=2)
    made = BankArithmetic(host=host, sum_bits=16)(graph)
    assert [node.op for node in made.nodes] == [
        "ApproximateRMSNormalization", "BankMatMul", "Add", "FormatQuant", "ApproximateFunction",
        "ApproximateFunction", "Mul", "FormatQuant", "Add", "FormatQuant",
    ]  # fmt: skip
    assert made.types["w"].dtype == BFLOAT16
    assert np.array_equal(made.constants["w"], rounded_to_bfloat16(w))
    assert [note.text for note in made.notes] == [
        "GELU by its hyperbolic tangent: the host has no error function"
    ]
    x = RANDOM.normal(size=(4, 6)).astype(np.float32)
    normed = host.normalize(x, 1e-5, centered=False) * g.astype(np.float32)
    summed = lane_product(normed, w.astype(np.float32), sum_bits=16) + b
    gelu = host.gelu(summed.astype(np.float32))
    quotient = gelu * host.reciprocal(normed)
    assert np.array_equal(interpret(made, x)["y"], quotient + x)
    np.testing.assert_allclose(interpret(made, x)["y"], interpret(graph, x)["y"], atol=0.2)


def test_a_graph_that_has_the_arithmetic_is_left_as_it_is() -> None:
    graph = network(Node("product", "MatMul", ("x", "w"), "y"), w=RANDOM.normal(size=(6, 6)))
    made = BankArithmetic()(graph)
    assert BankArithmetic()(made) is made
    relu = network(Node("relu", "Relu", ("x",), "y"))
    assert BankArithmetic()(relu) is relu


def test_a_constant_that_others_read_too_keeps_its_values_for_them() -> None:
    w, wide = RANDOM.normal(size=(6, 6)), TensorType((1, 6, 6))
    nodes = (Node("product", "MatMul", ("x", "w"), "p"), Node("sum", "Add", ("p", "w"), "y"))
    types = {"x": wide, "p": wide, "y": wide, "w": TensorType((6, 6))}
    shared = Graph("net", ("x",), ("y",), nodes, types, {"w": w})
    made = BankArithmetic()(shared)
    assert np.array_equal(made.constants["w"], w)
    assert np.array_equal(made.constants["w_bfloat16"], rounded_to_bfloat16(w))


def test_all_operators_that_the_machine_does_not_do_are_named() -> None:
    nodes = (
        Node("bent", "Function", ("x",), "p", {"name": "elu", "parameter": (1.0,)}),
        Node("pool", "AveragePool", ("p",), "y",
             {"kernel": (1,), "strides": (1,), "pads": (0, 0)}),
    )  # fmt: skip
    types = {name: TensorType((1, 1, 6)) for name in "xpy"}
    graph = check(Graph("net", ("x",), ("y",), nodes, types, {}))
    with pytest.raises(GraphError) as error:
        BankArithmetic()(graph)
    assert error.value.message == (
        'graph "net" has 2 operators that units beside banks and their host do not do: '
        '"bent" (Function elu); "pool" (AveragePool)'
    )
    codes = Graph(
        "net", ("x",), ("y",), (Node("relu", "Relu", ("x",), "y"),),
        {"x": TensorType((1, 6), Int(8)), "y": TensorType((1, 6), Int(8))}, {},
    )  # fmt: skip
    with pytest.raises(GraphError, match=r'"relu" \(Relu of codes\)'):
        BankArithmetic()(codes)


def test_settings_that_no_machine_has_are_named_together() -> None:
    with pytest.raises(ConfigError) as caught:
        BankArithmetic(host=None, lanes=3, piece=0)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "host must be a HostArithmetic, not NoneType; lanes must be a power of two up to 1024, "
        "not 3; piece must be from 1 to 16777216, not 0"
    )
