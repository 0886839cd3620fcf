from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from netwright import models
from netwright.errors import ConfigError, MissingExtra, NumericsError
from netwright.train import (
    Callback,
    Checkpoint,
    Distill,
    EarlyStop,
    Moment,
    Recipe,
    Supervised,
    fit,
    predict,
)
from tests.toys import clouds

TWO = Recipe(epochs=2, batch_size=50, learning_rate=1e-2, devices=2)


def explode(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return outputs.mean() * float("nan")


def student() -> nn.Module:
    return models.mlp(clouds(), hidden=(8,), seed=1)


@pytest.fixture
def fabric() -> None:
    pytest.importorskip("lightning_fabric", reason="Lightning Fabric is not installed")


@pytest.mark.usefixtures("fabric")
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    """All but the order of additions is the same, in steps of 25 and 25 rows and of 5 and 4."""
    task, told = clouds(109), []
    teacher, stop = models.mlp(task, hidden=(8,), seed=3), EarlyStop(3)
    alone, together = student(), student()
    one = Recipe(epochs=2, batch_size=50, learning_rate=1e-2)
    first = fit(alone, task, Distill(teacher), one)
    second = fit(
        together,
        task,
        Distill(teacher),
        TWO,
        [stop],
        checkpoint=tmp_path / "a.pt",
        progress=lambda *step: told.append(step[:2]),
    )
    np.testing.assert_allclose(
        predict(together, task.test.inputs), predict(alone, task.test.inputs), atol=1e-5
    )
    losses = [[epoch.loss for epoch in history.epochs] for history in (first, second)]
    np.testing.assert_allclose(*losses, rtol=1e-6)
    assert told == [(1, 2), (2, 2)]
    assert not np.isnan(float(stop.state_dict()["best"]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
    # What ended in two processes is read back by one: the devices do not make another training.
    again = student()
    assert fit(again, task, Distill(teacher), one, [stop], checkpoint=tmp_path / "a.pt") == second
    np.testing.assert_array_equal(
        predict(again, task.test.inputs), predict(together, task.test.inputs)
    )


@pytest.mark.slow
@pytest.mark.usefixtures("fabric")
def test_what_goes_wrong_in_a_process_is_told_by_the_parent() -> None:
    with pytest.raises(NumericsError, match="the training loss became nan in step 1"):
        fit(student(), clouds(), Supervised(explode), TWO)

    def refuse(done: float, total: float, text: str) -> None:
        raise InterruptedError(text)

    with pytest.raises(InterruptedError, match="epoch 1"):
        fit(student(), clouds(), recipe=TWO, progress=refuse)


class Interrupt(Callback):
    settings = ""

    def after_step(self, moment: Moment) -> None:
        if moment.step == 5:
            raise NumericsError("enough")


@pytest.mark.slow
@pytest.mark.usefixtures("fabric")
def test_two_processes_go_on_where_they_stopped(tmp_path: Path) -> None:
    def train(*besides: Callback, checkpoint: Checkpoint | None = None) -> nn.Module:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3))
        fit(model, clouds(199), None, TWO, besides, checkpoint=checkpoint)
        return model

    kept = Checkpoint(tmp_path / "a.pt", every_steps=1)
    with pytest.raises(NumericsError, match="enough"):
        train(Interrupt(), checkpoint=kept)
    found, wanted = train(checkpoint=kept).state_dict(), train().state_dict()
    assert all(torch.equal(found[name], value) for name, value in wanted.items())


@pytest.mark.usefixtures("fabric")
def test_what_cannot_be_sent_to_a_process_is_refused() -> None:
    class Hidden(nn.Linear):
        pass

    with pytest.raises(ConfigError, match="the model, objective and callbacks must be picklable"):
        fit(Hidden(6, 3), clouds(), recipe=TWO)


def test_more_gpus_than_there_are_and_a_missing_package_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(MissingExtra) as caught:
        fit(student(), clouds(), recipe=TWO)
    assert str(caught.value) == (
        'training on several devices needs the package "lightning_fabric", which is not '
        "installed\nhint: pip install 'netwright[devices]'"
    )


@pytest.mark.usefixtures("fabric")
def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    recipe = Recipe(device="cuda", devices=3)
    with pytest.raises(ConfigError, match="devices must be 1 to 1, the GPUs that torch sees, not"):
        fit(student(), clouds(), recipe=recipe, checkpoint=Checkpoint(Path("a")))
