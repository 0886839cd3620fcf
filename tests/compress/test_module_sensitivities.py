from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netwright.compress import (
    Choice,
    FreeActivations,
    allocate,
    formats_of,
    module_sensitivity,
    quantize_module,
    weight_bits,
)
from netwright.errors import ConfigError
from netwright.formats import BlockScaled, OutlierPairs
from netwright.tasks import Task, from_arrays

WIDTHS = (Choice("outlier", 4), Choice("mx", 4), Choice("mse", 8))


class Net(nn.Module):
    """Two layers, the second of which sees outliers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Linear(8, 32), nn.Linear(32, 3)

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.second(torch.nn.functional.silu(self.first(values)) ** 3)
        return found


@pytest.fixture(scope="module")
def task() -> Task:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(200, 8)).astype(np.float32)
    return from_arrays(inputs, inputs[:, :3].argmax(axis=1), name="largest")


def test_the_trace_is_that_of_the_hessian(task: Task) -> None:
    net = Net()
    found = module_sensitivity(net, task, widths=WIDTHS, rows=50, probes=400)
    weight = net.second.weight.detach().clone().requires_grad_(True)
    rows, targets = (torch.from_numpy(array[:50]) for array in (task.train.inputs,
                                                               task.train.targets))  # fmt: skip
    with torch.no_grad():
        hidden = torch.nn.functional.silu(net.first(rows)) ** 3

    def loss(values: Tensor) -> Tensor:
        outputs = hidden @ values.T + net.second.bias.detach()
        return torch.nn.functional.cross_entropy(outputs, targets)

    hessian = torch.autograd.functional.hessian(loss, weight)
    exact = float(torch.as_tensor(hessian).reshape(96, 96).trace())
    estimate = found[1].weight.trace
    assert abs(estimate.trace - exact) < 5 * estimate.standard_error
    assert found[1].weight.top_eigenvalue is None


def test_formats_are_chosen_by_curvature_within_a_budget(task: Task) -> None:
    net = Net()
    found = module_sensitivity(net, task, widths=WIDTHS, rows=50, probes=16)
    total = sum(layer.shape.weights for layer in found)
    allocation = allocate(
        found, (weight_bits(4.25 * total),), weight_bits=WIDTHS,
        activations=FreeActivations(WIDTHS), residual=1.0,
    )  # fmt: skip
    assert allocation.is_proven
    for one in WIDTHS[:2]:
        same = sum(layer.weight.growth(one) + layer.activation.growth(one) for layer in found)
        assert allocation.objective <= same
    made = quantize_module(net, allocation.plan.with_rules(scale="float", granularity="channel"),
                           task)  # fmt: skip
    kinds = {type(f.number) for _, what, f in formats_of(made) if what == "weights"}
    assert kinds <= {OutlierPairs, BlockScaled}


def test_what_cannot_be_measured(task: Task) -> None:
    with pytest.raises(ConfigError, match="rows must be 1 or more"):
        module_sensitivity(Net(), task, widths=WIDTHS, rows=0)
    with pytest.raises(ConfigError, match="matches no layer"):
        module_sensitivity(Net(), task, widths=WIDTHS, layers=["third"])
    found = module_sensitivity(Net(), task, widths=WIDTHS, rows=8, probes=2)
    with pytest.raises(ConfigError, match="sensitivity to nvfp4:4-bit weights was not measured"):
        found[0].weight.growth(Choice("nvfp4", 4))
