from __future__ import annotations

import pytest
import torch

from netwright.errors import ConfigError
from netwright.train import Recipe
from netwright.train.recipe import learning_rates


@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_the_cosine_is_that_of_torch_bit_for_bit(steps: int) -> None:
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.003)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    expected = []
    for _ in range(steps):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert learning_rates(Recipe(learning_rate=0.003), steps) == expected


def test_a_line_rises_and_falls() -> None:
    rates = learning_rates(Recipe(learning_rate=1, schedule="linear", warmup=0.25), 100)
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == rates[25] == 1
    assert rates[99] == pytest.approx(0.01 / 0.75)
    assert learning_rates(Recipe(learning_rate=1, schedule="linear"), 4) == [1, 0.75, 0.5, 0.25]


def test_a_warm_up_is_before_the_cosine_and_before_a_constant() -> None:
    rates = learning_rates(Recipe(learning_rate=1, warmup=0.5), 8)
    assert rates[:4] == pytest.approx([0.01, 0.26, 0.51, 0.76])
    assert rates[4:] == learning_rates(Recipe(learning_rate=1), 4)
    flat = learning_rates(Recipe(learning_rate=2, schedule="constant", warmup=0.25), 8)
    assert flat[2:] == [2] * 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be 1 or more, not 0"),
        ({"epochs": 2.5}, "epochs must be 1 or more, not 2.5"),
        ({"batch_size": 0}, "batch_size must be 1 or more, not 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0 and below 10, not 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0 and below 10, not nan"),
        ({"learning_rate": 11.0}, "learning_rate must be above 0 and below 10, not 11.0"),
        ({"weight_decay": -1}, "weight_decay must be 0 or more, not -1"),
        ({"warmup": 1.0}, "warmup must be 0 or more and below 1, not 1.0"),
        ({"max_norm": 0.0}, "max_norm must be above 0, or None, not 0.0"),
        ({"devices": 0}, "devices must be 1 or more, not 0"),
        ({"keep_from": 4, "epochs": 3}, "keep_from must be from 1 to 3, the number of epochs"),
        ({"optimizer": "sgd"}, 'optimizer must be one of "adam", "adamw", not \'sgd\''),
        ({"precision": "half"}, 'precision must be one of "float32", "bfloat16"'),
        ({"seed": -1}, "seed must be 0 to 2^63 - 1, not -1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe(**settings)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


def test_all_faults_are_listed() -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe(epochs=0, device="tpu", keep_from=0)  # type: ignore[arg-type]
    assert str(caught.value).count(" must be ") == 3
