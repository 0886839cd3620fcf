"""Shapes and operators of ONNX files, good and bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from netwright.errors import DataError, GraphError, UnsupportedOp
from netwright.exchange import is_quantized, read_workload
from netwright.workload import fuse
from tests.exchange.onnx_files import GRID, model, node, quant, saved

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"

COUNTS = {
    # operators, MACs and parameters; VGG-19 has torchvision's counts, ResNet-50 too
    "resnet50": (232, 4_089_184_256, 25_557_032),
    "vgg19": (65, 19_632_062_464, 143_667_240),
    "squeezenet": (94, 349_151_936, 1_235_496),
}


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_light_models_of_the_onnx_package(name):
    """torchvision states the same parameters for the same networks."""
    workload = read_workload(LIGHT / f"light_{name}.onnx")
    assert (len(workload.einsums), workload.num_macs, workload.num_parameters) == COUNTS[name]


def read(nodes: list[Any], folder: Path, constants: dict[str, Any] | None = None, **options: Any):
    opaque = options.pop("opaque_unknown", False)
    batch = options.pop("batch", None)
    made = model(nodes, constants or {}, **options)
    return read_workload(saved(made, folder), opaque_unknown=opaque, batch=batch)


def test_grouped_strided_dilated_convolution(tmp_path):
    weights = np.zeros((6, 2, 3, 3), np.float32)
    nodes = [node("Conv", "x w", group=2, strides=[2, 2], dilations=[2, 2], pads=[2, 2, 2, 2])]
    workload = read(nodes, tmp_path, {"w": weights}, shape=("batch", 4, 9, 9), batch=2)
    (einsum,) = workload.einsums
    assert workload.by_name["y"].shape == (2, 6, 5, 5)
    assert workload.num_macs == 2 * 6 * 25 * 2 * 9
    assert dict(einsum.inputs[0].index[1].terms) == {"G": 2, "C": 1}
    assert dict(einsum.inputs[0].index[2].terms) == {"P0": 2, "R0": 2}
    assert einsum.inputs[0].index[2].offset == -2


def test_reshape_is_a_view_and_its_target_is_folded(tmp_path):
    nodes = [
        node("Shape", "x", "extents"),
        node("Gather", "extents zero", "first"),
        node("Unsqueeze", "first axes", "front"),
        node("Concat", "front rest", "target", axis=0),
        node("Reshape", "x target", "flat"),
        node("MatMul", "flat w"),
    ]
    constants = {
        "zero": np.int64(0),
        "axes": np.array([0]),
        "rest": np.array([-1]),
        "w": np.zeros((12, 5), np.float32),
    }
    workload = read(nodes, tmp_path, constants, shape=("n", 3, 4))
    assert [einsum.reads for einsum in workload.einsums] == [("x", "w")]
    assert workload.num_macs == 12 * 5


def test_batched_product_and_softmax(tmp_path):
    nodes = [
        node("Transpose", "x", "t", perm=[0, 1, 3, 2]),
        node("MatMul", "x t", "s"),
        node("Softmax", "s", "p"),
        node("MatMul", "p x"),
    ]
    workload = read(nodes, tmp_path, shape=(1, 2, 5, 3))
    assert workload.num_macs == 2 * (2 * 5 * 5 * 3)
    assert [einsum.map_op for einsum in workload.einsums] == [
        "multiply", "copy", "subtract", "copy", "divide", "multiply",
    ]  # fmt: skip


def test_pooling_and_reduction(tmp_path):
    nodes = [
        node("MaxPool", "x", "a", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
        node("GlobalAveragePool", "a", "b"),
        node("ReduceMean", "b", axes=[2, 3], keepdims=0),
    ]
    workload = read(nodes, tmp_path, shape=(1, 4, 8, 8))
    assert [tuple(workload.by_name[e.output.tensor].shape) for e in workload.einsums] == [
        (1, 4, 4, 4), (1, 4, 1, 1), (1, 4),
    ]  # fmt: skip
    assert [rank.name for rank in workload.einsums[2].ranks] == ["B0", "B1", "R2", "R3"]


def test_parts_are_views(tmp_path):
    nodes = [node("Split", "x parts", "a b", axis=1), node("Add", "a b")]
    workload = read(nodes, tmp_path, {"parts": np.array([2, 2])}, shape=(1, 4))
    assert [einsum.output.tensor for einsum in workload.einsums] == ["y"]


def test_constant_operand_makes_a_step_that_works_in_place(tmp_path):
    nodes = [node("Add", "x b", "a"), node("Mul", "a a")]
    workload = read(nodes, tmp_path, {"b": np.zeros(3, np.float32)})
    assert [einsum.map_op for einsum in workload.einsums] == ["add", "multiply"]
    assert [einsum.map_op for einsum in fuse(workload).einsums] == ["multiply"]
    assert workload.num_parameters == 3


def test_dead_nodes_are_left_out(tmp_path):
    workload = read([node("Relu", "x"), node("Relu", "x", "unused")], tmp_path)
    assert len(workload.einsums) == 1


def test_unknown_operators_are_counted_and_named(tmp_path):
    nodes = [node("Frob", "x", "a", domain="acme"), node("Frob", "a", "b", domain="acme")]
    nodes.append(node("Relu", "b"))
    with pytest.raises(UnsupportedOp) as caught:
        read(nodes, tmp_path)
    assert caught.value.message == (
        'node "a_node": operator "acme.Frob" is not supported by read_workload'
    )
    assert "unknown here: 2 acme.Frob; take them as opaque" in str(caught.value.hint)


def test_unknown_operator_whose_shape_is_known_can_be_opaque(tmp_path):
    def state_shape(made: Any) -> None:
        info = onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, (1, 3))
        made.graph.value_info.append(info)

    nodes = [node("Frob", "x", "a", domain="acme"), node("Relu", "a")]
    workload = read(nodes, tmp_path, opaque_unknown=True, change=state_shape)
    assert [einsum.map_op for einsum in workload.einsums] == ["opaque", "copy"]
    with pytest.raises(GraphError, match='the shape of "a" cannot be inferred'):
        read(nodes, tmp_path, opaque_unknown=True)


def fault(nodes: list[Any], folder: Path, constants: dict[str, Any] | None = None, **options: Any):
    with pytest.raises(GraphError) as caught:
        read(nodes, folder, constants, **options)
    return caught.value.message.partition(": ")[2]


@pytest.mark.parametrize("opaque_unknown", [False, True])
def test_control_flow_is_refused_by_name(tmp_path, opaque_unknown):
    body = onnx.helper.make_graph([], "body", [], [])
    nodes = [
        node("If", "x", "a", then_branch=body, else_branch=body),
        node("Loop", "x x a", "y", body=body),
    ]
    with pytest.raises(GraphError) as caught:
        read_workload(saved(model(nodes, {}), tmp_path), opaque_unknown=opaque_unknown)
    accepted = (
        "which are not supported; accepted: plain nodes, as an export with fixed shapes gives, its "
        "branches decided and its loops unrolled"
    )
    message = str(caught.value)
    assert f'node "a_node": operator If runs subgraphs (else_branch, then_branch), {accepted}' in (
        message
    )
    assert f'node "y_node": operator Loop runs subgraphs (body), {accepted}' in message


def test_cycle(tmp_path):
    nodes = [node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b")]
    message = fault(nodes, tmp_path)
    assert message.endswith("these nodes depend on each other in a cycle: b_node, a_node")


def test_output_that_no_input_reaches(tmp_path):
    message = fault([node("Relu", "c")], tmp_path, {"c": np.zeros((1, 3), np.float32)})
    assert message == 'no input reaches output "y"'


def test_zero_size(tmp_path):
    message = fault([node("Relu", "x")], tmp_path, shape=(1, 0))
    assert 'input "x": the extent of axis 1 must be a fixed number of 1 or more, not "0"' in message


def test_no_elements_inside(tmp_path):
    nodes = [node("Slice", "x a a", "empty"), node("Relu", "empty")]
    message = fault(nodes, tmp_path, {"a": np.array([0, 0])})
    assert '"empty" has no elements: its shape is (0, 0)' in message


def test_open_extent(tmp_path):
    message = fault([node("Relu", "x")], tmp_path, shape=("n", "width"))
    assert 'must be a fixed number of 1 or more, not "width"; only axis 0 may be open' in message


def test_weights_that_do_not_fit(tmp_path):
    weights = {"w": np.zeros((4, 3, 1, 1), np.float32)}
    message = fault([node("Conv", "x w", group=2)], tmp_path, weights, shape=(1, 4, 5, 5))
    assert "in 2 groups do not fit 4 channels" in message or "shapes cannot be inferred" in message


def test_operands_that_make_no_sense_together(tmp_path):
    def state_shape(made: Any) -> None:
        shape = made.graph.output[0].type.tensor_type.shape
        for extent in (3, 2):
            shape.dim.add(dim_value=extent)

    nodes = [node("Gemm", "x w", transA=1)]
    weights = {"w": np.zeros((3, 2), np.float32)}
    message = fault(nodes, tmp_path, weights, shape=(3,), change=state_shape)
    assert message.endswith("Gemm does not take operands of shapes (3,), (3, 2) to (3, 2)")


def external(location: str):
    def change(made: Any) -> None:
        tensor = made.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return change


def test_missing_weights_are_not_missed(tmp_path):
    nodes = [node("MatMul", "x w")]
    weights = {"w": np.zeros((3, 2), np.float32)}
    workload = read(nodes, tmp_path, weights, change=external("gone.bin"))
    assert workload.num_macs == 6


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/../../b", ""])
def test_external_data_outside_the_folder(tmp_path, location):
    weights = {"w": np.zeros((3, 2), np.float32)}
    message = fault([node("MatMul", "x w")], tmp_path, weights, change=external(location))
    assert "its external data lies outside the model's folder" in message


@pytest.mark.parametrize("cut", [0, 1, 20, -1, -30])
def test_truncated_file(tmp_path, cut):
    path = saved(model([node("Relu", "x")], {}), tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises((DataError, GraphError)):
        read_workload(path)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_workload(tmp_path / "none.onnx")


def test_quantizers_are_noticed(tmp_path):
    assert is_quantized(saved(model([quant("x s z b")], GRID), tmp_path))
    assert not is_quantized(saved(model([node("Relu", "x")], {}), tmp_path))


def test_huge_counts_stay_exact(tmp_path):
    nodes = [node("MatMul", "x w")]
    shape = (1, 1_000_003, 100_003)
    weights = {"w": np.zeros((1, 1), np.float32)}

    def grow(made: Any) -> None:
        external("none.bin")(made)
        made.graph.initializer[0].dims[:] = [100_003, 70_001]

    workload = read(nodes, tmp_path, weights, shape=shape, change=grow)
    assert workload.num_macs == 1_000_003 * 100_003 * 70_001
