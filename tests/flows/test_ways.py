"""What a refusal promises is what was tried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.flows.quantization import quantize_file
from netwright.flows.reals import open_model
from tests.exchange.onnx_files import GRID, model, node, quant, saved

pytest.importorskip("qonnx")


def test_a_refusal_says_what_was_found_to_take_the_file(tmp_path: Path) -> None:
    """A float file with a function is told `--quantize`, a product of activations the processor."""
    weights = {"w": np.eye(3, dtype=np.float32), **GRID}
    product = [node("MatMul", "x w", "a"), node("Tanh", "a")]
    with pytest.raises(GraphError) as caught:
        open_model(saved(model(product, weights), tmp_path), reals=False)
    assert "--quantize --calibrate ROWS.npz makes integers of this float file" in str(caught.value)
    both = [quant("x s z b", "q"), quant("x z1 z b", "p"), node("Mul", "q p")]
    path = saved(model(both, {**GRID, "z1": np.float32(0.5)}), tmp_path)
    with pytest.raises(GraphError) as caught:
        open_model(path, reals=False)
    assert "--backend cpu" in str(caught.value)
    assert "--quantize" not in str(caught.value)
    source, why = open_model(path, reals=True)
    assert "one factor must be a constant" in why
    assert source.graph.nodes


def test_a_refusal_promises_nothing_that_does_not_work(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), node("Det", "q")]
    with pytest.raises(GraphError) as caught:
        open_model(saved(model(nodes, GRID), tmp_path), reals=False)
    assert "--backend cpu" not in str(caught.value)
    assert "--until q" in str(caught.value)


def test_a_comparison_in_a_float_file_is_not_called_quantized(tmp_path: Path) -> None:
    weights = {"w": np.eye(3, dtype=np.float32), "k": np.float32(0.5)}
    nodes = [node("MatMul", "x w", "a"), node("Greater", "a k", "c"), node("Cast", "c", to=1)]
    path, rows = saved(model(nodes, weights), tmp_path), tmp_path / "rows.npy"
    np.save(rows, np.ones((4, 3), np.float32))
    with pytest.raises(GraphError, match="compares values or takes their signs") as caught:
        quantize_file(path, tmp_path / "out", calibrate=rows)
    assert "--until" in str(caught.value)
