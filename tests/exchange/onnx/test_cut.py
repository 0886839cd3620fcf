"""The first part of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.errors import ConfigError, GraphError
from netwright.exchange import read_qonnx
from netwright.exchange.onnx.cut import cut_model
from netwright.ir import interpret
from tests.exchange.onnx_files import GRID, model, node, quant, saved

onnx = pytest.importorskip("onnx")

NODES = [quant("x s z b", "q"), node("MatMul", "q w", "a/b"), node("Det", "a/b")]
CONSTANTS = {**GRID, "w": np.eye(3, dtype=np.float32), "unread": np.float32(1)}


def test_the_part_makes_the_tensors_by_hand(tmp_path: Path) -> None:
    path = saved(model(NODES, CONSTANTS), tmp_path)
    part = cut_model(path, tmp_path / "out", ["a/b", "q"])
    assert part == tmp_path / "out" / "model_until_a_b_q.onnx"
    found = onnx.load(str(part))
    assert [made.op_type for made in found.graph.node] == ["IntQuant", "MatMul"]
    assert [value.name for value in found.graph.output] == ["a/b", "q"]
    assert {tensor.name for tensor in found.graph.initializer} == {"s", "z", "b", "w"}
    rows = np.array([[0.3, -0.4, 9.0]])
    results = interpret(read_qonnx(part), rows)
    np.testing.assert_array_equal(results["a/b"], [[0.25, -0.5, 1.75]])


def test_what_no_node_makes_is_refused(tmp_path: Path) -> None:
    path = saved(model(NODES, CONSTANTS), tmp_path)
    with pytest.raises(ConfigError) as caught:
        cut_model(path, tmp_path, ["x"])
    assert str(caught.value) == (
        "no node of model.onnx makes a tensor x\nhint: tensors at its end: q, a/b, y"
    )


def test_constants_beside_the_file_are_refused(tmp_path: Path) -> None:
    made = model(NODES, CONSTANTS)
    made.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(GraphError, match="keeps constants in files beside it"):
        cut_model(saved(made, tmp_path), tmp_path, ["q"])


def test_names_of_tensors_are_no_paths(tmp_path: Path) -> None:
    made = model([quant("x s z b", "../../q"), node("Relu", "../../q")], GRID)
    part = cut_model(saved(made, tmp_path), tmp_path / "out", ["../../q"])
    assert part.parent == tmp_path / "out"
