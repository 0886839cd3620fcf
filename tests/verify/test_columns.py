"""Columns by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.verify import read_rows
from netwright.verify.columns import order_of
from tests.verify.test_rows import graph_of, written

SIZES = {"x": 3, "z": 3}


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("x0,x1,x2,z0,z1,z2", [0, 1, 2, 3, 4, 5]),
        ("z0,z1,z2,x0,x1,x2", [3, 4, 5, 0, 1, 2]),
        ("z[1],z[2],z[3],x[1],x[2],x[3]", [3, 4, 5, 0, 1, 2]),
        ("x_2,z_0,x_1,z_1,x_0,z_2", [4, 2, 0, 1, 3, 5]),
        ("height,rise,tail,u,v,w", None),
        ("x,x,x,z,z,z", None),
        ("x0,x5,x9,u,v,w", None),
    ],
)
def test_order_of_columns(header: str, order: list[int] | None) -> None:
    assert order_of(header.split(","), SIZES, "r.csv") == order


@pytest.mark.parametrize(
    ("header", "column", "name"),
    [
        ("z,z,z,x,x,x", 1, "z"),
        ("x0,x1,u,x2,z1,z2", 4, "x2"),
        ("x2,x1,u,z0,z1,z2", 2, "x1"),
        ("x0,x0,x1,z0,z1,z2", 2, "x0"),
        ("u,v,w,z2,z1,z7", 5, "z1"),
    ],
)
def test_names_of_inputs_in_another_order_are_refused(header: str, column: int, name: str) -> None:
    with pytest.raises(DataError, match=f'column {column} is named "{name}"'):
        order_of(header.split(","), SIZES, "r.csv")


def test_names_that_begin_alike() -> None:
    assert order_of(["x1", "x"], {"x": 1, "x1": 1}, "r.csv") == [1, 0]
    assert order_of(["x", "x1", "x10"], {"x": 1, "x1": 2}, "r.csv") is None


def test_rows_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", "z, x1, x0\n5,1,0\n6,3,2\n")
    inputs = read_rows(path, graph_of(x=(2,), z=(1,))).inputs
    assert isinstance(inputs, dict)
    np.testing.assert_array_equal(inputs["x"], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(inputs["z"], [[5], [6]])
