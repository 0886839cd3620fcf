from __future__ import annotations

import multiprocessing
import pickle
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright import models
from netwright.compress import (
    LayerSensitivity,
    TraceEstimate,
    WeightSensitivity,
    apply,
    sensitivity,
    uniform,
)
from netwright.errors import ConfigError, GraphError, NumericsError
from netwright.tasks import Split, Task
from netwright.train import Recipe, fit
from tests.compress.test_curvature import exact_hessian
from tests.toys import clouds, images


@cache
def trained() -> tuple[nn.Sequential, Task]:
    task = clouds(1000)
    model = models.mlp(task, hidden=(8, 7))
    fit(model, task, recipe=Recipe(epochs=8, batch_size=64, learning_rate=5e-3))
    return model, task


@cache
def measured() -> tuple[LayerSensitivity, ...]:
    model, task = trained()
    return sensitivity(model, task, probes=150)


def test_traces_lie_within_three_standard_errors() -> None:
    model, task = trained()
    loss = functional.cross_entropy(
        model(torch.from_numpy(task.train.inputs)), torch.from_numpy(task.train.targets)
    )
    for layer in measured():
        weight = model.get_parameter(f"{layer.name}.weight")
        exact = exact_hessian(loss, weight)
        trace = layer.weight.trace
        assert abs(trace.trace - float(exact.trace())) <= 3 * trace.standard_error
        largest = float(torch.linalg.eigvalsh(exact).max())
        assert layer.weight.top_eigenvalue == pytest.approx(largest, rel=0.05)
        assert layer.weight.size == weight.numel()
        assert layer.weight.mean_curvature == trace.trace / weight.numel()


def test_perturbations_shrink_by_about_four_with_every_bit() -> None:
    for layer in measured():
        errors = [layer.weight.perturbation[bits] for bits in range(3, 9)]
        ratios = np.array(errors[:-1]) / np.array(errors[1:])
        assert np.all(ratios > 1)
        assert 2.5 < np.exp(np.log(ratios).mean()) < 6


def test_perturbation_is_the_squared_error_of_the_quantizer_in_use() -> None:
    model, task = trained()
    for granularity in ("tensor", "channel"):
        layers = sensitivity(
            model, task, probes=2, weight_bits=(4,), activation_bits=(4,), scale="float",
            granularity=granularity,
        )  # fmt: skip
        plan = uniform(tuple(layer.shape for layer in layers), weight_bits=4, activation_bits=4)
        quantized = apply(model, plan.with_rules(scale="float", granularity=granularity), task)
        for layer, made in zip(layers, quantized.quant_layers().values(), strict=True):
            values = (made.weight_quantizer(made.layer.weight)).detach()
            error = float((values - made.layer.weight.detach()).square().sum())
            assert layer.weight.perturbation[4] == pytest.approx(error, rel=1e-5)


def test_activations_are_measured_with_the_sign_they_have() -> None:
    """Behind a ReLU one bit is enough for a format; the input is signed."""
    model, task = trained()
    layers = sensitivity(model, task, probes=2, weight_bits=(4,), activation_bits=(2, 8, 12))
    for layer in layers:
        growth = layer.activation.loss_growth
        assert growth[2] > growth[12]
        assert abs(growth[12]) < 1e-3
        assert layer.activation.mean_squared_error[2] > layer.activation.mean_squared_error[8]


def test_inputs_that_are_never_negative_are_signed_all_the_same() -> None:
    """As in the quantized model, whose input format is signed."""
    task = images()
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    positive = replace(task, train=Split({"x": np.abs(task.train.inputs)}, task.train.targets))
    (layer,) = sensitivity(model, positive, probes=2, weight_bits=(4,), activation_bits=(4,))
    quantized = apply(model, uniform((layer.shape,), weight_bits=4, activation_bits=4), positive)
    values = torch.from_numpy(positive.train.inputs)
    quantizer = quantized.sources()["1"]
    error = (quantizer.codes(values) * quantizer.scale - values).square().mean()
    assert layer.activation.mean_squared_error[4] == pytest.approx(float(error), rel=1e-5)


def test_growth_is_never_negative() -> None:
    weight = WeightSensitivity(TraceEstimate(-5.0, 1.0, 20), 10, -1.0, {4: 2.0})
    assert weight.growth(4) == 0.0
    positive = WeightSensitivity(TraceEstimate(5.0, 1.0, 20), 10, 1.0, {4: 2.0})
    assert positive.growth(4) == 0.5 * 0.5 * 2.0
    for layer in measured():
        assert all(layer.activation.growth(bits) >= 0 for bits in range(2, 9))


def test_the_prediction_is_the_second_order_growth_of_the_loss() -> None:
    """A random perturbation of equal size: the loss grows as predicted, on average."""
    model, task = trained()
    inputs, labels = torch.from_numpy(task.train.inputs), torch.from_numpy(task.train.targets)
    layer = measured()[1]
    weight = model.get_parameter("fc2.weight")
    generator = torch.Generator().manual_seed(0)
    size, growths = layer.weight.perturbation[6] ** 0.5, []
    with torch.no_grad():
        before = float(functional.cross_entropy(model(inputs), labels))
        for _ in range(300):
            step = torch.randn(weight.shape, generator=generator)
            step *= size / step.norm()
            for sign in (1, -1):
                weight += sign * step
                growths.append(float(functional.cross_entropy(model(inputs), labels)) - before)
                weight -= sign * step
    mean, error = np.mean(growths), np.std(growths) / len(growths) ** 0.5
    assert layer.weight.growth(6) == pytest.approx(float(mean), abs=5 * float(error), rel=0.25)


def test_measurements_are_reproducible_for_a_seed() -> None:
    model, task = trained()
    first, again, other = (
        sensitivity(model, task, probes=4, rows=100, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_measurements_can_be_sent_to_other_processes() -> None:
    layers = measured()
    assert pickle.loads(pickle.dumps(layers)) == layers  # noqa: S301  our own bytes
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(len, (layers,)) == 3


def test_probing_leaves_the_model_alone_and_stops_early() -> None:
    model, task = trained()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    seen: list[tuple[float, float]] = []
    layers = sensitivity(
        model, task, probes=400, relative_error=0.3, weight_bits=(4,), activation_bits=(4,),
        progress=lambda done, most, _: seen.append((done, most)),
    )  # fmt: skip
    assert all(16 <= layer.weight.trace.probes < 400 for layer in layers)
    assert seen[-1][1] == 3 * 400
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_convolutional_network_is_measured() -> None:
    model = models.encoder(outputs=4, batch_norm=True)
    layers = sensitivity(
        model, images(), probes=20, weight_bits=(4,), activation_bits=(4,), input_shape=(1, 8, 8)
    )
    assert [layer.name for layer in layers] == ["conv1", "fc1"]
    assert layers[0].weight.trace.trace > 0


def test_bad_settings_are_refused() -> None:
    model, task = trained()
    with pytest.raises(ConfigError, match="rows must be 1 or more, not 0"):
        sensitivity(model, task, rows=0)
    with pytest.raises(ConfigError, match="probes must be 2 or more, not 1"):
        sensitivity(model, task, probes=1)
    with pytest.raises(GraphError, match='node "1": LogSigmoid: is not supported'):
        sensitivity(nn.Sequential(nn.Linear(6, 3), nn.LogSigmoid()), task)


def test_widths_that_were_not_measured_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        measured()[0].activation.growth(13)
    assert str(caught.value) == (
        "the sensitivity to 13-bit activations was not measured\n"
        "hint: measured widths: 2, 3, 4, 5, 6, 7, 8"
    )


class _InPlace(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x += 1.0
        return super().forward(x)  # type: ignore[no-any-return]


class _Apart(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x + 1.0)  # type: ignore[no-any-return]


def test_frozen_layers_and_changed_inputs_make_no_difference() -> None:
    _, task = trained()
    found = []
    for kind in (_Apart, _InPlace):
        torch.manual_seed(0)
        model = kind(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
        model[0].requires_grad_(False)
        found.append(sensitivity(model, task, probes=4, weight_bits=(4,), activation_bits=(4,)))
        assert not model[0].weight.requires_grad
    assert found[0] == found[1]


class _Empty(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(0, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight)


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        (nn.ReLU(), ConfigError, "the class ReLU, has no layer with weights"),
        (nn.Linear(6, 3).double(), GraphError, 'node "weight": its parameters must be float32'),
        (
            nn.Sequential(nn.Linear(6, 3), _Empty()), GraphError,
            r'node "1": _Empty has a parameter of shape \(0, 3\), which holds nothing',
        ),
    ],
)  # fmt: skip
def test_models_without_curvature_are_refused(
    model: nn.Module, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        sensitivity(model, trained()[1], probes=2)


def test_weights_that_are_too_large_are_named() -> None:
    model = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 3))
    with torch.no_grad():
        model[2].weight.fill_(1e38)
        model[2].bias.fill_(3e38)
    with pytest.raises(NumericsError):
        sensitivity(model, trained()[1], probes=2)
