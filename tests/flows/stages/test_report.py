from pathlib import Path

from netwright.flows.flow import load_flow
from netwright.report import read
from netwright.run import execute
from tests.flows.tiny import write_flow


def test_report_holds_every_section(tiny_run: Path) -> None:
    document = read(tiny_run / "report.json")
    assert document.certified
    assert [row.stage for row in document.accuracy] == [
        "float",
        "fine-tuned plan",
        "integer graph",
    ]
    assert document.accuracy[2].accuracy.value == document.accuracy[1].accuracy.value
    assert len(document.roc) == 5
    assert [row.layer for row in document.plan] == ["fc1", "fc2"]
    assert {point.kind for point in document.front} == {"float", "hawq", "uniform"}
    assert sum(point.chosen for point in document.front) == 1
    assert document.hardware is not None
    assert [layer.name for layer in document.hardware.layers] == ["tiny_jets_fc1", "tiny_jets_fc2"]
    assert document.digests["graph.npz"]
    assert document.when is not None
    assert document.when.versions["netwright"]
    assert "test split" in document.accuracy[0].accuracy.source
    growth = document.sensitivities[0].input_growth
    assert growth[4].source == "training split of jets, first 1500 rows"


def test_report_is_published_beside_the_manifest(tiny_run: Path) -> None:
    for name in ("report.json", "report.html"):
        stage = tiny_run / "stages/10-report" / name
        assert (tiny_run / name).read_bytes() == stage.read_bytes()


def test_report_made_again_is_equal_but_for_its_time(own_run: Path, tmp_path: Path) -> None:
    before = read(own_run / "report.json")
    execute(load_flow(write_flow(tmp_path)), own_run, force_from="report")
    after = read(own_run / "report.json")
    assert before.when is not None
    assert after.when is not None
    assert after == before.model_copy(update={"when": after.when})
    assert set(after.when.seconds) >= {"train", "verify"}
