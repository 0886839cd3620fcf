"""A training that is interrupted anywhere and resumed ends like one that is not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from netwright.train import Callback, Checkpoint, History, Moment
from tests.train.trainings import TRAININGS, Training


class Interrupt(Callback):
    """Raises after so many steps; nothing that decides a training."""

    settings = ""

    def __init__(self, step: int) -> None:
        self.step = step

    def after_step(self, moment: Moment) -> None:
        if moment.step == self.step:
            raise InterruptedError


def run(
    training: Training, checkpoint: Checkpoint | None = None, stop: int = 0
) -> tuple[dict[str, torch.Tensor], History]:
    model, history = training(checkpoint, [Interrupt(stop)] if stop else [])
    return model.state_dict(), history


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[key], second[key]) for key in first
    )


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_goes_on_where_it_stopped(name: str, tmp_path: Path) -> None:
    training, steps = TRAININGS[name]
    model, history = run(training)
    draws = random.Random(name)
    path = tmp_path / "training.checkpoint"
    for every in (1, 3):
        path.unlink(missing_ok=True)
        checkpoint = Checkpoint(path, every_steps=every)
        for stop in sorted(draws.sample(range(1, steps), 3)):
            with pytest.raises(InterruptedError):
                run(training, checkpoint, stop)
        found, told = run(training, checkpoint)
        assert same(found, model)
        assert told == history
    found, told = run(training, checkpoint, stop=1)  # read back without a step
    assert same(found, model)
    assert told == history


def test_the_uninterrupted_training_writes_what_it_does_not_change(tmp_path: Path) -> None:
    training, _ = TRAININGS["float"]
    kept, history = run(training, Checkpoint(tmp_path / "a", every_s=0.0))
    assert same(kept, run(training)[0])
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert len(history.epochs) == 3
