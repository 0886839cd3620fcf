"""MultiThreshold means to us what it means to qonnx's executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import InputQuantizer, read_qonnx
from netwright.ir import Interpreter
from netwright.passes import integerize
from tests.exchange.onnx_files import GRID, QONNX, model, node, quant, saved
from tests.exchange.qonnx.test_read import assert_same

pytest.importorskip("qonnx")

ROWS = np.random.default_rng(8).integers(-20, 20, size=(60, 3)) / 8
EVEN = (np.arange(31, dtype=np.float32) / 8 - 2)[None]
UNEVEN = np.array([[-1, -0.25, 0.125, 1.5]], np.float32)


def thresholds(source: str, **attrs: Any) -> Any:
    return node("MultiThreshold", f"{source} t", domain=QONNX, out_dtype="UINT8", **attrs)


@pytest.mark.parametrize("values", [EVEN, EVEN[:, :20], UNEVEN, UNEVEN - [[1], [0], [0.5]]])
@pytest.mark.parametrize("attrs", [{}, {"out_scale": 0.5, "out_bias": -1.0}])
@pytest.mark.parametrize("quantized", [False, True])
def test_thresholds_are_counted(values: Any, attrs: Any, quantized: bool, tmp_path: Path) -> None:
    first = [quant("x s z b", "q")] if quantized else []
    nodes = [*first, thresholds("q" if quantized else "x", **attrs)]
    constants = {**GRID, "s": np.float32(0.125), "t": values.astype(np.float32)}
    assert_same(model(nodes, constants), tmp_path, ROWS)


@pytest.mark.parametrize("values", [EVEN, UNEVEN, UNEVEN * np.float32(0.3)])
def test_real_inputs_are_compared_as_the_format_of_the_file_holds_them(
    values: Any, tmp_path: Path
) -> None:
    """Float64 values beside a threshold are what they are rounded to."""
    made = model([thresholds("x")], {"t": values.astype(np.float32)})
    level = values.astype(np.float32).ravel().astype(np.float64)
    beside = [np.nextafter(level, np.inf), np.nextafter(level, -np.inf)]
    beside += [np.nextafter(level.astype(np.float32), np.float32(e)) for e in (-np.inf, np.inf)]
    tiny = np.array([-1e-10, -1e-45, 0.0, 1e-45])
    rows = np.concatenate([*beside, level, tiny])[:, None] * np.ones(3)
    assert_same(made, tmp_path, rows)
    interpreter = Interpreter.of(integerize(read_qonnx(saved(made, tmp_path))))
    for output, found in interpreter.run(rows).items():
        rounded = rows.astype(np.float32).astype(np.float64)
        np.testing.assert_array_equal(found, interpreter.run(rounded)[output])


@pytest.mark.parametrize("step", [0.25, 3.0])
@pytest.mark.parametrize("start", [-149.5, 0.125, 300.5, -600])
def test_many_thresholds_of_real_inputs_are_counted_exactly(
    step: float, start: float, tmp_path: Path
) -> None:
    values = ((np.arange(300) + start) * step)[None].astype(np.float32)
    made = model([thresholds("x", out_scale=0.5, out_bias=-1.0)], {"t": values})
    read = read_qonnx(saved(made, tmp_path))
    assert len(read.nodes) < 10
    level = values.ravel()
    beside = [np.nextafter(level, np.float32(end)) for end in (-np.inf, np.inf)]
    half = level + np.float32(step / 2)
    around = [np.nextafter(half, np.float32(end)) for end in (-np.inf, np.inf)]
    tiny = np.array([-1e-10, -1e-45, 0.0, 1e-45, -1e30, 1e30], np.float32)
    rows = np.concatenate([level, *beside, half, *around, tiny])[:, None] * np.ones(3)
    assert_same(made, tmp_path, rows)


def test_many_thresholds_on_a_grid_that_is_too_fine_are_refused(tmp_path: Path) -> None:
    values = (np.arange(300) * 2.0**21 + 2.0**-3)[None]
    path = saved(model([thresholds("x")], {"t": values}), tmp_path)
    with pytest.raises(GraphError, match=r"on a grid of 0\.125: its codes have 33 bits") as caught:
        read_qonnx(path)
    assert "--input-quant BITS,SCALE" in str(caught.value)
    assert read_qonnx(path, input_quantizer=InputQuantizer(12, 0.25)).nodes


def test_thresholds_of_channels_that_come_last(tmp_path: Path) -> None:
    images = np.random.default_rng(9).integers(-20, 20, size=(5, 2, 2, 3)) / 8
    nodes = [quant("x s z b", "q"), thresholds("q", data_layout="NHWC")]
    values = (UNEVEN - [[1], [0], [0.5]]).astype(np.float32)
    made = model(nodes, {**GRID, "s": np.float32(0.125), "t": values}, shape=(1, 2, 2, 3))
    assert_same(made, tmp_path, images)


def test_wrong_number_of_channels_is_refused(tmp_path: Path) -> None:
    made = model([thresholds("x")], {"t": np.zeros((2, 3), np.float32)})
    with pytest.raises(GraphError, match=r"thresholds of shape \(2, 3\) do not suit 3 channels"):
        read_qonnx(saved(made, tmp_path))


def test_many_uneven_thresholds_are_refused(tmp_path: Path) -> None:
    values = np.arange(300, dtype=np.float32)[None] ** 2
    with pytest.raises(GraphError, match="300 thresholds that are not evenly spaced; at most 255"):
        read_qonnx(saved(model([thresholds("x")], {"t": values}), tmp_path))
