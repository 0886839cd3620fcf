from __future__ import annotations

import numpy as np

from netwright.exchange import read_workload
from netwright.exchange.onnx.skeleton import skeleton
from tests.exchange.onnx_files import model, node, saved


def test_skeleton_maps_like_the_model(tmp_path):
    weights = {"w": np.ones((96, 96), np.float32), "t": np.array([1, 96])}
    made = model([node("Reshape", "x t", "r"), node("MatMul", "r w")], weights, shape=(96, 1))
    whole = saved(made, tmp_path)
    small = tmp_path / "small.onnx"
    small.write_bytes(skeleton(made))
    assert small.stat().st_size < 1000 < 96 * 96 * 4 < whole.stat().st_size
    assert read_workload(small) == read_workload(whole)
    assert made.graph.initializer[0].raw_data  # the model itself is not changed
