from __future__ import annotations

import numpy as np
import pytest

from tests.exchange.lowered import random, same_values
from tests.exchange.onnx_files import node

X = {"x": random(2, 4, 6)}


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize(("axis", "opset"), [(-1, 13), (1, 18), (1, 11), (0, 11)])
def test_softmax_is_a_cascade(op, axis, opset, tmp_path):
    workload = same_values([node(op, "x", axis=axis)], tmp_path, X, opset=opset)
    assert len(workload.einsums) == (4 if op == "Softmax" else 5)
    assert workload.num_macs == 0


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("inputs", ["x s", "x s b"])
def test_layer_norm(axis, inputs, tmp_path):
    shape = (6,) if axis == -1 else (4, 6)
    constants = {"s": random(*shape, seed=2), "b": random(*shape, seed=3)}
    nodes = [node("LayerNormalization", inputs, axis=axis, epsilon=1e-3)]
    workload = same_values(nodes, tmp_path, X, constants, opset=17)
    assert workload.num_parameters == (len(inputs.split()) - 1) * np.prod(shape)
    assert workload.num_macs == 0


def test_rms_norm(tmp_path):
    nodes = [node("RMSNormalization", "x s", epsilon=1e-3)]
    workload = same_values(nodes, tmp_path, X, {"s": random(6, seed=2)}, opset=23)
    assert workload.num_parameters == 6


@pytest.mark.parametrize(
    ("op", "attrs", "channels", "opset"),
    [("InstanceNormalization", {}, 4, 18), ("GroupNormalization", {"num_groups": 2}, 4, 21)],
)
def test_instance_and_group_norm(op, attrs, channels, opset, tmp_path):
    constants = {"s": random(channels, seed=2), "b": random(channels, seed=3)}
    data = {"x": random(2, 4, 3, 5)}
    workload = same_values([node(op, "x s b", **attrs)], tmp_path, data, constants, opset=opset)
    assert workload.num_parameters == 2 * channels


def test_batch_norm_folds_its_statistics(tmp_path):
    names = ("s", "b", "m", "v")
    constants = {name: np.abs(random(4, seed=i)) + 0.1 for i, name in enumerate(names)}
    factor = constants["s"] / np.sqrt(constants["v"] + 1e-5)
    folded = {"s": factor, "b": constants["b"] - constants["m"] * factor}
    nodes = [node("BatchNormalization", "x s b m v")]
    workload = same_values(
        nodes, tmp_path, {"x": random(2, 4, 3, 5)}, constants, folded=folded, opset=15
    )
    assert workload.num_parameters == 8


@pytest.mark.parametrize("p", [1, 2])
def test_division_by_a_norm(p, tmp_path):
    same_values([node("LpNormalization", "x", axis=1, p=p)], tmp_path, X)


def test_normalization_over_extents(tmp_path):
    same_values([node("MeanVarianceNormalization", "x")], tmp_path, {"x": random(2, 3, 4, 5)})
