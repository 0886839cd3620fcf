from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from netwright import compress
from netwright.errors import DataError
from netwright.train import QuantLayer, QuantModel
from tests.networks import Joined, Residual, Two, seeded
from tests.toys import clouds, plan_for, quantized_mlp


def calibrated(model: nn.Module, shape: tuple[int, ...]) -> QuantModel:
    made = compress.build(model, plan_for(model, shape, 6, 6), input_shape=shape)
    made.calibrate(torch.randn(200, *shape, generator=torch.Generator().manual_seed(3)))
    return made.eval()


def test_dropout_is_active_in_training_only_and_never_in_calibration() -> None:
    task = clouds()
    network = nn.Sequential(
        OrderedDict(
            fc1=nn.Linear(6, 8), act=nn.ReLU(), drop=nn.Dropout(0.5), fc2=nn.Linear(8, 9),
            last=nn.Linear(9, 3),
        )
    )  # fmt: skip
    plan = plan_for(network, (6,), 6, 6).with_rules(scale="float", granularity="tensor")
    model = compress.apply(network, plan, task)
    inputs = torch.from_numpy(task.train.inputs)
    first = {key: value.clone() for key, value in model.state_dict().items()}
    network.drop.p = 0.0
    without = compress.apply(network, plan, task)
    assert all(torch.equal(value, without.state_dict()[key]) for key, value in first.items())
    model.calibrate(inputs)
    assert not model.training
    assert all(torch.equal(first[key], value) for key, value in model.state_dict().items())
    assert torch.equal(model(inputs), model(inputs))
    model.train()
    assert not torch.equal(model(inputs), model(inputs))


def test_shared_quantizers_see_all_that_they_quantize() -> None:
    """The joined tensors differ much in size; the grid covers the largest."""
    model = seeded(Joined)
    with torch.no_grad():
        model.get_parameter("second.weight").mul_(20.0)
    made = calibrated(model, Joined.shape)
    shared = made._shared_quantizers()
    assert len(shared) == 1
    rows = torch.randn(50, *Joined.shape, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        tensors = made.tensors(rows)
    grids = made.grids()
    largest = float((tensors["second_sum"] * grids["second_sum"].scale).abs().max())
    (quantizer,) = shared.values()
    assert float(quantizer.scale) * quantizer.spec.dtype.max > largest / 16


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_copies_are_independent(how: str) -> None:
    made = calibrated(seeded(Residual), Residual.shape)
    other = copy.deepcopy(made) if how == "deepcopy" else pickle.loads(pickle.dumps(made))  # noqa: S301
    rows = torch.randn(5, *Residual.shape)
    with torch.no_grad():
        before = made(rows)
        assert torch.equal(other(rows), before)
        other.quant_layers()["stem"].layer.weight.mul_(-1.0)
        assert isinstance(other.network.get_submodule("stem"), QuantLayer)
        assert not torch.equal(other(rows), before)
        assert torch.equal(made(rows), before)


def test_the_state_brings_a_copy_to_the_same_integers() -> None:
    first = calibrated(seeded(Joined), Joined.shape)
    second = compress.build(
        seeded(Joined), plan_for(seeded(Joined), Joined.shape, 6, 6), input_shape=Joined.shape
    )
    second.load_state_dict(first.state_dict())
    rows = torch.randn(9, *Joined.shape)
    for one, other in zip(first.codes(rows), second.eval().codes(rows), strict=True):
        assert torch.equal(one, other)


def test_several_outputs_come_as_a_tuple() -> None:
    made = calibrated(seeded(Joined), Joined.shape)
    rows = torch.randn(5, *Joined.shape)
    for model in (made.train(), made.eval()):
        found = model(rows)
        assert isinstance(found, tuple)
        assert [tuple(value.shape) for value in found] == [(5, 4), (5, 2)]


def test_every_parameter_of_a_layer_gets_a_gradient() -> None:
    made = calibrated(seeded(Residual), Residual.shape).train()
    found = made(torch.randn(20, *Residual.shape))
    assert isinstance(found, Tensor)
    found.square().mean().backward()
    for layer in made.quant_layers().values():
        assert layer.layer.weight.grad is not None
        assert float(layer.layer.weight.grad.abs().sum()) > 0


def test_a_wrong_number_of_inputs_is_refused() -> None:
    with pytest.raises(DataError, match="the network takes x, not 2 inputs"):
        quantized_mlp(clouds())(torch.zeros(1, 6), torch.zeros(1, 6))
    shapes = {"x": (6,), "z": (5,)}
    plan = compress.uniform(compress.layer_shapes(Two(), shapes), weight_bits=4, activation_bits=4)
    made = compress.build(Two(), plan, input_shape=shapes)
    with pytest.raises(DataError, match="the network has the inputs x, z"):
        _ = made.input_shape
