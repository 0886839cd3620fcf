from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from netwright.errors import ConfigError, RunError
from netwright.tasks import Split
from netwright.train import (
    Callback,
    Checkpoint,
    Distill,
    EarlyStop,
    History,
    Moment,
    Recipe,
    fit,
)
from netwright.train.checkpoint import load_state
from netwright.train.digests import content_digest
from tests.texts import encoder
from tests.toys import clouds

TASK = clouds(60)
RECIPE = Recipe(epochs=2, batch_size=20)


def linear(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(6, 3)


def train(path: Path | str, **changes: object) -> tuple[nn.Module, History]:
    """A training, of which some arguments are changed."""
    given: dict[str, object] = {
        "model": linear(),
        "task": TASK,
        "objective": Distill(linear(1)),
        "recipe": RECIPE,
        "callbacks": [EarlyStop(5)],
        "checkpoint": path,
    } | changes
    history = fit(**given)  # type: ignore[arg-type]
    return given["model"], history  # type: ignore[return-value]


OTHER = Split({"x": TASK.train.inputs + 1}, TASK.train.targets)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": replace(RECIPE, epochs=3)}, "epochs 2 instead of 3"),
        (
            {"recipe": replace(RECIPE, learning_rate=0.1, seed=4)},
            "learning_rate 0.002 instead of 0.1; seed 0 instead of 4",
        ),
        ({"task": replace(TASK, train=OTHER)}, "other training rows"),
        ({"task": replace(TASK, validation=OTHER)}, "other validation rows"),
        (
            {"task": replace(TASK, score=replace(TASK.score, larger_is_better=False))},
            "score accuracy (larger is better)",
        ),
        (
            {"task": replace(TASK, score=replace(TASK.score, function=lambda outputs, split: 0.0))},
            "score accuracy (larger is better)",
        ),
        (
            {"task": replace(TASK, loss="mse"), "objective": Distill(linear(1))},
            "loss netwright.train.losses",
        ),
        ({"model": linear(5)}, "another model to start from"),
        ({"objective": Distill(linear(6))}, "objective Distill("),
        ({"objective": None}, "instead of Supervised(cross-entropy"),
        (
            {"callbacks": []},
            "callbacks EarlyStop(patience=5, least=0.0) instead of none",
        ),
        (
            {"callbacks": [EarlyStop(5), EarlyStop(5)]},
            "instead of EarlyStop(patience=5, least=0.0), EarlyStop(patience=5, least=0.0) #2",
        ),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = tmp_path / "a.pt"
    train(path)
    before = path.read_bytes()
    with pytest.raises(RunError) as caught:
        train(path, **changes)
    assert str(caught.value).startswith(f"{path}: was written by another training: ")
    assert message in str(caught.value)
    assert str(caught.value).endswith("hint: remove it, use another file, or train with the same")
    assert path.read_bytes() == before


def test_another_device_and_callbacks_that_decide_nothing_may_go_on(tmp_path: Path) -> None:
    class Look(Callback):
        settings = ""

    path = tmp_path / "a.pt"
    first = train(path)[1]
    recipe = replace(RECIPE, device="auto")
    assert train(str(path), recipe=recipe, callbacks=[Look(), EarlyStop(5)])[1] == first


def test_a_refused_checkpoint_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    train(path)
    model = linear(5)
    before = model.weight.detach().clone()
    with pytest.raises(RunError):
        train(path, model=model)
    assert torch.equal(model.weight, before)


def damages(path: Path) -> dict[str, bytes]:
    """What may have become of a checkpoint."""
    whole = path.read_bytes()
    content = torch.load(path, weights_only=True)

    def saved(**changes: object) -> bytes:
        """With the digest of what is changed, as whoever forges it would write it."""
        target = path.with_suffix(".other")
        changed = {**content, **changes}
        del changed["digest"]
        torch.save({**changed, "digest": content_digest(changed)}, target)
        return target.read_bytes()

    return {
        "nothing": b"",
        "text": b"no checkpoint",
        "half": whole[: len(whole) // 2],
        "pickle": pickle.dumps({"version": 1}),
        "list": saved(version=7),
        "origin": saved(origin=3),
        "step": saved(step=99),
        "best": saved(best=9),
        "epochs": saved(epochs=[(1, 2)]),
        "model": saved(model={"weight": torch.zeros(3, 6)}),
        "shape": saved(model={"weight": torch.zeros(3, 7), "bias": torch.zeros(3)}),
        "kind": saved(model={"weight": 3, "bias": torch.zeros(3)}),
        "callbacks": saved(callbacks={}),
        "random": saved(random=[torch.zeros(3, dtype=torch.uint8)]),
        "shuffle": saved(shuffle=torch.zeros(3)),
        "total": saved(total=None),
        "best_model": saved(best_model=3),
        "optimizer": saved(optimizer={"state": {}, "param_groups": []}),
    }


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    train(path)
    for name, data in damages(path).items():
        path.write_bytes(data)
        model = linear()
        before = model.weight.detach().clone()
        with pytest.raises(RunError, match=re.escape(f"{path}: ")) as caught:
            train(path, model=model)
        assert "remove it" in str(caught.value), name
        assert torch.equal(model.weight, before), name


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path, mark = tmp_path / "a.pt", tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (mark,))

    torch.save({"version": 2, "origin": Evil()}, path)
    with pytest.raises(RunError, match=r"cannot be read as a checkpoint \(UnpicklingError\)"):
        train(path)
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["folder", "device"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.pt"
    path.mkdir() if kind == "folder" else path.symlink_to("/dev/zero")
    with pytest.raises(RunError, match=re.escape(str(path))):
        train(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=re.escape(str(tmp_path / "file"))):
        train(tmp_path / "file" / "a.pt")


def test_the_file_is_closed_when_the_training_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.pt"
    model, _ = train(path)
    content = torch.load(path, weights_only=True)
    assert content["optimizer"] is None
    assert content["best_model"] is None
    assert torch.equal(content["model"]["weight"], model.weight)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    assert [item.name for item in path.parent.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("given", [{"every_s": -1.0}, {"every_steps": 0}])
def test_intervals_out_of_range_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="every_s must be 0 or more and every_steps 1 or more"):
        Checkpoint(Path("a"), **given)  # type: ignore[arg-type]


def test_buffers_that_one_model_has_and_the_other_has_not_are_loaded() -> None:
    masked, plain = encoder(), encoder()
    name = "encoder.layer.1.output.dense"
    linear = masked.linears()[name]
    linear.mask = torch.rand_like(linear.weight) > 0.5
    state = {key: value.clone() for key, value in masked.state_dict().items()}
    bare = {key: value.clone() for key, value in plain.state_dict().items()}
    load_state(plain, state)
    assert torch.equal(plain.linears()[name].mask, linear.mask)
    load_state(plain, bare)
    assert plain.linears()[name].mask is None
    with pytest.raises(ConfigError, match="the state is that of another model"):
        load_state(plain, {**bare, "more": torch.zeros(1)})
    assert np.all([torch.equal(value, bare[key]) for key, value in plain.state_dict().items()])


class Killed(Callback):
    """Ends a training in its third step."""

    settings = ""

    def after_step(self, moment: Moment) -> None:
        if moment.step == 3:
            raise KeyboardInterrupt


def _has_items(value: list[object] | str | torch.Tensor) -> bool:
    return (not isinstance(value, torch.Tensor) or value.ndim > 0) and len(value) > 0


def emptied(content: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field, at any depth, without what it holds."""
    for key, value in content.items():
        place = f"{at}.{key}" if at else str(key)
        if isinstance(value, dict):
            yield place, {**content, key: {}}
            for inner, changed in emptied(value, place):
                yield inner, {**content, key: changed}
        elif isinstance(value, list | str | torch.Tensor) and _has_items(value):
            yield place, {**content, key: value[:0]}


def test_a_checkpoint_with_an_emptied_field_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with pytest.raises(KeyboardInterrupt):
        train(Checkpoint(path, every_steps=1), callbacks=[EarlyStop(5), Killed()])
    content = torch.load(path, weights_only=True)
    tried = 0
    for place, changed in emptied(content):
        torch.save(changed, path)
        with pytest.raises(RunError) as caught:
            train(path)
        assert str(caught.value).startswith(f"{path}: "), place
        tried += 1
    assert tried > 15
    torch.save(content, path)
    assert len(train(path)[1].epochs) == 2
