from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from netwright import models
from netwright.errors import DataError
from netwright.train import Callback, Moment, Recipe, evaluate, fit, fit_seeds, load_weights
from netwright.train.seeds import weights_file
from tests.toys import clouds

ONE = Recipe(epochs=1)


def untrained(*seeds: int) -> dict[int, nn.Module]:
    return {seed: models.mlp(clouds(), hidden=(8,), seed=seed) for seed in seeds}


def parameters(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().reshape(-1) for value in model.parameters()])


def test_every_seed_is_the_training_that_fit_does(tmp_path: Path) -> None:
    task, found = clouds(), untrained(5, 3)
    records = fit_seeds(
        found, task, folder=tmp_path, recipe=Recipe(epochs=2, batch_size=64), workers=1
    )
    assert list(records) == [5, 3]
    for seed, record in records.items():
        alone = untrained(seed)[seed]
        history = fit(alone, task, recipe=Recipe(epochs=2, batch_size=64, seed=seed))
        assert torch.equal(parameters(found[seed]), parameters(alone))
        assert record == {
            "test": evaluate(alone, task),
            "validation": history.best.score,
            "epoch": history.best.number,
        }
        assert not found[seed].training
    assert not torch.equal(parameters(found[5]), parameters(found[3]))


def test_processes_give_the_same_networks(tmp_path: Path) -> None:
    task, here, there = clouds(), untrained(1, 2), untrained(1, 2)
    first = fit_seeds(here, task, folder=tmp_path / "a", recipe=ONE, workers=1)
    second = fit_seeds(there, task, folder=tmp_path / "b", recipe=ONE, workers=2)
    assert first == second
    for seed, model in here.items():
        assert torch.equal(parameters(model), parameters(there[seed]))
        files = [weights_file(tmp_path / name, seed).read_bytes() for name in "ab"]
        assert files[0] == files[1]


def test_a_seed_that_is_done_is_read_and_a_new_one_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, first = clouds(), untrained(1)
    records = fit_seeds(first, task, folder=tmp_path, recipe=ONE, workers=1)
    trained: list[int] = []
    monkeypatch.setattr(
        "netwright.train.seeds.fit",
        lambda model, task, objective, recipe, callbacks, **rest: (
            trained.append(recipe.seed) or fit(model, task, objective, recipe, callbacks, **rest)
        ),
    )
    heard: list[str] = []

    def hear(done: float, total: float, text: str) -> None:
        heard.append(f"{done} of {total}: {text.partition(':')[0]}")

    more = untrained(2, 1)
    again = fit_seeds(more, task, folder=tmp_path, recipe=ONE, workers=1, progress=hear)
    assert trained == [2]
    assert heard == ["1 of 2: seed 1, 1 epochs", "2 of 2: seed 2, 1 epochs"]
    assert list(again) == [2, 1]
    assert again[1] == records[1]
    assert torch.equal(parameters(more[1]), parameters(first[1]))


def test_other_epochs_are_another_training(tmp_path: Path) -> None:
    task = clouds()
    fit_seeds(untrained(1), task, folder=tmp_path, recipe=ONE, workers=1)
    second = untrained(1)
    fit_seeds(second, task, folder=tmp_path, recipe=Recipe(epochs=2), workers=1)
    alone = untrained(1)[1]
    load_weights(alone, weights_file(tmp_path, 1))
    assert torch.equal(parameters(alone), parameters(second[1]))
    fit(expected := untrained(1)[1], task, recipe=Recipe(epochs=2, seed=1))
    assert torch.equal(parameters(second[1]), parameters(expected))


def test_lost_weights_are_named(tmp_path: Path) -> None:
    fit_seeds(untrained(1), clouds(), folder=tmp_path, recipe=ONE, workers=1)
    weights_file(tmp_path, 1).unlink()
    with pytest.raises(DataError) as caught:
        fit_seeds(untrained(1), clouds(), folder=tmp_path, recipe=ONE, workers=1)
    assert str(caught.value) == f"{tmp_path}/seed-1.npz: no such file"


def test_a_seed_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    task, recipe = clouds(), Recipe(epochs=4, batch_size=64)

    class Interrupt(Callback):
        settings = ""

        def after_epoch(self, moment: Moment) -> None:
            epochs.append(moment.epoch)
            if len(epochs) == 2:
                raise InterruptedError

    epochs: list[int] = []
    for _ in range(2):
        with contextlib.suppress(InterruptedError):
            fit_seeds(
                found := untrained(1),
                task,
                folder=tmp_path,
                recipe=recipe,
                callbacks=[Interrupt()],
                workers=1,
            )
    assert epochs == [1, 2, 2, 3, 4]
    fit(expected := untrained(1)[1], task, recipe=replace(recipe, seed=1))
    assert torch.equal(parameters(found[1]), parameters(expected))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "seed-1.history.json", "seed-1.npz", "seeds.jsonl",
    ]  # fmt: skip
