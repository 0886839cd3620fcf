from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from netwright.errors import ConfigError
from netwright.tasks import Split
from netwright.train import Calibrate, Callback, EarlyStop, Epoch, Moment, Objective, Recipe, fit
from tests.toys import clouds, line, quantized_mlp


def told(scores: list[float], stop: EarlyStop, *, larger: bool) -> list[bool]:
    """After which epochs of these scores the training would end."""
    task = clouds() if larger else line()
    found = []
    for number in range(1, len(scores) + 1):
        history = tuple(Epoch(i + 1, 1.0, score) for i, score in enumerate(scores[:number]))
        moment = Moment(
            nn.Linear(1, 1), task, number, 9, number, 9, 1.0, 1e-3, history, Objective()
        )
        stop.after_epoch(moment)
        found.append(stop.stop)
    return found


def test_a_training_ends_when_its_score_gets_no_better() -> None:
    scores = [0.5, 0.6, 0.6, 0.59, 0.7]
    assert told(scores, EarlyStop(2), larger=True) == [False, False, False, True, False]
    assert told([3, 2, 2.5, 2.5], EarlyStop(2), larger=False) == [False, False, False, True]
    assert told([0.5, 0.55, 0.58], EarlyStop(1, least=0.1), larger=True) == [False, True, True]


def test_early_stop_ends_fit_and_keeps_the_best_epoch() -> None:
    model = nn.Linear(6, 3)
    with torch.no_grad():
        model.weight.copy_(10 * torch.eye(3, 6))
        model.bias.zero_()
    recipe = Recipe(epochs=50, batch_size=64, learning_rate=1e-9)
    history = fit(model, clouds(), None, recipe, [EarlyStop(3)])
    assert len(history.epochs) == 4
    assert history.best.score == history.epochs[0].score


def test_early_stop_goes_on_where_it_stood() -> None:
    first, second = EarlyStop(3), EarlyStop(3)
    told([0.5, 0.4], first, larger=True)
    second.load_state_dict(first.state_dict())
    assert told([0.4, 0.4], second, larger=True) == [False, True]
    second.begin(Moment(nn.Linear(1, 1), clouds(), 0, 9, 0, 9, math.nan, 1e-3, (), Objective()))
    assert not second.stop


def test_scales_are_chosen_at_the_beginning_and_after_the_first_epochs() -> None:
    seen: list[int] = []
    task, model = clouds(), quantized_mlp(clouds())
    choose = model.calibrate

    def calibrate(*inputs: torch.Tensor) -> None:
        seen.append(len(inputs[0]))
        choose(*inputs)

    model.calibrate = calibrate  # type: ignore[method-assign]
    recipe = Recipe(epochs=5, batch_size=64)
    fit(model, task, None, recipe, [Calibrate(rows=100)])
    assert seen == [100] * 3
    seen.clear()
    fit(model, task, None, recipe, [Calibrate(epochs=0)])
    assert seen == [600]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStop(0), "patience must be 1 or more and least 0 or more, not 0"),
        (lambda: EarlyStop(least=-1.0), r"not 5 and -1\.0"),
        (lambda: Calibrate(rows=0), "rows must be 1 or more and epochs 0 or more, not 0"),
        (
            lambda: fit(nn.Linear(6, 3), clouds(), None, Recipe(epochs=1), [Calibrate()]),
            "the model, of the class Linear, has no scales to choose",
        ),
    ],
)
def test_what_is_out_of_range_is_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]


def test_a_callback_can_give_other_rows_for_every_epoch() -> None:
    seen: list[tuple[int, int]] = []

    class Shift(Callback):
        def epoch_rows(self, split: Split, *, epoch: int, seed: int) -> Split:
            seen.append((epoch, seed))
            moved = split.inputs + np.float32(100 * epoch)
            return Split({"x": moved}, split.targets)

    class Look(nn.Linear):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            if self.training:
                means.append(float(values.mean()))
            return super().forward(values)

    means: list[float] = []
    fit(Look(6, 3), clouds(64), None, Recipe(epochs=2, seed=5), [Shift()])
    assert seen == [(0, 5), (1, 5)]
    assert abs(means[0]) < 1 < 99 < means[1]
