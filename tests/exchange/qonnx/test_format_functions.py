"""Our own quantizers in files: the functions beside them, dense files, and files that lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import NetwrightError
from netwright.exchange import read_qonnx, write_qonnx
from netwright.formats import (
    E2M1,
    E4M3,
    E5M2,
    MXFP4,
    MXFP6_E3M2,
    MXFP8,
    MXINT8,
    NVFP4,
    BlockScaled,
    Format,
    Int,
    NumberFormat,
    OutlierPairs,
)
from netwright.ir import Graph, Node, TensorType, check, interpret
from netwright.ir.ops.format_quant import format_attributes

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

FORMATS: tuple[NumberFormat, ...] = (
    OutlierPairs(), OutlierPairs("flint4", rule="left"), OutlierPairs("int8"), MXFP4, MXFP6_E3M2,
    MXFP8, MXINT8, NVFP4, E2M1, E4M3, BlockScaled(E2M1, 4, E5M2),
)  # fmt: skip


def quantizer(format: Format, shape: tuple[int, ...] = (1, 32, 3)) -> Graph:
    types = {"x": TensorType(shape), "y": TensorType(shape)}
    node = Node("q", "FormatQuant", ("x",), "y", format_attributes(format))
    return check(Graph("one", ("x",), ("y",), (node,), types, {}))


def rows_for(format: Format) -> np.ndarray[Any, np.dtype[np.float64]]:
    random = np.random.default_rng(5)
    rows = random.standard_t(2, (6, 32, 3)) * 20
    rows[1] = np.rint(rows[1])
    rows[2] = 0
    rows[3] *= 1e-6
    rows[4] = format.nearest(rows[4:5])[0]
    return rows.astype(np.float32).astype(np.float64)


def executed(path: Path, rows: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": rows.astype(np.float32)})[0]


@pytest.mark.parametrize("number", FORMATS, ids=str)
def test_other_tools_compute_the_same(number: NumberFormat, tmp_path: Path) -> None:
    format = Format(number, (0.5,), group_axis=1)
    graph, rows = quantizer(format), rows_for(format)
    expected = interpret(graph, rows)["y"].astype(np.float32)
    with_functions = write_qonnx(graph, tmp_path / "functions.onnx", batch=6)
    dense = write_qonnx(graph, tmp_path / "dense.onnx", batch=6, dense=True)
    for path in (with_functions, dense):
        onnx.checker.check_model(onnx.load(path), full_check=True)
        assert np.array_equal(executed(path, rows), expected), path.name
    assert {node.domain for node in onnx.load(dense).graph.node} == {""}
    assert not onnx.load(dense).functions
    back = read_qonnx(with_functions)
    assert back.node("q").attrs == graph.node("q").attrs
    assert back.types == graph.types


def test_the_qonnx_package_executes_the_dense_file(tmp_path: Path) -> None:
    wrapper = pytest.importorskip("qonnx.core.modelwrapper")
    execution = pytest.importorskip("qonnx.core.onnx_exec")
    from qonnx.transformation.infer_shapes import InferShapes

    for number in (OutlierPairs(), NVFP4):
        format = Format(number, (0.5,), group_axis=1)
        rows = rows_for(format)
        path = write_qonnx(quantizer(format), tmp_path / "dense.onnx", batch=6, dense=True)
        model = wrapper.ModelWrapper(str(path)).transform(InferShapes())
        made = execution.execute_onnx(model, {"x": rows.astype(np.float32)})["y"]
        assert np.array_equal(made, format.nearest(rows).astype(np.float32))


def test_a_format_without_function_is_refused_on_the_way_out(tmp_path: Path) -> None:
    graph = quantizer(Format(Int(16), (0.5,)))
    with pytest.raises(NetwrightError, match="int16 has no function of ONNX operators"):
        write_qonnx(graph, tmp_path / "none.onnx")
    assert not (tmp_path / "none.onnx").exists()
