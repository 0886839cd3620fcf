"""Rows of a part: what they may be."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.tasks.split import Split


def test_split_of_wrong_inputs_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        Split({"x": np.zeros((2, 3))}, np.zeros(2, dtype=np.int64))
    assert str(caught.value) == (
        'input "x" must be float32 or int64 of shape (2, ...), not float64 of shape (2, 3)'
    )


def test_split_of_wrong_labels_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        Split({"x": np.zeros((2, 3), dtype=np.float32)}, np.zeros(3, dtype=np.int64))
    assert str(caught.value) == (
        'input "x" must be float32 or int64 of shape (3, ...), not float32 of shape (2, 3)'
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_value_that_is_not_finite_is_named(bad: float) -> None:
    image = np.zeros((3, 2, 2), np.float32)
    image[2, 0, 1] = bad
    with pytest.raises(DataError) as caught:
        Split({"x": np.zeros((3, 1), np.float32), "image": image}, np.zeros(3, np.int64))
    assert str(caught.value) == f'input "image" must be finite, not {bad} at row 2, place 0, 1'
    with pytest.raises(DataError, match=r"targets must be finite, not .* at row 2, place 0, 1"):
        Split({"x": np.zeros((3, 1), np.float32)}, image)


def test_split_without_inputs_is_refused() -> None:
    with pytest.raises(DataError, match="a split must have an input"):
        Split({}, np.zeros(3, np.int64))


def test_rows_are_taken_from_every_array() -> None:
    split = Split({"x": np.eye(3, dtype=np.float32), "y": np.arange(3)}, np.arange(3) * 10)
    found = split.take(np.array([2, 0]))
    assert found.arrays["x"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert found.arrays["y"].tolist() == [2, 0]
    assert found.targets.tolist() == [20, 0]
    with pytest.raises(DataError, match="there is no one input, but x, y"):
        _ = split.inputs


def test_a_split_goes_to_another_process() -> None:
    split = Split({"x": np.eye(3, dtype=np.float32)}, np.arange(3))
    assert pickle.loads(pickle.dumps(split)).inputs.tolist() == split.inputs.tolist()  # noqa: S301


def test_a_digest_of_rows_covers_names_shapes_and_values() -> None:
    rows = np.zeros((4, 2), dtype=np.float32)
    found = {
        split.digest
        for split in (
            Split({"x": rows}, np.zeros(4, dtype=np.int64)),
            Split({"y": rows}, np.zeros(4, dtype=np.int64)),
            Split({"x": rows.reshape(4, 2, 1)}, np.zeros(4, dtype=np.int64)),
            Split({"x": rows + 1}, np.zeros(4, dtype=np.int64)),
            Split({"x": rows}, np.ones(4, dtype=np.int64)),
        )
    }
    assert len(found) == 5
