from __future__ import annotations

from netwright.exchange import read_workload
from tests.exchange.lowered import file_of, random
from tests.exchange.onnx_files import node

MS = "com.microsoft"


def test_operators_of_onnx_runtime_pass_shapes_on(tmp_path):
    nodes = [
        node("FusedMatMul", "x k", "a", domain=MS, transB=1),
        node("FastGelu", "a", "b", domain=MS),
        node("MatMul", "b w", "c"),
        node("Relu", "c"),
    ]
    constants = {"k": random(6, 4), "w": random(6, 3)}
    workload = read_workload(file_of(nodes, tmp_path, {"x": random(2, 5, 4)}, constants))
    assert workload.by_name["y"].shape == (2, 5, 3)
    assert workload.num_macs == 2 * 5 * (4 * 6 + 6 * 3)
