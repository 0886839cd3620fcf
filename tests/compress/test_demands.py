from __future__ import annotations

import torch
from torch import Tensor, nn

from netwright import compress
from netwright.compress.demands import Demands
from netwright.train.prepared import prepare
from tests.networks import Joined, Residual, seeded


def demands(model: nn.Module, shape: tuple[int, ...], scale: str = "power-of-two") -> Demands:
    prepared = prepare(model, shape)
    plan = compress.uniform(compress.layer_shapes(model, shape), weight_bits=4, activation_bits=5)
    plan = plan.with_rules(scale=scale, granularity="tensor")  # type: ignore[arg-type]
    return Demands.of(prepared, plan)


def needed(found: Demands) -> set[str]:
    return {name for name, widths in found.bits.items() if widths}


def test_what_layers_and_means_read_is_needed_as_codes() -> None:
    found = demands(seeded(Residual), Residual.shape)
    assert {"x", "relu_out", "blocks_0_relu_out"} <= needed(found)
    assert "blocks_0_conv2_out" not in needed(found)
    assert set(found.bits["x"]) == {5}


def test_a_joined_tensor_shares_the_quantizer_of_its_parts() -> None:
    found = demands(seeded(Joined), Joined.shape)
    parts = set(found.members("cat_out"))
    assert {"x", "relu_out", "second_out", "cat_out"} <= parts
    assert len({found.group(name) for name in parts}) == 1


def test_a_mean_that_is_added_is_quantized_where_its_scale_is_no_power_of_two() -> None:
    class Mean(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.fc = nn.Linear(width, width)

        def forward(self, x: Tensor) -> Tensor:
            y = self.fc(x)
            return torch.relu(x + y.mean(-1, keepdim=True))

    for width, quantized in ((6, True), (8, False)):
        found = demands(Mean(width), (width,))
        mean = next(n for n in found.graph.nodes if n.op == "AveragePool").output
        assert bool(found.bits[mean]) == quantized
