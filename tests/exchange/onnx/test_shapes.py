from __future__ import annotations

import resource

import numpy as np
import onnx
import pytest

from netwright.errors import GraphError
from netwright.exchange.onnx.shapes import load_shapes
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
    body = [onnx.helper.make_node("Relu", ["a"], ["b"])]
    ids = [onnx.helper.make_opsetid("", 13)]
    function = onnx.helper.make_function("own", "Twice", ["a"], ["b"], body, ids)

    def change(made):
        made.functions.append(function)
        made.opset_import.add(domain="own", version=1)

    made = model([node("Twice", "x", domain="own")], {}, change=change)
    source = load_shapes(saved(made, tmp_path))
    assert [entry.op for entry in source.nodes] == ["Relu"]


def functions(calls):
    """Model functions by name, each a list of what it calls, with a model that calls ``f0``."""

    def change(made):
        for name, body in calls.items():
            names = ["a", *(f"v{i}" for i in range(len(body) - 1)), "b"]
            nodes = [
                onnx.helper.make_node(
                    op, [names[i]], [names[i + 1]], domain="own" if op in calls else ""
                )
                for i, op in enumerate(body)
            ]
            ids = [onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("own", 1)]
            made.functions.append(onnx.helper.make_function("own", name, ["a"], ["b"], nodes, ids))
        made.opset_import.add(domain="own", version=1)

    return model([node("f0", "x", domain="own")], {}, change=change)


def test_functions_that_multiply_are_refused(tmp_path):
    calls = {f"f{i}": [f"f{i + 1}"] * 10 for i in range(9)} | {"f9": ["Relu"]}
    with pytest.raises(GraphError, match=r"functions make 100001 nodes or more; at most 100000"):
        load_shapes(saved(functions(calls), tmp_path))


def test_functions_in_a_circle_are_refused(tmp_path):
    calls = {"f0": ["f1"], "f1": ["f0"]}
    with pytest.raises(GraphError, match="these functions call each other: f0, f1"):
        load_shapes(saved(functions(calls), tmp_path))


def test_long_rows_are_not_spelled_out_by_inference(tmp_path):
    ends = {"a": np.int64(0), "b": np.int64(4_000_000), "c": np.int64(1)}
    nodes = [node("Range", "a b c", "r"), node("Cast", "r", "t", to=1), node("Add", "x t")]
    path = saved(model(nodes, ends, shape=(1,)), tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert load_shapes(path).shapes["y"] == (4_000_000,)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 100_000
