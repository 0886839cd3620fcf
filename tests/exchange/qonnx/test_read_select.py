"""Selections, repetitions and padding mean to us what they mean to qonnx's executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_qonnx
from netwright.ir import interpret
from tests.exchange.onnx_files import GRID, model, node, quant, saved
from tests.exchange.qonnx.test_read import assert_same

pytest.importorskip("qonnx")

SHAPE = (1, 4, 4, 6)
IMAGES = np.random.default_rng(6).integers(-9, 9, size=(3, *SHAPE[1:])) / 4
LISTS = {
    "k": np.array([0, 0, 1, 2, 0, 0, 3, 0]), "zero": np.float32(0), "start": np.array([1, -9]),
    "first": np.array([0, 2]), "end": np.array([3, 99]), "axes": np.array([1, -1]),
    "step": np.array([1, 2]),
    "scales": np.array([1, 1, 2, 3], np.float32), "roi": np.zeros(0, np.float32),
    "sizes": np.array([1, 4, 8, 6]), "index": np.array([2, -1, 0]), "one": np.array(1),
    "parts": np.array([1, 3]), "last": np.array([-1]), "space": np.array([2, 3]),
}  # fmt: skip
SAME = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


@pytest.mark.parametrize(
    "made",
    [
        node("DepthToSpace", "q", blocksize=2),
        node("DepthToSpace", "q", blocksize=2, mode="CRD"),
        node("SpaceToDepth", "q", blocksize=2),
        node("Resize", "q roi scales", **SAME),
        node("Resize", "q   sizes", **SAME),
        node("Resize", "q roi scales", mode="nearest"),
        node("Pad", "q k zero"),
        node("Pad", "q k"),
        node("Slice", "q start end axes step"),
        node("Slice", "q first end"),
        node("Gather", "q index", axis=3),
        node("Gather", "q index", axis=1),
        node("Gather", "q one", axis=2),
        node("ReduceMean", "q", axes=[2, 3]),
        node("ReduceMean", "q", axes=[2, 3], keepdims=0),
        node("ReduceMax", "q", axes=[2, 3], keepdims=0),
        node("ReduceSum", "q last"),
        node("GlobalMaxPool", "q"),
        node("Flatten", "q", axis=0),
    ],
)
def test_values_are_moved_as_by_qonnx(made: Any, tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), made]
    assert_same(model(nodes, {**GRID, **LISTS}, shape=SHAPE), tmp_path, IMAGES)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"strides": [2, 3], "pads": [1, 0, 1, 1]},
        {"strides": [2, 2], "output_padding": [1, 0], "dilations": [1, 2]},
    ],
)
def test_transposed_convolution(bias: bool, quantized: bool, attrs: Any, tmp_path: Path) -> None:
    weights = (np.random.default_rng(1).integers(-4, 4, size=(4, 3, 3, 2)) / 4).astype(np.float32)
    nodes = [
        quant("x s z b", "q"),
        *([quant("v s z b", "w")] if quantized else []),
        node("ConvTranspose", "q w" + " c" * bias, **attrs),
    ]
    constants = {
        **GRID, "v" if quantized else "w": weights,
        **({"c": np.array([0.5, 0, -1], np.float32)} if bias else {}),
    }  # fmt: skip
    assert_same(model(nodes, constants, shape=SHAPE), tmp_path, IMAGES)


def test_pixels_shuffled_behind_a_bias_per_channel(tmp_path: Path) -> None:
    weights = (np.random.default_rng(1).integers(-4, 4, size=(8, 4, 1, 1)) / 4).astype(np.float32)
    scales = np.array([0.25, 0.5, 1, 0.125] * 2, np.float32).reshape(8, 1, 1, 1)
    nodes = [
        quant("x s z b", "q"),
        quant("v t z b", "w"),
        node("Conv", "q w c", "d"),
        node("DepthToSpace", "d", blocksize=2),
    ]
    constants = {**GRID, "v": weights, "t": scales, "c": np.arange(8, dtype=np.float32) / 32}
    assert_same(model(nodes, constants, shape=SHAPE), tmp_path, IMAGES)


@pytest.mark.parametrize("parts", ["", " parts"])
def test_split_parts_are_read_one_by_one(parts: str, tmp_path: Path) -> None:
    nodes = [
        quant("x s z b", "q"),
        node("Split", f"q{parts}", "a c", axis=1),
        node("Concat", "c a", axis=1),
    ]
    assert_same(model(nodes, {**GRID, **LISTS}, shape=SHAPE), tmp_path, IMAGES)


def test_leaky_rectifier_before_a_quantizer_is_exact(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), node("LeakyRelu", "q", "l", alpha=0.25), quant("l t z b")]
    assert_same(model(nodes, {**GRID, "t": np.float32(0.125)}, shape=SHAPE), tmp_path, IMAGES)


def test_leaky_rectifier_at_the_end(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), node("LeakyRelu", "q", alpha=0.25)]
    assert_same(model(nodes, GRID, shape=SHAPE), tmp_path, IMAGES)


def test_slopes_per_channel(tmp_path: Path) -> None:
    slopes = np.array([0.5, 0.25, 0.125, 1], np.float32).reshape(4, 1, 1)
    nodes = [quant("x s z b", "q"), node("PRelu", "q p", "l"), quant("l s z b")]
    assert_same(model(nodes, {**GRID, "p": slopes}, shape=SHAPE), tmp_path, IMAGES)


def test_shape_computed_in_the_file(tmp_path: Path) -> None:
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape zero", "rows", axis=0),
        node("Concat", "rows rest", "target", axis=0),
        node("Reshape", "x target", "r"),
        quant("r s z b"),
    ]
    constants = {**GRID, "zero": np.array([0]), "rest": np.array([-1])}
    graph = read_qonnx(saved(model(nodes, constants, shape=SHAPE), tmp_path))
    expected = np.clip(np.rint(IMAGES.reshape(3, -1) * 4), -8, 7) / 4
    np.testing.assert_array_equal(interpret(graph, IMAGES)["y"], expected)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (
            node("Resize", "q roi thirds", mode="linear"),
            "Resize to 12 of 4 values has weights that are no multiples of 1/4096; hint: use mode "
            "nearest, or resize by 2, 4 or 8 with half_pixel positions (align_corners=False)",
        ),
        (
            node("Pad", "q k zero space"),
            "pads must hold 4 values for axes [2, 3], not 8",
        ),
        (
            node("Pad", "q k zero same"),
            "axes must be different, not (2, -2)",
        ),
        (
            node("Slice", "q first end same"),
            "axes must be different, not (2, -2)",
        ),
        (
            node("Resize", "q roi twice", axes=[2, -2]),
            "axes must be different, not (2, -2)",
        ),
        (
            node("Gather", "q one", axis=0),
            "Gather must not take rows of a batch by number; hint: rows are independent of each "
            "other: select them on the host; leave it to the host with --until q",
        ),
        (
            node("ReduceMax", "q", axes=[0]),
            "ReduceMax must not run over the rows of a batch; hint: name the axes behind the batch "
            "(axes=), or do it on the host; leave it to the host with --until q",
        ),
    ],
)
def test_refusals_name_what_is_supported(made: Any, text: str, tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), made]
    twice = np.array([2, 2], np.float32)
    constants = {**GRID, **LISTS, "half": np.float32(0.5), "same": np.array([2, -2]),
                 "twice": twice, "thirds": np.array([1, 1, 3, 3], np.float32)}  # fmt: skip
    with pytest.raises(GraphError) as caught:
        read_qonnx(saved(model(nodes, constants, shape=SHAPE), tmp_path))
    assert str(caught.value).endswith(f'node "y_node" ({made.op_type}): {text}')


@pytest.mark.parametrize(
    "made",
    [
        node("Slice", "x start end axes step", "v"),
        node("Split", "x parts", "u v", axis=1),
        node("Resize", "x roi scales", "v", **SAME),
        node("LeakyRelu", "x", "v", alpha=0.5),
    ],
)
def test_inputs_that_move_are_quantized_in_float32(made: Any, tmp_path: Path) -> None:
    scale = np.float32(0.1)
    file = model([made, quant("v t z b")], {**GRID, **LISTS, "t": scale}, shape=SHAPE)
    halves = np.random.default_rng(3).integers(-8, 8, size=(40, *SHAPE[1:])) + 0.5
    assert_same(file, tmp_path, halves.astype(np.float32) * scale)  # ties only in float32
