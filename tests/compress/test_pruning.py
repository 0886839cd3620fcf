from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from netwright import models
from netwright.backends.rtl.adders.digits import signed_digits
from netwright.compress import PruneDigits, apply, integer_weights, layer_shapes, prune, uniform
from netwright.errors import ConfigError
from netwright.tasks import Task
from netwright.train import QuantModel, Recipe, evaluate, fit, predict, trace
from tests.toys import clouds


@cache
def floating() -> tuple[nn.Sequential, Task]:
    task = clouds()
    model = models.mlp(task, hidden=(16, 8))
    fit(model, task, recipe=Recipe(epochs=4, batch_size=64))
    return model, task


@cache
def pruned(digits: float) -> QuantModel:
    model, task = floating()
    shapes = layer_shapes(model, task.input_shape)
    plan = uniform(shapes, weight_bits=5, activation_bits=5)
    return prune(
        model,
        plan,
        task,
        digits=digits,
        recipe=Recipe(epochs=5, batch_size=32, learning_rate=4e-3),
    )


def test_the_number_of_digits_is_kept_and_the_network_still_works() -> None:
    weights = integer_weights(pruned(0.5))
    digits = sum(len(signed_digits(int(w))) for weight in weights for w in weight.flatten())
    assert 0 < digits <= 0.5 * sum(weight.numel() for weight in weights)
    model, task = floating()
    assert evaluate(pruned(0.5), task) > evaluate(model, task) - 0.1


def test_zeros_reach_the_graph() -> None:
    graph = trace(pruned(0.3))
    constants = [graph.constants[n.inputs[1]] for n in graph.nodes if n.op == "MatMul"]
    for constant, weight in zip(constants, integer_weights(pruned(0.3)), strict=True):
        assert np.array_equal(constant, weight.numpy())
        assert not constant.all()


def test_a_neuron_that_nothing_reads_has_no_weights() -> None:
    for made, read in pairwise(integer_weights(pruned(0.3))):
        unread = ~(read != 0).any(dim=1)
        assert not (made[:, unread] != 0).any()


def test_limits_are_gone_when_the_training_ends() -> None:
    found, task = pruned(0.5), floating()[1]
    assert all(layer.weight_quantizer.digits is None for layer in found.quant_layers().values())
    before = predict(found, task.test.inputs)
    rows = torch.from_numpy(task.test.inputs)
    found.train()
    simulated = found(rows).detach().numpy()
    found.eval()
    assert np.mean(simulated.argmax(1) == before.argmax(1)) > 0.99


def test_the_digits_of_least_worth_go_first() -> None:
    model, task = floating()
    shapes = layer_shapes(model, task.input_shape)
    plan = uniform(shapes, weight_bits=4, activation_bits=4)
    pruner = PruneDigits(0.1)
    pruner.take(apply(model, plan, task))
    for square in pruner.squares:
        square.fill_(1.0)
    before = [pruner._used(i) for i in range(3)]
    worth = torch.cat([pruner._worth(i, before[i]).flatten() for i in range(3)])
    with torch.no_grad():
        pruner._choose(0.0)
        assert all(torch.equal(pruner._used(i), before[i]) for i in range(3))
        pruner.steps = 1000
        pruner._choose(0.004)
    after = [pruner._used(i) for i in range(3)]
    lost = torch.cat([(a < b).flatten() for a, b in zip(after, before, strict=True)])
    assert lost.any()
    assert worth[lost].max() <= worth[~lost].min()


@pytest.mark.parametrize("digits", [0.0, 3.5, -1.0, float("nan")])
def test_digits_out_of_range(digits: float) -> None:
    with pytest.raises(ConfigError) as caught:
        pruned(digits)
    assert str(caught.value) == f"digits must be above 0 and at most 3, not {digits}"
