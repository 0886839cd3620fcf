from __future__ import annotations

from netwright.exchange.shapes import load_shapes
from tests.exchange.onnx_files import model, node, saved


def test_shapes_constants_and_values(tmp_path):
    nodes = [node("Neg", "c", "d"), node("Reshape", "x d", "flat"), node("Relu", "flat")]
    source = load_shapes(saved(model(nodes, {"c": [1, -3, -1]}, shape=("n", 6)), tmp_path), batch=2)
    assert source.shapes["x"] == (2, 6)
    assert source.values["d"].tolist() == [-1, 3, 1]
    assert source.constants == {"c", "d"}
    assert source.shapes["y"] == (4, 3, 1)
    assert source.opset == 13


def test_model_functions_are_inlined(tmp_path):
    import onnx

    body = [onnx.helper.make_node("Relu", ["a"], ["b"])]
    ids = [onnx.helper.make_opsetid("", 13)]
    function = onnx.helper.make_function("own", "Twice", ["a"], ["b"], body, ids)

    def change(made):
        made.functions.append(function)
        made.opset_import.add(domain="own", version=1)

    made = model([node("Twice", "x", domain="own")], {}, change=change)
    source = load_shapes(saved(made, tmp_path))
    assert [entry.op for entry in source.nodes] == ["Relu"]
