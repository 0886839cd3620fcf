from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright import models
from netwright.errors import ConfigError
from netwright.train import Batch, Distill, Recipe, Supervised, fit, predict
from tests.toys import clouds, line

SHORT = Recipe(epochs=1, batch_size=64)


def test_a_teacher_is_listened_to() -> None:
    task = clouds()
    teacher = models.mlp(task, hidden=(8,), seed=3)
    recipe = Recipe(epochs=4, batch_size=64)
    fit(teacher, task, recipe=recipe)
    found = []
    for objective in (None, Distill(teacher)):
        model = models.mlp(task, hidden=(8,), seed=1)
        fit(model, task, objective, recipe)
        far = np.abs(predict(model, task.test.inputs) - predict(teacher, task.test.inputs))
        found.append(float(far.mean()))
    assert found[1] < found[0]


def test_targets_count_for_what_the_teacher_does_not() -> None:
    """All of the loss from the teacher: false labels change nothing, and the other way round."""
    task = clouds()
    false = replace(task, train=replace(task.train, targets=task.train.targets[::-1].copy()))
    teacher = models.mlp(task, hidden=(8,), seed=3)
    same = {}
    for share in (0.0, 0.5, 1.0):
        found = []
        for given in (task, false):
            model = models.mlp(task, hidden=(8,), seed=1)
            fit(model, given, Distill(teacher, share=share), SHORT)
            found.append(predict(model, task.test.inputs))
        same[share] = np.array_equal(*found)
    assert same == {0.0: False, 0.5: False, 1.0: True}
    alone = models.mlp(task, hidden=(8,), seed=1)
    fit(alone, false, recipe=SHORT)
    unheard = models.mlp(task, hidden=(8,), seed=1)
    fit(unheard, false, Distill(teacher, share=0.0), SHORT)
    np.testing.assert_array_equal(
        predict(alone, task.test.inputs), predict(unheard, task.test.inputs)
    )


def test_the_parts_are_those_of_hinton() -> None:
    task = clouds(8)
    model, teacher = nn.Linear(6, 3), nn.Linear(6, 3)
    objective = Distill(teacher, share=0.3, target_share=0.5, temperature=2.0)
    objective.begin(model, task)
    inputs, targets = torch.from_numpy(task.train.inputs), torch.from_numpy(task.train.targets)
    rows = torch.arange(8)
    with torch.no_grad():
        found = objective(model, Batch({"x": inputs}, targets, rows))
        changed = objective(model, Batch({"x": inputs}, targets, None))
        soft = functional.softmax(teacher(inputs) / 2, dim=1)
        said = functional.log_softmax(model(inputs) / 2, dim=1)
        taught = -4 * (soft * said).sum(dim=1).mean()
        expected = 0.3 * taught + 0.5 * functional.cross_entropy(model(inputs), targets)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(changed, expected)


def test_a_teacher_of_values_gives_targets() -> None:
    task, teacher = line(), nn.Linear(3, 2)
    model = nn.Linear(3, 2)
    recipe = Recipe(epochs=80, batch_size=20, learning_rate=0.1, keep="last")
    fit(model, task, Distill(teacher, share=1.0), recipe)
    torch.testing.assert_close(model.weight, teacher.weight, atol=1e-2, rtol=0)


def test_settings_tell_teachers_and_weights_apart() -> None:
    teacher = nn.Linear(6, 3)
    first = Distill(teacher).settings
    assert first == Distill(teacher, share=0.5).settings != Distill(teacher, share=0.6).settings
    with torch.no_grad():
        teacher.weight += 1
    assert Distill(teacher).settings != first
    assert Supervised("mse").settings != Supervised("mae").settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"share": 1.5}, r"share and target_share must be from 0 to 1, not 1\.5 and -0\.5"),
        ({"target_share": 2}, r"share and target_share must be from 0 to 1, not 0\.5 and 2"),
        ({"temperature": 0.0}, r"temperature must be above 0, not 0\.0"),
    ],
)
def test_weights_out_of_range_are_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Distill(nn.Linear(6, 3), **given)  # type: ignore[arg-type]


def test_teachers_that_do_not_fit_are_named() -> None:
    with pytest.raises(ConfigError, match=r"teacher must give outputs of shape \(64, 3\) like the"):
        fit(nn.Linear(6, 3), clouds(), Distill(nn.Linear(6, 4)), SHORT)
    with pytest.raises(ConfigError, match="which the model, a Linear, does not have"):
        fit(nn.Linear(6, 3), clouds(), Distill(nn.Linear(6, 3), hidden=True), SHORT)


def _fails(*values: object) -> torch.Tensor:
    raise KeyError("nothing")


class _Fails(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _fails(x)


def test_errors_of_any_kind_in_functions_of_the_user_are_told() -> None:
    batch = Batch({"x": torch.zeros(2, 3)}, torch.zeros(2, dtype=torch.long), torch.arange(2))
    with pytest.raises(ConfigError, match=r"cannot be computed .*: KeyError: 'nothing'"):
        Supervised(_fails)(nn.Linear(3, 2), batch)
    with pytest.raises(ConfigError, match=r"the model cannot read .*: KeyError: 'nothing'"):
        Supervised("cross-entropy")(_Fails(3, 2), batch)


def test_the_line_of_a_file_of_the_user_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def loss(outputs, targets):\n    return {}['x']\n")
    batch = Batch({"x": torch.zeros(2, 3)}, torch.zeros(2), torch.arange(2))
    with pytest.raises(ConfigError, match=r" \(mine.py:2\): KeyError: 'x'$"):
        Supervised(f"{path}:loss")(nn.Linear(3, 2), batch)
