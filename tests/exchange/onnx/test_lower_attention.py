from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_workload
from tests.exchange.lowered import file_of, random, same_values
from tests.exchange.onnx_files import node

MS = "com.microsoft"


def test_attention_with_heads_as_an_axis(tmp_path):
    inputs = {"q": random(2, 4, 5, 3), "k": random(2, 4, 6, 3), "v": random(2, 4, 6, 7)}
    workload = same_values([node("Attention", "q k v")], tmp_path, inputs, opset=23)
    assert workload.num_macs == 2 * 4 * 5 * 6 * (3 + 7)


def test_grouped_heads_in_the_features_with_a_mask(tmp_path):
    inputs = {"q": random(1, 5, 12), "k": random(1, 6, 6), "v": random(1, 6, 6), "m": random(5, 6)}
    nodes = [node("Attention", "q k v m", q_num_heads=4, kv_num_heads=2, scale=0.3)]
    workload = same_values(nodes, tmp_path, inputs, opset=23)
    assert workload.num_macs == 4 * 5 * 6 * (3 + 3)
    scores = workload.einsums[0]
    assert {rank.name: rank.extent for rank in scores.ranks}["G"] == 2


def test_causal_mask_is_said(tmp_path):
    inputs = {name: random(1, 2, 5, 3) for name in "qkv"}
    path = file_of([node("Attention", "q k v", is_causal=1)], tmp_path, inputs, opset=23)
    assert any("causal" in taken for taken in read_workload(path).assumptions)


def test_multi_head_attention_of_onnx_runtime(tmp_path):
    inputs = {"q": random(1, 5, 12), "k": random(1, 6, 12), "v": random(1, 6, 12)}
    nodes = [node("MultiHeadAttention", "q k v", domain=MS, num_heads=4)]
    workload = same_values(nodes, tmp_path, inputs)
    assert workload.num_macs == 4 * 5 * 6 * 6


def test_packed_attention_of_onnx_runtime(tmp_path):
    constants = {"w": random(8, 24, seed=2), "b": random(24, seed=3)}
    nodes = [node("Attention", "x w b", domain=MS, num_heads=2)]
    workload = same_values(nodes, tmp_path, {"x": random(1, 5, 8)}, constants)
    assert workload.num_macs == 5 * 8 * 24 + 2 * 5 * 5 * (4 + 4)
    assert workload.num_parameters == 8 * 24 + 24


def test_cache_is_read_whole_and_only_the_new_rows_are_written(tmp_path):
    inputs = {
        "q": random(1, 4, 1, 8), "k": random(1, 2, 1, 8), "v": random(1, 2, 1, 8),
        "pk": random(1, 2, 31, 8), "pv": random(1, 2, 31, 8),
    }  # fmt: skip
    nodes = [node("Attention", "q k v  pk pv", "y nk nv")]
    path = file_of(nodes, tmp_path, inputs, outputs=("y", "nk", "nv"), opset=23)
    workload = read_workload(path)
    assert workload.num_macs == 4 * 32 * (8 + 8)
    assert workload.by_name["nk"].shape == (1, 2, 32, 8)
    written = [workload.by_name[name] for name in workload.outputs]
    assert sorted(np.prod(tensor.shape) for tensor in written) == [16, 16, 32]


def test_heads_that_do_not_fit(tmp_path):
    inputs = {"q": random(1, 5, 12), "k": random(1, 6, 10), "v": random(1, 6, 10)}
    nodes = [node("MultiHeadAttention", "q k v", domain=MS, num_heads=4)]
    with pytest.raises(GraphError, match="4 heads do not fit"):
        read_workload(file_of(nodes, tmp_path, inputs))
