"""Files written by hand mean to us what they mean to qonnx's executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_qonnx
from netwright.ir import interpret, real_values
from netwright.passes import integerize
from tests.exchange.onnx_files import GRID, QONNX, executed, model, node, quant, saved

pytest.importorskip("qonnx")

RNG = np.random.default_rng(17)
ROWS = np.concatenate([RNG.normal(size=(20, 3)) * 2, np.round(RNG.normal(size=(20, 3)) * 8) / 8])
WEIGHTS = (np.round(RNG.normal(size=(3, 2)) * 4) / 4).astype(np.float32)
BIAS = np.array([0.125, -1.5], np.float32)


def assert_same(made: Any, folder: Path, inputs: np.ndarray) -> Any:
    """Compare with qonnx in both forms; returns the integer graph."""
    inputs = inputs.astype(np.float32).astype(np.float64)
    graph = read_qonnx(saved(made, folder))
    expected = executed(made, inputs)
    found = interpret(graph, inputs)[graph.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    integers = integerize(graph)
    assert not integers.notes, integers.notes
    name = integers.outputs[0]
    codes = interpret(integers, inputs)[name]
    np.testing.assert_allclose(real_values(integers, name, codes), expected, rtol=1e-5, atol=1e-6)
    return integers


@pytest.mark.parametrize("mode", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
@pytest.mark.parametrize("op", ["Quant", "IntQuant"])
def test_rounding_modes_mean_what_they_mean_to_qonnx(op: str, mode: str, tmp_path: Path) -> None:
    assert_same(model([quant("x s z b", op=op, rounding_mode=mode)], GRID), tmp_path, ROWS)


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("narrow", [0, 1])
@pytest.mark.parametrize("zero_point", [0, 3])
def test_formats_mean_what_they_mean_to_qonnx(
    signed: int, narrow: int, zero_point: int, tmp_path: Path
) -> None:
    constants = {**GRID, "z": np.float32(zero_point)}
    assert_same(model([quant("x s z b", signed=signed, narrow=narrow)], constants), tmp_path, ROWS)


def test_scale_per_channel(tmp_path: Path) -> None:
    constants = {**GRID, "s": np.array([[0.25, 0.5, 0.125]], np.float32)}
    assert_same(model([quant("x s z b")], constants), tmp_path, ROWS)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("BipolarQuant", "x s", "y", domain=QONNX)],
        [quant("x s z one")],
        [quant("x s z b", "q"), node("BipolarQuant", "q s", "y", domain=QONNX)],
        [
            quant("x s z b", "q"),
            node("Add", "q half", "a"),
            node("BipolarQuant", "a s", "y", domain=QONNX),
        ],
        [
            quant("x s z b", "q"),
            node("Mul", "q minus", "a"),
            node("Add", "a half", "c"),
            node("BipolarQuant", "c s", "y", domain=QONNX),
        ],
    ],
)
def test_bipolar_quantizers_take_zero_as_plus_one(nodes: list[Any], tmp_path: Path) -> None:
    constants = {
        **GRID,
        "one": np.float32(1),
        "half": np.float32(0.3),
        "minus": np.float32(-1),
    }
    rows = np.concatenate([ROWS, np.zeros((1, 3)), np.full((1, 3), -0.0)])
    graph = assert_same(model(nodes, constants), tmp_path, rows)
    assert str(graph.types[graph.outputs[0]].dtype) == "bipolar"


def test_bipolar_weights(tmp_path: Path) -> None:
    nodes = [
        quant("x s z b", "q"),
        node("BipolarQuant", "w s", "v", domain=QONNX),
        node("MatMul", "q v"),
    ]
    assert_same(model(nodes, {**GRID, "w": WEIGHTS}), tmp_path, ROWS)


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL", "UP", "DOWN"])
def test_trunc_of_version_one_keeps_its_scale(mode: str, tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), node("Relu", "q", "r")]
    nodes.append(node("Trunc", "r s z b two", "y", domain=QONNX, rounding_mode=mode))
    made = model(nodes, {**GRID, "two": np.float32(2)}, qonnx_opset=1)
    assert_same(made, tmp_path, ROWS)


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "HALF_UP"])
@pytest.mark.parametrize("source", ["q", "a"])
def test_trunc_of_version_two_scales_and_clamps(source: str, mode: str, tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), node("Add", "q third", "a")]
    attrs = {"rounding_mode": mode, "signed": 1, "narrow": 0}
    nodes.append(node("Trunc", f"{source} s z b big two", "y", domain=QONNX, **attrs))
    constants = {**GRID, "big": np.float32(1), "two": np.float32(2), "third": np.float32(0.31)}
    assert_same(model(nodes, constants), tmp_path, ROWS)


@pytest.mark.parametrize(("version", "inputs"), [(1, "q s z b big two"), (2, "q s z b two")])
def test_trunc_with_the_inputs_of_another_version_is_refused(
    version: int, inputs: str, tmp_path: Path
) -> None:
    """qonnx chooses the meaning by the version of the domain, whatever the inputs are."""
    nodes = [quant("x s z b", "q"), node("Trunc", inputs, "y", domain=QONNX)]
    constants = {**GRID, "big": np.float32(1), "two": np.float32(2)}
    path = saved(model(nodes, constants, qonnx_opset=version), tmp_path)
    with pytest.raises(GraphError, match=f"Trunc of version {version} .* inputs, not"):
        read_qonnx(path)


@pytest.mark.parametrize(
    ("inputs", "attrs"),
    [
        ("q v", {}),
        ("q v c", {"alpha": 1.0}),
        ("q v c", {"beta": 2.0}),
        ("q v c", {"alpha": 0.5, "beta": 0.25}),
        ("q v c", {"alpha": -2.0}),
        ("q t c", {"transB": 1}),
        ("q t", {"transB": 1, "alpha": 4.0}),
        ("q v single", {}),
        ("q v qc", {}),
        ("q v qc", {"beta": 2.0}),
    ],
)
@pytest.mark.parametrize("quantized", [True, False])
def test_gemm(inputs: str, attrs: dict[str, Any], quantized: bool, tmp_path: Path) -> None:
    made = [quant("x s z b", "q"), quant("w s z b", "v"), quant("c s z b", "qc")]
    made += [node("Transpose", "v", "t", perm=[1, 0])] if not quantized else []
    constants = {**GRID, "w": WEIGHTS, "c": BIAS, "single": np.float32([[0.5]])}
    if quantized:
        made.append(quant("wt s z b", "t"))
        constants["wt"] = WEIGHTS.T.copy()
    made.append(node("Gemm", inputs, **attrs))
    assert_same(model(made, constants), tmp_path, ROWS)


def test_weights_per_channel_and_transposed(tmp_path: Path) -> None:
    nodes = [
        quant("x s z b", "q"),
        quant("w ws z b", "v"),
        node("Transpose", "v", "t"),
        node("MatMul", "q t", "m"),
        node("Add", "m c"),
    ]
    scales = np.array([[0.25], [0.5]], np.float32)
    constants = {**GRID, "w": WEIGHTS.T.copy(), "ws": scales, "c": BIAS}
    assert_same(model(nodes, constants), tmp_path, ROWS)


def test_activation_scales_a_power_of_two_apart_are_folded_into_the_weights(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), quant("w g z b", "v"), node("MatMul", "q v")]
    constants = {
        **GRID,
        "s": np.array([[0.25, 0.5, 0.125]], np.float32),
        "g": np.float32(0.25),
        "w": WEIGHTS,
    }
    assert_same(model(nodes, constants), tmp_path, ROWS)


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        ("Add", "q k"),
        ("Add", "k q"),
        ("Sub", "q k"),
        ("Sub", "k q"),
        ("Mul", "q k"),
        ("Mul", "k q"),
        ("Div", "q k"),
        ("Add", "q r"),
        ("Sub", "q r"),
        ("Add", "q qk"),
    ],
)
def test_arithmetic(op: str, inputs: str, tmp_path: Path) -> None:
    nodes = [
        quant("x s z b", "q"),
        quant("x wide z b", "r"),
        quant("k s z b", "qk"),
        node(op, inputs),
    ]
    constants = {**GRID, "wide": np.float32(0.5), "k": np.array([[0.5, -2.0, 0.25]], np.float32)}
    assert_same(model(nodes, constants), tmp_path, ROWS)


def test_addend_between_layers_costs_no_exactness(tmp_path: Path) -> None:
    nodes = [
        quant("x s z b", "q"),
        quant("w s z b", "v"),
        node("Gemm", "q v c", "m"),
        node("Relu", "m", "r"),
        quant("r g z b", signed=0),
    ]
    bias = np.array([0.3, -0.7], np.float32)
    constants = {**GRID, "w": WEIGHTS, "c": bias, "g": np.float32(0.5)}
    assert_same(model(nodes, constants), tmp_path, ROWS)


@pytest.mark.parametrize("as_attributes", [True, False])
def test_clip(as_attributes: bool, tmp_path: Path) -> None:
    quantizer = quant("x s z b", "q")
    if as_attributes:
        clip, opset = node("Clip", "q", "c", min=-0.5, max=1.25), 9
    else:
        clip, opset = node("Clip", "q low high", "c"), 13
    constants = {**GRID, "low": np.float32(-0.5), "high": np.float32(1.25)}
    assert_same(
        model([quantizer, clip, node("Identity", "c")], constants, opset=opset), tmp_path, ROWS
    )
    limits = [quantizer, node("Clip", "q  high", "c"), quant("c g z b")]
    assert_same(model(limits, {**constants, "g": np.float32(0.5)}), tmp_path, ROWS)


def test_constants_are_folded(tmp_path: Path) -> None:
    nodes = [
        node("Constant", "", "two", value_float=2.0),
        node("Mul", "s two", "ss"),
        node("Unsqueeze", "ss zero", "su"),
        node("Cast", "su", "sc", to=1),
        quant("x sc z b"),
    ]
    del nodes[0].input[:]
    assert_same(model(nodes, {**GRID, "zero": np.array([0])}), tmp_path, ROWS)


IMAGE = (1, 2, 5, 6)
IMAGES = np.round(np.random.default_rng(3).normal(size=(6, 2, 5, 6)) * 8) / 8
KERNEL = (np.round(np.random.default_rng(4).normal(size=(4, 2, 3, 3)) * 4) / 4).astype(np.float32)


@pytest.mark.parametrize(
    "attrs",
    [
        {},
        {"pads": [1, 0, 2, 1], "strides": [2, 1]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER"},
        {"auto_pad": "VALID", "dilations": [2, 1]},
        {"group": 2, "kernel_shape": [3, 3]},
    ],
)
def test_convolution(attrs: dict[str, Any], tmp_path: Path) -> None:
    kernel = KERNEL[:, :1] if "group" in attrs else KERNEL
    nodes = [quant("x s z b", "q"), quant("w s z b", "v"), node("Conv", "q v c", **attrs)]
    constants = {**GRID, "w": kernel, "c": np.array([0.5, 0, -1, 0.25], np.float32)}
    assert_same(model(nodes, constants, shape=IMAGE), tmp_path, IMAGES)


def test_convolution_in_one_dimension(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), quant("w s z b", "v"), node("Conv", "q v", pads=[1, 1])]
    made = model(nodes, {**GRID, "w": KERNEL[:, :, 0]}, shape=(1, 2, 9))
    assert_same(made, tmp_path, IMAGES[:, :, :3, :3].reshape(6, 2, 9))


def test_depthwise_convolution_with_a_scale_per_channel(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), quant("w g z b", "v"), node("Conv", "q v", group=2)]
    constants = {
        **GRID,
        "s": np.array([0.25, 0.375], np.float32).reshape(1, 2, 1, 1),
        "g": np.float32(0.25),
        "w": KERNEL[:2, :1],
    }
    assert_same(model(nodes, constants, shape=IMAGE), tmp_path, IMAGES)


@pytest.mark.parametrize(
    "pool",
    [
        node("MaxPool", "q", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=0),
        node("MaxPool", "q", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("AveragePool", "q", kernel_shape=[2, 3], strides=[1, 3]),
        node("AveragePool", "q", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        node("GlobalAveragePool", "q"),
        node("Flatten", "q"),
        node("Transpose", "q", perm=[0, 2, 3, 1]),
        node("Reshape", "q shape"),
        node("Concat", "q q", axis=1),
    ],
)
def test_pools_and_moves(pool: Any, tmp_path: Path) -> None:
    constants = {**GRID, "shape": np.array([0, -1, 3])}
    made = model([quant("x s z b", "q"), pool], constants, shape=IMAGE)
    assert_same(made, tmp_path, IMAGES)


def test_moves_before_the_input_quantizer(tmp_path: Path) -> None:
    nodes = [node("Flatten", "x", "f"), node("Unsqueeze", "f one", "u"), quant("u s z b", "q")]
    nodes.append(node("Squeeze", "q one"))
    constants = {**GRID, "one": np.array([1])}
    graph = assert_same(model(nodes, constants, shape=IMAGE), tmp_path, IMAGES)
    assert graph.nodes[0].op == "Quantize"


@pytest.mark.parametrize("gamma", [[1.0, -0.5], [0.25, 2.0], [-1.0, 0.0]])
def test_normalization_between_power_of_two_factors(gamma: list[float], tmp_path: Path) -> None:
    nodes = [
        quant("x s z b", "q"),
        quant("w s z b", "v"),
        node("Conv", "q v", "c"),
        node("BatchNormalization", "c gamma beta mean variance", "n", epsilon=0.0),
        node("Relu", "n", "r"),
        quant("r s z b", signed=0),
    ]
    constants = {
        **GRID,
        "w": KERNEL[:2],
        "gamma": np.array(gamma, np.float32),
        "beta": np.array([0.33, -0.2], np.float32),
        "mean": np.array([0.1, 0.7], np.float32),
        "variance": np.array([0.25, 4.0], np.float32),
    }
    assert_same(model(nodes, constants, shape=IMAGE), tmp_path, IMAGES)


def test_normalization_with_negative_factors_before_a_pool_and_an_output(tmp_path: Path) -> None:
    nodes = [
        quant("x s z b", "q"),
        quant("w s z b", "v"),
        node("Conv", "q v", "c"),
        node("BatchNormalization", "c gamma beta mean variance", "n", epsilon=0.0),
        node("MaxPool", "n", kernel_shape=[2, 2]),
    ]
    constants = {
        **GRID,
        "w": KERNEL[:2],
        "gamma": np.array([-1.0, 0.0], np.float32),
        "beta": np.array([0.25, -0.5], np.float32),
        "mean": np.array([0.5, 0.75], np.float32),
        "variance": np.array([1.0, 1.0], np.float32),
    }
    assert_same(model(nodes, constants, shape=IMAGE), tmp_path, IMAGES)


def test_softmax_at_the_end_is_left_to_the_host(tmp_path: Path) -> None:
    graph = read_qonnx(saved(model([quant("x s z b", "q"), node("Softmax", "q")], GRID), tmp_path))
    integers = integerize(graph)
    assert (integers.head, integers.outputs) == ("softmax", ("q",))


@pytest.mark.parametrize(
    ("nodes", "more"),
    [
        ([node("Mul", "v k", "w"), node("MatMul", "q w")], {"k": np.float32(0.375)}),
        (
            [node("Div", "v k", "w"), node("MatMul", "q w")],
            {"k": np.array([0.5, -2], np.float32)},
        ),
        ([node("Add", "v v", "w"), node("MatMul", "q w")], {}),
    ],
)
def test_arithmetic_on_quantized_weights(nodes: Any, more: Any, tmp_path: Path) -> None:
    first = [quant("x s z b", "q"), quant("u s z b", "v")]
    assert_same(model([*first, *nodes], {**GRID, "u": WEIGHTS, **more}), tmp_path, ROWS)


@pytest.mark.parametrize("shape", [(4, 5), (1, 6, 2), (6,)])
@pytest.mark.parametrize("quantized", [False, True])
def test_products_with_matrices_of_other_shapes(
    shape: tuple[int, ...], quantized: bool, tmp_path: Path
) -> None:
    values = (np.random.default_rng(1).integers(-4, 4, size=shape) / 4).astype(np.float32)
    weights = [quant("u s z b", "w")] if quantized else []
    product = node("MatMul", "w q" if shape == (4, 5) else "q w")
    made = model(
        [quant("x s z b", "q"), *weights, product],
        {**GRID, "u" if quantized else "w": values},
        shape=(1, 5, 6),
    )
    assert_same(made, tmp_path, np.random.default_rng(2).integers(-9, 9, size=(8, 5, 6)) / 4)


def test_division_of_a_float64_input_is_refused(tmp_path: Path) -> None:
    """A product with the inverse rounds otherwise there; a power of two never does."""

    def divided(by: float) -> Any:
        grid = {"s": np.float64(0.25), "z": np.float64(0), "b": np.float64(4)}
        made = model([node("Div", "x k", "d"), quant("d s z b")], {**grid, "k": np.float64(by)})
        made.graph.input[0].type.tensor_type.elem_type = 11
        return saved(made, tmp_path)

    assert integerize(read_qonnx(divided(4.0))).outputs == ("y",)
    with pytest.raises(GraphError, match="a real input of float64 is divided") as raised:
        read_qonnx(divided(3.0))
    assert "multiply by the inverse" in str(raised.value)


@pytest.mark.parametrize("scales", ["t", "u"])
@pytest.mark.parametrize("rest", [[node("Add", "p k")], [node("Identity", "p")]])
def test_products_of_rows_with_unlike_scales(rest: list[Any], scales: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    rows = np.float32([[0.125], [1.0], [0.5], [2.0]])
    constants = {
        **GRID, "r": rows, "w": rng.integers(-4, 4, size=(4, 4)) * np.float32(0.25),
        "k": np.float32([0.6875, 1.4375, 0.875, 0.5625]), "t": np.float32(0.25),
        "u": np.float32([[0.25, 0.125, 0.0625, 0.25]]),
    }  # fmt: skip
    nodes = [quant("x r z b", "q"), quant(f"w {scales} z b", "v"), node("MatMul", "q v", "p")]
    made = model([*nodes, *rest], constants, shape=(1, 4, 4))
    assert_same(made, tmp_path, rng.normal(size=(20, 4, 4)) * 4)
