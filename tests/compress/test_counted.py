from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from netwright import models
from netwright.compress import (
    CountedLuts,
    LayerShape,
    apply,
    count_layers,
    count_luts,
    integer_weights,
    layer_shapes,
    luts,
    uniform,
)
from netwright.errors import ConfigError
from netwright.tasks import Task
from netwright.train import Recipe, fit
from tests.toys import clouds


@cache
def floating() -> tuple[nn.Sequential, Task, CountedLuts]:
    task = clouds()
    model = models.mlp(task, hidden=(16, 8))
    fit(model, task, recipe=Recipe(epochs=2, batch_size=64))
    return model, task, count_layers(model, task, weight_bits=(2, 3, 6))


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(2, 3), (3, 5), (6, 8)])
def test_a_plan_costs_what_is_counted_on_its_own_weights(
    weight_bits: int, activation_bits: int
) -> None:
    model, task, counted = floating()
    shapes = layer_shapes(model, task.input_shape)
    plan = uniform(shapes, weight_bits=weight_bits, activation_bits=activation_bits)
    weights = [codes.numpy() for codes in integer_weights(apply(model, plan, task))]
    widths = [activation_bits] * len(shapes)
    expected = count_luts(weights, widths, [*widths[1:], 0])
    found = luts(1.0, cost=counted).total(shapes, plan)
    # Neurons without weights are not limited in hardware; here they count.
    assert expected * 0.97 <= found <= expected * 1.10


def test_weights_decide_and_not_their_width_alone() -> None:
    """Weights that are a power of two or zero need no more at more bits."""
    model, task, _ = floating()
    powers = nn.Sequential(nn.Linear(task.input_shape[0], 5))
    torch.manual_seed(1)
    with torch.no_grad():
        powers[0].weight.copy_(torch.randint(-1, 2, powers[0].weight.shape))
    counted = count_layers(powers, task, weight_bits=(2, 5))
    (shape,) = layer_shapes(powers, task.input_shape)
    assert counted(shape, 2, 6) == pytest.approx(counted(shape, 5, 6))
    assert counted(shape, 2, 6) < counted(shape, 2, 7)
    (dense, *_) = layer_shapes(model, task.input_shape)
    assert floating()[2](dense, 2, 6) < floating()[2](dense, 6, 6)


def test_a_convolution_costs_its_adders_at_every_position() -> None:
    task = clouds()
    rows, columns = 2, task.input_shape[0] // 2
    conv = nn.Sequential(nn.Conv2d(1, 3, (2, 1)))
    counted = count_layers(conv, task, weight_bits=(4,), input_shape=(1, rows, columns))
    (shape,) = layer_shapes(conv, (1, rows, columns))
    assert shape.positions == columns
    plan = uniform((shape,), weight_bits=4, activation_bits=6)
    quantized = apply(conv, plan, task, input_shape=(1, rows, columns))
    (layer,) = quantized.quant_layers().values()
    codes = layer.weight_codes().detach().numpy().reshape(3, -1).T.astype(np.int64)
    one = count_luts([codes], [6], [0])
    assert counted(shape, 4, 6) == pytest.approx(columns * one, rel=0.03)


def test_what_was_not_counted_is_refused() -> None:
    model, task, counted = floating()
    shape = LayerShape("other", 3, 3, 1, 9)
    with pytest.raises(ConfigError) as caught:
        counted(shape, 2, 4)
    assert str(caught.value).startswith(
        'the LUTs of layer "other" were not counted at 2 bits\nhint: counted: '
    )
    with pytest.raises(ConfigError) as caught:
        count_layers(model, task, weight_bits=())
    assert str(caught.value) == "counting LUTs needs candidate widths of weights"
