from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from netwright import models
from netwright.errors import ConfigError, NumericsError
from netwright.tasks import Split, Task
from netwright.train import (
    Calibrate,
    Callback,
    Epoch,
    Moment,
    Recipe,
    Supervised,
    evaluate,
    fit,
    predict,
    trace,
)
from tests.toys import clouds, line, quantized_mlp, two_inputs


def state(model: nn.Module) -> dict[str, np.ndarray]:
    return {key: value.numpy().copy() for key, value in model.state_dict().items()}


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(first[key], second[key]) for key in first)


def test_fit_learns_the_clouds() -> None:
    task, seen = clouds(), []
    model = models.mlp(task, hidden=(16,))
    history = fit(
        model,
        task,
        recipe=Recipe(epochs=8, batch_size=64),
        progress=lambda *step: seen.append(step),
    )
    assert evaluate(model, task) > 0.7
    assert seen == [
        (epoch.number, 8, f"epoch {epoch.number}: accuracy {epoch.score:.4g}")
        for epoch in history.epochs
    ]
    assert [epoch.number for epoch in history.epochs] == list(range(1, 9))
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert not model.training


@pytest.mark.parametrize("quantized", [False, True])
def test_fit_is_reproducible_for_a_seed(quantized: bool) -> None:
    task = clouds()
    found = []
    for seed in (1, 1, 2):
        model = quantized_mlp(task) if quantized else models.mlp(task, hidden=(8,))
        fit(
            model,
            task,
            recipe=Recipe(epochs=2, batch_size=64, seed=seed),
            callbacks=[Calibrate()] if quantized else (),
        )
        found.append(state(model))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


def test_the_test_split_decides_nothing() -> None:
    task = clouds()
    noise = np.random.default_rng(0)
    nonsense = Split(
        {"x": noise.normal(size=task.test.inputs.shape).astype(np.float32) * 100},
        noise.integers(0, 3, len(task.test.targets)),
    )
    found = []
    for split in (task.test, nonsense):
        model = quantized_mlp(task)
        fit(
            model,
            replace(task, test=split),
            recipe=Recipe(epochs=3, batch_size=64),
            callbacks=[Calibrate()],
        )
        found.append(state(model))
    assert same(*found)


FAST = Recipe(epochs=6, batch_size=32, learning_rate=1e-2)


def adversarial(task: Task) -> Task:
    """Validation labels that are wrong: the better the model, the worse its score."""
    labels = (task.validation.targets + 1) % len(task.classes)
    return replace(task, validation=Split(task.validation.arrays, labels))


def test_the_best_validation_epoch_is_kept() -> None:
    task = adversarial(clouds())
    model = models.mlp(task, hidden=(16,))
    history = fit(model, task, recipe=FAST)
    best = max(epoch.score for epoch in history.epochs)
    assert history.best.score == best > history.epochs[-1].score
    assert evaluate(model, task, split="validation") == best


def test_the_kept_epoch_of_a_quantized_model_has_its_own_scales() -> None:
    task = adversarial(clouds())
    model = quantized_mlp(task)
    history = fit(model, task, recipe=FAST, callbacks=[Calibrate()])
    assert evaluate(model, task, split="validation") == history.best.score
    codes = trace(model)
    assert len(codes.nodes) == 6


def test_a_loss_that_explodes_is_named() -> None:
    task = clouds()
    model = models.mlp(task, hidden=(8,))
    with torch.no_grad():
        model.get_parameter("fc1.weight").fill_(float("inf"))
    with pytest.raises(NumericsError) as caught:
        fit(model, task, recipe=Recipe(epochs=1))
    assert str(caught.value) == (
        "the training loss became nan in step 1, epoch 1\n"
        "hint: lower the learning rate, or look for what the loss cannot take"
    )


def test_an_epoch_is_a_value() -> None:
    assert Epoch(1, 0.5, 0.9) == Epoch(1, 0.5, 0.9)


class Note(Callback):
    """Remembers every moment."""

    def __init__(self) -> None:
        self.before: list[Moment] = []
        self.after: list[Moment] = []
        self.epochs: list[Moment] = []

    def before_step(self, moment: Moment) -> None:
        self.before.append(moment)

    def after_step(self, moment: Moment) -> None:
        assert all(parameter.grad is not None for parameter in moment.model.parameters())
        self.after.append(moment)

    def after_epoch(self, moment: Moment) -> None:
        self.epochs.append(moment)


def test_steps_and_epochs_are_told_and_early_epochs_can_be_left_out() -> None:
    task, model, note = clouds(), models.mlp(clouds(), hidden=(8,)), Note()
    history = fit(model, task, None, Recipe(epochs=3, batch_size=64, keep_from=3), [note])
    assert history.best.number == 3
    steps = 3 * 10
    assert [moment.share for moment in note.before] == [i / steps for i in range(steps)]
    assert [moment.share for moment in note.after] == [(i + 1) / steps for i in range(steps)]
    assert [moment.step for moment in note.after if moment.ends_epoch] == [10, 20, 30]
    assert [moment.epoch for moment in note.after[9:11]] == [1, 2]
    assert [moment.epoch for moment in note.epochs] == [1, 2, 3]
    assert tuple(moment.history[-1] for moment in note.epochs) == history.epochs
    assert note.before[0].learning_rate == note.after[0].learning_rate == 2e-3
    assert note.after[4].loss == note.before[5].loss


def test_the_end_is_kept_if_that_is_asked_for() -> None:
    task = adversarial(clouds())
    history = fit(models.mlp(task, hidden=(16,)), task, recipe=replace(FAST, keep="last"))
    assert history.best == history.epochs[-1]


def test_a_regression_keeps_the_epoch_of_the_smallest_error() -> None:
    task = line()
    model = nn.Linear(3, 2)
    history = fit(model, task, recipe=Recipe(epochs=30, batch_size=32, learning_rate=0.05))
    assert history.best.score == min(epoch.score for epoch in history.epochs) < 1e-3
    assert predict(model, task.test.arrays).shape == (50, 2)


def test_a_model_of_several_inputs_gets_them_in_the_order_of_the_task() -> None:
    class Difference(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.ones(1))

        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return self.factor * (first[:, :1] - second)

    task = two_inputs()
    model = Difference()
    fit(model, task, Supervised("mae"), Recipe(epochs=5, batch_size=10, learning_rate=0.1))
    assert float(model.factor.detach()) == pytest.approx(2.0, abs=0.05)


def test_what_the_model_draws_is_reproducible_and_leaves_the_generator_alone() -> None:
    task, found = clouds(), []
    for noise in (1, 2):
        torch.manual_seed(noise)
        model = nn.Sequential(models.mlp(task, hidden=(8,)), nn.Dropout(0.3), nn.Linear(3, 3))
        with torch.no_grad():
            model[2].weight.fill_(0.1)
            model[2].bias.zero_()
        before = torch.get_rng_state()
        fit(model, task, recipe=Recipe(epochs=1, batch_size=64))
        assert torch.equal(torch.get_rng_state(), before)
        found.append(state(model))
    assert same(*found)


@pytest.mark.parametrize(
    ("model", "objective", "message"),
    [
        (
            nn.Linear(5, 3),
            None,
            'the model cannot read the inputs "x" (64, 6): mat1 and mat2 shapes cannot be '
            "multiplied (64x6 and 5x3)",
        ),
        (
            nn.Linear(6, 2),
            None,
            "the model must give outputs of shape (64, 3) for this task, not (64, 2)",
        ),
        (
            nn.Linear(6, 3),
            Supervised("mse"),
            "outputs must have the shape of the targets, (64,), not (64, 3)",
        ),
        (
            nn.Linear(6, 3),
            Supervised(lambda outputs, targets: outputs.mean(dim=1)),
            "must return a scalar of a float type, not torch.float32 of shape (64,)\n"
            "hint: return the mean over the rows",
        ),
        (
            nn.Linear(6, 3),
            Supervised(lambda outputs, targets: float(outputs.mean().detach())),
            "must return a scalar tensor, not ",
        ),
        (
            nn.Linear(6, 3),
            Supervised(lambda outputs, targets: outputs.detach().mean()),
            "the loss does not depend on the parameters of the model",
        ),
        (
            nn.Linear(6, 3),
            Supervised(lambda outputs, targets: (outputs - targets).square().mean()),
            "cannot be computed from outputs of shape (64, 3) and targets of shape (64,): ",
        ),
        (nn.Identity(), None, "the model, of the class Identity, has no parameters to train"),
        (nn.LSTM(6, 3), None, "a model must return one tensor, not tuple"),
    ],
)
def test_what_does_not_fit_is_told_with_its_shapes(
    model: nn.Module, objective: Supervised | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        fit(model, clouds(), objective, Recipe(epochs=1, batch_size=64))


def test_a_loss_of_nan_is_told_with_its_step() -> None:
    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs.mean() - outputs.detach().mean() - 1e-9).log()

    message = "the training loss became nan in step 1, epoch 1"
    with pytest.raises(NumericsError, match=message):
        fit(nn.Linear(6, 3), clouds(), Supervised(loss), Recipe(epochs=1))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": "mse"}, "objective must be a netwright.train.Objective, not 'mse'"),
        ({"recipe": {"epochs": 3}}, "recipe must be a netwright.train.Recipe, not 'dict'"),
        ({"callbacks": [print]}, "a callback must be a netwright.train.Callback, not "),
    ],
)
def test_arguments_of_other_kinds_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        fit(nn.Linear(6, 3), clouds(), **given)  # type: ignore[arg-type]


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match='device "cuda" is not there: torch sees no GPU'):
        fit(nn.Linear(6, 3), clouds(), recipe=Recipe(device="cuda"))
    fit(nn.Linear(6, 3), clouds(), recipe=Recipe(device="auto", epochs=1))


def test_gradients_are_scaled_down_to_the_norm() -> None:
    norms: list[float] = []

    class Norm(Callback):
        def after_step(self, moment: Moment) -> None:
            grads = [p.grad for p in moment.model.parameters() if p.grad is not None]
            norms.append(float(torch.cat([grad.flatten() for grad in grads]).norm()))

    fit(nn.Linear(6, 3), clouds(), None, Recipe(epochs=1, max_norm=0.01), [Norm()])
    assert max(norms) < 0.0101


def test_products_in_bfloat16_learn_as_well() -> None:
    task, seen = clouds(), []

    class Look(nn.Linear):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            found = super().forward(values)
            if self.training:
                seen.append(found.dtype)
            return found

    model = Look(6, 3)
    fit(model, task, recipe=Recipe(epochs=8, learning_rate=0.05, precision="bfloat16"))
    assert set(seen) == {torch.bfloat16}
    assert model.weight.dtype == torch.float32
    assert evaluate(model, task) > 0.6


def test_settings_of_the_recipe_may_be_given_by_name() -> None:
    found = [fit(nn.Linear(6, 3), clouds(), epochs=2, seed=4)]
    found += [fit(nn.Linear(6, 3), clouds(), recipe=Recipe(epochs=9, seed=4), epochs=2)]
    assert [len(history.epochs) for history in found] == [2, 2]
    with pytest.raises(ConfigError, match=r'no setting "epoch"; did you mean "epochs"'):
        fit(nn.Linear(6, 3), clouds(), epoch=2)
    with pytest.raises(ConfigError, match="epochs must be 1 or more, not 0"):
        fit(nn.Linear(6, 3), clouds(), epochs=0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda x: x, "a model must be a torch.nn.Module, not function"),
        (nn.Linear(6, 3, device="meta"), 'parameter "weight" of the model has no values'),
    ],
)
def test_what_cannot_be_trained_is_refused(model: nn.Module, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(model, clouds(60), checkpoint=tmp_path / "a.pt")
