"""Float files that are quantized after training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError, GraphError, Infeasible
from netwright.exchange import read_qonnx, write_qonnx
from netwright.flows.conversion import compare_source, make_certificate, read_source, stimuli_for
from netwright.flows.quantization import quantize_file, read_bits
from netwright.ir import interpret, real_values
from netwright.passes import integerize
from tests.passes.test_post_training import dense, residual

pytest.importorskip("onnxruntime", reason="needs the extra qonnx")

RANDOM = np.random.default_rng(7)


@pytest.fixture(params=["dense", "residual"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, np.ndarray]:
    """A float file, a file of rows, and the rows."""
    graph = dense() if request.param == "dense" else residual()
    rows = RANDOM.normal(size=(120, *graph.types["x"].shape[1:])).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=rows)
    return write_qonnx(graph, tmp_path / "float.onnx", rounded=True), tmp_path / "rows.npz", rows


def test_the_error_is_that_of_the_integers_against_onnx_runtime(
    case: tuple[Path, Path, np.ndarray], tmp_path: Path
) -> None:
    import onnxruntime

    path, rows, values = case
    made, told = quantize_file(path, tmp_path, calibrate=rows, bits="6,7")
    exact = integerize(read_qonnx(made))
    codes = interpret(exact, values)[exact.outputs[0]]
    found = real_values(exact, exact.outputs[0], codes)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = np.concatenate([session.run(None, {"x": row[None]})[0] for row in values])
    assert told.max_error == pytest.approx(np.abs(found - wanted).max(), rel=1e-3)
    assert told.rms_error == pytest.approx(np.sqrt(np.square(found - wanted).mean()), rel=1e-3)
    assert told.largest_output == pytest.approx(np.abs(wanted).max(), rel=1e-5)
    assert told.rms_error < 0.1 * told.rms_output
    assert set(told.widths.values()) == {"w6 a7"}
    assert (told.file, told.made, told.num_rows) == ("float.onnx", "quantized.onnx", 120)
    assert told.executor.startswith("ONNX Runtime ")


def test_the_quantized_file_gets_a_certificate_that_tells_the_error(
    case: tuple[Path, Path, np.ndarray], tmp_path: Path
) -> None:
    pytest.importorskip("qonnx", reason="needs the extra qonnx")
    made, told = quantize_file(case[0], tmp_path, calibrate=case[1])
    source = read_source(made)
    source, table = compare_source(source, stimuli_for(source, random_rows=50))
    certificate = make_certificate(source, table, quantized=told)
    assert certificate.holds
    assert certificate.verdict.endswith(told.sentence)
    assert told.sentence.startswith("quantized from float.onnx: outputs off by at most ")


def test_rows_of_one_value_teach_no_scale(
    case: tuple[Path, Path, np.ndarray], tmp_path: Path
) -> None:
    np.savez(tmp_path / "same.npz", x=np.zeros_like(case[2]))
    with pytest.raises(DataError, match="one value everywhere"):
        quantize_file(case[0], tmp_path / "out", calibrate=tmp_path / "same.npz")
    assert not (tmp_path / "out").exists()


def test_a_budget_is_kept(case: tuple[Path, Path, np.ndarray], tmp_path: Path) -> None:
    path, rows, _ = case
    limit = 4000.0 if "Conv" not in [n.op for n in read_qonnx(path).nodes] else 40_000.0
    _, told = quantize_file(path, tmp_path, calibrate=rows, bops=limit)
    assert told.bops is not None
    assert limit / 2 < told.bops <= limit
    with pytest.raises(Infeasible):
        quantize_file(path, tmp_path, calibrate=rows, bops=10.0)


def test_accuracies_are_those_of_the_rows_given(tmp_path: Path) -> None:
    graph = dense()
    path = write_qonnx(graph, tmp_path / "float.onnx", rounded=True)
    rows, labels = tmp_path / "rows.csv", tmp_path / "labels.csv"
    values = RANDOM.normal(size=(80, 6)).astype(np.float32)
    np.savetxt(rows, values, delimiter=",")
    right = interpret(graph, values.astype(np.float64))["y"].argmax(axis=1)
    right[:20] = (right[:20] + 1) % 3
    np.savetxt(labels, right, fmt="%d")
    _, told = quantize_file(path, tmp_path, calibrate=rows, labels=labels)
    assert told.accuracy_float == pytest.approx(0.75)
    assert told.accuracy_quantized == pytest.approx(0.75, abs=0.06)
    assert told.sentence.endswith(f"accuracy 75.00% before, {told.accuracy_quantized:.2%} after")
    for wrong, message in (
        (right[:5], "holds 5 labels for 80 rows"),
        (right + 1, "labels must be from 0 to 2, not 1 to 3"),
        (right + 0.5, "labels must be whole numbers"),
    ):
        np.savetxt(labels, wrong)
        with pytest.raises(DataError, match=message):
            quantize_file(path, tmp_path, calibrate=rows, labels=labels)


def test_what_is_missing_or_contradicts_is_told(tmp_path: Path) -> None:
    path = write_qonnx(dense(), tmp_path / "float.onnx", rounded=True)
    with pytest.raises(ConfigError) as caught:
        quantize_file(path, tmp_path, calibrate=None)
    assert str(caught.value) == (
        "--quantize chooses scales from rows, and none are given\n"
        "hint: --calibrate ROWS.npz (or .npy, .csv): some hundred inputs like those to come"
    )
    rows = tmp_path / "rows.npy"
    np.save(rows, RANDOM.normal(size=(9, 6)))
    with pytest.raises(ConfigError, match="--bits and --bops are two ways"):
        quantize_file(path, tmp_path, calibrate=rows, bits="8", bops=1e6)
    made, _ = quantize_file(path, tmp_path, calibrate=rows)
    with pytest.raises(GraphError, match="is quantized already"):
        quantize_file(made, tmp_path / "again", calibrate=rows)


def test_a_float_file_is_told_how_to_go_on(tmp_path: Path) -> None:
    path = write_qonnx(dense(), tmp_path / "float.onnx", rounded=True)
    with pytest.raises(GraphError) as caught:
        read_source(path)
    assert str(caught.value) == (
        "float.onnx has no quantizers: it is a float network\n"
        "hint: quantize it after training: --quantize --calibrate ROWS.npz; if only its inputs are "
        "real, --input-quant BITS,SCALE"
    )


@pytest.mark.parametrize("text", ["", "a", "4,5,6", "-3", "8.0", "99999", "\u0668"])
def test_widths_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_bits(text)


def test_widths() -> None:
    assert [(w.weight_bits, w.input_bits) for w in map(read_bits, ("8", "6, 10"))] == [
        (8, 8), (6, 10),
    ]  # fmt: skip


def written_out(path: Path, *, last: str = "") -> Path:
    """x * sigmoid(x) between two products, and an operator behind them."""
    from onnx import TensorProto, helper, numpy_helper, save

    own = np.random.default_rng(5)
    made = {name: own.normal(size=shape).astype(np.float32) / 3
            for name, shape in (("w", (6, 8)), ("b", (8,)), ("v", (8, 3)))}  # fmt: skip
    steps = [("MatMul", "x w", "p"), ("Add", "p b", "s"), ("Sigmoid", "s", "g"),
             ("Mul", "s g", "h"), ("MatMul", "h v", "t")]  # fmt: skip
    steps += [(last, "t t" if last == "Mul" else "t", "y")] if last else []
    steps[-1] = (*steps[-1][:2], "y")
    nodes = [
        helper.make_node(op, read.split(), [name], name=f"node_{name}") for op, read, name in steps
    ]
    graph = helper.make_graph(
        nodes, "bent", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(value, name) for name, value in made.items()],
    )  # fmt: skip
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.mark.parametrize("last", ["", "Sigmoid", "Softmax"])
def test_a_function_inside_is_a_table_of_the_quantized_file(last: str, tmp_path: Path) -> None:
    pytest.importorskip("qonnx", reason="needs the extra qonnx")
    np.save(tmp_path / "rows.npy", RANDOM.normal(size=(100, 6)))
    path = written_out(tmp_path / "float.onnx", last=last)
    made, told = quantize_file(path, tmp_path, calibrate=tmp_path / "rows.npy", bits="8")
    source = read_source(made)
    assert [node.op for node in source.graph.nodes].count("Lookup") == 1
    source, table = compare_source(source, stimuli_for(source, random_rows=20))
    found = make_certificate(source, table, quantized=told)
    assert found.holds, found.verdict
    assert source.graph.head == last.lower()
    assert told.rms_error < 0.05 * told.rms_output
    assert told.left == ((last,) if last else ())
    assert ("in front of " in told.sentence) == bool(last)


@pytest.mark.parametrize("last", ["Softmax", "HardSigmoid"])
def test_hits_are_counted_where_the_end_keeps_the_largest(last: str, tmp_path: Path) -> None:
    pytest.importorskip("qonnx", reason="needs the extra qonnx")
    rows, labels = tmp_path / "rows.npy", tmp_path / "labels.csv"
    np.save(rows, RANDOM.normal(size=(60, 6)))
    np.savetxt(labels, np.zeros(60), fmt="%d")
    path = written_out(tmp_path / "float.onnx", last=last)
    if last == "Softmax":
        _, told = quantize_file(path, tmp_path, calibrate=rows, labels=labels)
        assert told.accuracy_float is not None
        return
    with pytest.raises(ConfigError, match="in front of HardSigmoid, which is left to the host"):
        quantize_file(path, tmp_path, calibrate=rows, labels=labels)


def test_what_neither_integers_nor_tables_compute_is_refused_by_name(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", RANDOM.normal(size=(20, 6)))
    path = written_out(tmp_path / "float.onnx", last="Mul")
    with pytest.raises(GraphError) as caught:
        quantize_file(path, tmp_path, calibrate=tmp_path / "rows.npy")
    assert str(caught.value) == (
        f'{path}: no integers and tables compute it: node "node_y" (Mul)\n'
        "hint: hardware has sums of "
        "activations, products with constants, and functions of one tensor as tables; end the file "
        "before the rest and do that on the host, or use --backend cpu, which computes float files "
        "as they are"
    )
