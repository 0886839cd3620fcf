"""Files with standard quantizers mean to us what they mean to ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import FileReferee, read_qonnx
from netwright.ir import Graph, interpret, real_values
from netwright.passes import integerize
from tests.exchange.onnx_files import model, node, saved

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(5)
ROWS = np.concatenate([RNG.normal(size=(40, 4)) * 3, RNG.integers(-30, 30, size=(40, 4)) / 8])
IMAGES = RNG.integers(-40, 40, size=(20, 2, 5, 5)) / 16
STEP = np.float32(0.25)
SCALES = np.array([0.0137, 0.0211, 0.0293], np.float32)


def run(made: Any, inputs: np.ndarray) -> np.ndarray:
    """What ONNX Runtime makes of the model as it stands, row by row."""
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = runtime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.concatenate([session.run(None, {"x": row[None]})[0] for row in inputs])


def assert_same(made: Any, folder: Path, inputs: np.ndarray) -> Graph:
    """Compare both forms of the graph with ONNX Runtime; returns the integer graph."""
    inputs = inputs.astype(np.float32)
    expected = run(made, inputs).astype(np.float64)
    graph = read_qonnx(saved(made, folder))
    assert graph.outputs == ("y",)
    found = interpret(graph, inputs)["y"]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)
    integers = integerize(graph)
    codes = real_values(integers, "y", interpret(integers, inputs)["y"])
    np.testing.assert_allclose(codes.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)
    assert expected.std() > 0
    return integers


def pair(source: str, output: str, zero: str = "z") -> list[Any]:
    """QuantizeLinear and DequantizeLinear."""
    inner = f"{output}_codes"
    return [
        node("QuantizeLinear", f"{source} s {zero}", inner),
        node("DequantizeLinear", f"{inner} s {zero}", output),
    ]


WEIGHTS = RNG.integers(-90, 90, size=(4, 3)).astype(np.int8)


@pytest.mark.parametrize("opset", [10, 13, 21])
@pytest.mark.parametrize(
    "zero", [np.int8(0), np.int8(-128), np.int8(3), np.uint8(0), np.uint8(127)]
)
def test_quantizers_of_activations(opset: int, zero: Any, tmp_path: Path) -> None:
    made = model(pair("x", "y"), {"s": STEP, "z": zero}, shape=(1, 4), opset=opset)
    made.ir_version = 8 if opset < 21 else 10
    integers = assert_same(made, tmp_path, ROWS)
    assert not integers.notes


@pytest.mark.parametrize(("low", "high"), [(-8, 7), (-7, 7), (0, 15), (-3, 100), (-200, 200)])
def test_clipped_codes_are_a_narrower_quantizer(low: int, high: int, tmp_path: Path) -> None:
    nodes = [
        node("QuantizeLinear", "x s z", "a"),
        node("Clip", "a low high", "c"),
        node("DequantizeLinear", "c s z"),
    ]
    kind = np.int8 if low >= -128 else np.int16
    constants = {"s": STEP, "z": kind(0), "low": kind(low), "high": kind(high)}
    made = model(nodes, constants, shape=(1, 4), opset=21)
    made.ir_version = 10
    integers = integerize(read_qonnx(saved(made, tmp_path)))
    rows = ROWS.astype(np.float32)
    found = real_values(integers, "y", interpret(integers, rows)["y"])
    kept = max(low, np.iinfo(kind).min), min(high, np.iinfo(kind).max)
    np.testing.assert_array_equal(found, np.clip(np.rint(rows / STEP), *kept) * STEP)
    assert [n.op for n in integers.nodes] == ["Quantize"]


@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize("zero", [0, 2])
def test_weights_behind_a_dequantizer(channels: bool, zero: int, tmp_path: Path) -> None:
    scale = SCALES if channels else SCALES[0]
    nodes = [
        *pair("x", "q"),
        node("DequantizeLinear", "w ws wz", "wr", axis=1),
        node("DequantizeLinear", "b bs", "br", axis=0),
        node("MatMul", "q wr", "p"),
        node("Add", "p br", "t"),
        *pair("t", "y", "z2"),
    ]
    constants = {
        "s": STEP, "z": np.uint8(128), "z2": np.int8(5), "w": WEIGHTS, "ws": scale,
        "wz": np.full(np.shape(scale), zero, np.int8), "b": np.array([40, -7, 900], np.int32),
        "bs": scale * STEP,
    }  # fmt: skip
    assert_same(model(nodes, constants, shape=(1, 4)), tmp_path, ROWS)


def test_narrow_integers(tmp_path: Path) -> None:
    def change(made: Any) -> None:
        kind = onnx.TensorProto.UINT4
        made.graph.initializer.append(onnx.helper.make_tensor("z", kind, [], [3]))

    made = model(pair("x", "y"), {"s": STEP}, shape=(1, 4), opset=21, change=change)
    made.ir_version = 10
    integers = assert_same(made, tmp_path, ROWS)
    assert integers.types["y"].dtype.bits == 5  # -3 to 12


def codes_of_x(kind: Any = np.uint8, zero: int = 120) -> tuple[Any, dict[str, Any]]:
    return node("QuantizeLinear", "x s z", "a"), {"s": STEP, "z": kind(zero)}


OUT = {"ys": np.float32(0.4), "yz": np.uint8(100)}


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("channels", [False, True])
def test_qlinear_conv(bias: bool, channels: bool, tmp_path: Path) -> None:
    first, constants = codes_of_x()
    scale = SCALES if channels else SCALES[0]
    constants |= OUT | {
        "w": RNG.integers(-90, 90, size=(3, 2, 3, 3)).astype(np.int8),
        "ws": scale,
        "wz": np.zeros(np.shape(scale), np.int8),
        "b": np.array([300, -70, 9], np.int32),
    }
    inputs = "a s z w ws wz ys yz" + (" b" if bias else "")
    nodes = [
        first,
        node("QLinearConv", inputs, "c", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("MaxPool", "c", "m", kernel_shape=[2, 2]),
        node("DequantizeLinear", "m ys yz"),
    ]
    assert_same(model(nodes, constants, shape=(1, 2, 5, 5)), tmp_path, IMAGES)


def test_qlinear_matmul(tmp_path: Path) -> None:
    first, constants = codes_of_x()
    constants |= OUT | {"w": WEIGHTS, "ws": SCALES[0], "wz": np.int8(0)}
    nodes = [
        first,
        node("QLinearMatMul", "a s z w ws wz ys yz", "c"),
        node("DequantizeLinear", "c ys yz"),
    ]
    assert_same(model(nodes, constants, shape=(1, 4)), tmp_path, ROWS)


def microsoft(made: Any) -> None:
    made.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))


def test_qgemm_and_qlinear_add(tmp_path: Path) -> None:
    first, constants = codes_of_x()
    constants |= OUT | {
        "w": WEIGHTS.T.copy(), "ws": SCALES[0], "wz": np.int8(0),
        "b": np.array([300, -70, 9], np.int32), "k": np.array([[9, 200, 100]], np.uint8),
        "ks": np.float32(0.2), "kz": np.uint8(90),
    }  # fmt: skip
    nodes = [
        first,
        node("QGemm", "a s z w ws wz b ys yz", "c", domain="com.microsoft", transB=1),
        node("QLinearAdd", "c ys yz k ks kz ys yz", "d", domain="com.microsoft"),
        node("DequantizeLinear", "d ys yz"),
    ]
    made = model(nodes, constants, shape=(1, 4), change=microsoft)
    assert_same(made, tmp_path, ROWS)


@pytest.mark.parametrize(
    ("weights", "zero_point"),
    [
        (WEIGHTS, np.int8(2)),
        ((WEIGHTS.astype(int) + 128).astype(np.uint8), np.uint8(130)),
        ((WEIGHTS.astype(int) + 128).astype(np.uint8), np.array([17, 130, 255], np.uint8)),
    ],
)
def test_matmul_integer(
    tmp_path: Path, weights: np.ndarray, zero_point: np.integer | np.ndarray
) -> None:
    first, constants = codes_of_x()
    constants |= {"w": weights, "wz": zero_point, "f": np.float32(2.0**-9)}
    nodes = [
        first,
        node("MatMulInteger", "a w z wz", "c"),
        node("Cast", "c", "r", to=1),
        node("Mul", "r f", "t"),
        *pair("t", "y"),
    ]
    assert_same(model(nodes, constants, shape=(1, 4)), tmp_path, ROWS)


def test_conv_integer(tmp_path: Path) -> None:
    first, constants = codes_of_x(np.uint8, 7)
    constants |= {"w": RNG.integers(-9, 9, size=(3, 2, 3, 3)).astype(np.int8), "f": STEP}
    nodes = [
        first,
        node("ConvInteger", "a w z", "c"),
        node("Cast", "c", "r", to=1),
        node("Mul", "r f", "t"),
        *pair("t", "y"),
    ]
    made = model(nodes, constants, shape=(1, 2, 5, 5))
    inputs = IMAGES.astype(np.float32)
    graph = read_qonnx(saved(made, tmp_path))
    codes = np.clip(np.rint(inputs / STEP) + 7, 0, 255) - 7
    kernel = constants["w"].astype(np.float64)
    slices = [codes[:, :, i : i + 3, j : j + 3] for i in range(3) for j in range(3)]
    sums = sum(
        np.einsum("bcij,oc->boij", part, kernel[:, :, k // 3, k % 3])
        for k, part in enumerate(slices)
    )
    expected = (np.clip(np.rint(sums * STEP / STEP) + 7, 0, 255) - 7) * STEP
    integers = integerize(graph)
    found = real_values(integers, "y", interpret(integers, inputs)["y"])
    np.testing.assert_array_equal(found, expected)


def test_codes_as_an_output_are_codes(tmp_path: Path) -> None:
    nodes = [node("QuantizeLinear", "x s z")]
    made = model(nodes, {"s": STEP, "z": np.uint8(100)}, shape=(1, 4))
    made.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    assert_same(made, tmp_path, ROWS)


def test_input_of_integers_is_its_own_quantizer(tmp_path: Path) -> None:
    def change(made: Any) -> None:
        made.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8

    nodes = [node("Cast", "x", "r", to=1), node("MatMul", "r w")]
    constants = {"w": np.float32(WEIGHTS)}
    graph = integerize(
        read_qonnx(saved(model(nodes, constants, shape=(1, 4), change=change), tmp_path))
    )
    rows = RNG.integers(0, 256, size=(30, 4)).astype(np.float64)
    np.testing.assert_array_equal(interpret(graph, rows)["y"], rows @ WEIGHTS)


@pytest.mark.parametrize(
    ("nodes", "constants", "text"),
    [
        (
            [node("DynamicQuantizeLinear", "x", "a s z"), node("DequantizeLinear", "a s z")],
            {},
            "DynamicQuantizeLinear chooses its scale anew for every row, which fixed hardware "
            "cannot; hint: quantize statically, for instance with "
            "onnxruntime.quantization.quantize_static",
        ),
        (
            pair("x", "y"),
            {"s": np.float32(-1), "z": np.int8(0)},
            "the scale must be greater than 0, not -1.0",
        ),
        (
            pair("x", "y"),
            {"s": np.full(4, STEP), "z": np.arange(4, dtype=np.int8)},
            "a zero point per channel is supported for constants only; hint: quantize activations "
            "with one zero point for the tensor",
        ),
        (
            [node("QuantizeLinear", "x s z", "a", block_size=2), node("DequantizeLinear", "a s z")],
            {"s": STEP, "z": np.int8(0)},
            "scales per block (block_size) are not supported; hint: quantize with one scale for "
            "the tensor, or one for each channel",
        ),
    ],
)
def test_refusals(nodes: Any, constants: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(GraphError) as caught:
        read_qonnx(saved(model(nodes, constants, shape=(1, 4)), tmp_path))
    assert text in str(caught.value)


def test_annotated_input_of_integers_is_its_own_quantizer(tmp_path: Path) -> None:
    def change(made: Any) -> None:
        entry = made.graph.quantization_annotation.add(tensor_name="x")
        entry.quant_parameter_tensor_names.add(key="tensor_layout", value="['N', 'C']")
        entry.quant_parameter_tensor_names.add(key="finn_datatype", value="UINT4")

    path = saved(
        model([node("Div", "x c")], {"c": np.float32(4)}, shape=(1, 4), change=change), tmp_path
    )
    graph = integerize(read_qonnx(path))
    assert graph.nodes[0].integer("high") == 15
    rows = np.array([[0.0, 3.5, 15.0, 40.0]])
    found = real_values(graph, "y", interpret(graph, rows)["y"])
    np.testing.assert_array_equal(found, [[0, 1, 3.75, 3.75]])
    np.testing.assert_array_equal(FileReferee(path, graph).run(rows)[0], found)
