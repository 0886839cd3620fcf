from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from netwright import compress, models
from netwright.compress import LayerPlan, LayerShape, Plan
from netwright.errors import ConfigError, GraphError
from netwright.train import Recipe, evaluate, fit, trace
from tests.toys import clouds, disturb, plan_for


def test_layer_shapes_of_a_dense_network() -> None:
    model = models.mlp(clouds(), hidden=(8, 7), batch_norm=True).train()
    assert compress.layer_shapes(model, (6,)) == (
        LayerShape("fc1", 6, 8, 1, 48),
        LayerShape("fc2", 8, 7, 1, 56),
        LayerShape("fc3", 7, 3, 1, 21),
    )
    assert model.training


def test_layer_shapes_of_a_grouped_convolution() -> None:
    model = nn.Sequential(OrderedDict(conv=nn.Conv2d(4, 6, 3, groups=2, padding=1, stride=2)))
    assert compress.layer_shapes(model, (4, 8, 8)) == (LayerShape("conv", 18, 6, 16, 108),)


def test_every_weight_of_a_transposed_convolution_is_used_at_every_position_that_comes_in() -> None:
    model = nn.Sequential(OrderedDict(up=nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)))
    (shape,) = compress.layer_shapes(model, (4, 5, 7))
    assert shape == LayerShape("up", 18, 6, 35, 108)


def test_positions_of_a_dense_layer_are_all_places_but_its_outputs() -> None:
    model = nn.Sequential(OrderedDict(fc=nn.Linear(6, 3)))
    assert compress.layer_shapes(model, (5, 6)) == (LayerShape("fc", 6, 3, 5, 18),)


def test_unknown_layers_are_named_and_the_model_keeps_its_mode() -> None:
    model = nn.Sequential(OrderedDict(fc=nn.Linear(6, 3), act=nn.LogSigmoid())).train()
    users: list[Callable[[], object]] = [
        lambda: compress.layer_shapes(model, (6,)),
        lambda: compress.apply(model, Plan((LayerPlan("fc", 4, 4),)), clouds()),
        lambda: compress.sensitivity(model, clouds(), probes=2),
    ]
    for use in users:
        with pytest.raises(GraphError, match='node "act": LogSigmoid: is not supported'):
            use()
    assert model.training


def test_apply_uses_the_widths_and_rules_of_the_plan() -> None:
    task = clouds()
    model = models.mlp(task, hidden=(8, 7))
    plan = Plan(
        (LayerPlan("fc1", 4, 9), LayerPlan("fc2", 5, 6, 13), LayerPlan("fc3", 3, 1)),
        scale="float",
        granularity="channel",
    )
    quantized = compress.apply(model, plan, task)
    assert [step.name for step in quantized.steps] == [
        "quantize_input", "fc1", "fc1_requantize", "fc2", "fc2_requantize", "fc3",
    ]  # fmt: skip
    found = {}
    for name, layer in quantized.quant_layers().items():
        assert quantized.network.get_submodule(name) is layer
        assert layer.bias_quantizer is not None
        reads = str(quantized.sources()[name].spec.dtype)
        widths = (layer.weight_quantizer.spec.dtype.bits, layer.bias_quantizer.spec.dtype.bits)
        found[name] = (*widths, reads, layer.weight_quantizer.spec.channels)
        assert not layer.weight_quantizer.spec.power_of_two
    assert found == {
        "fc1": (4, 32, "int9", 8),
        "fc2": (5, 13, "uint6", 7),
        "fc3": (3, 32, "uint1", 3),
    }
    assert not quantized.training


def test_apply_does_not_change_the_model() -> None:
    task = clouds()
    model = models.mlp(task, batch_norm=True)
    disturb(model, seed=0)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    quantized = compress.apply(model, plan_for(model, (6,), 4, 4), task)
    compress.finetune(model, plan_for(model, (6,), 4, 4), task, recipe=Recipe(epochs=1))
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    inner = next(iter(quantized.quant_layers().values())).layer
    assert inner.weight is not model.get_parameter("fc1.weight")


def test_a_plan_for_another_model_is_refused() -> None:
    task = clouds()
    with pytest.raises(ConfigError) as caught:
        compress.apply(models.mlp(task, hidden=(8,)), Plan((LayerPlan("conv", 4, 4),)), task)
    assert str(caught.value) == "the plan names the layers conv; the model has fc1, fc2"


@pytest.mark.parametrize("layer", ["fc1", "fc2"])
def test_one_bit_is_not_enough_for_signed_values(layer: str) -> None:
    task = clouds()
    model = nn.Sequential(OrderedDict(fc1=nn.Linear(6, 4), fc2=nn.Linear(4, 3)))
    layers = tuple(LayerPlan(name, 4, 1 if name == layer else 4) for name in ("fc1", "fc2"))
    with pytest.raises(ConfigError) as caught:
        compress.apply(model, Plan(layers), task)
    assert str(caught.value) == (
        f'layer "{layer}": input_bits must be 2 or more, not 1: what it reads does not come from a '
        "ReLU and is signed"
    )


def test_a_small_channel_keeps_its_bias() -> None:
    """Its scale is tiny, so that its bias has many steps."""
    task = clouds()
    model = models.mlp(task, hidden=(8,))
    with torch.no_grad():
        model.get_parameter("fc1.weight")[3] *= 1e-4
        model.get_parameter("fc1.bias")[3] = 2.0
    plan = plan_for(model, (6,), 8, 8).with_rules(scale="float", granularity="channel")
    layer = compress.apply(model, plan, task).quant_layers()["fc1"]
    assert layer.bias_quantizer is not None
    codes = layer.bias_codes()
    assert codes is not None
    assert float((codes * layer.bias_quantizer.scale)[3].detach()) == pytest.approx(2.0, rel=1e-3)


def test_finetuning_is_reproducible_and_helps() -> None:
    task = clouds(1500)
    model = models.mlp(task, hidden=(16,))
    fit(model, task, recipe=Recipe(epochs=6, batch_size=64))
    plan = replace(plan_for(model, (6,), 2, 2, 4), scale="float")
    before = evaluate(compress.apply(model, plan, task), task)
    seen: list[float] = []
    first, second = (
        compress.finetune(
            model,
            plan,
            task,
            recipe=Recipe(epochs=4, batch_size=64, learning_rate=1e-3),
            progress=lambda done, *_: seen.append(done),
        )
        for _ in range(2)
    )
    assert seen == [1, 2, 3, 4] * 2
    assert trace(first) == trace(second)
    assert evaluate(first, task) > before


def test_named_quantizers_are_refused_by_the_integer_network() -> None:
    plan = Plan((LayerPlan("0", 4, 4, weights="outlier", inputs="outlier"),))
    with pytest.raises(ConfigError, match=r'layer "0": integer networks know no quantizers'):
        compress.build(nn.Sequential(nn.Linear(4, 3)), plan, input_shape=(4,))
