from __future__ import annotations

import numpy as np
import pytest

from netwright.exchange import read_workload
from tests.exchange.lowered import file_of, random, same_values
from tests.exchange.onnx_files import node

MS = "com.microsoft"
X = {"x": random(2, 3, 8)}


@pytest.mark.parametrize("flips", [(0, 0), (1, 0), (0, 1)])
def test_fused_product(flips, tmp_path):
    left = (2, 4, 3) if flips[0] else (2, 3, 4)
    right = (2, 5, 4) if flips[1] else (2, 4, 5)
    nodes = [node("FusedMatMul", "x z", domain=MS, transA=flips[0], transB=flips[1])]
    workload = same_values(nodes, tmp_path, {"x": random(*left), "z": random(*right, seed=2)})
    assert workload.num_macs == 2 * 3 * 4 * 5


def test_normalization_of_a_sum(tmp_path):
    constants = {"s": random(8, seed=2), "b": random(8, seed=3), "c": random(8, seed=4)}
    nodes = [node("SkipLayerNormalization", "x z s b c", domain=MS, epsilon=1e-3)]
    inputs = {**X, "z": random(2, 3, 8, seed=5)}
    workload = same_values(nodes, tmp_path, inputs, constants)
    assert workload.num_parameters == 24
    nodes = [node("SkipSimplifiedLayerNormalization", "x z s", domain=MS, epsilon=1e-3)]
    same_values(nodes, tmp_path, inputs, {"s": constants["s"]})


def test_weights_of_four_bits_are_counted_unpacked(tmp_path):
    constants = {"w": np.zeros((16, 2, 16), np.uint8), "s": random(32)}
    nodes = [node("MatMulNBits", "x w s", domain=MS, K=64, N=16, bits=4, block_size=32)]
    workload = read_workload(file_of(nodes, tmp_path, {"x": random(3, 64)}, constants))
    assert (workload.num_macs, workload.num_parameters) == (3 * 64 * 16, 64 * 16)
    (weight,) = [t for t in workload.tensors if t.kind == "weight"]
    assert weight.bits == 4


def test_codes(tmp_path):
    inputs = {"x": np.zeros((3, 4), np.uint8), "z": np.zeros((3, 5), np.uint8)}
    constants = {"s": np.float32(0.5), "o": np.uint8(1), "w": np.zeros((5, 4), np.uint8)}
    nodes = [
        node("QGemm", "x s o w s o  s o", "a", domain=MS, transB=1),
        node("QLinearAdd", "a s o z s o s o", domain=MS),
    ]
    workload = read_workload(file_of(nodes, tmp_path, inputs, constants))
    assert (workload.num_macs, workload.num_parameters) == (60, 20)
