from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright import compress
from netwright.formats import Rounding
from netwright.train import QuantModel
from tests.toys import clouds, plan_for, quantized_mlp

RULES = [
    {},
    {"granularity": "channel"},
    {"scale": "float"},
    {"scale": "float", "granularity": "channel"},
    {"rounding": Rounding.FLOOR},
    {"rounding": Rounding.HALF_UP, "scale": "float"},
]


def one_by_one(model: QuantModel, values: Tensor) -> Tensor:
    for step in model.steps:
        values = step.operation.simulate(values)
    return values


def gradients(model: QuantModel, outputs: Tensor, labels: Tensor) -> list[Tensor]:
    return list(
        torch.autograd.grad(functional.cross_entropy(outputs, labels), list(model.parameters()))
    )


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_chain_equals_the_layers_one_by_one(rules: dict[str, object], bits: int) -> None:
    task = clouds()
    model = quantized_mlp(task, weight_bits=bits, activation_bits=bits, input_bits=8, **rules)
    assert model.train()._chain is not None
    inputs = torch.from_numpy(task.train.inputs[:200]).requires_grad_()
    labels = torch.from_numpy(task.train.targets[:200])
    first, second = model(inputs), one_by_one(model, inputs)
    torch.testing.assert_close(first, second, rtol=1e-6, atol=1e-6)
    for a, b in zip(gradients(model, first, labels), gradients(model, second, labels), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)
    into = [
        torch.autograd.grad(f(inputs).sum(), inputs)[0]
        for f in (model, lambda x: one_by_one(model, x))
    ]
    torch.testing.assert_close(*into)


def test_clipped_weights_get_no_gradient() -> None:
    task = clouds()
    model = quantized_mlp(task).train()
    layer = model.quant_layers()["fc1"]
    with torch.no_grad():
        layer.layer.weight[0, 0] = 1e3
    outputs = model(torch.from_numpy(task.train.inputs[:50]))
    found = gradients(model, outputs, torch.from_numpy(task.train.targets[:50]))[0]
    assert found[0, 0] == 0
    assert found.abs().sum() > 0


def test_a_changed_scale_is_seen() -> None:
    task = clouds()
    model = quantized_mlp(task).train()
    inputs = torch.from_numpy(task.train.inputs[:50])
    before = model(inputs)
    for layer in model.quant_layers().values():
        layer.weight_quantizer.set_scale(layer.weight_quantizer.scale * 8)
    assert not torch.equal(model(inputs), before)
    torch.testing.assert_close(model(inputs), one_by_one(model, inputs))


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_copies_use_their_own_parameters_and_scales(how: str) -> None:
    task = clouds()
    model = quantized_mlp(task).train()
    inputs = torch.from_numpy(task.train.inputs[:50])
    before = model(inputs).detach()
    other = copy.deepcopy(model) if how == "deepcopy" else pickle.loads(pickle.dumps(model))  # noqa: S301
    assert torch.equal(other(inputs), before)
    with torch.no_grad():
        other.quant_layers()["fc1"].layer.weight.mul_(-1.0)
        other.quant_layers()["fc2"].weight_quantizer.set_scale(torch.tensor(4.0))
    torch.testing.assert_close(other(inputs), one_by_one(other, inputs))
    assert torch.equal(model(inputs), before)


@pytest.mark.parametrize(
    "between",
    [nn.Dropout(0.5), nn.Hardtanh(), nn.Sequential(nn.Unflatten(1, (2, 4)), nn.Flatten())],
)
def test_other_networks_run_step_by_step(between: nn.Module) -> None:
    network = nn.Sequential(nn.Linear(6, 8), between, nn.Linear(8, 3))
    plan = plan_for(network, (6,), 4, 4)
    assert compress.build(network, plan, input_shape=(6,))._chain is None
    network[1] = nn.ReLU()
    assert compress.build(network, plan, input_shape=(6,))._chain is not None
