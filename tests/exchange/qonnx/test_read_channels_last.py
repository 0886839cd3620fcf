"""Operators with channels last mean to us what they mean to qonnx's executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.exchange import read_qonnx
from netwright.exchange.onnx.vocabulary import CHANNELS_LAST
from netwright.ir import interpret, real_values
from netwright.passes import integerize
from tests.exchange.onnx_files import GRID, executed, model, node, quant, saved

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")

RNG = np.random.default_rng(12)
IMAGES = RNG.integers(-9, 9, size=(4, 6, 5, 2)) / 4
CONV = {"kernel_shape": [3, 3], "pads": [1, 1, 0, 0], "strides": [2, 1], "dilations": [1, 1]}
WINDOW = {"strides": [1, 1], "pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}


@pytest.mark.parametrize("quantized", [False, True])
def test_channels_last(quantized: bool, tmp_path: Path) -> None:
    weights = (RNG.integers(-4, 4, size=(3, 3, 3, 2)) / 4).astype(np.float32)

    def nodes(domain: str) -> list[Any]:
        def turned(source: str, output: str, order: tuple[int, ...]) -> list[Any]:
            return [] if domain else [node("Transpose", source, output, perm=order)]

        first, last = ("q", "n") if domain else ("qt", "nt")
        return [
            quant("x s z b", "q"),
            *([quant("v s z b", "w")] if quantized else []),
            *turned("q", "qt", (0, 3, 1, 2)),
            *turned("w", "wt", (0, 3, 1, 2)),
            node("Conv", f"{first} {'w' if domain else 'wt'}", "c", domain=domain, **CONV),
            node("BatchNormalization", "c g h m d", "o", domain=domain, epsilon=0.0),
            node("MaxPool", "o", last, domain=domain, **WINDOW),
            *turned("nt", "n", (0, 2, 3, 1)),
            node("Relu", "n"),
        ]

    constants = {
        **GRID, "v" if quantized else "w": weights,
        "g": np.array([1, 2, 0.5], np.float32), "h": np.array([0.5, 0, -1], np.float32),
        "m": np.array([1, 0, 0.25], np.float32), "d": np.array([1, 4, 1], np.float32),
    }  # fmt: skip

    def change(made: Any) -> None:
        made.opset_import.append(onnx.helper.make_opsetid(CHANNELS_LAST, 1))

    made = model(nodes(CHANNELS_LAST), constants, shape=(1, 6, 5, 2), change=change)
    graph = integerize(read_qonnx(saved(made, tmp_path)))
    expected = executed(model(nodes(""), constants, shape=(1, 6, 5, 2)), IMAGES)
    found = real_values(graph, "y", interpret(graph, IMAGES)["y"])
    assert not graph.notes
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert expected.std() > 0
