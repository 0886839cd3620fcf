from pathlib import Path

import pytest

from netwright.flows.hardware import read_hardware
from netwright.flows.sections import TaskSection
from netwright.flows.stages import report_rows
from netwright.flows.stages.common import load_task, read_scores, read_sensitivity, write_scores
from netwright.report.measure import ACCURACY
from netwright.tasks import jets, published_designs
from netwright.train import Record

HERE = report_rows.Scored(ACCURACY, "here", 100)


def scores(folder: Path, *tests: float) -> Path:
    records: dict[int, Record] = {
        i: {"validation": 0.5, "test": test} for i, test in enumerate(tests)
    }
    write_scores(records, jets(), folder)
    return folder


def test_accuracy_has_the_deviation_over_the_seeds(tmp_path: Path) -> None:
    row = report_rows.accuracy("float", scores(tmp_path, 0.7, 0.8), HERE)
    assert row.accuracy.value == pytest.approx(0.75)
    assert row.accuracy.deviation == pytest.approx(0.0707107)
    assert row.seeds == (0, 1)


def test_accuracy_of_one_seed_has_no_deviation(tmp_path: Path) -> None:
    row = report_rows.accuracy("x", scores(tmp_path, 0.7), HERE)
    assert row.accuracy.deviation is None
    assert row.binomial_error == pytest.approx(0.0458258)


def test_designs_of_the_run_stand_before_published_ones(tiny_run: Path) -> None:
    stages = tiny_run / "stages"
    inputs = {"compress": stages / "04-compress", "implement": stages / "09-implement"}
    task = load_task(TaskSection.of("jets", rows=1500), {})
    points = report_rows.designs(task, inputs, HERE)
    own = [point for point in points if point.lut.fidelity != "published"]
    made = read_hardware(inputs["implement"])
    assert [point.name for point in own] == [
        f"quantized network, {cells.part}" for cells in made.cells
    ]
    assert [point.lut.value for point in own] == [cells.num_tables for cells in made.cells]
    (score,) = read_scores(inputs["compress"])
    assert {point.accuracy.value for point in own} == {score.test}
    assert [point.name for point in points[len(own) :]] == [
        design.name for design in published_designs("jets")
    ]
    assert report_rows.designs(task, {}, HERE) == ()


def test_digests_are_those_of_what_leaves_the_run(tiny_run: Path) -> None:
    stages = tiny_run / "stages"
    found = report_rows.digests({"trace": stages / "06-trace", "generate": stages / "07-generate"})
    assert list(found) == [
        "graph.npz",
        "model.onnx",
        "hls/netwright.json",
        "rtl/netwright.json",
    ]
    assert report_rows.digests({}) == {}


def test_sensitivities_hold_the_measured_growth_with_its_source(tiny_run: Path) -> None:
    layers = read_sensitivity(tiny_run / "stages/03-sensitivity")
    rows = report_rows.sensitivities(layers, "training split of jets, first 9 rows")
    assert [row.layer for row in rows] == ["fc1", "fc2"]
    for row, layer in zip(rows, layers, strict=True):
        growth = layer.activation.loss_growth
        assert set(row.input_growth) >= {4, 6}
        assert {bits: item.value for bits, item in row.input_growth.items()} == dict(growth)
        (item, *_) = row.input_growth.values()
        assert (item.unit, item.fidelity, item.source) == (
            "nat", "measured", "training split of jets, first 9 rows",
        )  # fmt: skip
