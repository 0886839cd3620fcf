from __future__ import annotations

import pytest
import torch

from netwright.errors import ConfigError
from netwright.train import Recipe
from netwright.train.devices import Alone, chosen_device


def test_the_device_is_that_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_device(Recipe()) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert chosen_device(Recipe()) == torch.device("cpu")
    assert chosen_device(Recipe(device="auto")) == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen_device(Recipe(device="auto")) == torch.device("cpu")
    with pytest.raises(ConfigError, match="torch sees no GPU"):
        chosen_device(Recipe(device="cuda"))


def test_a_process_alone_changes_nothing() -> None:
    alone, value = Alone(torch.device("cpu")), torch.ones(2)
    assert alone.sum(3.0) == 3.0
    assert alone.gather(value) == [value]
    assert (alone.rank, alone.size) == (0, 1)
