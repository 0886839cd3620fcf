"""Scores by hand and by their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.tasks import Split
from netwright.tasks.scores import (
    Score,
    accuracy,
    mean_absolute_error,
    mean_squared_error,
    roc_curve,
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
