"""qonnx's executor without the tensors that nothing reads any more."""

from itertools import pairwise

import numpy as np
import pytest
from onnx import helper
from qonnx.core import onnx_exec
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from netwright.exchange import FileReferee, read_qonnx
from netwright.exchange.onnx.vocabulary import CHANNELS_LAST
from netwright.exchange.qonnx import execution
from netwright.exchange.qonnx.execution import execute, infer_shapes, quiet
from netwright.ir import interpret, real_values
from netwright.passes import integerize
from tests.exchange.onnx_files import GRID, model, node, quant, saved


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

    def counting(original):
        def counted(node, context, *more):
            held.append({name for name in "xqacdef" if name in context})
            return original(node, context, *more)

        return counted

    with quiet():
        wanted = onnx_exec.execute_onnx(wrapped, feeds, True)
        monkeypatch.setattr(onnx_exec, "execute_node", counting(onnx_exec.execute_node))
        monkeypatch.setattr(execution, "_executed", counting(execution._executed))
        found = execute(wrapped, feeds, ["y", "a"])
    assert sorted(found) == ["a", "y"]
    assert all(np.array_equal(found[name], wanted[name]) for name in found)
    assert "x" not in held[1]
    assert "q" in held[2]
    assert "q" not in held[3]
    assert held[5] == {"a", "f"}


def test_long_chains_take_time_in_proportion(tmp_path, monkeypatch) -> None:
    """No step looks through the whole graph, and operators that are alike are loaded once."""
    count = 40
    nodes, last = [quant("x s z b", "q0")], "q0"
    for i in range(count):
        nodes += [node("Neg", last, f"n{i}"), quant(f"n{i} s z b", f"q{i + 1}")]
        last = f"q{i + 1}"
    path = saved(model(nodes, GRID, outputs=(last,)), tmp_path)
    graph = integerize(read_qonnx(path))
    looks = ("check_all_tensor_shapes_specified", "get_tensor_shape", "get_tensor_valueinfo")
    longest = []
    for name in looks:
        original = getattr(ModelWrapper, name)

        def counted(self, *args, original=original, **kwargs):
            longest.append(len(self.graph.node))
            return original(self, *args, **kwargs)

        monkeypatch.setattr(ModelWrapper, name, counted)
    execution._kept_session.cache_clear()
    rows = np.array([[0.3, -0.7, 1.2]])
    (found,) = FileReferee(path, graph).run(rows)
    expected = real_values(graph, last, interpret(graph, rows)[last])
    np.testing.assert_array_equal(found, expected)
    assert max(longest) == 1
    assert execution._kept_session.cache_info().misses == 1
    assert execution._kept_session.cache_info().hits == count - 1


def channels_last():
    window = {"kernel_shape": [2, 2], "strides": [1, 1], "pads": [0, 0, 0, 0]}
    nodes = [
        quant("x s z b", "q"),
        node("Conv", "q w", "c", domain=CHANNELS_LAST, dilations=[1, 1], group=1, **window),
        node("MaxPool", "c", "y", domain=CHANNELS_LAST, ceil_mode=0, **window),
    ]
    weights = np.random.default_rng(0).integers(-4, 5, (3, 2, 2, 2)).astype(np.float32)
    made = model(nodes, {**GRID, "w": weights}, shape=(1, 6, 5, 2))
    for name, shape in (("q", (1, 6, 5, 2)), ("c", (1, 5, 4, 3))):
        made.graph.value_info.append(helper.make_tensor_value_info(name, 1, shape))
    return made


def test_shapes_are_those_that_qonnx_infers() -> None:
    wanted = ModelWrapper(channels_last()).transform(InferShapes())
    found = infer_shapes(ModelWrapper(channels_last()))
    names = [value.name for value in found.graph.value_info]
    assert {"q", "c"} <= {*names}
    for name in (*names, "y"):
        assert found.get_tensor_shape(name) == wanted.get_tensor_shape(name)
    assert [n.op_type for n in found.graph.node] == ["IntQuant", "Conv", "MaxPool"]
    assert found.graph.node[2].domain == CHANNELS_LAST


@pytest.mark.parametrize("told", [True, False])
def test_pooling_with_channels_last_is_executed(told, tmp_path) -> None:
    """qonnx takes it for version 1 of MaxPool, which knows no ceil_mode.

    Its own inference asks for the shapes of what such operators read.
    """
    made = channels_last()
    if not told:
        del made.graph.value_info[:]
    path = saved(made, tmp_path)
    graph = integerize(read_qonnx(path))
    rows = np.random.default_rng(1).integers(-8, 8, (3, 6, 5, 2)) / 4
    (found,) = FileReferee(path, graph).run(rows)
    np.testing.assert_allclose(found, real_values(graph, "y", interpret(graph, rows)["y"]))


def test_tensors_that_are_not_made_yet_take_no_memory(monkeypatch) -> None:
    names = ["x", *(f"r{n}" for n in range(3)), "y"]
    nodes = [node("Relu", *pair) for pair in pairwise(names)]
    wrapped = ModelWrapper(model(nodes, {}, shape=(1, 1000))).transform(InferShapes())
    strides = []
    original = execution._executed

    def watching(node, context, *more):
        strides.append(context[node.output[0]].strides)
        return original(node, context, *more)

    monkeypatch.setattr(execution, "_executed", watching)
    with quiet():
        execute(wrapped, {"x": np.ones((1, 1000), np.float32)}, ["y"])
    assert strides == [(0, 0)] * 4
