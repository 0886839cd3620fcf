from __future__ import annotations

import numpy as np
import pytest

from tests.exchange.lowered import random, same_values
from tests.exchange.onnx_files import node

X = {"x": random(2, 4, 6, 5)}


@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}),
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
        ("AveragePool", {"kernel_shape": [2, 3], "auto_pad": "VALID"}),
        ("AveragePool", {"kernel_shape": [2, 3], "pads": [1, 1, 0, 0], "count_include_pad": 1}),
        ("GlobalAveragePool", {}),
        ("GlobalMaxPool", {}),
    ],
)
def test_pooling(op, attrs, tmp_path):
    workload = same_values([node(op, "x", **attrs)], tmp_path, X)
    assert workload.num_macs == 0


@pytest.mark.parametrize(
    "op",
    ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
     "ReduceSumSquare", "ReduceLogSumExp"],
)  # fmt: skip
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions(op, keep, tmp_path):
    nodes = [node(op, "x axes", keepdims=keep)]
    same_values(nodes, tmp_path, X, {"axes": np.array([1, -1])})


def test_reduction_of_everything(tmp_path):
    same_values([node("ReduceMean", "x", keepdims=0)], tmp_path, X)


def test_no_axes_may_mean_none(tmp_path):
    nodes = [node("ReduceSum", "x", noop_with_empty_axes=1)]
    same_values(nodes, tmp_path, X)
