"""Positions of Resize, against ONNX Runtime and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import FileReferee, read_qonnx
from netwright.ir import Interpreter, real_values
from netwright.passes import integerize
from tests.exchange.onnx_files import GRID, model, node, quant, saved

ROWS = np.arange(-12, 13).reshape(1, 1, 5, 5) * 0.25


def outputs(folder: Path, resize: object, constants: dict, opset: int = 18) -> tuple:
    """What the file gives: as it is, in float64, and as a graph."""
    nodes = [quant("x s z b", "q"), resize]
    made = model(nodes, {**GRID, "b": np.float32(8), **constants}, shape=(1, 1, 5, 5), opset=opset)
    path = saved(made, folder)
    graph = integerize(read_qonnx(path))
    file, codes = FileReferee(path, graph), Interpreter.of(graph).run(ROWS)
    name = graph.outputs[0]
    wide = file.run(ROWS, precision="float64")[0]
    return file.run(ROWS)[0], wide, real_values(graph, name, codes[name])


@pytest.mark.parametrize(
    ("mode", "nearest", "scale"),
    [
        ("pytorch_half_pixel", "round_prefer_floor", 0.3),
        ("pytorch_half_pixel", "ceil", 0.3),
        ("align_corners", "floor", 0.5),
        ("align_corners", "round_prefer_ceil", 2.3),
        ("asymmetric", "floor", 1.7),
    ],
)
def test_extents_that_are_no_whole_multiples(
    tmp_path: Path, mode: str, nearest: str, scale: float
) -> None:
    """The reference takes 2.5 for the length of an axis that has 2 values."""
    attrs = {"coordinate_transformation_mode": mode, "nearest_mode": nearest, "mode": "nearest"}
    scales = np.array([1, 1, scale, 1], np.float32)
    file, wide, graph = outputs(tmp_path, node("Resize", "q  f", **attrs), {"f": scales})
    np.testing.assert_array_equal(graph, file)
    np.testing.assert_array_equal(wide, file)


def test_one_value_of_a_cubic_lies_at_the_first(tmp_path: Path) -> None:
    attrs = {"coordinate_transformation_mode": "pytorch_half_pixel", "mode": "cubic"}
    scales = np.array([1, 1, 0.3, 1], np.float32)
    file, wide, graph = outputs(tmp_path, node("Resize", "q  f", **attrs), {"f": scales})
    np.testing.assert_array_equal(graph, ROWS[:, :, :1])
    np.testing.assert_array_equal(file, graph)
    np.testing.assert_array_equal(wide, graph)


def test_linear_of_version_10_divides_by_the_factor(tmp_path: Path) -> None:
    made = node("Resize", "q f", mode="linear")
    scales = np.array([1, 1, 1, 2], np.float32)
    file, wide, graph = outputs(tmp_path, made, {"f": scales}, opset=10)
    np.testing.assert_array_equal(graph[0, 0, 0, :4], [-3.0, -2.875, -2.75, -2.625])
    np.testing.assert_array_equal(file, graph)
    np.testing.assert_array_equal(wide, graph)


def test_sizes_of_one_ratio(tmp_path: Path) -> None:
    attrs = {"axes": [2, 3], "mode": "nearest", "nearest_mode": "floor"}
    made = node("Resize", "q   t", keep_aspect_ratio_policy="not_larger", **attrs)
    file, wide, graph = outputs(tmp_path, made, {"t": np.array([9, 7], np.int64)})
    assert graph.shape == (1, 1, 7, 7)
    np.testing.assert_array_equal(graph, file)
    np.testing.assert_array_equal(wide, file)
    odd = {"t": np.array([7, 4], np.int64)}
    made = node(
        "Resize", "q   t", keep_aspect_ratio_policy="not_larger", **{**attrs, "axes": [1, 3]}
    )
    with pytest.raises(GraphError, match="keep_aspect_ratio_policy not_larger are not supported"):
        outputs(tmp_path, made, odd)
