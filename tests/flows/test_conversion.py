"""A user's file from reading to its certificate."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from netwright.errors import ConfigError, GraphError, NotExecutable, VerificationError
from netwright.exchange import InputQuantizer
from netwright.files import sha256
from netwright.flows.conversion import (
    Source,
    compare_candidates,
    compare_source,
    make_certificate,
    read_source,
    stimuli_for,
    write_conversion,
)
from netwright.verify import Stimulus, random
from tests.exchange.onnx_files import GRID, model, node, of_bytes, quant, saved

pytest.importorskip("qonnx")

BREVITAS = Path(__file__).parents[1] / "exchange" / "data" / "brevitas_mlp_po2.onnx"


def tiny(folder: Path, **constants: object) -> Path:
    weights = np.array([[0.5, -1.0], [1.5, 0.25], [-2.0, 1.0]], np.float32)
    nodes = [
        quant("x s z b", "q"),
        quant("w s z b", "wq"),
        node("MatMul", "q wq", "m"),
        quant("m s z b", "y"),
    ]
    return saved(model(nodes, {**GRID, "w": weights, **constants}), folder)


def test_everything_agrees_on_a_file_of_brevitas() -> None:
    source = read_source(BREVITAS)
    stimuli = stimuli_for(source, random_rows=50)
    assert [s.name for s in stimuli] == ["corners", "ties", "borders", "random"]
    source, rows = compare_source(source, stimuli)
    assert {row.stage for row in rows} == {source.stage, "QONNX"}
    assert source.stage.startswith("your file (qonnx ")
    certificate = make_certificate(source, rows)
    assert certificate.holds
    assert certificate.verdict.startswith("brevitas_mlp_po2.onnx = graph = QONNX on ")


def test_own_rows_come_first(tmp_path: Path) -> None:
    source = read_source(tiny(tmp_path))
    own = Stimulus("mine.csv", np.zeros((4, 3)))
    _, rows = compare_source(source, stimuli_for(source, own=own, random_rows=5))
    assert (rows[0].stimuli, rows[0].num_rows, rows[0].num_identical) == ("mine.csv", 4, 4)


def test_float32_borders_are_those_of_the_file(tmp_path: Path) -> None:
    """Fails as soon as the input is quantized in another precision than the file's."""
    source = read_source(tiny(tmp_path, s=np.float32(0.1)))
    (borders,) = (s for s in stimuli_for(source, random_rows=1) if s.name == "borders")
    _, rows = compare_source(source, [borders])
    assert all(row.holds for row in rows)
    quantizer = source.graph.nodes[0]
    exact = {k: v for k, v in quantizer.attrs.items() if k != "precision"}
    wrong = source.graph.with_node(replace(quantizer, attrs=exact))
    _, rows = compare_source(replace(source, graph=wrong), [borders])
    assert not rows[0].holds


def test_corners_do_not_decide_whether_rows_are_taken_together(tmp_path: Path) -> None:
    """A product with the number of values is clipped alike in all of them."""
    nodes = [
        quant("x s z b", "q"), node("Size", "q", "n"), node("Cast", "n", "f", to=1),
        node("Mul", "q f", "m"), quant("m s z b", "y"),
    ]  # fmt: skip
    source = read_source(saved(model(nodes, {**GRID, "b": np.float32(3)}), tmp_path))
    source, rows = compare_source(source, stimuli_for(source, random_rows=40))
    certificate = make_certificate(source, rows)
    assert certificate.holds, certificate.verdict


def test_made_rows_hold_integers_where_inputs_do(tmp_path: Path) -> None:
    source = read_source(of_bytes(tmp_path))
    assert source.file is not None
    assert source.file.limits == {"x": (0, 255)}
    stimuli = stimuli_for(source, random_rows=50)
    for stimulus in stimuli:
        rows = np.asarray(stimulus.inputs)
        np.testing.assert_array_equal(rows, source.file.taken(rows))
        assert len(np.unique(rows, axis=0)) == len(rows)
    assert {"corners", "borders", "random"} <= {s.name for s in stimuli if len(s)}
    assert min(np.min(s.inputs) for s in stimuli if len(s)) == 0
    assert max(np.max(s.inputs) for s in stimuli if len(s)) == 255


def test_file_that_the_executor_cannot_run_is_a_missing_stage(tmp_path: Path) -> None:
    source = read_source(tiny(tmp_path))

    class Broken:
        name = "mine.onnx"

        def run(self, inputs: object, *, precision: str = "file") -> tuple[np.ndarray, ...]:
            raise NotExecutable("qonnx 1.0.0 cannot run mine.onnx: it is Tuesday")

    source, rows = compare_source(
        replace(source, file=Broken()), stimuli_for(source, random_rows=5)
    )
    assert source.first.missing == "qonnx 1.0.0 cannot run mine.onnx: it is Tuesday"
    assert {row.stage for row in rows} == {"QONNX"}
    verdict = make_certificate(source, rows).verdict
    assert verdict.startswith("FIRST STAGE MISSING: qonnx 1.0.0 cannot run mine.onnx: it is Tuesd")


def test_planted_fault_in_the_graph_is_no_agreement(tmp_path: Path) -> None:
    source = read_source(tiny(tmp_path))
    name = next(iter(source.graph.constants))
    changed = source.graph.constants[name].copy()
    changed[0, 0] += 1
    wrong = replace(source, graph=source.graph.with_constant(name, changed), candidates={})
    wrong, rows = compare_source(wrong, stimuli_for(wrong, random_rows=50))
    certificate = make_certificate(wrong, rows)
    assert not certificate.holds
    assert certificate.verdict.startswith("FAILED: ")
    assert any('output "y" row' in (row.difference or "") for row in rows)


def test_wrong_weight_of_the_file_is_seen(tmp_path: Path) -> None:
    """The file is the reference: the same graph is no agreement with another file."""
    source = read_source(tiny(tmp_path))
    made = onnx.load(tiny(tmp_path, w=np.ones((3, 2), np.float32)))
    other = read_source(saved(made, tmp_path))
    _, rows = compare_source(
        replace(source, file=other.file, candidates={}), [random(source.graph, rows=20)]
    )
    assert not rows[0].holds


def test_candidate_that_refuses_its_own_values_is_different(tmp_path: Path) -> None:
    class Odd:
        def run(self, inputs: object, *, keep: Collection[str] = ()) -> dict[str, np.ndarray]:
            raise VerificationError("row 3 is no whole number of its steps")

    graph = read_source(tiny(tmp_path)).graph
    (row,) = compare_candidates(graph, {"odd": Odd()}, [random(graph, rows=5)])
    assert (row.num_rows, row.num_identical, row.holds) == (5, 0, False)
    assert row.difference == "row 3 is no whole number of its steps"


def test_nothing_can_be_made_for_inputs_that_are_not_quantized(tmp_path: Path) -> None:
    source = read_source(tiny(tmp_path))
    loose = replace(source.graph, inputs=(*source.graph.inputs, source.graph.nodes[0].output))
    with pytest.raises(GraphError, match="must be read by Quantize nodes only"):
        stimuli_for(Source(loose, source.first), random_rows=5)


def test_certificates_of_two_runs_differ_in_when_only(tmp_path: Path) -> None:
    shown = []
    for name in ("first", "second"):
        source = read_source(tiny(tmp_path))
        source, rows = compare_source(source, stimuli_for(source, random_rows=20))
        path = write_conversion(make_certificate(source, rows), tmp_path / name)
        shown.append(json.loads(path.read_text()))
        assert shown[-1].pop("when")["date"]
    assert shown[0] == shown[1]
    assert next(iter(shown[0])) == "verdict"
    assert shown[0]["first"]["sha256"] == sha256(tmp_path / "model.onnx")


def test_softmax_of_the_file_is_left_to_the_host(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), node("Softmax", "q", "y", axis=-1)]
    source = read_source(saved(model(nodes, GRID), tmp_path))
    source, rows = compare_source(source, stimuli_for(source, random_rows=20))
    assert source.graph.head == "softmax"
    assert all(row.identical for row in rows)


def test_file_without_an_input_quantizer_is_compared_behind_the_one_asked_for(
    tmp_path: Path,
) -> None:
    weights = np.array([[0.5, -1.0], [0.25, 0.75], [1.0, -0.5]], np.float32)
    bias = np.array([0.1, -0.3], np.float32)
    nodes = [node("MatMul", "x w", "p"), node("Add", "p c", "t"), node("ArgMax", "t", axis=1)]
    path = saved(model(nodes, {"w": weights, "c": bias}), tmp_path)
    with pytest.raises(GraphError, match="--input-quant BITS,SCALE"):
        read_source(path)
    source = read_source(path, input_quantizer=InputQuantizer.of("6,0.125"))
    source, rows = compare_source(source, stimuli_for(source, random_rows=50))
    certificate = make_certificate(source, rows)
    assert certificate.holds, certificate.verdict
    assert source.first.executor is not None
    assert source.graph.outputs == ("t",)
    notes = [note.text for note in certificate.notes]
    assert 'argmax of "t" is left to the host' in notes
    assert any("quantized to 6 bits in steps of 0.125 before the file" in text for text in notes)


@pytest.mark.parametrize(
    "text", ["", "x", "8,", "1,0.5", "8,0", "8,nan", "40", "8,-1", "\u0668", "1_2", "8,0.2_5"]
)
def test_input_quantizer_is_bits_and_scale(text: str) -> None:
    with pytest.raises(ConfigError, match="an input quantizer must be BITS or BITS,SCALE"):
        InputQuantizer.of(text)


PREAMBLES = {
    "deviation": [("Sub", "x mean", "a"), ("Div", "a std", "c")],
    "mask": [("Mul", "x mask", "c")],
    "normalization": [("BatchNormalization", "x g mean m2 std", "c")],
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", PREAMBLES)
def test_arithmetic_before_the_quantizer_is_rounded_to_float32_at_each_step(
    name: str, tmp_path: Path
) -> None:
    """Graph and export agree at every border; the file differs by its own rounding at most."""
    third = np.array([0.485, 0.456, 0.406], np.float32)
    constants = {**GRID, "s": np.float32(0.1), "b": np.float32(8), "mean": third}
    constants |= {"std": third / 2, "g": third * 3, "m2": third * 7}
    constants["mask"] = third * np.array([0, 1, 1], np.float32)
    nodes = [*(node(*step) for step in PREAMBLES[name]), quant("c s z b", "y")]
    source = read_source(saved(model(nodes, constants), tmp_path))
    _, rows = compare_source(source, stimuli_for(source, random_rows=50))
    assert all(row.holds for row in rows)
    assert all(row.identical for row in rows if row.stage == "QONNX")


def test_free_batch_is_executed(tmp_path: Path) -> None:
    path = saved(model([quant("x s z b", "y")], GRID, shape=("rows", 3)), tmp_path)
    source = read_source(path)
    source, rows = compare_source(source, stimuli_for(source, random_rows=5))
    assert source.first.missing is None
    assert all(row.identical for row in rows)
