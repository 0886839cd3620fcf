from __future__ import annotations

import json
from pathlib import Path

import pytest

from netwright.errors import ConfigError, CorruptOutput, DataError, RunError
from netwright.files import sha256
from netwright.flows.certificate import read_certificate, write_certificate
from netwright.flows.comparison import compare
from netwright.report import comparison_table
from netwright.run.manifest import read_manifest, write_manifest


def test_equal_runs_differ_in_nothing(tiny_run: Path, own_run: Path) -> None:
    found = compare([tiny_run, own_run])
    assert not any(row.differs for row in found.rows)
    assert {row.section for row in found.rows} == {"run", "accuracy", "resources", "certificate"}
    assert len(set(found.runs)) == 2
    verdict = found.rows[-1].cells
    assert verdict[0].startswith("identical in ")


def test_settings_and_figures_that_differ_are_found(tiny_run: Path, own_run: Path) -> None:
    flow = own_run / "flow.toml"
    flow.write_text(flow.read_text().replace("probes = 16", "probes = 99"))
    path = own_run / "report.json"
    document = json.loads(path.read_text())
    document["accuracy"][0]["accuracy"]["value"] += 0.1
    path.write_text(json.dumps(document))
    record(own_run, "flow.toml", "report.json")
    found = compare([str(tiny_run), own_run])
    rows = {row.name: row for row in found.rows if row.differs}
    assert set(rows) == {"compress.probes", "float"}
    assert rows["compress.probes"].values == ("16", "99")
    assert rows["float"].remark.startswith("+10.00 ± ")
    assert "within" not in rows["float"].remark


@pytest.mark.parametrize("name", ["flow.toml", "report.json"])
def test_what_was_edited_is_refused(tiny_run: Path, own_run: Path, name: str) -> None:
    path = own_run / name
    path.write_text(path.read_text().replace("16", "17"))
    with pytest.raises(CorruptOutput, match=f"{name}: missing or changed since"):
        compare([tiny_run, own_run])


def test_figures_of_hardware_that_differ_are_told_as_a_share(tiny_run: Path, own_run: Path) -> None:
    path = own_run / "report.json"
    document = json.loads(path.read_text())
    cells = document["hardware"]["cells"][0]
    cells["ff"]["value"] *= 1.5
    path.write_text(json.dumps(document))
    record(own_run, "report.json")
    found = compare([tiny_run, own_run])
    (row,) = [row for row in found.rows if row.differs]
    assert row.section == "resources"
    assert row.remark == "+50.0 %"
    assert comparison_table(found).splitlines()[-1] == "* the runs differ"


def test_verdict_comes_from_the_stages(tiny_run: Path, own_run: Path) -> None:
    folder = own_run / "stages/08-verify"
    first, *others = read_certificate(folder)
    bad = first.model_copy(update={"num_identical": 0, "difference": "here"})
    write_certificate((bad, *others), folder)
    verdicts = compare([tiny_run, own_run]).rows[-1].cells
    assert verdicts[1].startswith("FAILED: torch differs from graph")


def record(folder: Path, *names: str) -> None:
    """Enter changed files into the manifest, as if the run had written them."""
    manifest = read_manifest(folder)
    files = {**manifest.files, **{name: sha256(folder / name) for name in names}}
    write_manifest(manifest.model_copy(update={"files": files}), folder)


def test_one_run_or_none_is_refused(tiny_run: Path, tmp_path: Path) -> None:
    for folders in ([], [tiny_run], [tiny_run, tiny_run]):
        with pytest.raises(ConfigError, match="needs two different runs or more"):
            compare(folders)
    with pytest.raises(RunError, match="is not a run folder"):
        compare([tiny_run, tmp_path])


def test_run_without_report_is_refused(tiny_run: Path, own_run: Path) -> None:
    (own_run / "report.json").unlink()
    with pytest.raises(DataError, match="no such file"):
        compare([tiny_run, own_run])
