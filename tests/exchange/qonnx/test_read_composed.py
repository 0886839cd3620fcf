"""Operators that the graph has no operator of its own for: the values are ONNX Runtime's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_qonnx
from netwright.ir import load, save
from tests.exchange.onnx_files import node
from tests.exchange.qonnx.test_read_reals import FLOAT, VALUES, check_same, network

FOUR = VALUES[0, :, 0].copy()

CASES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "functions": (
        [node("Mish", "x", "a"), node("Celu", "a", "b", alpha=0.4), node("Softsign", "b", "c"),
         node("LeakyRelu", "c", "d"), node("Sum", "p d x", "e"), node("Mean", "e x a")],
        {"p": VALUES[0, 0]},
    ),
    "a class token and repetitions": (
        [node("Concat", "t x", "a", axis=1), node("Tile", "a r", "b"),
         node("MatMul", "b w")],
        {"t": VALUES[:1, :1], "r": np.array([1, 1, 3]), "w": VALUES.reshape(18, 4)},
    ),
    "a constant, tokens first": (
        [node("Transpose", "x", "a", perm=[1, 0, 2]), node("Concat", "a t", "b", axis=0),
         node("Transpose", "b", "y", perm=[1, 0, 2])],
        {"t": VALUES[:1, :1]},
    ),
    "normalizations of channels": (
        [node("InstanceNormalization", "x g o", "a", epsilon=1e-3),
         node("GroupNormalization", "a g o", "y", num_groups=2)],
        {"g": FOUR, "o": FOUR[::-1].copy()},
    ),
    "norms": (
        [node("ReduceL2", "x k", "a"), node("ReduceL1", "x k", "b"), node("Div", "b a", "c"),
         node("ReduceSumSquare", "x k", "d", keepdims=0), node("Reshape", "d s", "e"),
         node("Mul", "c e")],
        {"k": np.array([-1]), "s": np.array([1, 4, 1])},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_values_are_those_of_onnx_runtime(name: str, tmp_path: Path) -> None:
    nodes, constants = CASES[name]
    path = network(nodes, {"x": (FLOAT, (1, 4, 6))}, constants, tmp_path, opset=21)
    graph = check_same(path, {"x": VALUES})
    assert load(save(graph, tmp_path / "graph.npz")) == graph


REFUSED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "a function": ([node("Atan", "x")], {}, "Atan of real values is not supported; hint: write it"),
    "a constant of some rows": (
        [node("Concat", "x t", axis=1)], {"t": VALUES[:2]}, "not joined with every row alike"
    ),
    "copies of the batch": (
        [node("Tile", "x r")], {"r": np.array([2, 1, 1])}, "is not repeated"
    ),
    "groups": (
        [node("GroupNormalization", "x g g", num_groups=3)], {"g": FOUR}, "has no 3 groups"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_meaning_is_refused(name: str, tmp_path: Path) -> None:
    nodes, constants, reason = REFUSED[name]
    path = network(nodes, {"x": (FLOAT, (1, 4, 6))}, constants, tmp_path, opset=21)
    with pytest.raises(GraphError, match=reason):
        read_qonnx(path, reals={})
