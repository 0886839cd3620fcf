"""Matrices as compressed rows: what they hold, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.kernels import SparseRows


def test_entries_of_one_place_add_up_in_any_order() -> None:
    matrix = SparseRows(4, [0, 3, 3, 4], [2, 0, 2, 3], np.array([1.5, 2.0, 3.0, 4.0]))
    assert matrix.shape == (3, 4)
    assert matrix.num_entries == 4
    assert matrix.rows().tolist() == [0, 0, 0, 2]
    expected = [[2.0, 0.0, 4.5, 0.0], [0.0] * 4, [0.0, 0.0, 0.0, 4.0]]
    np.testing.assert_array_equal(matrix.dense(), expected)


def test_booleans_are_joined_by_or() -> None:
    matrix = SparseRows(2, [0, 2], [1, 1], np.array([True, True]))
    assert matrix.dense().tolist() == [[False, True]]


def test_empty_matrices_have_a_shape() -> None:
    assert SparseRows(0, [0], [], np.zeros(0)).shape == (0, 0)
    assert SparseRows(5, [0, 0, 0], [], np.zeros(0)).dense().tolist() == [[0.0] * 5] * 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_columns": -1}, "columns must be from 0 to 2**31, not -1"),
        ({"num_columns": (1 << 31) + 1}, "columns must be from 0 to 2**31, not 2147483649"),
        ({"offsets": []}, "offsets must have an entry more than there are rows, not none"),
        (
            {"offsets": [0, 1]},
            "offsets must lead from 0 to 2, the number of entries, not from 0 to 1",
        ),
        ({"offsets": [1, 2]}, "not from 1 to 2"),
        ({"offsets": [0, 2, 1, 2]}, "but row 1 begins at 2 and ends at 1"),
        ({"offsets": [[0, 2]]}, "offsets must be a list of integers, not int64 of shape (1, 2)"),
        ({"columns": [0.5, 1.0]}, "columns must be a list of integers, not float64"),
        ({"columns": [0, 3]}, "row 0: columns must be from 0 to 2, not 3"),
        ({"columns": [0, -1]}, "row 0: columns must be from 0 to 2, not -1"),
        ({"columns": [0, 1 << 40]}, "not 1099511627776"),
        ({"num_columns": 0}, "row 0: there must be no entry, because the matrix has no columns"),
        ({"columns": [0]}, "there are 1 columns and 2 values"),
        ({"values": np.ones(2, np.int8)}, "values must be a list of bool, int32, int64, float32"),
        ({"values": np.ones(2, complex)}, "not complex128 of shape (2,)"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, Any], message: str) -> None:
    sound = {"num_columns": 3, "offsets": [0, 2], "columns": [0, 1], "values": np.ones(2)}
    with pytest.raises(DataError, match=re.escape(message)):
        SparseRows(**(sound | changed))
