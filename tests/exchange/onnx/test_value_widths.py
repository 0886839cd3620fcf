from __future__ import annotations

import numpy as np
import onnx
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_workload
from netwright.workload import fuse
from tests.exchange.lowered import file_of, random
from tests.exchange.onnx_files import GRID, model, node, quant, saved


def product_of(workload):
    (einsum,) = [e for e in fuse(workload).einsums if e.num_macs]
    found = fuse(workload).by_name
    return [found[name].bits for name in (*einsum.reads, einsum.output.tensor)]


def test_quantize_and_dequantize(tmp_path):
    nodes = [
        node("QuantizeLinear", "x s z", "xq"), node("DequantizeLinear", "xq s z", "xd"),
        node("DequantizeLinear", "w s z", "wd"), node("MatMul", "xd wd", "a"),
        node("Add", "a b", "c"), node("Relu", "c", "d"), node("QuantizeLinear", "d s z"),
    ]  # fmt: skip
    constants = {"s": np.float32(0.5), "z": np.int8(0), "w": np.ones((4, 3), np.int8),
                 "b": random(3)}  # fmt: skip
    workload = read_workload(file_of(nodes, tmp_path, {"x": random(2, 4)}, constants), bits=16)
    assert product_of(workload) == [8, 8, 8]
    assert workload.num_parameters == 15


def test_four_bits(tmp_path):
    nodes = [node("DequantizeLinear", "w s", "wd"), node("MatMul", "x wd")]
    constants = {"s": np.float32(0.5)}
    path = file_of(nodes, tmp_path, {"x": random(2, 4)}, constants, opset=21)
    made = onnx.load(path)
    codes = onnx.helper.make_tensor("w", onnx.TensorProto.INT4, (4, 3), [1] * 12)
    made.graph.initializer.append(codes)
    path.write_bytes(made.SerializeToString())
    assert product_of(read_workload(path, bits=16)) == [16, 4, 16]


def test_quantizers_of_qonnx(tmp_path):
    nodes = [quant("x s z b", "xq"), quant("w s z three", "wq"), node("MatMul", "xq wq")]
    constants = {**GRID, "three": np.float32(3), "w": random(3, 5)}
    workload = read_workload(saved(model(nodes, constants), tmp_path), bits=16)
    assert product_of(workload) == [4, 3, 16]


@pytest.mark.parametrize(("bits", "stored"), [(4.5, 5), (np.nan, None), (-np.inf, None)])
def test_width_that_is_no_integer(bits, stored, tmp_path):
    nodes = [quant("x s z b", "q"), quant("w s z k", "v"), node("MatMul", "q v")]
    constants = {**GRID, "k": np.float32(bits), "w": np.ones((3, 2), np.float32)}
    path = saved(model(nodes, constants), tmp_path)
    if stored is None:
        with pytest.raises(GraphError, match=f"the bit width must be a number, not {bits}"):
            read_workload(path)
    else:
        assert product_of(read_workload(path, bits=16))[1] == stored
