from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from netwright import models
from netwright.errors import ConfigError, NumericsError
from netwright.tasks import Split, Task
from netwright.train import Epoch, evaluate, fit, logits, trace
from tests.toys import clouds, quantized_mlp


def state(model: nn.Module) -> dict[str, np.ndarray]:
    return {key: value.numpy().copy() for key, value in model.state_dict().items()}


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(first[key], second[key]) for key in first)


def test_fit_learns_the_clouds() -> None:
    task, seen = clouds(), []
    model = models.mlp(task, hidden=(16,))
    history = fit(model, task, epochs=8, batch_size=64, progress=lambda *step: seen.append(step))
    assert evaluate(model, task) > 0.7
    assert seen == [
        (epoch.number, 8, f"epoch {epoch.number}: {100 * epoch.accuracy:.1f} %")
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
        fit(model, task, epochs=2, batch_size=64, seed=seed)
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
        fit(model, replace(task, test=split), epochs=3, batch_size=64)
        found.append(state(model))
    assert same(*found)


def adversarial(task: Task) -> Task:
    """Validation labels that are wrong: the better the model, the worse its score."""
    labels = (task.validation.targets + 1) % len(task.classes)
    return replace(task, validation=Split(task.validation.arrays, labels))


def test_the_best_validation_epoch_is_kept() -> None:
    task = adversarial(clouds())
    model = models.mlp(task, hidden=(16,))
    history = fit(model, task, epochs=6, batch_size=32, learning_rate=1e-2)
    best = max(epoch.accuracy for epoch in history.epochs)
    assert history.best.accuracy == best > history.epochs[-1].accuracy
    assert evaluate(model, task, split="validation") == best


def test_the_kept_epoch_of_a_quantized_model_has_its_own_scales() -> None:
    task = adversarial(clouds())
    model = quantized_mlp(task)
    history = fit(model, task, epochs=6, batch_size=32, learning_rate=1e-2)
    assert evaluate(model, task, split="validation") == history.best.accuracy
    codes = trace(model)
    assert len(codes.nodes) == 6


def test_logits_keep_the_mode_and_do_not_depend_on_the_batch_size() -> None:
    task = clouds()
    model = models.mlp(task, batch_norm=True).train()
    first = logits(model, task.test.inputs)
    np.testing.assert_allclose(first, logits(model, task.test.inputs, batch_size=7), atol=1e-5)
    assert model.training
    assert first.shape == (300, 3)
    assert first.dtype == np.float64


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": 11.0},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    task = clouds()
    given = {"epochs": 20, "batch_size": 512, "learning_rate": 2e-3, **settings}
    with pytest.raises(ConfigError) as caught:
        fit(models.mlp(task), task, **settings)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"epochs ({given['epochs']}) and batch_size ({given['batch_size']}) must be 1 or more, "
        f"and learning_rate ({given['learning_rate']}) between 0 and 10"
    )


def test_a_loss_that_explodes_is_named() -> None:
    task = clouds()
    model = models.mlp(task, hidden=(8,))
    with torch.no_grad():
        model.get_parameter("fc1.weight").fill_(float("inf"))
    with pytest.raises(NumericsError) as caught:
        fit(model, task, epochs=1)
    assert str(caught.value) == (
        "the training loss became nan in epoch 1\nhint: lower the learning rate"
    )


def test_an_epoch_is_a_value() -> None:
    assert Epoch(1, 0.5, 0.9) == Epoch(1, 0.5, 0.9)


def test_a_teacher_is_listened_to() -> None:
    task = clouds()
    teacher = models.mlp(task, hidden=(8,), seed=3)
    fit(teacher, task, epochs=4, batch_size=64)
    found = []
    for own in (None, teacher):
        model = models.mlp(task, hidden=(8,), seed=1)
        fit(model, task, epochs=4, batch_size=64, teacher=own)
        far = np.abs(logits(model, task.test.inputs) - logits(teacher, task.test.inputs))
        found.append(float(far.mean()))
    assert found[1] < found[0]


def test_labels_count_for_what_the_teacher_does_not() -> None:
    """All of the loss from the teacher: false labels change nothing, and the other way round."""
    task = clouds()
    false = replace(task, train=replace(task.train, targets=task.train.targets[::-1].copy()))
    teacher = models.mlp(task, hidden=(8,), seed=3)
    same = {}
    for share in (0.0, 0.5, 1.0):
        found = []
        for given in (task, false):
            model = models.mlp(task, hidden=(8,), seed=1)
            fit(model, given, epochs=1, batch_size=64, teacher=teacher, teacher_share=share)
            found.append(logits(model, task.test.inputs))
        same[share] = np.array_equal(*found)
    assert same == {0.0: False, 0.5: False, 1.0: True}
    alone = models.mlp(task, hidden=(8,), seed=1)
    fit(alone, false, epochs=1, batch_size=64)
    unheard = models.mlp(task, hidden=(8,), seed=1)
    fit(unheard, false, epochs=1, batch_size=64, teacher=teacher, teacher_share=0.0)
    np.testing.assert_array_equal(
        logits(alone, task.test.inputs), logits(unheard, task.test.inputs)
    )
    with pytest.raises(ConfigError, match=r"teacher_share must be from 0 to 1, not 1\.5"):
        fit(alone, task, epochs=1, teacher=teacher, teacher_share=1.5)


def test_steps_are_reported_with_their_gradients_and_early_epochs_can_be_left_out() -> None:
    task, model = clouds(), models.mlp(clouds(), hidden=(8,))
    done: list[float] = []

    def note(share: float) -> None:
        assert all(parameter.grad is not None for parameter in model.parameters())
        done.append(share)

    history = fit(model, task, epochs=3, batch_size=64, after_step=note, keep_from=3)
    assert history.best.number == 3
    assert done == [(i + 1) / len(done) for i in range(len(done))]
    with pytest.raises(ConfigError, match=r"keep_from must be from 1 to 3, not 4"):
        fit(model, task, epochs=3, keep_from=4)
