"""Policies: shapes, the published numbers, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from netwright.errors import ConfigError
from netwright.models import Policy, policy
from netwright.tasks import from_arrays


def test_published_policy_has_its_published_size() -> None:
    made = Policy(30, 10, front="convolution")
    # the published count, 98 920, has a second head for the deviation, which is no part of this
    assert sum(p.numel() for p in made.parameters()) == 98_920 - 2570
    assert made.body[0].in_features == 108


def test_front_end_is_three_convolutions_over_trend_and_readings() -> None:
    made = Policy(30, 10, front="convolution")
    rows = torch.randn(4, 30)
    image = rows.reshape(4, 1, 3, 10)
    wanted = [
        functional.leaky_relu(functional.conv2d(image, conv.weight, conv.bias), 0.01).reshape(4, -1)
        for conv in made.first_layers
    ]
    assert [part.shape[1] for part in wanted] == [40, 36, 32]
    assert torch.equal(made.front(rows), torch.cat(wanted, dim=1))
    assert made(rows).abs().max() <= 1


def test_policy_of_a_task_is_drawn_from_its_seed() -> None:
    random = np.random.default_rng(0)
    task = from_arrays(random.normal(size=(40, 12)), random.normal(size=(40, 2)), values=True)
    first, again, other = (policy(task, hidden=(8,), seed=seed) for seed in (1, 1, 2))
    rows = torch.randn(3, 12)
    assert first(rows).shape == (3, 2)
    assert torch.equal(first(rows), again(rows))
    assert not torch.equal(first(rows), other(rows))


def test_front_ends_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        Policy(10, 2, front="convolution")
    assert caught.value.message == (
        "the front end reads 3 rows of 3 readings or more, not 10 values"
    )
    with pytest.raises(ConfigError, match='front must be convolution or dense, not "other"'):
        Policy(30, 2, front="other")  # type: ignore[arg-type]
