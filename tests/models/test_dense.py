from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.errors import ConfigError
from netwright.models import mlp
from netwright.tasks import from_arrays
from tests.toys import clouds


def test_the_default_is_the_jet_tagger() -> None:
    model = mlp(clouds(features=16, classes=5))
    assert [name for name, _ in model.named_children()] == [
        "fc1", "relu1", "fc2", "relu2", "fc3", "relu3", "fc4",
    ]  # fmt: skip
    assert sum(parameter.numel() for parameter in model.parameters()) == 4389
    assert model(torch.zeros(2, 16)).shape == (2, 5)


def test_normalization_stands_between_layer_and_relu() -> None:
    names = [name for name, _ in mlp(clouds(), hidden=(4,), batch_norm=True).named_children()]
    assert names == ["fc1", "norm1", "relu1", "fc2"]


def test_without_hidden_layers_it_is_linear() -> None:
    assert [name for name, _ in mlp(clouds(), hidden=()).named_children()] == ["fc1"]


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (mlp(clouds(), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    key = "fc1.weight"
    assert torch.equal(first.get_parameter(key), again.get_parameter(key))
    assert not torch.equal(first.get_parameter(key), other.get_parameter(key))


@pytest.mark.parametrize("hidden", [(0,), (-3,), (2.5,), ("8",), (True,), (1 << 40,)])
def test_impossible_widths_are_refused(hidden: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        mlp(clouds(), hidden=hidden)
    assert str(caught.value) == f"hidden must be positive integers up to 65536, not {list(hidden)}"


def test_images_are_flattened_and_values_come_out() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(50, 2, 3, 3))
    task = from_arrays(images, rng.normal(size=(50, 4)))
    model = mlp(task, hidden=(5,))
    assert [name for name, _ in model.named_children()] == ["flatten", "fc1", "relu1", "fc2"]
    assert model(torch.from_numpy(task.test.inputs)).shape == (10, 4)


def test_targets_of_several_axes_are_refused() -> None:
    images = np.random.default_rng(0).normal(size=(50, 2, 3))
    with pytest.raises(ConfigError) as caught:
        mlp(from_arrays(images, "x", name="copy"))
    assert str(caught.value) == (
        'a perceptron gives one axis of values, and task "copy" asks for the shape (2, 3)\n'
        "hint: flatten its targets, or take another network"
    )
