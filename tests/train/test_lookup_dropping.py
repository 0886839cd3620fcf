import numpy as np
import pytest
import torch
from torch import nn

from netwright import tasks
from netwright.errors import ConfigError
from netwright.tasks.scores import accuracy
from netwright.train import (
    DropFunctions,
    LookupModel,
    LookupShape,
    Objective,
    Recipe,
    evaluate,
    fit,
    predict,
)
from netwright.train.batches import Batch
from netwright.train.lookup_luts import num_luts
from netwright.train.objective import outputs_of
from tests.toys import CARD, clouds


def recipe(epochs: int, batch_size: int = 256, *, seed: int = 0) -> Recipe:
    return Recipe(epochs=epochs, batch_size=batch_size, learning_rate=0.02, seed=seed)


def test_training_learns_and_drops_functions_to_the_wanted_share() -> None:
    task = tasks.jets(seed=7).subset(3000).windowed()
    model = LookupModel(16, 5, LookupShape(hidden=(6,)), seed=0)
    before = model.num_edges
    fit(model, task, recipe=recipe(8), callbacks=[DropFunctions(edges=0.5)])
    assert 0.4 * before <= model.num_edges <= 0.5 * before
    assert evaluate(model, task, split="validation") > 0.6


def test_training_takes_the_lowest_bit_from_the_wanted_share_of_the_first_layer() -> None:
    task = tasks.jets(seed=7).subset(3000).windowed()
    model = LookupModel(16, 5, LookupShape(hidden=(6,), bits=(7, 6)), seed=0)
    fit(model, task, recipe=recipe(8), callbacks=[DropFunctions(edges=0.5, fine=0.25)])
    first, second = model.tables()
    assert torch.equal(second.fine, torch.ones_like(second.fine))
    assert int((first.kept * first.fine).sum()) == round(0.25 * float(first.kept.sum()))
    entries = first.entries()
    changes = (entries[:, ::2] != entries[:, 1::2]).any(dim=1)
    coarse = first.fine == 0
    assert not changes[coarse].any()
    assert changes[~coarse & (first.kept > 0)].all()
    assert evaluate(model, task, split="validation") > 0.6


def test_training_keeps_a_budget_of_luts() -> None:
    task = tasks.jets(seed=7).subset(2000).windowed()
    shape = LookupShape(hidden=(4,), bits=(6, 5), fraction=0, input_bits=7)
    model = LookupModel(16, 5, shape, seed=0)
    model.fit_input_codes(task.train.inputs)
    before = num_luts(model)
    fit(model, task, recipe=recipe(6), callbacks=[DropFunctions(luts=0.4 * before)])
    assert 0.3 * before < num_luts(model) <= 0.4 * before
    first, second = model.tables()
    assert int((first.kept * first.fine).sum()) < int(first.kept.sum())
    assert torch.equal(second.fine, torch.ones_like(second.fine))
    assert float(model.input_reads.min()) == 6
    assert evaluate(model, task, split="validation") > 0.5


class OfClassZero(Objective):
    """The first output alone, which shall be large."""

    def __call__(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        return -outputs_of(model, batch)[:, 0].mean()


def test_functions_are_judged_by_what_the_training_makes_small() -> None:
    task = tasks.jets(seed=7).subset(600).windowed()
    model = LookupModel(16, 5, LookupShape(hidden=(5,), bits=(4, 4)), seed=0)
    fit(model, task, OfClassZero(), recipe(2, 100), [DropFunctions(edges=0.8)])
    kept = model.tables()[1].kept
    assert bool(kept[:, 0].any())
    assert not bool(kept[:, 1:].any())


def test_the_lowest_bit_goes_where_it_is_not_needed() -> None:
    """Labels that only the lowest bit of the first feature tells: that feature keeps it."""
    random = np.random.default_rng(0)
    codes = random.integers(-4, 4, (4000, 2))
    inputs = ((codes + 0.5) / 4).astype(np.float32)
    labels = codes[:, 0] % 2
    split = tasks.Split({"x": inputs}, labels)
    task = tasks.Task(
        "parity", split, split, split, "cross-entropy", accuracy, CARD, classes=("even", "odd")
    )
    model = LookupModel(2, 2, LookupShape((1,), (3, 6), knots=8), seed=0)
    fit(model, task, recipe=recipe(20, 100), callbacks=[DropFunctions(fine=0.5)])
    assert model.tables()[0].fine.flatten().tolist() == [1, 0]
    assert evaluate(model, task) > 0.8


def test_training_is_reproducible() -> None:
    task = tasks.jets(seed=7).subset(600).windowed()
    found = []
    for _ in range(2):
        model = LookupModel(16, 5, LookupShape(hidden=(3,)), seed=5)
        fit(model, task, recipe=recipe(2, 100, seed=5), callbacks=[DropFunctions(edges=0.7)])
        found.append(predict(model, task.test.inputs))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"edges": 0}, "edges must be above 0 and at most 1, not 0"),
        ({"fine": 1.5}, r"fine must be from 0 to 1, not 1\.5"),
        ({"luts": 0}, "luts must be 1 or more, not 0"),
        ({"luts": 500, "edges": 0.5}, "a budget of LUTs says what stays"),
    ],
)
def test_bad_shares_are_refused(shares: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DropFunctions(**shares)


def test_other_networks_have_no_functions_to_drop() -> None:
    task = clouds()
    with pytest.raises(ConfigError, match="Linear, has no functions to drop"):
        fit(nn.Linear(6, 3), task, recipe=recipe(1), callbacks=[DropFunctions(edges=0.5)])
