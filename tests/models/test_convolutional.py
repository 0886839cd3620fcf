from __future__ import annotations

import pytest
import torch

from netwright.errors import ConfigError
from netwright.models import encoder


def test_the_default_has_the_published_number_of_parameters() -> None:
    model = encoder()
    assert sum(parameter.numel() for parameter in model.parameters()) == 2144
    assert [name for name, _ in model.named_children()] == [
        "conv1", "relu1", "flatten", "fc1", "relu2",
    ]  # fmt: skip
    assert model(torch.zeros(3, 1, 8, 8)).shape == (3, 16)


def test_the_other_published_variant_has_its_number_too() -> None:
    model = encoder(shape=(3, 4, 4), stride=1)
    assert sum(parameter.numel() for parameter in model.parameters()) == 2288
    assert model(torch.zeros(3, 3, 4, 4)).shape == (3, 16)


def test_any_shape_fits() -> None:
    model = encoder(shape=(2, 7, 9), filters=3, outputs=4, batch_norm=True)
    assert model(torch.zeros(2, 2, 7, 9)).shape == (2, 4)
    assert "norm1" in dict(model.named_children())
    assert encoder(shape=(1, 7, 9), stride=3)(torch.zeros(2, 1, 7, 9)).shape == (2, 16)


def test_the_seed_decides() -> None:
    first, again, other = (encoder(seed=seed).get_parameter("fc1.weight") for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_impossible_extents_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        encoder(filters=0)
    assert str(caught.value) == (
        "shape, filters, outputs and stride must be positive integers, not (1, 8, 8), 0, 16 and 2"
    )
