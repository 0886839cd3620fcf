from __future__ import annotations

import numpy as np
import pytest

from netwright.exchange import read_workload
from tests.exchange.lowered import file_of, random, same_values
from tests.exchange.onnx_files import node

X = {"x": random(2, 4, 6)}


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_join(axis, tmp_path):
    nodes = [node("Relu", "x", "a"), node("Concat", "a x a", axis=axis)]
    same_values(nodes, tmp_path, X)


def test_join_of_views(tmp_path):
    nodes = [
        node("Slice", "x zero two axes", "a"),
        node("Slice", "x two end axes", "b"),
        node("Neg", "b", "c"),
        node("Concat", "c a", axis=2),
    ]
    constants = {
        "zero": np.array([0]), "two": np.array([2]), "end": np.array([6]), "axes": np.array([2]),
    }  # fmt: skip
    workload = read_workload(file_of(nodes, tmp_path, X, constants))
    assert [einsum.reads for einsum in workload.einsums] == [("x",), ("c", "x")]


def test_pad(tmp_path):
    nodes = [node("Pad", "x pads")]
    same_values(nodes, tmp_path, X, {"pads": np.array([0, 1, 2, 0, 0, 1])})


def rows_of(workload, name):
    """How many rows of a table the index of its reader walks over."""
    (einsum,) = [e for e in workload.einsums if name in e.reads]
    access = next(a for a in einsum.inputs if a.tensor == name)
    extents = {rank.name: rank.extent for rank in einsum.ranks}
    return 1 + sum(step * (extents[rank] - 1) for rank, step in access.index[0].terms)


@pytest.mark.parametrize("places", [(3,), (2, 3), ()])
def test_lookup_reads_the_rows_that_it_needs(places, tmp_path):
    inputs = {"x": np.zeros(places, np.int64)}
    path = file_of([node("Gather", "t x")], tmp_path, inputs, {"t": random(50, 8)})
    workload = read_workload(path)
    assert workload.num_parameters == 400
    assert rows_of(workload, "t") == np.prod(places)
    assert workload.einsums[0].map_op == "lookup"


def test_constant_places_of_a_trained_table_are_looked_up(tmp_path):
    nodes = [node("Gather", "t at", "b"), node("Add", "x b")]
    constants = {"t": random(7, 6), "at": np.array([3, 0, 5, 5])}
    workload = read_workload(file_of(nodes, tmp_path, {"x": random(4, 6)}, constants))
    assert [einsum.map_op for einsum in workload.einsums] == ["lookup", "add"]
    assert workload.num_parameters == 42


def test_rows_at_equal_distances_are_a_view(tmp_path):
    nodes = [node("Gather", "x at", "a", axis=1), node("Relu", "a")]
    workload = same_values(nodes, tmp_path, X, {"at": np.array([1, 3])})
    assert [einsum.reads for einsum in workload.einsums] == [("x",)]


def test_slices_at_places(tmp_path):
    inputs = {"x": np.zeros((3, 2), np.int64)}
    path = file_of([node("GatherND", "t x")], tmp_path, inputs, {"t": random(5, 6, 7)})
    workload = read_workload(path)
    assert rows_of(workload, "t") == 3
