from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from netwright.errors import GraphError
from netwright.exchange import read_workload
from netwright.exchange.onnx.arity import check_arity
from netwright.exchange.onnx.evaluate import evaluate
from netwright.exchange.onnx.source_model import SourceNode


def node(op: str, *inputs: str, domain: str = "", outputs: tuple[str, ...] = ("y",)) -> SourceNode:
    return SourceNode("n", op, domain, inputs, outputs, {})


def test_nodes_have_what_the_standard_requires() -> None:
    good = (
        node("Where", "a", "b", "c"), node("Constant"), node("Clip", "x"), node("Sum", "x"),
        node("Conv", "x", "w", ""), node("Quant", domain="other"), node("Unknown"),
    )  # fmt: skip
    for item in good:
        check_arity(item, 20)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (node("Where", "a", "b"), "Where must have 3 inputs; input 2 is missing"),
        (node("Add", "", "b"), "Add must have 2 inputs; input 0 is missing"),
        (node("Concat", "x", ""), "Concat must have 2 inputs; input 1 is missing"),
        (node("Sum"), "Sum must have 1 input; input 0 is missing"),
        (node("DequantizeLinear", "x", domain="com.microsoft"), "input 1 is missing"),
        (node("Relu", "x", outputs=()), "it has no result"),
    ],
)
def test_what_is_missing_is_named(bad: SourceNode, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        check_arity(bad, 20)


CRASHING: dict[str, tuple[Any, str]] = {
    "a negative number of batches": (
        helper.make_node("GatherND", ["x", "d"], ["y"], batch_dims=-4),
        "batch_dims must be 0 or more",
    ),
    "no depth": (helper.make_node("OneHot", ["x", "d", "v"], ["y"]), "must be one number, not 0"),
    "nothing to match": (
        helper.make_node("RegexFullMatch", [""], ["y", "z"]), "input 0 is missing"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CRASHING)
def test_what_ends_the_process_in_the_library_is_refused(name: str, tmp_path: Path) -> None:
    item, message = CRASHING[name]
    held = {"d": np.zeros(0, np.int64), "v": np.array([0, 1], np.float32)}
    graph = helper.make_graph(
        [item, helper.make_node("Add", ["x", "y"], ["w"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4, 4))],
        [helper.make_tensor_value_info("w", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, key) for key, array in held.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "m.onnx")
    with pytest.raises(GraphError, match=message):
        read_workload(tmp_path / "m.onnx")


def test_constants_are_not_given_to_it_either() -> None:
    bad = SourceNode("n", "GatherND", "", ("a", "b"), ("y",), {"batch_dims": -4})
    with pytest.raises(GraphError, match="batch_dims must be 0 or more"):
        evaluate(bad, {"a": np.ones((2, 1)), "b": np.zeros((1, 1), np.int64)}, {"": 20})
