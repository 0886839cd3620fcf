from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netwright.errors import GraphError
from netwright.ir import interpret
from netwright.train import trace


class Says(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x * 3.0)


KNOWN: dict[str, Callable[[Tensor], Tensor]] = {
    "Sigmoid": nn.Sigmoid(), "F.sigmoid": F.sigmoid, "sigmoid": torch.sigmoid,
    "method": lambda x: x.sigmoid().tanh(), "Tanh": nn.Tanh(), "SiLU": nn.SiLU(), "GELU": nn.GELU(),
    "Softplus": nn.Softplus(), "Hardsigmoid": nn.Hardsigmoid(), "Hardswish": nn.Hardswish(),
    "LeakyReLU": nn.LeakyReLU(0.2), "leaky_relu": lambda x: F.leaky_relu(x, 0.3),
    "in place": lambda x: F.elu(x, inplace=True), "ELU": nn.ELU(0.5), "gelu": F.gelu,
    "of tanh": nn.GELU(approximate="tanh"),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_functions_are_traced(name: str) -> None:
    rows = np.random.default_rng(1).normal(size=(40, 6))
    model = Says(KNOWN[name])
    graph = trace(model, rows)
    wanted = model(torch.from_numpy(rows).float()).numpy()
    found = interpret(graph, rows)[graph.outputs[0]]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


REFUSED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "softplus": (nn.Softplus(beta=2), "must have beta 1 and a threshold of 20 or more"),
    "elu": (lambda x: F.elu(x, x.mean()), "its parameter must be a number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_forms_are_refused(name: str) -> None:
    function, reason = REFUSED[name]
    with pytest.raises(GraphError, match=reason):
        trace(Says(function), np.ones((3, 6)))
