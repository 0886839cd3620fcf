"""Operators that move nothing, read by a product that absorbs them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.exchange.lowered import random, same_values
from tests.exchange.onnx_files import node

W = {"w": random(6, 5)}


def absorbed(nodes, tmp_path, inputs, constants=None, *, steps=1):
    workload = same_values(nodes, tmp_path, inputs, constants)
    assert len(workload.einsums) == steps, [e.name for e in workload.einsums]
    return workload


def test_merged_axes(tmp_path):
    constants = {**W, "s": np.array([1, 8, 6])}
    nodes = [node("Reshape", "x s", "a"), node("MatMul", "a w")]
    workload = absorbed(nodes, tmp_path, {"x": random(1, 2, 4, 6)}, constants)
    assert workload.num_macs == 8 * 6 * 5


def test_split_axis_under_a_transposition(tmp_path):
    nodes = [
        node("Reshape", "x s", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1, 3]),
        node("MatMul", "b b_t"),
        node("Transpose", "b", "b_t", perm=[0, 1, 3, 2]),
    ]  # in no order
    constants = {"s": np.array([0, 0, 3, 4])}
    workload = absorbed(nodes, tmp_path, {"x": random(2, 5, 12)}, constants)
    assert workload.num_macs == 2 * 3 * 5 * 5 * 4


def test_heads_that_are_repeated(tmp_path):
    nodes = [
        node("Unsqueeze", "z two", "a"),
        node("Expand", "a long", "b"),
        node("Reshape", "b heads", "c"),
        node("MatMul", "x c"),
    ]
    constants = {
        "two": np.array([2]), "long": np.array([1, 2, 3, 5, 4]), "heads": np.array([1, 6, 5, 4]),
    }  # fmt: skip
    inputs = {"x": random(1, 6, 7, 5), "z": random(1, 2, 5, 4, seed=2)}
    workload = absorbed(nodes, tmp_path, inputs, constants)
    assert workload.num_macs == 6 * 7 * 5 * 4


def test_merged_heads_are_written_in_place(tmp_path):
    nodes = [
        node("MatMul", "x z", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1, 3]),
        node("Reshape", "b s", "c"),
        node("MatMul", "c w"),
    ]
    inputs = {"x": random(1, 2, 4, 3), "z": random(1, 2, 3, 3, seed=2)}
    workload = absorbed(nodes, tmp_path, inputs, {**W, "s": np.array([0, 0, 6])}, steps=2)
    assert [len(einsum.ranks) for einsum in workload.einsums] == [5, 4]


@pytest.mark.parametrize("attrs", [{}, {"mode": "CRD"}])
def test_depth_and_space(attrs, tmp_path):
    nodes = [
        node("DepthToSpace", "x", "a", blocksize=2, **attrs),
        node("Relu", "a", "b"),
        node("SpaceToDepth", "b", "c", blocksize=2),
        node("Relu", "c"),
    ]
    absorbed(nodes, tmp_path, {"x": random(1, 8, 3, 2)}, steps=2)


def test_parts_and_tiles(tmp_path):
    nodes = [
        node("Split", "x parts", "a b", axis=2),
        node("Tile", "a times", "c"),
        node("Slice", "b start stop two step", "d"),
        node("Add", "c d"),
    ]
    constants = {
        "parts": np.array([2, 4]), "times": np.array([1, 1, 1]), "start": np.array([0]),
        "stop": np.array([9]), "two": np.array([2]), "step": np.array([2]),
    }  # fmt: skip
    absorbed(nodes, tmp_path, {"x": random(1, 3, 6)}, constants)


def test_zeros_beyond_an_edge_need_a_copy_or_another_layout(tmp_path):
    """Tokens as an image under a padded convolution."""
    nodes = [
        node("MatMul", "x w", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1]),
        node("Reshape", "b s", "c"),
        node("Conv", "c k", pads=[1, 1, 1, 1]),
    ]
    constants = {**W, "s": np.array([1, 5, 4, 3]), "k": random(2, 5, 3, 3)}
    absorbed(nodes, tmp_path, {"x": random(1, 12, 6)}, constants, steps=2)
    nodes[0] = node("Identity", "x", "a")
    constants["k"] = random(2, 6, 3, 3)
    constants["s"] = np.array([1, 6, 4, 3])
    absorbed(nodes, tmp_path, {"x": random(1, 12, 6)}, constants, steps=2)  # with a copy


def test_transposed_output_is_copied(tmp_path):
    nodes = [node("Transpose", "x", "y", perm=[1, 0])]
    absorbed(nodes, tmp_path, {"x": random(3, 4)})


def test_axes_that_do_not_fit_are_copied(tmp_path):
    nodes = [node("Reshape", "x s", "a"), node("Relu", "a")]
    from netwright.exchange import read_workload
    from tests.exchange.lowered import file_of

    path = file_of(nodes, tmp_path, {"x": random(4, 6)}, {"s": np.array([3, 8])})
    assert len(read_workload(path).einsums) == 2
