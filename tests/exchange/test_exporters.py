"""Files of many exporters: the graph gives what the tool that the file is meant for gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.exchange import read_qonnx
from netwright.ir import interpret, real_values
from netwright.passes import integerize

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")
pytest.importorskip("brevitas")
runtime = pytest.importorskip("onnxruntime")
variants = pytest.importorskip("tests.exchange.exporter_variants")

NUM_ROWS = 64
QUICK = (
    "brevitas_mlp_asymmetric_qcdq", "brevitas_mlp_channels_qonnx", "brevitas_cnn_qcdq",
    "brevitas_quant_tensors_qonnx", "brevitas_residual_qcdq", "runtime_cnn_operators_uint8",
    "runtime_cnn_qdq_channels_int8", "keras_4_bit",
    "brevitas_mlp_qonnx_to_qcdq", "brevitas_branches_qonnx",
)  # fmt: skip
"""One of each kind; all others are slow."""


def executed(path: Path, rows: np.ndarray) -> np.ndarray:
    """What qonnx's executor or ONNX Runtime makes of the rows, one after the other."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    loaded = onnx.load(str(path))
    given, result = loaded.graph.input[0].name, loaded.graph.output[0].name
    if {n.domain for n in loaded.graph.node} <= {"", "ai.onnx", "com.microsoft"}:
        options = runtime.SessionOptions()
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        found = [session.run([result], {given: row[None]})[0] for row in rows]
    else:
        wrapper = ModelWrapper(loaded).transform(InferShapes())
        found = [execute_onnx(wrapper, {given: row[None]})[result] for row in rows]
    return np.concatenate(found).astype(np.float64)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in variants.VARIANTS
    ],
)
def test_file_and_graph_are_equal(name: str, tmp_path: Path) -> None:
    path = variants.made(name, tmp_path / "model.onnx")
    graph = integerize(read_qonnx(path))
    shape = graph.types[graph.inputs[0]].shape[1:]
    rows = np.random.default_rng(0).normal(size=(NUM_ROWS, *shape)).astype(np.float32) * 1.5
    expected = executed(path, rows)
    output = graph.outputs[0]
    found = real_values(graph, output, interpret(graph, rows)[output])
    if graph.head:
        assert graph.head == "softmax"
        raised = np.exp(found - found.max(axis=-1, keepdims=True))
        found = raised / raised.sum(axis=-1, keepdims=True)
    allowed = 1e-5 * np.abs(expected).max() + sum(note.output_bound for note in graph.notes)
    assert allowed < 0.1 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=0, atol=allowed)
    assert expected.std() > 0


def test_there_are_at_least_sixty_variants() -> None:
    assert len(variants.VARIANTS) >= 60
    assert set(QUICK) <= variants.VARIANTS.keys()
