from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.errors import RunError
from netwright.train.text import TextRecipe, fit_text, text_logits
from netwright.train.text_checkpoint import model_digest
from tests.texts import encoder, sentences

RECIPE = TextRecipe(epochs=2, batch_size=8, half=False)


class Count:
    """A companion that counts steps."""

    def __init__(self, settings: str = "Count()") -> None:
        self.settings = settings
        self.steps = 0

    def state_dict(self):
        return {"steps": torch.tensor(self.steps)}

    def load_state_dict(self, state):
        self.steps = int(state["steps"])

    def after_step(self, step):
        self.steps += 1
        if step.step == 3:
            raise InterruptedError


def train(path, **changes):
    """A training, of which some options are changed."""
    words, labels = sentences(16)
    options = {
        "model": encoder(),
        "sentences": words,
        "labels": labels,
        "recipe": RECIPE,
        "teacher": encoder(1),
        "checkpoint": path,
    } | changes
    fit_text(**options)
    return options["model"]


def test_a_companion_goes_on_where_it_stopped(tmp_path):
    count = Count()
    with pytest.raises(InterruptedError):
        train(tmp_path / "a.pt", companion=count, after_step=count.after_step)
    again = Count()
    train(tmp_path / "a.pt", companion=again)
    assert again.steps == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": TextRecipe(epochs=3)}, r"TextRecipe\(epochs=2, batch_size=8.*\)"),
        ({"sentences": sentences(16, seed=1)[0]}, "other sentences"),
        ({"labels": 1 - sentences(16)[1]}, "other labels"),
        ({"model": encoder(5)}, "another model to start from"),
        ({"teacher": encoder(6)}, "another teacher"),
        ({"teacher": None}, "another teacher"),
        ({"companion": Count()}, "no schedule"),
        ({"labels": np.ones(16, int), "teacher": None}, "other labels, another teacher"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, changes, message):
    path = tmp_path / "a.pt"
    train(path)
    before = path.read_bytes()
    with pytest.raises(RunError, match=f"a.pt: was written by a training with {message}\nhint"):
        train(path, **changes)
    assert path.read_bytes() == before


def test_a_checkpoint_with_another_or_no_companion_or_without_teacher_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    train(path, companion=Count("Count(1)"), teacher=None)
    with pytest.raises(RunError, match=r"with Count\(1\), no teacher\n"):
        train(path, companion=Count("Count(2)"))
    with pytest.raises(RunError, match=r"with Count\(1\)\n"):
        train(path, teacher=None)


def test_a_refused_checkpoint_leaves_the_model_as_it_was(tmp_path):
    path = tmp_path / "a.pt"
    train(path)
    model = encoder(5)
    before = model_digest(model)
    with pytest.raises(RunError):
        train(path, model=model)
    assert model_digest(model) == before


def test_a_checkpoint_that_does_not_say_its_origin_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"recipe": repr(RECIPE), "epoch": 2}, path)
    with pytest.raises(RunError, match="does not say what it was trained from"):
        train(path)


def test_the_same_training_is_read_back_from_a_path_as_text(tmp_path):
    words = sentences(16)[0]
    path = str(tmp_path / "a.pt")
    found = [text_logits(train(path), words) for _ in range(2)]
    np.testing.assert_array_equal(*found)


def test_a_digest_covers_weights_masks_and_rounding():
    model, name = encoder(), "encoder.layer.1.output.dense"
    found = [model_digest(model)]
    linear = model.linears()[name]
    linear.mask = torch.ones_like(linear.weight, dtype=torch.bool)
    found.append(model_digest(model))
    linear.mask[0, 0] = False
    found.append(model_digest(model))
    with torch.no_grad():
        linear.weight[0, 0] += 1
    found.append(model_digest(model))
    model.set_quantized("on")
    found.append(model_digest(model))
    model.layers[0].grids["input"].high.fill_(2.0)
    found.append(model_digest(model))
    assert len(set(found)) == len(found)


def test_ranges_that_are_not_used_are_not_in_the_digest():
    model = encoder()
    before = model_digest(model)
    model.layers[0].grids["input"].high.fill_(2.0)
    assert model_digest(model) == before
