"""Every bad file ends in a message that names what is wrong and where."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import DataError, GraphError, NetwrightError, UnsupportedOp
from netwright.exchange import read_qonnx
from netwright.exchange.limits import MAX_ROW_VALUES
from netwright.passes import integerize
from tests.exchange.onnx_files import GRID, QONNX, model, node, quant, saved

onnx = pytest.importorskip("onnx")
helper = pytest.importorskip("onnx.helper")

PREFIX = "{path}: the graph cannot be read: "


def refusal(made: Any, folder: Path) -> str:
    path = saved(made, folder)
    with pytest.raises(GraphError) as caught:
        read_qonnx(path)
    text = str(caught.value).replace(str(path), "{path}")
    return re.sub(r'(node "[^"]*") \(\w+\):', r"\1:", text)  # pinned by the test below


def test_refusal_names_node_and_operator(tmp_path: Path) -> None:
    path = saved(model([node("Gemm", "x w", transA=1)], {"w": np.zeros((3, 2))}), tmp_path)
    with pytest.raises(GraphError) as caught:
        read_qonnx(path)
    assert str(caught.value) == (
        f'{path}: the graph cannot be read: node "y_node" (Gemm): transA must be 0: it moves the '
        "batch axis; hint: export the product as MatMul"
    )


def grid(**changes: Any) -> dict[str, Any]:
    return {**GRID, **changes}


STEP = "it is the step between two codes; for a negative one, negate the values"


@pytest.mark.parametrize(
    ("constants", "attrs", "text"),
    [
        (grid(b=np.float32(0)), {}, "the bit width must be from 1 to 32, not 0"),
        (grid(b=np.float32(99)), {}, "the bit width must be from 1 to 32, not 99"),
        (grid(b=np.float32(3.5)), {}, "the bit width must be an integer, not 3.5"),
        (grid(b=np.float32("nan")), {}, "the bit width holds NaN or infinity"),
        (grid(s=np.float32(0)), {}, f"the scale must be greater than 0, not 0.0; hint: {STEP}"),
        (grid(s=np.float32(-0.5)), {}, f"the scale must be greater than 0, not -0.5; hint: {STEP}"),
        (grid(s=np.float32("inf")), {}, "the scale holds NaN or infinity"),
        (
            grid(s=np.ones(2, np.float32)),
            {},
            "a scale of shape (2,) does not suit a tensor of shape (1, 3); hint: one scale for the "
            "tensor, or one for each index of an axis behind the batch",
        ),
        (grid(z=np.float32(0.5)), {}, "the zero point must be an integer, not 0.5"),
        (
            grid(z=np.array([0, 1], np.float32)),
            {},
            "the zero point must be one value; hint: export it alike for all channels",
        ),
        (
            grid(),
            {"rounding_mode": "NEAREST"},
            "rounding_mode must be one of ROUND, CEIL, FLOOR, UP, DOWN, HALF_UP, HALF_DOWN, "
            "HALF_EVEN, not 'NEAREST'",
        ),
        (grid(), {"signed": 2}, "attribute signed must be 0 or 1, not 2"),
        (grid(), {"signed": "yes"}, "attribute signed must be an integer, not 'yes'"),
    ],
)
def test_quantizer_with_bad_parameters_is_refused(
    constants: dict[str, Any], attrs: dict[str, Any], text: str, tmp_path: Path
) -> None:
    made = model([quant("x s z b", **attrs)], constants)
    assert refusal(made, tmp_path) == f'{PREFIX}node "y_node": {text}'


def test_quantizer_with_computed_scale_is_refused(tmp_path: Path) -> None:
    made = model([node("Relu", "x", "s"), quant("x s z b")], {"z": GRID["z"], "b": GRID["b"]})
    assert refusal(made, tmp_path) == (
        f'{PREFIX}node "y_node": the scale must be a constant, not "s"; hint: fold constants '
        "before the export, for instance with qonnx.util.cleanup"
    )


def test_unknown_operators_are_all_named(tmp_path: Path) -> None:
    made = model([node("LRN", "x", "a"), node("Magic", "a", domain="somewhere")], {})
    with pytest.raises(UnsupportedOp) as caught:
        read_qonnx(saved(made, tmp_path))
    assert str(caught.value) == (
        'node "a_node": operator "LRN" is not supported by read_qonnx\n'
        "hint: also unknown here: somewhere.Magic; hardware here has no statistics of each row: "
        "BatchNormalization converts"
    )


def test_an_unknown_operator_that_nothing_depends_on_can_be_left_out(tmp_path: Path) -> None:
    made = model([node("Magic", "x", "a", domain="somewhere"), quant("x s z b")], GRID)
    with pytest.raises(UnsupportedOp, match="hint: no output depends on it: --until y"):
        read_qonnx(saved(made, tmp_path))


def test_where_there_is_no_way_out_all_known_operators_are_listed(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOp) as caught:
        read_qonnx(saved(model([node("Magic", "x", domain="somewhere")], {}), tmp_path))
    text = str(caught.value)
    assert "hint: there is no way here; accepted: Abs, Acos, Acosh, Add, And, " in text
    assert text.endswith("Trunc, Unsqueeze, Upsample, Where, Xor")


@pytest.mark.parametrize("extent", ["length", None, -5, 0])
def test_dynamic_extent_other_than_the_batch_is_refused(
    extent: str | int | None, tmp_path: Path
) -> None:
    made = model([node("Relu", "x")], {}, shape=("n", extent))
    assert refusal(made, tmp_path) == (
        f'{PREFIX}input "x": the extent of axis 1 must be a fixed number, not '
        f'"{"unknown" if extent is None else extent}"; only the batch axis (0) may be dynamic'
    )


def test_dynamic_batch_becomes_one(tmp_path: Path) -> None:
    made = model([quant("x s z b")], GRID, shape=("batch", 3))
    assert read_qonnx(saved(made, tmp_path)).types["x"].shape == (1, 3)


def test_input_without_shape_is_refused(tmp_path: Path) -> None:
    made = model(
        [node("Relu", "x")],
        {},
        change=lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"),
    )
    assert refusal(made, tmp_path) == f'{PREFIX}input "x" has no shape with a batch axis'


def test_input_of_integers_is_refused(tmp_path: Path) -> None:
    def change(made: Any) -> None:
        made.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64

    made = model([node("Relu", "x")], {}, change=change)
    assert (
        refusal(made, tmp_path)
        == f'{PREFIX}input "x" holds integers of 64 bits, which are read as indices of constant '
        "tables only"
    )


def test_cycle_is_reported_with_its_nodes(tmp_path: Path) -> None:
    nodes = [
        node("Add", "x b", "a"),
        node("Add", "a c", "b"),
        node("Relu", "b", "c"),
        node("Relu", "c", "y"),
    ]
    assert refusal(model(nodes, {}), tmp_path) == (
        f"{PREFIX}these nodes depend on each other in a cycle: c_node, b_node"
    )


def test_unsorted_nodes_are_sorted(tmp_path: Path) -> None:
    nodes = [node("Relu", "a"), quant("x s z b", "a")]
    graph = read_qonnx(saved(model(nodes, GRID), tmp_path))
    assert [step.op for step in graph.nodes] == ["Quant", "Relu"]


def test_missing_initializer_and_double_tensor_are_both_reported(tmp_path: Path) -> None:
    made = model([node("MatMul", "x w", "a"), node("Relu", "x", "a"), node("Relu", "a")], {})
    assert refusal(made, tmp_path) == (
        "{path}: the graph cannot be read:\n"
        '  - tensor "a" is made twice (again by node "a_node_1")\n'
        '  - node "a_node" reads "w", which is no input, initializer or result'
    )


def test_missing_output_is_reported(tmp_path: Path) -> None:
    made = model([node("Relu", "x", "a")], {})
    assert refusal(made, tmp_path) == f'{PREFIX}output "y" is made by no node'


def test_constant_output_is_reported(tmp_path: Path) -> None:
    made = model([node("Relu", "x", "a")], {"y": np.float32(1)})
    assert refusal(made, tmp_path) == f'{PREFIX}output "y" is a constant'


def test_nan_weights_are_refused(tmp_path: Path) -> None:
    weights = np.full((3, 2), np.nan, np.float32)
    made = model([quant("w s z b", "v"), node("MatMul", "x v")], {**GRID, "w": weights})
    assert (
        refusal(made, tmp_path) == f'{PREFIX}node "v_node": the constant "w" holds NaN or infinity'
    )


def test_shapes_that_do_not_fit_are_reported_once_each(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", "x w", "a"),
        node("Relu", "a", "b"),
        node("Transpose", "x", "c", perm=[1, 0]),
        node("Add", "b c"),
    ]
    text = refusal(model(nodes, {"w": np.ones((4, 2), np.float32)}), tmp_path)
    assert text == (
        "{path}: the graph cannot be read:\n"
        '  - node "a_node": weights must be a (3, n) matrix, not (4, 2)\n'
        '  - node "c_node": perm (1, 0) does not keep the batch axis first; hint: export with the '
        "batch first in every tensor, or do it on the host"
    )


def test_products_of_activations_are_refused(tmp_path: Path) -> None:
    made = model([node("Mul", "x x")], {})
    assert refusal(made, tmp_path) == (
        f'{PREFIX}node "y_node": one factor must be a constant; hint: products of two activations '
        "are for --backend cpu"
    )


def test_subgraphs_and_functions_are_refused(tmp_path: Path) -> None:
    inner = helper.make_graph([], "inner", [], [])

    def change(made: Any) -> None:
        made.functions.append(
            helper.make_function("here", "F", ["a"], ["b"], [], [helper.make_opsetid("", 13)])
        )

    made = model([node("Relu", "x", body=inner)], {}, change=change)
    assert refusal(made, tmp_path) == (
        "{path}: the graph cannot be read:\n"
        '  - model functions are not supported (first: "F")\n'
        '  - node "y_node": operator Relu runs subgraphs (body), which are not supported; '
        "accepted: plain nodes, as an export with fixed shapes gives, its branches decided and "
        "its loops unrolled"
    )


@pytest.mark.parametrize("location", ["/etc/passwd", "../secret.bin", "a/../../secret.bin", ""])
def test_external_data_outside_the_folder_is_never_read(location: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0" * 24)
    folder = tmp_path / "models"
    folder.mkdir()

    made = model([node("MatMul", "x w")], {"w": np.zeros((3, 2), np.float32)})
    _make_external(made, location)
    assert refusal(made, folder) == (
        f'{PREFIX}initializer "w": its external data lies outside the model\'s folder '
        f"({location!r})"
    )


def test_external_data_behind_a_link_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"\0" * 24)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "data.bin").symlink_to(tmp_path / "secret.bin")
    made = model([node("MatMul", "x w")], {"w": np.zeros((3, 2), np.float32)})
    _make_external(made, "data.bin")
    assert "lies outside the model's folder" in refusal(made, folder)


def test_external_data_in_the_folder_is_read(tmp_path: Path) -> None:
    weights = np.arange(6, dtype=np.float32).reshape(3, 2)
    (tmp_path / "data.bin").write_bytes(weights.tobytes())
    made = model([node("MatMul", "x w")], {"w": weights * 0})
    _make_external(made, "data.bin")
    np.testing.assert_array_equal(read_qonnx(saved(made, tmp_path)).constants["w"], weights)


@pytest.mark.parametrize("size", [0, 20])
def test_short_external_data_is_refused(size: int, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"\0" * size)
    made = model([node("MatMul", "x w")], {"w": np.zeros((3, 2), np.float32)})
    _make_external(made, "data.bin")
    assert refusal(made, tmp_path) == (
        f'{PREFIX}initializer "w": its values do not fit its shape and element type'
    )


def _make_external(made: Any, location: str) -> None:
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location


def test_absurd_shape_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    made = model([node("MatMul", "x w")], {"w": np.zeros((3, 2), np.float32)})
    del made.graph.initializer[0].dims[:]
    made.graph.initializer[0].dims.extend([1 << 40, 1 << 40])
    assert (
        refusal(made, tmp_path)
        == f'{PREFIX}initializer "w": the constants have more than 268435456 values'
    )


def test_garbage_and_truncated_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.onnx"
    good = model([quant("x s z b")], GRID).SerializeToString()
    for data in (b"", b"hello, world", good[: len(good) // 2], bytes(range(256))):
        path.write_bytes(data)
        with pytest.raises(NetwrightError) as caught:
            read_qonnx(path)
        assert str(path) in str(caught.value)
    path.write_bytes(b"hello, world")
    with pytest.raises(DataError) as error:
        read_qonnx(path)
    assert str(error.value) == (
        f"{path}: not an ONNX model (truncated or another format)\n"
        "hint: export it again with write_qonnx or brevitas.export.export_qonnx"
    )


def test_text_that_is_no_utf8_is_read(tmp_path: Path) -> None:
    data = model([node("LRN", "x", "a"), node("Qqqq", "a")], {}).SerializeToString()
    path = tmp_path / "model.onnx"
    path.write_bytes(data.replace(b"Qqqq", b"\xffqqq"))
    with pytest.raises(UnsupportedOp, match="also unknown here: \ufffdqqq"):
        read_qonnx(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.onnx: no such file"):
        read_qonnx(tmp_path / "none.onnx")


def test_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder, not a file$"):
        read_qonnx(tmp_path)


def test_unknown_opset_is_refused(tmp_path: Path) -> None:
    path = saved(model([node("Relu", "x")], {}, opset=99), tmp_path)
    with pytest.raises(GraphError) as caught:
        read_qonnx(path)
    assert str(caught.value) == (
        "version 99 of the standard operators is not supported\n"
        "hint: export with an opset from 6 to 25"
    )


@pytest.mark.parametrize("seed", range(150))
def test_damaged_files_never_end_in_a_library_error(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(3, 2)).astype(np.float32)
    nodes = [
        quant("x s z b", "q"),
        quant("w s z b", "v"),
        node("Gemm", "q v", "g", transB=0, alpha=1.0),
        node("Reshape", "g shape", "r"),
        node("Clip", "r low high"),
    ]
    constants = {
        **GRID,
        "w": weights,
        "shape": np.array([0, -1]),
        "low": np.float32(0),
        "high": np.float32(6),
    }
    data = bytearray(model(nodes, constants).SerializeToString())
    for _ in range(int(rng.integers(1, 6))):
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(bytes(data))
    with contextlib.suppress(NetwrightError):
        integerize(read_qonnx(path))


def test_chain_of_nine_thousand_nodes_is_read_in_seconds(tmp_path: Path) -> None:
    count = 9_000
    nodes = [quant("x s z b", "t0")]
    nodes += [node("Relu", f"t{i}", f"t{i + 1}") for i in range(count)]
    path = saved(model(nodes, GRID, outputs=(f"t{count}",)), tmp_path)
    start = time.process_time()
    graph = integerize(read_qonnx(path))
    assert time.process_time() - start < 30
    assert len(graph.nodes) == 1


def test_both_spellings_of_the_domain_are_read(tmp_path: Path) -> None:
    for domain in (QONNX, "onnx.brevitas", "finn.custom_op.general"):
        attrs = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
        made = model([node("Quant", "x s z b", domain=domain, **attrs)], GRID)
        assert read_qonnx(saved(made, tmp_path)).nodes[0].op == "Quant"


@pytest.mark.parametrize(
    ("made", "more", "text"),
    [
        (
            node("Resize", "q r f", mode="nearest"),
            {"r": np.zeros(0, np.float32), "f": np.array([1, 1, 1e9, 1], np.float32)},
            "hint: factors of up to 64 behind the batch axis are",
        ),
        (
            node("Pad", "q p"),
            {"p": np.array([0, 0, 1 << 30, 0, 0, 0, 0, 0])},
            f"the tensors that a row goes through have more than {MAX_ROW_VALUES} values",
        ),
    ],
)
def test_sizes_that_operators_would_make_are_bounded(
    made: Any, more: Any, text: str, tmp_path: Path
) -> None:
    nodes = [quant("x s z b", "q"), made]
    assert text in refusal(model(nodes, {**GRID, **more}, shape=(1, 2, 5, 6)), tmp_path)


def test_many_computed_constants_are_bounded_together(tmp_path: Path) -> None:
    spread = [node("Expand", "one size", f"c{i}") for i in range(12)]
    nodes = [*spread, quant("x s z b")]
    constants = {**GRID, "one": np.zeros(1, np.float32), "size": np.array([1 << 23])}
    text = refusal(model(nodes, constants), tmp_path)
    assert "the constants that are computed have more than 67108864 values" in text
