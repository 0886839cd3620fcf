from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from netwright.errors import ConfigError
from netwright.registry import entries
from netwright.train import Batch, Supervised
from netwright.train.digests import describe
from netwright.train.losses import dice, find_loss

OUTPUTS = torch.tensor([[1.0, -3.0], [0.5, 0.0]])
TARGETS = torch.tensor([[0.0, 0.0], [0.5, 1.0]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", (1 + 9 + 0 + 1) / 4),
        ("mae", (1 + 3 + 0 + 1) / 4),
        ("huber", (0.5 + 2.5 + 0 + 0.5) / 4),
        (
            "binary-cross-entropy",
            (math.log1p(math.e) + math.log1p(math.exp(-3)) + math.log1p(math.exp(0.5)) - 0.25
             + math.log(2)) / 4,
        ),
    ],
)  # fmt: skip
def test_losses_of_values_are_what_one_computes_by_hand(name: str, expected: float) -> None:
    assert float(find_loss(name)(OUTPUTS, TARGETS)) == pytest.approx(expected)


def test_cross_entropy_takes_class_numbers_of_rows_and_of_places() -> None:
    loss = find_loss("cross-entropy")
    assert float(loss(torch.zeros(4, 3), torch.arange(4) % 3)) == pytest.approx(math.log(3))
    places = loss(torch.zeros(2, 3, 5), torch.zeros(2, 5, dtype=torch.long))
    assert float(places) == pytest.approx(math.log(3))


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "binary-cross-entropy"])
def test_shapes_that_would_be_broadcast_are_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_loss(name)(torch.zeros(4, 1), torch.zeros(4))
    assert str(caught.value) == "outputs must have the shape of the targets, (4,), not (4, 1)"


def test_cross_entropy_says_what_it_needs() -> None:
    with pytest.raises(ConfigError) as caught:
        find_loss("cross-entropy")(torch.zeros(4), torch.zeros(4, dtype=torch.long))
    assert str(caught.value) == (
        "cross entropy needs a logit for every class: outputs of shape (4, classes) for targets "
        "of shape (4,), not (4,)"
    )


def test_every_loss_with_a_name_is_there() -> None:
    for name in entries("losses"):
        assert callable(find_loss(name))


def test_names_and_kinds_that_there_are_not_are_refused() -> None:
    with pytest.raises(ConfigError, match='"mes" is not one of the losses; did you mean "mse"'):
        find_loss("mes")
    with pytest.raises(ConfigError, match="a loss must be a function of outputs and targets"):
        find_loss(3)  # type: ignore[arg-type]


def test_a_loss_of_a_file_is_run_and_its_source_is_part_of_the_settings(tmp_path: Path) -> None:
    found = []
    for factor in (1, 2):
        path = tmp_path / f"loss_{factor}.py"
        path.write_text(f"def loss(outputs, targets):\n    return {factor} * outputs.mean()\n")
        objective = Supervised(f"{path}:loss")
        batch = Batch({"x": OUTPUTS}, TARGETS, torch.arange(2))
        assert float(objective(nn.Identity(), batch)) == pytest.approx(factor * -0.375)
        found.append(objective.settings.replace(str(path), ""))
    assert found[0] != found[1]


def test_descriptions_tell_functions_apart_and_are_stable() -> None:
    def first(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return outputs.mean()

    def second(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return outputs.sum()

    texts = [
        describe(given)
        for given in (
            first,
            second,
            partial(first, targets=1),
            partial(first, targets=2),
            nn.SmoothL1Loss(beta=0.5),
            nn.SmoothL1Loss(beta=0.25),
            find_loss("mse"),
        )
    ]
    assert len(set(texts)) == len(texts)
    assert texts[0] == describe(first)
    assert texts[4] == describe(nn.SmoothL1Loss(beta=0.5))
    assert not any(" at 0x" in text for text in texts)


def test_dice_by_hand():
    """Logits that are sure: a right one of two leaves an overlap of (2 + 1) / (2 + 1 + 1)."""
    targets = torch.tensor([[[0, 1], [1, 0]]])
    logits = torch.full((1, 2, 2, 2), -20.0)
    logits[0, 0] = torch.tensor([[20.0, 20.0], [-20.0, 20.0]])
    logits[0, 1] = torch.tensor([[-20.0, -20.0], [20.0, -20.0]])
    entropy = torch.nn.functional.cross_entropy(logits, targets)
    assert dice(logits, targets) == pytest.approx(float(entropy) + 1 - 3 / 4)
    right = torch.where(targets[:, None] == torch.tensor([0, 1])[None, :, None, None], 20.0, -20.0)
    assert float(dice(right, targets)) == pytest.approx(0, abs=1e-6)
