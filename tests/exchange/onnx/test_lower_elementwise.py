from __future__ import annotations

import numpy as np
import pytest

from tests.exchange.lowered import random, same_values
from tests.exchange.onnx_files import node

X = {"x": np.abs(random(2, 4, 6)) + 0.1}


@pytest.mark.parametrize(
    "op", ["Relu", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Neg", "Erf", "Reciprocal", "Abs"]
)
def test_functions(op, tmp_path):
    (einsum,) = same_values([node(op, "x")], tmp_path, X).einsums
    assert einsum.is_elementwise


@pytest.mark.parametrize(("approximate", "name"), [("none", "gelu"), ("tanh", "function")])
def test_gelu(approximate, name, tmp_path):
    from netwright.exchange import read_workload
    from tests.exchange.lowered import file_of

    nodes = [node("Gelu", "x", approximate=approximate)]
    (einsum,) = read_workload(file_of(nodes, tmp_path, X, opset=20)).einsums
    assert einsum.unary == (name,)
    if name == "gelu":
        same_values(nodes, tmp_path, X, opset=20)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Max", "Min"])
@pytest.mark.parametrize("order", ["x c", "c x"])
@pytest.mark.parametrize("shape", [(), (6,), (4, 1), (2, 4, 6)])
def test_two_operands(op, order, shape, tmp_path):
    constants = {"c": np.float32(0.7) + np.abs(random(*shape, seed=4))}
    workload = same_values([node(op, order)], tmp_path, X, constants)
    assert workload.num_parameters == (np.prod(shape) if shape else 0)


@pytest.mark.parametrize("exponent", [2.0, 0.5, -1.0, -0.5, 1.0, 4.0])
def test_powers(exponent, tmp_path):
    same_values([node("Pow", "x c")], tmp_path, X, {"c": np.float32(exponent)})


def test_operators_without_a_name_cost_a_function():
    from netwright.exchange.onnx.lower_elementwise import EXACT, OTHERS

    assert not EXACT.keys() & OTHERS.keys()
