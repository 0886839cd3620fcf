from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netwright.errors import GraphError
from netwright.ir import Graph, Node, TensorType, check, interpret
from netwright.ir.ops.function import CURVES, NOT_NEGATIVE

REFEREES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(), "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU(approximate="tanh"), "silu": nn.SiLU(),
    "softplus": nn.Softplus(threshold=1e9), "hard_sigmoid": nn.Hardsigmoid(),
    "hard_swish": nn.Hardswish(), "leaky_relu": nn.LeakyReLU(0.3), "elu": nn.ELU(0.3),
    "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "reciprocal": torch.reciprocal,
    "square": torch.square, "absolute": torch.abs, "erf": torch.erf, "sin": torch.sin,
    "cos": torch.cos, "rsqrt": torch.rsqrt, "nonzero": lambda x: (x != 0).double(),
    "power": lambda x: torch.pow(x, 0.3), "mish": nn.Mish(), "softsign": nn.Softsign(),
}  # fmt: skip
ROWS = np.concatenate([np.linspace(-9, 9, 400), [-700.0, 700.0]]).reshape(-1, 1)


def graph(name: str, parameter: float = 0.3) -> Graph:
    attrs = {"name": name, "parameter": (parameter,)}
    types = {"x": TensorType((1, 1)), "y": TensorType((1, 1))}
    return Graph("tiny", ("x",), ("y",), (Node("f", "Function", ("x",), "y", attrs),), types, {})


@pytest.mark.parametrize("name", CURVES)
def test_values_are_those_of_torch(name: str) -> None:
    wanted: Tensor = REFEREES[name](torch.from_numpy(ROWS))
    found = interpret(graph(name), ROWS)["y"]
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-12, atol=1e-12)
    assert (np.nanmin(found) >= 0) == (name in (*NOT_NEGATIVE, "power"))


def test_unknown_functions_are_refused() -> None:
    with pytest.raises(GraphError, match="attribute name must be one of sigmoid, tanh, "):
        check(graph("cosine"))
