"""Normalizations that are written out, in the ways that people write them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from torch import Tensor, nn  # noqa: E402

from netwright.ir import Graph, interpret  # noqa: E402
from netwright.train import trace  # noqa: E402

ROWS = np.random.default_rng(3).normal(size=(5, 4, 6))
GAIN = np.linspace(0.5, 1.5, 6)


class Written(nn.Module):
    """A function with a gain and an offset of its own."""

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.gain = nn.Parameter(torch.from_numpy(GAIN))
        self.offset = nn.Parameter(torch.from_numpy(GAIN[::-1].copy()))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return self.function(x, self.gain, self.offset)


def traced(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Graph:
    """Its graph, which gives what the module gives."""
    model = Written(function)
    graph = trace(model, ROWS)
    (found,) = interpret(graph, ROWS).values()
    with torch.no_grad():
        wanted = model(torch.from_numpy(ROWS)).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    return graph


RMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "rsqrt": lambda x, g, o: x * torch.rsqrt((x**2).mean(-1, keepdim=True) + 1e-6) * g,
    "pow": lambda x, g, o: g * (x.pow(2).mean(-1, keepdim=True).add(1e-6).pow(-0.5) * x),
    "square": lambda x, g, o: x / torch.sqrt(x.square().mean(dim=2, keepdim=True) + 1e-6) * g,
    "product": lambda x, g, o: x * (1 / ((x * x).mean(-1, keepdim=True) + 1e-6) ** 0.5) * g,
}
LAYER: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "steps": lambda x, g, o: (
        (c := x - x.mean(-1, keepdim=True))
        / (c.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * g + o
    ),
    "rsqrt": lambda x, g, o: (
        o + g * ((c := x - x.mean(-1, keepdim=True))
                 * torch.rsqrt(c.square().mean(-1, keepdim=True) + 1e-5))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RMS)
def test_a_norm_by_hand_is_one_operator(name: str) -> None:
    (node,) = traced(RMS[name]).nodes
    assert (node.op, len(node.inputs)) == ("RMSNormalization", 2)
    assert node.reals("epsilon")[0] == pytest.approx(1e-6)


@pytest.mark.parametrize("name", LAYER)
def test_with_its_mean_subtracted_it_is_another(name: str) -> None:
    (node,) = traced(LAYER[name]).nodes
    assert (node.op, len(node.inputs)) == ("LayerNormalization", 3)


def test_what_is_nearly_one_stays_as_it_is() -> None:
    for function in (
        lambda x, g, o: x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6),
        lambda x, g, o: x * torch.rsqrt(x.abs().mean(-1, keepdim=True) + 1e-6),
        lambda x, g, o: o * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6),
        lambda x, g, o: x * torch.sqrt(x.square().mean(-1, keepdim=True) + 1e-6),
    ):
        assert "RMSNormalization" not in [node.op for node in traced(function).nodes]


def test_a_mean_that_others_read_stays_for_them() -> None:
    def function(x: Tensor, g: Tensor, o: Tensor) -> Tensor:
        mean = x.square().mean(-1, keepdim=True)
        return x * torch.rsqrt(mean + 1e-6) + mean

    ops = [node.op for node in traced(function).nodes]
    assert {"RMSNormalization", "AveragePool"} <= set(ops)
