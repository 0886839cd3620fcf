"""The flow of the calorimeter on few wafers: nothing in it is a classification."""

import tomllib
from pathlib import Path

import pytest

from netwright.flows.certificate import certificate, first_failure
from netwright.flows.flow import load_flow
from netwright.report.store import read
from netwright.run import execute

SHIPPED = Path(__file__).parents[2] / "flows" / "econ-t.toml"
SMALL = [
    "task.rows=200", "model.filters=2", "model.codes=3", "model.hidden=[8]", "train.epochs=1",
    "compress.epochs=1", "compress.probes=4", "compress.budget.limit=2000", "verify.random_rows=50",
    "verify.tie_rows=20", "verify.qonnx_rows=50",
]  # fmt: skip


def without(text: str, *sections: str) -> str:
    kept = [part for part in text.split("\n\n") if not part.startswith(sections)]
    assert len(kept) == text.count("\n\n") + 1 - len(sections)
    return "\n\n".join(kept)


def run(folder: Path, text: str) -> Path:
    path = folder / "econ-t.toml"
    path.write_text(text)
    execute(load_flow(path, overrides=SMALL), folder / "run")
    return folder / "run"


def test_a_reconstruction_goes_all_the_way(tmp_path: Path) -> None:
    done = run(tmp_path, without(SHIPPED.read_text(), "[hls]", "[rtl]", "[chip]"))
    assert first_failure(done) is None
    report = read(done / "report.json")
    assert (report.measure.name, report.measure.is_share) == ("telescope error", False)
    assert report.confusion is None
    assert report.roc == ()
    assert [row.layer for row in report.plan] == [row.layer for row in report.sensitivities]
    quantized, exact = report.accuracy[-2:]
    assert exact.accuracy.value == pytest.approx(quantized.accuracy.value, rel=1e-6)
    assert report.views is not None
    page = (done / "report.html").read_text()
    assert "telescope error" in page
    assert "accuracy" not in page
    assert tomllib.loads((done / "flow.toml").read_text())["compress"]["module"] == "encoder"


@pytest.mark.slow
@pytest.mark.tool("g++")
def test_down_both_roads(tmp_path: Path) -> None:
    done = run(tmp_path, SHIPPED.read_text().replace("wafers = 2_000", "wafers = 20"))
    assert first_failure(done) is None
    rows = [row for row in certificate(done) if row.stage == "chip"]
    assert [row.stimuli for row in rows] == [
        f"weights {number}, {what}"
        for number in (1, 2)
        for what in ("loaded over I2C", "3 bits", "5 bits", "7 bits", "9 bits")
    ]
    assert all(row.identical and row.num_rows >= 20 for row in rows)
    report = read(done / "report.json")
    assert report.chip is not None
    made_by = report.chip.waves[1].words["weights"]
    half = len(made_by) // 2
    before, after = set(made_by[:half]), set(made_by[half:])
    assert len(before) == len(after) == 1
    assert before != after
    assert "A chip whose weights are loaded" in (done / "report.html").read_text()
