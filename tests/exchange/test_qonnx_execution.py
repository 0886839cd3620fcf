"""qonnx's executor without the tensors that nothing reads any more."""

import numpy as np
from qonnx.core import onnx_exec
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from netwright.exchange.qonnx_execution import execute, quiet
from tests.exchange.onnx_files import GRID, model, node, quant


def test_it_is_what_qonnx_computes_and_holds_no_more_than_it_must(monkeypatch) -> None:
    nodes = [
        quant("x s z b", "q"),
        node("Relu", "q", "a"),
        node("Concat", "a q", "c", axis=1),
        node("Split", "c", "d e", axis=1),
        node("Add", "d a", "f"),
        quant("f s z b", "y"),
    ]
    made = model(nodes, GRID)
    wrapped = ModelWrapper(made).transform(InferShapes())
    feeds = {"x": np.array([[0.3, -0.7, 1.2]], np.float32)}
    held = []
    original = onnx_exec.execute_node

    def counting(node, context, *more):
        held.append({name for name in "xqacdef" if name in context})
        original(node, context, *more)

    with quiet():
        wanted = onnx_exec.execute_onnx(wrapped, feeds, True)
        monkeypatch.setattr(onnx_exec, "execute_node", counting)
        found = execute(wrapped, feeds, ["y", "a"])
    assert sorted(found) == ["a", "y"]
    assert all(np.array_equal(found[name], wanted[name]) for name in found)
    assert "x" not in held[1]
    assert "q" in held[2]
    assert "q" not in held[3]
    assert held[5] == {"a", "f"}
