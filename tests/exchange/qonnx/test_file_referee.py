"""A user's file executed by the tool that it is meant for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from netwright import ir
from netwright.errors import DataError, NotExecutable, UnsupportedOp, VerificationError
from netwright.exchange import FileReferee, InputQuantizer, read_qonnx
from netwright.ir import Graph, Node, TensorType
from netwright.passes import integerize
from tests.exchange.onnx_files import GRID, executed, model, node, quant, saved

pytest.importorskip("qonnx")

DATA = Path(__file__).parent.parent / "data"


def of(path: Path) -> FileReferee:
    return FileReferee(path, integerize(read_qonnx(path)))


Change = Callable[[onnx.ModelProto], object]


def _shape(value: onnx.ValueInfoProto, *shape: int | str | None) -> None:
    tensor = value.type.tensor_type
    made = onnx.helper.make_tensor_value_info(value.name, tensor.elem_type or 1, shape)
    value.CopyFrom(made)


def _as_given(made: onnx.ModelProto) -> None:
    """Tell no shape behind the input."""


def _free_output(made: onnx.ModelProto) -> None:
    _shape(made.graph.output[0], "M", 2)


def _free_inside(made: onnx.ModelProto) -> None:
    made.graph.value_info.add().name = "r"
    _shape(made.graph.value_info[0], "unk__0", 2)
    _shape(made.graph.output[0], None, 2)


def _stale(made: onnx.ModelProto) -> None:
    made.graph.value_info.add().name = "q"
    _shape(made.graph.value_info[0], 1, 9)
    _shape(made.graph.output[0], 1, 7)


def _negative(made: onnx.ModelProto) -> None:
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1


@pytest.mark.parametrize("batch", ["N", None, 0, 1])
@pytest.mark.parametrize("change", [_as_given, _free_output, _free_inside, _stale, _negative])
def test_batch_and_shapes_that_a_file_tells_are_no_obstacle(
    tmp_path: Path, batch: str | int | None, change: Change
) -> None:
    """A batch that is free, and shapes that are free or wrong behind the inputs."""
    weight = np.array([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.25]], np.float32)
    nodes = [
        quant("x s z b", "q"),
        quant("w s z b", "wq"),
        node("MatMul", "q wq", "m"),
        node("Relu", "m", "r"),
        quant("r s z b", "y", signed=0),
    ]
    made = model(nodes, {**GRID, "w": weight}, shape=(batch, 3), change=change)
    file = of(saved(made, tmp_path))
    grid = np.random.default_rng(0).integers(-8, 8, (9, 3)) * 0.25
    expected = np.clip(np.rint(grid @ np.clip(weight, -2, 1.75) / 0.25), 0, 15) * 0.25
    for rows in (1, 9):
        np.testing.assert_array_equal(file.run(grid[:rows])[0], expected[:rows])
    assert not file.is_slow


@pytest.mark.parametrize("of_qonnx", [True, False])
def test_batch_that_the_file_squeezes_away_is_there_again(tmp_path: Path, of_qonnx: bool) -> None:
    constants = {**GRID, "zero": np.int8(0)}
    nodes = [quant("x s z b", "q"), node("Squeeze", "q")]
    if not of_qonnx:
        nodes = [
            node("QuantizeLinear", "x s zero", "c"),
            node("DequantizeLinear", "c s zero", "q"),
            node("Squeeze", "q"),
        ]
    file = of(saved(model(nodes, constants), tmp_path))
    rows = np.array([[0.5, -1.0, 1.5], [0.25, 0.0, -2.0]])
    np.testing.assert_array_equal(file.run(rows[:1])[0], rows[:1])
    np.testing.assert_array_equal(file.run(rows)[0], rows)


@pytest.mark.parametrize("annotated", [False, True])
def test_float64_begins_with_integer_inputs(tmp_path: Path, annotated: bool) -> None:
    def change(made: onnx.ModelProto) -> None:
        if annotated:
            told = made.graph.quantization_annotation.add(tensor_name="x")
            told.quant_parameter_tensor_names.add(key="finn_datatype", value="INT32")
        else:
            made.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT32

    constants = {**GRID, "s": np.float32(0.1), "w": np.array([[0.7], [0.3], [-0.1]], np.float32)}
    nodes = [node("Cast", "x", "c", to=1), quant("w s z b", "wq"), node("MatMul", "c wq", "y")]
    file = of(saved(model(nodes, constants, change=change), tmp_path))
    codes = np.random.default_rng(0).integers(-(1 << 22), 1 << 22, (9, 3)).astype(np.float64)
    exact = codes @ np.array([[7.0], [3.0], [-1.0]]) * np.float64(constants["s"])
    (found,) = file.run(codes, precision="float64")
    np.testing.assert_allclose(found, exact, rtol=1e-13)
    assert np.any(np.abs(file.run(codes)[0] - exact) > 1e-9 * np.abs(exact))


@pytest.mark.parametrize("name", ["brevitas_mlp_float", "brevitas_mlp_po2", "brevitas_conv"])
def test_file_of_brevitas_gives_what_brevitas_gave(name: str) -> None:
    stored = np.load(DATA / f"{name}.npz")
    file = of(DATA / f"{name}.onnx")
    inputs = stored["inputs"] if "inputs" in stored else stored[stored.files[0]]
    (found,) = file.run(inputs)
    expected = stored["outputs"] if "outputs" in stored else stored[stored.files[1]]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert file.executor.startswith("qonnx ")


def test_rows_together_are_rows_alone(tmp_path: Path) -> None:
    """A Reshape to one row is no obstacle to many; the values are those of one row at a time."""
    constants = {**GRID, "w": np.arange(8, dtype=np.float32).reshape(4, 2), "shape": [1, 4]}
    nodes = [
        quant("x s z b", "q"),
        node("Reshape", "q shape", "flat"),
        quant("w s z b", "wq"),
        node("MatMul", "flat wq", "y"),
    ]
    made = model(nodes, constants, shape=(1, 2, 2))
    file = of(saved(made, tmp_path))
    rows = np.random.default_rng(0).normal(size=(9, 2, 2)).astype(np.float32)
    np.testing.assert_array_equal(file.run(rows)[0], executed(made, rows))


def test_rows_that_depend_on_each_other_are_executed_alone(tmp_path: Path) -> None:
    constants = {**GRID, "axes": np.array([0])}
    nodes = [quant("x s z b", "q"), node("ReduceSum", "q axes", "y", keepdims=1)]
    path = saved(model(nodes, constants), tmp_path)
    types = {name: TensorType((1, 3)) for name in "xy"}
    graph = Graph("g", ("x",), ("y",), (Node("r", "Relu", ("x",), "y"),), types, {})
    rows = np.round(np.random.default_rng(0).normal(size=(6, 3)) * 4) / 4
    np.testing.assert_array_equal(FileReferee(path, graph).run(rows)[0], np.clip(rows, -2, 1.75))


@pytest.mark.parametrize("batch", ["N", 1])
@pytest.mark.parametrize(
    ("over", "axes"), [("q", [0]), ("column", [1])], ids=["rows", "rows of a reshaped batch"]
)
def test_a_free_batch_whose_rows_depend_on_each_other_is_refused(
    tmp_path: Path, over: str, axes: list[int], batch: str | int
) -> None:
    """Row by row they do not; with a declared batch of 1 that is what the file means."""
    constants = {**GRID, "column_shape": np.array([1, -1, 3])}
    nodes = [
        quant("x s z b", "q"),
        node("Reshape", "q column_shape", "column"),
        node("ReduceMax", over, "m", axes=axes, keepdims=int(over == "q")),
        node("Sub", "q m", "y"),
    ]
    path = saved(model(nodes, constants, shape=(batch, 3)), tmp_path)
    types = {name: TensorType((1, 3)) for name in "xy"}
    graph = Graph("g", ("x",), ("y",), (Node("r", "Relu", ("x",), "y"),), types, {})
    rows = np.round(np.random.default_rng(0).normal(size=(6, 3)) * 4) / 4
    if batch == 1:
        assert not np.any(FileReferee(path, graph).run(rows)[0])
        return
    with pytest.raises(VerificationError, match=r"depends on the others"):
        FileReferee(path, graph).run(rows)


def test_a_file_that_multiplies_with_its_batch_is_executed_as_it_is_declared(
    tmp_path: Path,
) -> None:
    """The first three rows at once say nothing of more, for three are declared."""
    constants = {**GRID, "first": np.array(0)}
    nodes = [
        quant("x s z b", "q"),
        node("Shape", "q", "extents"),
        node("Gather", "extents first", "n"),
        node("Cast", "n", "f", to=1),
        node("Mul", "q f", "y"),
    ]
    file = of(saved(model(nodes, constants, shape=(3, 3)), tmp_path))
    rows = np.round(np.random.default_rng(0).normal(size=(12, 3))) / 4
    for count in (4, 12, 7):
        np.testing.assert_array_equal(file.run(rows[:count])[0], 3 * rows[:count])


def test_file_of_a_fixed_number_of_rows_is_filled_up(tmp_path: Path) -> None:
    path = saved(model([quant("x s z b", "y")], GRID, shape=(4, 3)), tmp_path)
    rows = np.random.default_rng(0).normal(size=(7, 3))
    (found,) = of(path).run(rows)
    np.testing.assert_array_equal(found, np.clip(np.rint(rows / 0.25), -8, 7) * 0.25)


def test_standard_file_is_executed_by_onnx_runtime(tmp_path: Path) -> None:
    path = saved(model([node("Relu", "x", "y")], {}), tmp_path)
    types = {name: TensorType((1, 3)) for name in "xy"}
    graph = Graph("g", ("x",), ("y",), (Node("r", "Relu", ("x",), "y"),), types, {})
    file = FileReferee(path, graph)
    assert file.executor.startswith("ONNX Runtime ")
    np.testing.assert_array_equal(file.run(np.array([[-1.0, 0.5, 2.0]]))[0], [[0, 0.5, 2]])


def test_inputs_are_cast_to_what_the_file_declares(tmp_path: Path) -> None:
    """The float64 next below the border is the border in float32."""
    constants = {**GRID, "s": np.float32(0.1)}
    path = saved(model([quant("x s z b", "y")], constants), tmp_path)
    border = np.float64(np.float32(0.15))
    rows = np.array([[border, np.nextafter(border, 0), np.nextafter(np.float32(border), 0)]])
    (found,) = of(path).run(rows)
    assert found[0, 0] == found[0, 1]
    graph = integerize(read_qonnx(path))
    codes = ir.interpret(graph, rows)["y"]
    np.testing.assert_array_equal(np.rint(found / np.float32(0.1)), codes)


def test_softmax_at_the_end_is_left_out(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), node("Softmax", "q", "y", axis=-1)]
    file = of(saved(model(nodes, GRID), tmp_path))
    np.testing.assert_array_equal(file.run(np.array([[0.5, 1.0, -1.0]]))[0], [[0.5, 1.0, -1.0]])


def test_float64_keeps_the_codes_of_the_input_and_undoes_the_rest(tmp_path: Path) -> None:
    """0.1 in float32 times seven is no multiple of it in float32, but is in float64."""
    scale = np.float32(0.1)
    constants = {**GRID, "s": scale, "w": np.array([[7.0], [1.0], [3.0]], np.float32)}
    constants["one"] = np.float32(1.0)
    nodes = [
        quant("x s z b", "q"),
        quant("w one z b", "wq"),
        node("MatMul", "q wq", "y"),
    ]
    file = of(saved(model(nodes, constants), tmp_path))
    rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    codes = np.clip(np.rint(rows / scale), -8, 7).astype(np.float64)
    exact = codes @ np.array([[7.0], [1.0], [3.0]]) * np.float64(scale)
    assert np.any(file.run(rows)[0] != exact)
    np.testing.assert_allclose(file.run(rows, precision="float64")[0], exact, rtol=1e-15)


def test_all_of_it_in_float64(tmp_path: Path) -> None:
    """A factor in front of the quantizer is rounded by float32, and by float64 it is not."""
    constants = {**GRID, "b": np.float32(8), "k": np.float32(1 / 3)}
    file = of(saved(model([node("Mul", "x k", "m"), quant("m s z b", "y")], constants), tmp_path))
    borders = (np.arange(-20, 20) + 0.5) * 0.25 * 3
    rows = np.repeat(borders.astype(np.float32)[:, None], 3, axis=1)
    kept, whole = (file.run(rows, precision=p)[0] for p in ("float64", "all-float64"))
    np.testing.assert_array_equal(kept, file.run(rows)[0])
    exact = np.rint(rows.astype(np.float64) * np.float64(constants["k"]) / 0.25) * 0.25
    np.testing.assert_array_equal(whole, exact)
    assert np.any(whole != kept)


def test_integer_inputs_get_integers(tmp_path: Path) -> None:
    def change(made: onnx.ModelProto) -> None:
        made.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8

    nodes = [node("Cast", "x", "c", to=1), quant("c s z b", "y")]
    path = saved(model(nodes, {**GRID, "b": np.float32(12)}, change=change), tmp_path)
    types = {name: TensorType((1, 3)) for name in "xy"}
    graph = Graph("g", ("x",), ("y",), (Node("r", "Relu", ("x",), "y"),), types, {})
    (found,) = FileReferee(path, graph).run(np.array([[-3.2, 254.6, 999.0]]))
    np.testing.assert_array_equal(found, [[0, 255, 255]])


def test_file_that_leaves_its_inputs_real_gets_quantized_rows(tmp_path: Path) -> None:
    constants = {**GRID, "w": np.array([[1.0], [-2.0], [0.5]], np.float32)}
    nodes = [quant("w s z b", "wq"), node("MatMul", "x wq", "y")]
    path = saved(model(nodes, constants), tmp_path)
    quantizer = InputQuantizer(4, 0.5)
    graph = integerize(read_qonnx(path, input_quantizer=quantizer))
    rows = np.random.default_rng(0).normal(size=(9, 3))
    (found,) = FileReferee(path, graph, input_quantizer=quantizer).run(rows)
    on_grid = np.clip(np.rint(rows / 0.5), -8, 7) * 0.5
    np.testing.assert_allclose(found, on_grid @ np.clip(constants["w"], -2, 1.75), rtol=1e-6)


def test_operator_that_the_executor_does_not_know(tmp_path: Path) -> None:
    path = saved(model([quant("x s z b", "y", op="Quantum")], GRID), tmp_path)
    types = {name: TensorType((1, 3)) for name in "xy"}
    graph = Graph("g", ("x",), ("y",), (Node("r", "Relu", ("x",), "y"),), types, {})
    with pytest.raises(NotExecutable, match=r"^qonnx .* cannot run model.onnx: "):
        FileReferee(path, graph).run(np.zeros((2, 3)))


def test_domain_never_names_a_module_to_import(tmp_path: Path) -> None:
    path = saved(model([node("Thing", "x", "y", domain="this")], {}), tmp_path)
    types = {name: TensorType((1, 3)) for name in "xy"}
    graph = Graph("g", ("x",), ("y",), (Node("r", "Relu", ("x",), "y"),), types, {})
    with pytest.raises(UnsupportedOp, match=r'operator "this\.Thing" is not supported by the exec'):
        FileReferee(path, graph)


def test_wrong_rows_are_refused(tmp_path: Path) -> None:
    file = of(saved(model([quant("x s z b", "y")], GRID), tmp_path))
    with pytest.raises(DataError, match=r"must have shape \(batch, 3\)"):
        file.run(np.zeros((2, 4)))
    with pytest.raises(DataError, match="there are no rows"):
        file.run(np.zeros((0, 3)))


def test_operators_of_version_6_are_converted(tmp_path: Path) -> None:
    constants = {
        "w": np.array([[0.5, -1.0], [1.5, 0.25], [-2.0, 1.0]], np.float32),
        "c": np.array([1, -1], np.float32),
    }
    made = model([node("Gemm", "x w c", broadcast=1)], constants, opset=6)
    path = saved(made, tmp_path)
    graph = integerize(read_qonnx(path, input_quantizer=InputQuantizer(5, 0.25)))
    file = FileReferee(path, graph, input_quantizer=InputQuantizer(5, 0.25))
    assert file.executor.endswith(", operators converted to version 13 by ONNX")
    rows = np.array([[0.5, -1, 2.25], [1, 1, 1]])
    np.testing.assert_allclose(file.run(rows)[0], rows @ constants["w"] + constants["c"])


def test_operators_of_version_6_beside_those_of_qonnx_are_converted(tmp_path: Path) -> None:
    weight = np.array([[0.5, -1.0], [1.5, 0.25], [-2.0, 1.0]], np.float32)
    constants = {**GRID, "w": weight, "c": np.array([0.5, -0.25], np.float32)}
    nodes = [
        quant("x s z b", "q"),
        quant("w s z b", "wq"),
        node("Gemm", "q wq c", "g", broadcast=1),
        quant("g s z b"),
    ]
    file = of(saved(model(nodes, constants, opset=6, shape=("N", 3)), tmp_path))
    assert file.executor.startswith("qonnx ")
    assert file.executor.endswith(", operators converted to version 13 by ONNX")
    rows = np.random.default_rng(0).integers(-8, 8, (9, 3)) * 0.25
    expected = np.clip(np.rint((rows @ weight + constants["c"]) / 0.25), -8, 7) * 0.25
    np.testing.assert_array_equal(file.run(rows)[0], expected)
