from __future__ import annotations

import numpy as np
import onnx
import pytest

from netwright.exchange.onnx.fold import MAX_FOLDED_VALUES, fold
from netwright.exchange.onnx.source_model import read_nodes
from tests.exchange.onnx_files import model, node


def folded(nodes, values, tmp_path, shapes=None):
    made = model(nodes, values)
    known = {name: np.asarray(value) for name, value in values.items()}
    while fold(onnx, made, read_nodes(onnx, made.graph, tmp_path, []), shapes or {}, known):
        pass
    return made, known


def test_computed_shape_replaces_its_nodes(tmp_path):
    nodes = [node("Shape", "x", "s"), node("Mul", "s two", "t"), node("Reshape", "x t")]
    made, known = folded(nodes, {"two": np.array([2, 3])}, tmp_path, {"x": (4, 5)})
    assert known["t"].tolist() == [8, 15]
    assert [entry.op_type for entry in made.graph.node] == ["Reshape"]


def test_cast_like_takes_its_value_from_the_first_input(tmp_path):
    _, known = folded([node("CastLike", "c x")], {"c": np.array([7])}, tmp_path)
    assert known["y"].tolist() == [7]


@pytest.mark.parametrize(
    ("op", "inputs", "values"),
    [
        ("ConstantOfShape", "a", {"a": np.array([1 << 40])}),
        ("Expand", "b a", {"a": np.array([1 << 40]), "b": np.array([1.0])}),
        ("Range", "b a c", {"a": np.array(1 << 40), "b": np.array(0), "c": np.array(1)}),
        ("Range", "b a b", {"a": np.array(9), "b": np.array(0)}),
        ("Div", "a a", {"a": np.zeros(MAX_FOLDED_VALUES)}),
        ("Reshape", "a b", {"a": np.zeros(3), "b": np.array([7])}),
    ],
)
def test_large_and_malformed_values_are_left_alone(tmp_path, op, inputs, values):
    _, known = folded([node(op, inputs)], values, tmp_path)
    assert "y" not in known
