"""Files that ONNX Runtime's quantizer writes, in its three forms."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest

from netwright.exchange import read_workload
from netwright.workload import fuse
from tests.exchange.lowered import file_of, random
from tests.exchange.onnx_files import node

MACS = 8 * 27 * 64 + 8 * 9 * 64 + 16 * 10


def network(folder):
    nodes = [
        node("Conv", "x k b", "a", pads=[1, 1, 1, 1]), node("Relu", "a", "c"),
        node("Conv", "c d", "e", pads=[1, 1, 1, 1], group=8), node("Sigmoid", "e", "f"),
        node("Mul", "e f", "g"), node("Concat", "c g", "h", axis=1),
        node("GlobalAveragePool", "h", "i"), node("Flatten", "i", "j"), node("Gemm", "j w v", "l"),
        node("Softmax", "l"),
    ]  # fmt: skip
    constants = {"k": random(8, 3, 3, 3), "b": random(8), "d": random(8, 1, 3, 3),
                 "w": random(16, 10), "v": random(10)}  # fmt: skip
    return file_of(nodes, folder, {"x": random(1, 3, 8, 8)}, constants, opset=17), constants


@pytest.mark.parametrize("form", ["dynamic", "QDQ", "QOperator"])
def test_quantized_network(form, tmp_path, monkeypatch):
    quantization = pytest.importorskip("onnxruntime.quantization", reason="quantizes the file")
    monkeypatch.setattr(logging.root, "level", logging.ERROR)

    class Rows(quantization.CalibrationDataReader):
        rows = iter([{"x": random(1, 3, 8, 8)}])

        def get_next(self):
            return next(self.rows, None)

    path, constants = network(tmp_path)
    out = tmp_path / "quantized.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form == "dynamic":
            quantization.quantize_dynamic(path, out)
        else:
            kind = getattr(quantization.QuantFormat, form)
            quantization.quantize_static(path, out, Rows(), quant_format=kind)
    workload = read_workload(out, bits=32)
    assert workload.num_macs == read_workload(path).num_macs == MACS
    assert workload.num_parameters == sum(array.size for array in constants.values())
    fused = fuse(workload)
    products = [e for e in fused.einsums if e.num_macs]
    widths = {fused.by_name[e.inputs[1].tensor].bits for e in products}
    assert widths == {8}
    if form != "dynamic":
        made = {fused.by_name[a.tensor].bits for e in products for a in (*e.inputs, e.output)}
        assert made == {8}
    assert not any(e.map_op == "opaque" for e in workload.einsums)
    assert np.prod(fused.by_name[fused.outputs[0]].shape) == 10
