"""A user's model computed in float64 behind its quantizers."""

from __future__ import annotations

import math

import numpy as np
import onnx
import pytest

from netwright.errors import NotExecutable
from netwright.exchange.qonnx.file_float64 import run_in_float64
from tests.exchange.onnx_files import GRID, model, node, quant

FEED = {"x": np.array([[0.3, -0.7, 1.2]], np.float32)}


def run(nodes: list, constants: dict) -> np.ndarray:
    (found,) = run_in_float64(onnx, model(nodes, constants), FEED)
    return found


def test_bipolar_and_trunc() -> None:
    bipolar = run([quant("x s", "y", op="BipolarQuant")], {"s": np.float32(0.1)})
    assert bipolar.tolist() == (np.sign(FEED["x"]) * np.float64(np.float32(0.1))).tolist()
    constants = {**GRID, "ib": np.float32(6), "os": np.float32(1.0), "ob": np.float32(4)}
    nodes = [
        quant("x s z ib", "q"),
        quant("q s z ib os ob", "y", op="Trunc", rounding_mode="FLOOR"),
    ]
    assert run(nodes, constants).tolist() == [[0.0, -1.0, 1.0]]


def test_trunc_is_left_to_the_executor_whose_version_reads_other_inputs() -> None:
    constants = {**GRID, "os": np.float32(1.0), "ob": np.float32(4)}
    made = model([quant("x s z b os ob", "y", op="Trunc")], constants, qonnx_opset=1)
    with pytest.raises(NotExecutable, match="Trunc of version 1 does not read 6 inputs"):
        run_in_float64(onnx, made, FEED)


def test_multi_threshold_counts_and_scales() -> None:
    thresholds = np.array([[-0.5, 0.25, 1.0]], np.float32)
    made = quant("x t", "y", op="MultiThreshold", out_scale=0.1, out_bias=-1.0, out_dtype="INT4")
    scale = float(np.float32(0.1))
    assert run([made], {"t": thresholds}).tolist() == [[2 * scale - 1, -1, 3 * scale - 1]]


def test_quantize_linear_rounds_before_the_zero_point() -> None:
    constants = {"s": np.float32(0.1), "z": np.uint8(3)}
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]
    codes = np.clip(np.rint(FEED["x"] / np.float32(0.1)) + 3, 0, 255) - 3
    assert run(nodes, constants).tolist() == (codes * np.float64(np.float32(0.1))).tolist()


def test_scale_of_each_channel() -> None:
    scales = np.array([0.1, 0.2, 0.3], np.float32)
    constants = {"s": scales, "z": np.zeros(3, np.int8)}
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]
    codes = np.rint(FEED["x"] / scales)
    assert run(nodes, constants).tolist() == (codes * scales.astype(np.float64)).tolist()


def test_cast_of_codes_to_a_float_is_float64() -> None:
    """Codes of a quantizer and of an integer input; the product is none of float32."""
    constants = {"s": np.float32(0.1), "z": np.int8(0), "k": np.float32(0.1)}
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node("Cast", "q", "wide", to=onnx.TensorProto.INT32),
        node("Cast", "wide", "c", to=onnx.TensorProto.FLOAT),
        node("Mul", "c k", "y"),
    ]
    expected = np.array([[3.0, -7.0, 12.0]]) * np.float64(np.float32(0.1))
    assert run(nodes, constants).tolist() == expected.tolist()
    codes = np.array([[(1 << 24) + 1, -7, 12]], np.int32)
    cast = model([node("Cast", "x", "c", to=1), node("Mul", "c k", "y")], constants)
    (found,) = run_in_float64(onnx, cast, {"x": codes}, quantized=["x"])
    assert found.tolist() == (codes * np.float64(np.float32(0.1))).tolist()
    (kept,) = run_in_float64(onnx, cast, {"x": codes})
    assert kept.tolist() == (codes.astype(np.float32) * np.float32(0.1)).tolist()


def test_error_function_is_no_float32() -> None:
    """ONNX's reference gives float32 whatever the function is of."""
    cast = model([node("Cast", "x", "c", to=11), node("Erf", "c", "y")], {})
    (found,) = run_in_float64(onnx, cast, FEED, quantized=["x"])
    assert found.tolist() == [[math.erf(value) for value in FEED["x"][0].tolist()]]


def test_operator_without_an_implementation_is_named() -> None:
    with pytest.raises(NotExecutable, match='"Im2Col" has no float64 implementation here'):
        run([quant("x", "y", op="Im2Col")], {})
    with pytest.raises(NotExecutable, match='"MatMul" cannot be run in float64: '):
        run([node("MatMul", "x w", "y")], {"w": np.ones((2, 2), np.float32)})


def test_file_of_float64_is_computed_with_more_bits() -> None:
    """3.75 / 0.3 is 12.5 in float64, and a little more in the numbers that the file holds."""
    constants = {
        "s": np.float64(0.25),
        "t": np.float64(0.3),
        "z": np.float64(0),
        "b": np.float64(8),
    }
    graph = model([quant("x s z b", "q"), quant("q t z b", "y")], constants)
    (found,) = run_in_float64(onnx, graph, {"x": np.array([[3.75]])})
    assert found.astype(np.float64).tolist() == [[13 * 0.3]]
    in_the_file = np.rint(np.float64(3.75) / np.float64(0.3))
    assert in_the_file == 12


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("op", ["Conv", "MaxPool", "AveragePool"])
def test_same_padding_has_the_shape_that_onnx_says(op: str, mode: str) -> None:
    image = np.arange(49, dtype=np.float32).reshape(1, 1, 7, 7)
    attrs = {"auto_pad": mode, "strides": [2, 2], "kernel_shape": [4, 4]}
    weights = {"w": np.ones((1, 1, 4, 4), np.float32)} if op == "Conv" else {}
    graph = model([node(op, "x w" if weights else "x", "y", **attrs)], weights)
    (found,) = run_in_float64(onnx, graph, {"x": image}, quantized=["x"])
    before = 1 if mode == "SAME_UPPER" else 2
    padded = np.pad(image[0, 0], ((before, 3 - before),) * 2, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (4, 4))[::2, ::2]
    reduce = {"Conv": np.nansum, "MaxPool": np.nanmax, "AveragePool": np.nanmean}[op]
    np.testing.assert_array_equal(found[0, 0], reduce(windows, axis=(2, 3)))


def test_hard_swish_has_no_constant_in_float32() -> None:
    made = model([node("HardSwish", "x", "y")], {}, opset=14)
    (found,) = run_in_float64(onnx, made, FEED, quantized=["x"])
    exact = np.float64(FEED["x"])
    assert np.abs(found - exact * (exact / 6 + 0.5)).max() < 1e-15


def test_what_follows_from_extents_alone_has_the_precision_of_the_file() -> None:
    nodes = [node("Shape", "x", "s", start=1), node("Cast", "s", "f", to=1),
             node("Sqrt", "f", "r"), node("Mul", "x r")]  # fmt: skip
    made = model(nodes, {}, opset=15)
    (found,) = run_in_float64(onnx, made, FEED, quantized=["x"])
    assert found.dtype == np.float64
    assert found.tolist() == (np.float64(FEED["x"]) * np.float64(np.sqrt(np.float32(3)))).tolist()


@pytest.mark.parametrize("of_groups", [False, True])
def test_normalization_of_groups_which_the_reference_lacks(of_groups: bool) -> None:
    values = np.random.default_rng(3).normal(size=(1, 6, 2, 2)).astype(np.float32)
    count = 3 if of_groups else 6
    gain, offset = np.arange(1, count + 1, dtype=np.float32), np.ones(count, np.float32)
    made = model(
        [node("GroupNormalization", "x g o", num_groups=3, epsilon=0.5)],
        {"g": gain, "o": offset}, shape=(1, 6, 2, 2), opset=18 if of_groups else 21,
    )  # fmt: skip
    (found,) = run_in_float64(onnx, made, {"x": values}, quantized=["x"])
    assert found.dtype == np.float64
    wanted = np.empty((6, 2, 2))
    for channel in range(6):
        group = values[0, channel // 2 * 2 : channel // 2 * 2 + 2].astype(np.float64)
        scaled = (values[0, channel] - group.mean()) / math.sqrt(group.var() + 0.5)
        wanted[channel] = scaled * gain[channel // 2 if of_groups else channel] + 1
    np.testing.assert_allclose(found[0], wanted, rtol=1e-12)


def cancelling(last: object, constants: dict) -> tuple[onnx.ModelProto, np.ndarray]:
    """Products of codes whose sums are 0, with a scale that is no power of two, and their rows."""
    weights = np.array([[3], [-7], [5]])
    whole = {**GRID, "s": np.float32(0.1), "b": np.float32(8), **constants}
    whole["w"] = (weights * 0.1).astype(np.float32)
    nodes = [quant("x s z b", "q"), quant("w s z b", "wq"), node("MatMul", "q wq", "m")]
    codes = np.array([[a, b, (7 * b - 3 * a) // 5] for a in range(10) for b in range(10)])
    codes = codes[codes @ weights[:, 0] == 0]
    (sums,) = run_in_float64(
        onnx, model(nodes, whole, outputs=("m",)), {"x": (codes * 0.1).astype(np.float32)}
    )
    assert np.min(sums) < 0
    return model([*nodes, last], whole), (codes * 0.1).astype(np.float32)


def test_a_sum_that_is_nothing_is_not_below_nothing() -> None:
    """Floats do not cancel where codes do; rounding down made one step of it."""
    last = quant("m t z b", "y", rounding_mode="FLOOR")
    made, rows = cancelling(last, {"t": np.float32(1 / 3)})
    (found,) = run_in_float64(onnx, made, {"x": rows})
    assert found.tolist() == [[0.0]] * len(rows)


@pytest.mark.parametrize("op", ["BipolarQuant", "MultiThreshold"])
def test_signs_and_thresholds_of_a_sum_that_is_nothing(op: str) -> None:
    last = quant("m t", "y", op=op)
    constant = np.float32(1) if op == "BipolarQuant" else np.array([[0, 1]], np.float32)
    made, rows = cancelling(last, {"t": constant})
    (found,) = run_in_float64(onnx, made, {"x": rows})
    assert found.tolist() == [[1.0]] * len(rows)


def test_what_float16_cannot_hold_is_infinite_with_any_number_of_bits() -> None:
    nodes = [node("Mul", "x k", "m"), node("Cast", "m", "h", to=10), node("Cast", "h", "y", to=1)]
    made = model(nodes, {"k": np.float32(1e5)})
    (found,) = run_in_float64(onnx, made, FEED, quantized=["x"])
    with np.errstate(over="ignore"):
        assert np.isinf(found).tolist() == np.isinf((FEED["x"] * 1e5).astype(np.float16)).tolist()
    assert found[0, 1] == -np.inf
