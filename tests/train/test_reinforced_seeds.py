"""Trainings of several seeds are remembered, and give what one training gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from netwright.errors import DataError
from netwright.models import Policy
from netwright.train import (
    Reinforcement,
    load_weights,
    read_measurements,
    reinforce,
    reinforce_seeds,
    weights_file,
)

pytest.importorskip("stable_baselines3", reason="needs the extra rl")

from netwright.tasks.beam import Rules
from netwright.tasks.beam_environment import BeamEnvironment

TINY = Reinforcement(
    front="dense", hidden=(16,), steps=24, side_by_side=4, updates=1, batch_size=8, warmup=8,
    evaluations=2, memory=64,
)  # fmt: skip


def test_every_seed_is_remembered_and_that_of_one_training(tmp_path: Path) -> None:
    environment = BeamEnvironment(line="cm2", rules=Rules(steps=3))
    records = reinforce_seeds(environment, TINY, (4, 5), folder=tmp_path, workers=1)
    assert list(records) == [4, 5]
    alone = reinforce(environment, replace(TINY, seed=5))
    kept = Policy(24, 8, hidden=(16,))
    load_weights(kept, weights_file(tmp_path, 5))
    pairs = zip(kept.parameters(), alone.policy.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert read_measurements(tmp_path, 5) == alone.history
    assert records[5]["validation"] == alone.best.values[0]
    said: list[str] = []
    again = reinforce_seeds(
        environment, TINY, (4, 5), folder=tmp_path, progress=lambda d, t, x: said.append(x)
    )
    assert again == records
    assert len(said) == 2
    assert not list(tmp_path.glob("*.checkpoint"))


def test_missing_measurements_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_measurements(tmp_path, 1)
