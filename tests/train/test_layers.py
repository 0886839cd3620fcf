from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from netwright import compress, models
from netwright.errors import NumericsError
from netwright.formats import Int, Rounding
from netwright.train import Quantizer, QuantLayer, QuantSpec
from netwright.train.grid import Grid
from netwright.train.operations import RELU, Interval, QuantActivation, grid_of
from tests.toys import clouds, images, plan_for, quantized_mlp


def layer(
    *, source_bits: int = 8, weight_bits: int = 8, channels: int | None = None
) -> tuple[QuantLayer, Grid]:
    """A calibrated dense layer, and where the codes lie that it reads."""
    torch.manual_seed(0)
    source = Quantizer(QuantSpec(Int(source_bits)))
    source.set_scale(torch.tensor(2.0**-5))
    made = QuantLayer(nn.Linear(6, 4), QuantSpec(Int(weight_bits), channels=channels), bias_bits=16)
    made.calibrate([grid_of(source)], weights=True)
    return made.eval(), grid_of(source)


def activation(
    bits: int = 8, *, signed: bool = False, power_of_two: bool = True, interval: Interval = RELU
) -> QuantActivation:
    spec = QuantSpec(Int(bits, signed), power_of_two=power_of_two)
    return QuantActivation(Quantizer(spec), interval)


@pytest.mark.parametrize(
    "rules", [{}, {"granularity": "channel"}, {"rounding": Rounding.FLOOR}, {"batch_norm": True}]
)
@pytest.mark.parametrize("bits", [2, 4, 7])
def test_training_and_evaluation_agree_with_power_of_two_scales(
    rules: dict[str, object], bits: int
) -> None:
    """All values lie on grids of powers of two, where float32 is exact: no difference at all."""
    task = clouds()
    model = quantized_mlp(task, weight_bits=bits, activation_bits=bits, **rules)
    inputs = torch.from_numpy(task.train.inputs)
    with torch.no_grad():
        wanted = model.eval()(inputs)
        assert torch.equal(model.train()(inputs).double(), wanted)


def test_the_first_layers_gradient_is_that_of_the_float_layer_inside_the_range() -> None:
    """With wide formats nothing is clipped: the gradients are those of the rounded values."""
    task = clouds()
    model = quantized_mlp(task, weight_bits=16, activation_bits=16, hidden=(8,)).train()
    inputs = torch.from_numpy(task.train.inputs[:100])
    floats = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    layers = list(model.quant_layers().values())
    with torch.no_grad():
        for target, source in zip((floats[0], floats[2]), layers, strict=True):
            target.weight.copy_(source.layer.weight)
            target.bias.copy_(source.layer.bias)
    for loss, network in ((model(inputs), model), (floats(inputs), floats)):
        network.zero_grad()
        loss.square().mean().backward()
    for target, source in zip((floats[0], floats[2]), layers, strict=True):
        torch.testing.assert_close(
            source.layer.weight.grad, target.weight.grad, rtol=0.01, atol=1e-3
        )
        torch.testing.assert_close(source.layer.bias.grad, target.bias.grad, rtol=0.01, atol=1e-3)


def test_accumulator_bits_hold_the_extreme_sums() -> None:
    made, source = layer()
    codes, bias = made.weight_codes(), made.bias_codes()
    assert bias is not None
    peak = int((128 * codes.abs().sum(1) + bias.abs()).max())
    assert peak < 1 << (made.grid(source).bits - 1) <= 2 * peak


def test_a_requantizer_is_exact_or_refused() -> None:
    """No product of an accumulator and a multiplier may need more than 53 bits."""
    rng = np.random.default_rng(0)
    made, source = layer()
    for _ in range(50):
        behind = activation(power_of_two=False)
        made.weight_quantizer.set_scale(torch.tensor(2.0 ** rng.uniform(-10, 30)))
        behind.quantizer.set_scale(torch.tensor(2.0 ** rng.uniform(-30, 10)))
        sums = made.grid(source)
        try:
            factors = behind.requantizer(sums)
        except NumericsError:
            continue
        assert (1 << (sums.bits - 1)) * max(factors.multiplier) <= 1 << 53


def test_huge_factors_are_refused() -> None:
    made, source = layer()
    behind = activation(power_of_two=False)
    behind.quantizer.set_scale(torch.tensor(1.3e-18))
    sums = made.grid(source)
    with pytest.raises(NumericsError) as caught:
        behind.requantizer(sums)
    assert str(caught.value).startswith("a requantization factor of ")
    assert str(caught.value).endswith(
        f"needs more than 53 bits with accumulators of {sums.bits} bits\n"
        "hint: calibrate the scales again"
    )


def test_accumulators_without_room_for_a_multiplier_are_refused() -> None:
    made, source = layer(source_bits=30, weight_bits=30)
    made.weight_quantizer.set_scale(torch.tensor(1e-9))
    sums = made.grid(source)
    with pytest.raises(NumericsError) as caught:
        activation().requantizer(sums)
    assert str(caught.value) == (
        f"accumulators of {sums.bits} bits leave no room for a requantization multiplier\n"
        "hint: at most 49 bits are exact; use fewer bits"
    )
    with pytest.raises(NumericsError, match="accumulators need more than 53 bits"):
        made.codes([source], torch.zeros(1, 6, dtype=torch.float64))


def test_codes_exist_in_evaluation_mode_only() -> None:
    model = quantized_mlp(clouds()).train()
    with pytest.raises(NumericsError) as caught:
        model.codes(torch.zeros(1, 6))
    assert str(caught.value) == "codes exist in evaluation mode only; call model.eval() first"


def test_the_bias_follows_the_accumulator_grid_when_only_activations_are_calibrated() -> None:
    task = clouds()
    model = quantized_mlp(task)
    model.calibrate(torch.from_numpy(task.train.inputs) * 50, weights=False)
    grids = model.grids()
    for name, made in model.quant_layers().items():
        assert made.bias_quantizer is not None
        assert torch.equal(made.bias_quantizer.scale, grids[f"{name}_sum"].scale)


@pytest.mark.parametrize("flatten", [True, False])
def test_outputs_of_a_convolution_are_scaled_by_channel(flatten: bool) -> None:
    """Also when they are flattened afterwards."""
    torch.manual_seed(0)
    task = images()
    model = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 3, 3)))
    if flatten:
        model.add_module("flatten", nn.Flatten())
    plan = plan_for(model, (1, 8, 8), 12, 12).with_rules(scale="float", granularity="channel")
    quantized = compress.apply(model, plan, task, input_shape=(1, 8, 8))
    inputs = torch.from_numpy(task.train.inputs[:20]).reshape(-1, 1, 8, 8)
    with torch.no_grad():
        found, wanted = quantized(inputs), model(inputs)
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().mean()) < 0.02


def test_encoder_codes_are_whole_numbers() -> None:
    model = models.encoder()
    plan = plan_for(model, (1, 8, 8), 6, 8)
    quantized = compress.apply(model, plan, images(), input_shape=(1, 8, 8))
    codes = quantized.codes(torch.randn(5, 1, 8, 8))
    assert torch.equal(codes, codes.round())
    assert codes.shape == (5, 16)
    assert codes.min() >= 0
