"""Arithmetic in front of the first quantizer: the same integers in every form of the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_qonnx, referee
from netwright.ir import interpret
from netwright.passes import integerize
from netwright.verify import certify, corners, random
from tests.exchange.onnx_files import GRID, QONNX, model, node, quant, saved
from tests.exchange.qonnx.test_read import assert_same

pytest.importorskip("qonnx")

ROWS = np.random.default_rng(3).integers(-40, 40, size=(60, 3)) / 16
IMAGES = np.random.default_rng(4).integers(-40, 40, size=(20, 3, 2, 2)) / 16
CHANNELS = np.array([0.5, 2.0, 1.0], np.float32)
STEPS = {
    "two": np.float32(2), "one": np.float32(1), "low": np.float32(-0.75), "high": np.float32(1),
}  # fmt: skip


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Mul", "x two", "a"), node("Sub", "a one", "p")],
        [node("Add", "x one", "a"), node("Div", "a two", "p")],
        [node("Clip", "x low high", "p")],
        [node("Relu", "x", "a"), node("Sub", "a one", "p")],
        [node("Mul", "x c", "a"), node("Add", "c a", "p")],
    ],
)
@pytest.mark.parametrize("bipolar", [False, True])
def test_arithmetic_before_the_quantizer(nodes: Any, bipolar: bool, tmp_path: Path) -> None:
    first = node("BipolarQuant", "p s", domain=QONNX) if bipolar else quant("p s z b")
    made = model([*nodes, first], {**GRID, **STEPS, "c": CHANNELS})
    graph = assert_same(made, tmp_path, ROWS)
    for result in certify(
        graph, {"qonnx": referee(graph)}, (corners(graph), random(graph, rows=50))
    ):
        assert result.rows > 0
        assert result.first is None


def test_values_per_channel_before_and_behind_a_move(tmp_path: Path) -> None:
    nodes = [
        node("Sub", "x m", "a"),
        node("Transpose", "a", "t", perm=[0, 2, 3, 1]),
        node("Mul", "t c", "h"),
        node("Reshape", "h shape", "r"),
        quant("r s z b"),
    ]
    constants = {**GRID, "m": CHANNELS.reshape(3, 1, 1), "c": CHANNELS, "shape": np.array([1, 12])}
    graph = assert_same(model(nodes, constants, shape=(1, 3, 2, 2)), tmp_path, IMAGES)
    assert graph.nodes[0].text("steps") == "add mul"
    assert len(graph.nodes[0].reals("operands")) == 6
    found = referee(graph).run(IMAGES)["y"]
    np.testing.assert_array_equal(found, interpret(graph, IMAGES)["y"])


def test_values_along_several_axes_are_refused(tmp_path: Path) -> None:
    nodes = [node("Mul", "x c", "a"), node("Add", "a d", "h"), quant("h s z b")]
    constants = {
        **GRID, "c": CHANNELS.reshape(3, 1, 1),
        "d": np.array([1, 2], np.float32),
    }  # fmt: skip
    graph = read_qonnx(saved(model(nodes, constants, shape=(1, 3, 2, 2)), tmp_path))
    with pytest.raises(GraphError) as caught:
        integerize(graph)
    assert str(caught.value).startswith(
        'node "y_node": input "x" is scaled and shifted along several axes (1, 3) before it is '
        "quantized\nhint: use values that vary along one axis"
    )
