"""What stands at the end of a file is left to the host, and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.exchange import read_qonnx
from netwright.ir import interpret
from netwright.passes import integerize
from tests.exchange.onnx_files import GRID, model, node, quant, saved

pytest.importorskip("qonnx")

ROWS = np.random.default_rng(2).permuted(np.tile(np.arange(5), (20, 1)), axis=1) / 4
QUANT = quant("x s z b", "q")


@pytest.mark.parametrize(
    ("nodes", "head"),
    [
        ([node("ArgMax", "q", axis=1)], "argmax"),
        ([node("Sigmoid", "q")], "sigmoid"),
        ([node("LogSoftmax", "q", axis=-1)], "log-softmax"),
        ([node("Softmax", "q", "p", axis=-1), node("ArgMax", "p", axis=1)], "softmax, then argmax"),
        ([node("Softmax", "q", axis=-1)], "softmax"),
        (
            [
                node("Softmax", "q", "p", axis=-1),
                node("QuantizeLinear", "p s", "c"),
                node("DequantizeLinear", "c s"),
            ],
            "softmax, then quantize, then dequantize",
        ),
    ],
)
def test_last_operators_are_left_to_the_host(nodes: Any, head: str, tmp_path: Path) -> None:
    graph = integerize(read_qonnx(saved(model([QUANT, *nodes], GRID, shape=(1, 5)), tmp_path)))
    assert graph.outputs == ("q",)
    assert graph.head == head
    assert [note.text for note in graph.notes] == [f'{head} of "q" is left to the host']
    assert graph.notes[0].error == 0
    np.testing.assert_array_equal(interpret(graph, ROWS)["q"], ROWS * 4)


def test_indices_of_top_k_are_left_to_the_host(tmp_path: Path) -> None:
    made = model(
        [QUANT, node("TopK", "q k", "values y")], {**GRID, "k": np.array([1])}, shape=(1, 5)
    )
    graph = integerize(read_qonnx(saved(made, tmp_path)))
    codes = interpret(graph, ROWS)["q"]
    np.testing.assert_array_equal(codes, ROWS * 4)
    assert graph.head == "top-k"


def test_each_output_says_what_is_left(tmp_path: Path) -> None:
    nodes = [QUANT, node("ArgMax", "q", "y", axis=1), node("Relu", "q", "r")]
    made = model(nodes, GRID, shape=(1, 5), outputs=("y", "r"))
    graph = integerize(read_qonnx(saved(made, tmp_path)))
    assert graph.outputs == ("q", "r")
    assert [note.node for note in graph.notes] == ["y"]
