"""Scores by hand and by their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError, NumericsError
from netwright.registry import entries
from netwright.tasks import Split, scores
from netwright.tasks.scores import (
    Score,
    accuracy,
    area_under_curve,
    balanced_accuracy,
    explained_variance,
    intersection_over_union,
    largest_error,
    mean_absolute_error,
    mean_squared_error,
    named,
    roc_curve,
    root_mean_squared_error,
)


def split_of(targets: np.ndarray) -> Split:
    return Split({"x": np.zeros((len(targets), 1), np.float32)}, targets)


def test_errors_by_hand() -> None:
    split = split_of(np.array([[1.0], [2.0], [-1.0]], np.float32))
    outputs = np.array([[2.0], [2.0], [1.0]])
    assert mean_squared_error(outputs, split) == pytest.approx(5 / 3)
    assert mean_absolute_error(outputs, split) == pytest.approx(1.0)
    assert mean_squared_error(outputs.astype(int), split) == pytest.approx(5 / 3)


def test_accuracy_of_every_pixel() -> None:
    targets = np.array([[0, 1], [1, 1]])
    outputs = np.zeros((2, 2, 2))
    outputs[:, 1, 1] = 1.0
    assert accuracy(outputs, split_of(targets)) == 0.75


def test_direction_says_what_is_better() -> None:
    assert accuracy.better(0.8, 0.7)
    assert not accuracy.better(0.7, 0.7)
    assert mean_squared_error.better(0.7, 0.8)
    own = Score("share", "%", True, lambda outputs, split: np.float32(outputs.mean()))
    assert type(own(np.ones(3), split_of(np.arange(3)))) is float


def test_curve_needs_both_kinds_of_rows() -> None:
    with pytest.raises(DataError, match="2 of 2 rows are"):
        roc_curve(np.zeros(2), np.ones(2, bool))


def test_rare_classes_count_as_much_in_balanced_accuracy() -> None:
    targets = np.array([0, 0, 0, 1, 3])
    outputs = np.eye(4)[[0, 0, 0, 0, 3]]
    assert accuracy(outputs, split_of(targets)) == 0.8
    assert balanced_accuracy(outputs, split_of(targets)) == pytest.approx(2 / 3)


def test_area_is_that_of_the_curves_of_all_classes() -> None:
    generator = np.random.default_rng(0)
    targets, outputs = generator.integers(0, 3, 60), generator.normal(size=(60, 3))
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    areas = []
    for label in range(3):
        yes, no = shares[targets == label, label], shares[targets != label, label]
        areas.append((yes[:, None] > no[None, :]).mean())
    assert area_under_curve(outputs, split_of(targets)) == pytest.approx(np.mean(areas))


def test_explained_variance_by_its_definition() -> None:
    targets = np.array([[1.0, 5.0], [2.0, 5.5], [4.0, 4.0]], np.float32)
    split = split_of(targets)
    means = np.broadcast_to(targets.mean(axis=0), targets.shape)
    assert explained_variance(targets, split) == 1.0
    assert explained_variance(means, split) == pytest.approx(0.0, abs=1e-6)
    outputs = targets + np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
    spread = np.square(targets[:, 0] - targets[:, 0].mean()).sum()
    assert explained_variance(outputs, split) == pytest.approx(((1 - 2 / spread) + 1) / 2)
    assert largest_error(outputs, split) == 1.0
    assert root_mean_squared_error(outputs, split) == pytest.approx(np.sqrt(2 / 6))


def test_targets_that_do_not_vary_have_no_explained_variance() -> None:
    split = split_of(np.array([[1.0, 0.1], [2.0, 0.1], [3.0, 0.1]], np.float32))
    with pytest.raises(
        DataError, match=r"R² needs targets that vary, and those of place 1 are all 0\.1"
    ):
        explained_variance(split.targets, split)


def test_outputs_that_broadcasting_would_compare_with_other_rows_are_refused() -> None:
    split = split_of(np.zeros((3, 1), np.float32))
    with pytest.raises(DataError, match=r"shape \(3, 1\), not of shape \(3,\)"):
        mean_squared_error(np.zeros(3), split)


@pytest.mark.parametrize("score", [accuracy, balanced_accuracy, area_under_curve])
def test_scores_of_classes_refuse_values(score: Score) -> None:
    with pytest.raises(DataError, match="needs class numbers and an output for each class"):
        score(np.zeros((3, 1)), split_of(np.zeros((3, 1), np.float32)))


def test_scores_have_names() -> None:
    found = [named(name) for name in entries("scores")]
    assert len({score.name for score in found}) == len(found) >= 8
    assert named(accuracy) is accuracy
    with pytest.raises(ConfigError, match='"acuracy" is not one of the scores; did you mean'):
        named("acuracy")


def test_a_name_that_stands_for_no_score_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "resolve", lambda kind, name: len)
    with pytest.raises(
        ConfigError, match=r'"len" must be a netwright\.tasks\.Score, not a builtin'
    ):
        named("len")


@pytest.mark.parametrize("value", [np.zeros(3), "0.5", None, 1j])
def test_a_score_that_is_no_number_is_refused(value: object) -> None:
    own = Score("own", "", True, lambda outputs, split: value)  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigError, match='score "own" must be one number, not'):
        own(np.zeros(3), split_of(np.arange(3)))


def test_a_score_that_is_not_finite_is_refused() -> None:
    own = Score("own", "", True, lambda outputs, split: float("nan"))
    with pytest.raises(NumericsError, match='score "own" is nan for 3 rows'):
        own(np.zeros(3), split_of(np.arange(3)))


def test_intersection_over_union_by_hand():
    """Found 0 0 1 1, of class 0 1 1 0: one place is both, three are either."""
    split = Split({"x": np.zeros((1, 1), np.float32)}, np.array([[[0, 1], [1, 0]]], np.int64))
    outputs = np.zeros((1, 2, 2, 2))
    outputs[0, 1, 1] = 1.0
    assert intersection_over_union(outputs, split) == pytest.approx(1 / 3)
    nothing = Split({"x": np.zeros((1, 1), np.float32)}, np.zeros((1, 2, 2), np.int64))
    with pytest.raises(DataError, match="needs places of a class other than the first"):
        intersection_over_union(np.zeros((1, 2, 2, 2)), nothing)
