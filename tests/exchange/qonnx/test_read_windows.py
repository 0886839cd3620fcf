"""What is refused; what is read is in test_read.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_qonnx
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.read_windows import window_attrs
from tests.exchange.onnx_files import GRID, model, node, quant, saved

IMAGE = (1, 2, 6, 5)


def refusal(tmp_path: Path, op: str, **attrs: Any) -> str:
    path = saved(
        model([quant("x s z b", "q"), node(op, "q", **attrs)], GRID, shape=IMAGE), tmp_path
    )
    with pytest.raises(GraphError) as caught:
        read_qonnx(path)
    return str(caught.value).partition("the graph cannot be read: ")[2]


@pytest.mark.parametrize(
    ("attrs", "text"),
    [
        ({}, "MaxPool needs the attribute kernel_shape"),
        (
            {"kernel_shape": [2]},
            "kernel (2,), strides (1,) and dilations (1,) do not suit an input with 2 extents",
        ),
        (
            {"kernel_shape": [2, 2], "strides": [1]},
            "kernel (2, 2), strides (1,) and dilations (1, 1) do not suit an input with 2 extents",
        ),
        (
            {"kernel_shape": [2, 2], "strides": [1, 0]},
            "strides, dilations and kernel must be 1 or more",
        ),
        ({"kernel_shape": [2, -2]}, "strides, dilations and kernel must be 1 or more"),
        (
            {"kernel_shape": [2, 2], "auto_pad": "SAME"},
            "auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, not 'SAME'",
        ),
    ],
)
def test_windows_that_do_not_fit_are_refused(
    attrs: dict[str, Any], text: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, "MaxPool", **attrs) == f'node "y_node" (MaxPool): {text}'


@pytest.mark.parametrize(
    ("op", "attrs", "text"),
    [
        ("MaxPool", {"kernel_shape": [1, 1], "pads": [1, 0, 0, 0]}, "would hold padding only"),
        ("AveragePool", {"kernel_shape": [1, 1], "pads": [1, 0, 0, 0]}, "would hold padding only"),
        ("MaxPool", {"kernel_shape": [9, 1]}, "does not fit (6, 5)"),
        ("MaxPool", {"kernel_shape": [1, 1], "pads": [-1, 0, 0, 0]}, "4 values of 0 or more"),
        ("MaxPool", {"kernel_shape": [1 << 20, 1], "pads": [1 << 20, 0, 0, 0]}, "pool in several"),
    ],
)
def test_pools_without_a_meaning_are_refused(
    op: str, attrs: dict[str, Any], text: str, tmp_path: Path
) -> None:
    assert text in refusal(tmp_path, op, **attrs)


def test_second_output_of_a_pool_is_refused(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), node("MaxPool", "q", "y where", kernel_shape=[2, 2])]
    with pytest.raises(GraphError, match="the second output of MaxPool is not supported"):
        read_qonnx(saved(model(nodes, GRID, shape=IMAGE, outputs=("y", "where")), tmp_path))


def test_ceil_mode_that_changes_nothing_is_read(tmp_path: Path) -> None:
    pool = node("MaxPool", "q", kernel_shape=[2, 1], strides=[2, 2], ceil_mode=1)
    path = saved(model([quant("x s z b", "q"), pool], GRID, shape=IMAGE), tmp_path)
    assert read_qonnx(path).nodes[-1].integers("kernel") == (2, 1)


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("extent", [5, 6, 7])
@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_pads_keep_the_extent_over_the_stride(
    mode: str, extent: int, kernel: int, stride: int, dilation: int
) -> None:
    source = SourceNode(
        "n", "Conv", "", ("x", "w"), ("y",), {"auto_pad": mode, "strides": (stride,)}
    )
    found = window_attrs(source, (extent,), (kernel,), (dilation,))
    before, after = found["pads"]  # type: ignore[misc]
    assert found["strides"] == (stride,)
    width = dilation * (kernel - 1) + 1
    assert (extent + before + after - width) // stride + 1 == -(-extent // stride)
    assert (after - before if mode == "SAME_UPPER" else before - after) in (0, 1)
    assert np.sign(before + after) == (width > extent - (-(-extent // stride) - 1) * stride)
