"""Whatever is edited in a run is noticed, also where the editor knows about the digests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from netwright.flows.audit import audit, differences
from netwright.report import read
from netwright.report.html import render
from netwright.run import execute
from netwright.run.folder import RECORD, digests, read_record
from netwright.run.manifest import read_manifest, write_manifest
from netwright.run.plan import digest
from tests.run.toy import toy


def forge(run: Path, stage: str) -> None:
    """Make records and manifest fit to what now stands in a stage's folder and at the top."""
    manifest = read_manifest(run)
    entry = manifest.stage(stage)
    assert entry is not None
    folder = run / entry.folder
    record = read_record(folder)
    assert record is not None
    changed = record.model_copy(update={"outputs": digests(folder)})
    (folder / RECORD).write_text(changed.model_dump_json())
    stages = tuple(
        old.model_copy(update={"record": changed}) if old.name == stage else old
        for old in manifest.stages
    )
    published = {name: changed.outputs.get(name, old) for name, old in manifest.files.items()}
    write_manifest(manifest.model_copy(update={"stages": stages, "files": published}), run)


def edit_report(run: Path, edit: Callable[[dict], None]) -> None:
    """Edit report.json, draw its page, and forge every digest."""
    path = run / "report.json"
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    path.write_text(read(path).to_json())
    (run / "report.html").write_text(render(read(path)))
    for name in ("report.json", "report.html"):
        (run / "stages/10-report" / name).write_bytes((run / name).read_bytes())
    forge(run, "report")


def test_intact_run_holds(tiny_run: Path) -> None:
    found = audit(tiny_run)
    assert found.faults == ()
    assert found.holds
    assert found.limits == ()
    assert found.verdict.startswith("verdict: verified: 10 stages with ")
    for part in ("settings in flow.toml", "report.json computed again", "page", "drawn again"):
        assert part == "page" or part in found.verdict


@pytest.mark.parametrize("name", ["report.json", "report.html", "flow.toml"])
def test_edited_file_at_the_top_fails(own_run: Path, name: str) -> None:
    path = own_run / name
    path.write_text(path.read_text().replace("tiny-jets", "tiny-jots"))
    found = audit(own_run)
    assert not found.holds
    assert any(fault.startswith(f"{name}: ") for fault in found.faults)


def test_missing_page_fails(own_run: Path) -> None:
    (own_run / "report.html").unlink()
    assert audit(own_run).faults == ("report.html: missing",)


def test_page_with_a_forged_digest_fails(own_run: Path) -> None:
    for path in (own_run / "report.html", own_run / "stages/10-report/report.html"):
        path.write_text(path.read_text().replace("every integer", "no integer", 1) + " ")
    forge(own_run, "report")
    assert audit(own_run).faults == ("report.html: is not the page of report.json",)


def test_report_of_better_figures_with_forged_digests_fails(own_run: Path) -> None:
    def better(document: dict) -> None:
        document["accuracy"][-1]["accuracy"]["value"] = 0.99
        document["certificate"] = document["certificate"][:3]

    edit_report(own_run, better)
    faults = audit(own_run).faults
    told = "report.json: accuracy.2.accuracy.value says 0.99, the stages say"
    assert sum(fault.startswith(told) for fault in faults) == 1
    assert "report.json: certificate is not what the stages found" in faults


def test_report_without_manifest_entry_fails(own_run: Path) -> None:
    manifest = read_manifest(own_run)
    write_manifest(manifest.model_copy(update={"files": {}}), own_run)
    assert audit(own_run).faults == (
        "report.json: the manifest says something else than the stage that wrote it",
        "report.html: the manifest says something else than the stage that wrote it",
    )


def test_stage_made_from_other_outputs_fails(own_run: Path) -> None:
    scores = own_run / "stages/02-train/scores.json"
    scores.write_text(scores.read_text().replace("0.", "0.9", 1))
    forge(own_run, "train")
    faults = audit(own_run).faults
    assert "stages/04-compress: was made from other outputs of the stage train" in faults


def test_record_that_differs_from_the_manifest_fails(own_run: Path) -> None:
    path = own_run / "stages/02-train" / RECORD
    path.write_text(path.read_text().replace('"seconds": ', '"seconds": 1'))
    assert audit(own_run).faults == (
        "stages/02-train/stage.json: differs from what the manifest says",
    )


def test_settings_with_a_forged_digest_fail(own_run: Path) -> None:
    from netwright.files import sha256

    path = own_run / "flow.toml"
    path.write_text(path.read_text().replace("probes = 16", "probes = 99"))
    manifest = read_manifest(own_run)
    files = {**manifest.files, "flow.toml": sha256(path)}
    write_manifest(manifest.model_copy(update={"files": files}), own_run)
    assert "flow.toml: stage sensitivity was made with other settings or inputs" in (
        audit(own_run).faults
    )


@pytest.mark.parametrize("name", ["extra.v", "firmware/weights/w9.h", "deep/er/notes.txt"])
def test_file_that_no_stage_made_is_a_fault(own_run: Path, name: str) -> None:
    path = own_run / "stages/07-generate" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("// more for synthesis")
    found = audit(own_run)
    assert not found.holds
    assert found.faults == (f"stages/07-generate/{name}: was not made by the stage",)


def test_what_is_built_from_a_design_is_no_fault(own_run: Path) -> None:
    (design,) = (own_run / "stages/07-generate").glob("rtl/netwright.json")
    (design.parent / "build").mkdir()
    (design.parent / "build" / "log.txt").write_text("built by hand")
    assert audit(own_run).holds
    (design.parent / "builder.txt").write_text("")
    assert not audit(own_run).holds


def test_files_beside_a_run_are_named(own_run: Path) -> None:
    (own_run / "notes.txt").write_text("ours")
    (own_run / "stages/03-old").mkdir()
    (own_run / "stages/03-old" / "front.json").write_text("[]")
    found = audit(own_run)
    assert found.holds
    assert found.strangers == "not part of the run: notes.txt, stages/03-old"
    assert found.verdict.endswith("; not part of the run: notes.txt, stages/03-old")


def test_empty_certificate_fails(own_run: Path) -> None:
    (own_run / "stages/08-verify/certificate.json").write_text("[]")
    forge(own_run, "verify")
    found = audit(own_run)
    assert not found.holds
    assert found.verdict == f"verdict: FAILED, {len(found.faults)} fault" + (
        "s" if len(found.faults) > 1 else ""
    )


def test_run_of_another_version_says_what_was_not_made_again(own_run: Path) -> None:
    manifest = read_manifest(own_run)
    write_manifest(manifest.model_copy(update={"netwright": "0.0.1", "commit": None}), own_run)
    found = audit(own_run)
    assert found.holds
    assert found.limits == ("settings and report not computed again: made by netwright 0.0.1",)
    assert not found.is_whole
    assert found.verdict.startswith(f"verdict: INCOMPLETE, {found.limits[0]}; verified: ")


def test_flow_that_verifies_nothing_fails(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    found = audit(tmp_path)
    assert not found.holds
    assert found.faults == (f"{tmp_path}: the flow of this run verifies nothing",)


def test_differences_are_sentences() -> None:
    assert list(differences({"a": 1.0}, {"a": 1.0 + 1e-12})) == []
    assert list(differences({"a": [1]}, {"a": [1, 2]})) == ["a has 1 entries, the stages give 2"]
    assert list(differences({"a": 1}, {"b": 1})) == [
        "a says 1, the stages say None",
        "b says None, the stages say 1",
    ]
    assert list(differences(True, 1)) == ["the document says True, the stages say 1"]


def test_stage_file_that_is_nonsense_is_a_fault(own_run: Path) -> None:
    """Also where every digest was edited with it."""
    path = own_run / "stages/05-sweep/front.json"
    path.write_text("[1, {]")
    forge(own_run, "sweep")
    record = read_record(own_run / "stages/10-report")
    assert record is not None
    sweep = read_record(own_run / "stages/05-sweep")
    assert sweep is not None
    inputs = {**record.inputs, "sweep": digest(sweep.outputs)}
    (own_run / "stages/10-report" / RECORD).write_text(
        record.model_copy(update={"inputs": inputs}).model_dump_json()
    )
    manifest = read_manifest(own_run)
    stages = tuple(
        entry.model_copy(update={"record": record.model_copy(update={"inputs": inputs})})
        if entry.name == "report"
        else entry
        for entry in manifest.stages
    )
    write_manifest(manifest.model_copy(update={"stages": stages}), own_run)
    found = audit(own_run)
    assert not found.holds
