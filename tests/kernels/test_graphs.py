"""Random graphs: their sizes, their skew, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.kernels.graphs import SKEWED, UNIFORM, from_entries, rmat


def test_graphs_have_their_size_and_ascending_columns() -> None:
    graph = rmat(8, edge_factor=4, seed=3)
    assert graph.shape == (256, 256)
    places = graph.rows() * 256 + graph.columns
    assert (np.diff(places) > 0).all()
    again = rmat(8, edge_factor=4, seed=3)
    np.testing.assert_array_equal(again.values, graph.values)
    # Every drawn value is in one of the sums.
    assert 256 * 4 * 0.45 < graph.values.sum() < 256 * 4 * 0.55


def test_skew_gathers_entries_in_few_rows() -> None:
    longest = {
        shares: np.diff(rmat(10, edge_factor=8, shares=shares).offsets).max()
        for shares in (SKEWED, UNIFORM)
    }
    assert longest[SKEWED] > 4 * longest[UNIFORM]


def test_entries_of_one_place_are_added() -> None:
    found = from_entries((2, 3), np.array([1, 0, 1]), np.array([2, 0, 2]), np.array([1.0, 5.0, 2]))
    assert found.dense().tolist() == [[5.0, 0.0, 0.0], [0.0, 0.0, 3.0]]
    empty = np.zeros(0, np.int64)
    assert from_entries((2, 3), empty, empty, np.zeros(0)).num_entries == 0


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(DataError, match=re.escape("scale must be from 0 to 30")):
        rmat(31)
    with pytest.raises(DataError, match="shares must not be negative and sum to 1"):
        rmat(3, shares=(0.5, 0.5, 0.5, 0.5))
    with pytest.raises(DataError, match="rows must be from 0 to 1"):
        from_entries((2, 3), np.array([2]), np.array([0]), np.ones(1))
