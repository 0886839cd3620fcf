"""Copies of a user's model for an executor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from netwright.errors import DataError
from netwright.exchange.onnx.file_model import before_head, declared_rows, for_rows, self_contained
from tests.exchange.onnx_files import GRID, QONNX, model, node, quant, saved

DATA = Path(__file__).parent.parent / "data"


def test_external_data_is_inside_and_inputs_are_inputs() -> None:
    made = self_contained(onnx, DATA / "brevitas_conv.onnx")
    assert [value.name for value in made.graph.input] == ["input"]
    assert not any(t.data_location == onnx.TensorProto.EXTERNAL for t in made.graph.initializer)


def test_external_data_outside_the_folder_is_refused(tmp_path: Path) -> None:
    made = model([node("Add", "x w", "y")], {"w": np.ones(3, np.float32)})
    tensor = made.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    with pytest.raises(Exception, match="outside the model's folder"):
        self_contained(onnx, saved(made, tmp_path))


def test_nodes_are_sorted_and_domains_have_one_name(tmp_path: Path) -> None:
    nodes = [node("Relu", "q", "y"), quant("x s z b", "q")]
    nodes[1].domain = "finn.custom_op.general"
    made = self_contained(onnx, saved(model(nodes, GRID), tmp_path))
    assert [n.op_type for n in made.graph.node] == ["IntQuant", "Relu"]
    assert made.graph.node[0].domain == QONNX
    assert {entry.domain: entry.version for entry in made.opset_import} == {"": 13, QONNX: 2}


def test_model_without_opset_is_refused(tmp_path: Path) -> None:
    made = model([node("Relu", "x", "y")], {}, change=lambda m: m.ClearField("opset_import"))
    with pytest.raises(DataError, match="names no version of the operators"):
        self_contained(onnx, saved(made, tmp_path))


def test_rows_are_free_and_the_original_is_untouched(tmp_path: Path) -> None:
    nodes = [node("Reshape", "x shape", "y", allowzero=1)]
    made = self_contained(onnx, saved(model(nodes, {"shape": np.array([1, 3])}), tmp_path))
    before = made.SerializeToString()
    many = for_rows(onnx, made, 5)
    assert (declared_rows(made), declared_rows(many)) == (1, 5)
    target = {t.name: onnx.numpy_helper.to_array(t) for t in many.graph.initializer}
    assert target[many.graph.node[0].input[1]].tolist() == [0, 3]
    assert made.SerializeToString() == before


def test_what_follows_the_outputs_of_the_graph_is_cut(tmp_path: Path) -> None:
    nodes = [node("Softmax", "x", "p"), node("Relu", "p", "y"), node("Softmax", "y", "z")]
    path = saved(model([*nodes, node("ArgMax", "z", "i")], {}, outputs=("i",)), tmp_path)
    for outputs, kept in ((("i",), 4), (("y",), 2), (("z", "y"), 3)):
        cut = before_head(self_contained(onnx, path), outputs)
        assert tuple(value.name for value in cut.graph.output) == outputs
        assert len(cut.graph.node) == kept


def test_a_softmax_is_cut_where_the_graph_names_its_input_otherwise(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "p"), node("Softmax", "p", "y")]
    made = self_contained(onnx, saved(model(nodes, {}), tmp_path))
    assert [value.name for value in before_head(made, ("other",)).graph.output] == ["p"]
    made = self_contained(onnx, saved(model(nodes[:1], {}, outputs=("p",)), tmp_path))
    assert [value.name for value in before_head(made, ("other",)).graph.output] == ["p"]
