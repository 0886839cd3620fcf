"""Files that we write: complete, deterministic, exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.errors import GraphError, NumericsError, RunError
from netwright.exchange import read_qonnx, referee, write_qonnx
from netwright.formats import Int
from netwright.ir import Graph, Node, TensorType, interpret
from netwright.passes import StripHead, integerize
from netwright.passes.post_training import Widths, quantize
from netwright.verify import bit_exact, corners, random
from tests.backends.hls.test_lookup import tables
from tests.exchange.graphs import Sketch, inputs_for, quant, quantized_mlp

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")


def mlp(**options: object) -> Graph:
    return quantized_mlp(np.random.default_rng(0), head=True, **options)  # type: ignore[arg-type]


def properties(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_equal_graphs_give_equal_bytes(tmp_path: Path) -> None:
    first = write_qonnx(integerize(mlp()), tmp_path / "a.onnx").read_bytes()
    assert write_qonnx(integerize(mlp()), tmp_path / "b.onnx").read_bytes() == first


def test_file_passes_the_checker_and_describes_every_tensor(tmp_path: Path) -> None:
    model = onnx.load(write_qonnx(integerize(mlp()), tmp_path / "a.onnx"))
    onnx.checker.check_model(model)
    described = {value.name for value in (*model.graph.value_info, *model.graph.output)}
    made = {name for node in model.graph.node for name in node.output}
    assert made <= described
    assert (model.ir_version, model.opset_import[0].version) == (8, 13)


def test_every_quantizer_is_written(tmp_path: Path) -> None:
    graph = mlp(bias="quant")
    for form in (graph, integerize(graph)):
        model = onnx.load(write_qonnx(form, tmp_path / "a.onnx"))
        ops = [node.op_type for node in model.graph.node]
        assert ops.count("IntQuant") == 6  # input, hidden activation, two weights, two biases


def test_metadata_names_version_digest_head_and_float(tmp_path: Path) -> None:
    graph = integerize(mlp(bias="none"))
    found = properties(write_qonnx(graph, tmp_path / "a.onnx"))
    assert found["netwright.digest"] == graph.digest
    assert found["netwright.head"] == "softmax"
    assert found["netwright.float"] == "float32"
    graph = integerize(mlp(power_of_two=False))
    assert properties(write_qonnx(graph, tmp_path / "a.onnx"))["netwright.float"] == "mixed"


def test_softmax_is_written_on_request_only(tmp_path: Path) -> None:
    graph = integerize(mlp())
    for head in (False, True):
        model = onnx.load(write_qonnx(graph, tmp_path / "a.onnx", head=head))
        assert (model.graph.node[-1].op_type == "Softmax") == head


def test_batch_is_written(tmp_path: Path) -> None:
    model = onnx.load(write_qonnx(integerize(mlp()), tmp_path / "a.onnx", batch=7))
    shapes = [
        value.type.tensor_type.shape.dim[0].dim_value
        for value in (*model.graph.input, *model.graph.output)
    ]
    assert shapes == [7, 7]


def test_quantized_graph_is_written_node_for_node(tmp_path: Path) -> None:
    graph = mlp(bias="quant")
    back = read_qonnx(write_qonnx(graph, tmp_path / "a.onnx"))
    assert [node.op for node in back.nodes] != []
    rows = inputs_for(graph, np.random.default_rng(1))
    np.testing.assert_array_equal(
        interpret(back, rows)[back.outputs[0]], interpret(graph, rows)[graph.outputs[0]]
    )


def test_double_writes_float64_and_its_opposite_refuses(tmp_path: Path) -> None:
    graph = integerize(mlp(power_of_two=False))
    model = onnx.load(write_qonnx(graph, tmp_path / "a.onnx", double=True))
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
    with pytest.raises(NumericsError, match="float32 does not hold every value"):
        write_qonnx(graph, tmp_path / "b.onnx", double=False)
    assert not (tmp_path / "b.onnx").exists()


def test_a_scale_for_each_channel_survives_float64(tmp_path: Path) -> None:
    """Sums beyond float32 put weights behind a Cast, which must not bring them to one grid."""
    generator = np.random.default_rng(0)
    values = generator.uniform(-1, 1, (16, 3)) * [1.0, 0.25, 0.03]
    node = Node("fc", "MatMul", ("x", "w"), "y")
    types = {"x": TensorType((1, 16)), "w": TensorType((16, 3)), "y": TensorType((1, 3))}
    graph = Graph("wide", ("x",), ("y",), (node,), types, {"w": values})
    rows = generator.uniform(-1, 1, (8, 16))
    made = integerize(quantize(graph, rows, bits=Widths(8, 16)))
    file = write_qonnx(made, tmp_path / "a.onnx")
    assert "Cast" in [node.op_type for node in onnx.load(file).graph.node]
    back = integerize(read_qonnx(file))
    widths = [
        {
            node.op: form.types[node.inputs[1]].format.number
            for node in form.nodes
            if node.op == "MatMul"
        }
        for form in (made, back)
    ]
    assert widths == [{"MatMul": Int(8)}] * 2


def test_rounding_without_a_name_is_refused_in_the_quantized_form_only(tmp_path: Path) -> None:
    graph = mlp(rounding="half-up")
    with pytest.raises(NumericsError) as caught:
        write_qonnx(graph, tmp_path / "a.onnx")
    assert str(caught.value) == (
        'node "input_quant": rounding half-up has no QONNX name\n'
        "hint: integerize the graph first: integer graphs are rewritten exactly"
    )
    write_qonnx(integerize(graph), tmp_path / "a.onnx")


def test_wrapping_accumulator_is_refused(tmp_path: Path) -> None:
    graph = integerize(mlp())
    name = graph.nodes[1].output
    narrow = graph.with_type(name, TensorType(graph.types[name].shape, Int(4)))
    with pytest.raises(NumericsError) as caught:
        write_qonnx(narrow, tmp_path / "a.onnx")
    assert str(caught.value) == (
        f'tensor "{name}": wraps in its declared format int4\n'
        "hint: declare a format that holds all values; wrapping cannot be written in QONNX"
    )


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_qonnx(integerize(mlp()), tmp_path / "file" / "a.onnx")


def test_referee_wants_integers() -> None:
    with pytest.raises(GraphError, match="must be in the integer form"):
        referee(mlp())


@pytest.mark.parametrize("bits", [14, 16, 20])
def test_convolutions_with_wide_sums_are_refereed_exactly(bits: int) -> None:
    rng = np.random.default_rng(2)
    sketch = Sketch((1, 2, 6, 6))
    last = sketch.quantized("Quant", ("x",), quant(bits, 2.0**-10))
    weights = sketch.real("w", rng.normal(size=(3, 2, 3, 3)) * 3)
    weights = sketch.quantized("Quant", (weights,), quant(8, 2.0**-4))
    bias = sketch.real("b", np.round(rng.normal(size=3) * 2**20) / 2**14)
    attrs = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "group": 1}
    last = sketch.quantized("Conv", (last, weights, bias), attrs)
    graph = integerize(sketch.graph(last))
    rows = rng.normal(size=(9, 2, 6, 6)) * 2.0**8
    if bits == 20:
        with pytest.raises(NumericsError, match="do not fit float32"):
            referee(graph)
        return
    name = graph.outputs[0]
    np.testing.assert_array_equal(referee(graph).run(rows)[name], interpret(graph, rows)[name])


def test_referee_splits_the_batch_into_chunks() -> None:
    graph = integerize(mlp())
    rows = inputs_for(graph, np.random.default_rng(4), rows=11)
    model = referee(graph)
    whole = model.run(rows)
    parts = type(model)(model.graph, model.realized, chunk_rows=4).run(rows)
    np.testing.assert_array_equal(whole[graph.outputs[0]], parts[graph.outputs[0]])


def test_a_network_of_tables_is_executed_by_qonnx(tmp_path: Path) -> None:
    for positions in (1, 2):
        graph = tables(positions=positions)
        for stimulus in (corners(graph), random(graph, rows=200)):
            bit_exact(graph, referee(graph), stimulus).require()
        model = onnx.load(write_qonnx(graph, tmp_path / "tables.onnx"))
        assert [node.op_type for node in model.graph.node].count("Gather") == 2
        onnx.checker.check_model(model)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_softmax_is_written_with_its_axis(axis: int, tmp_path: Path) -> None:
    sketch = Sketch((1, 3, 4))
    last = sketch.quantized("Quant", ("x",), quant(6, 0.25))
    graph = StripHead()(sketch.graph(sketch.quantized("Softmax", (last,), {"axis": axis})))
    made = onnx.load(write_qonnx(graph, tmp_path / "m.onnx", head=True)).graph.node[-1]
    assert made.op_type == "Softmax"
    assert made.attribute[0].i % 3 == axis
