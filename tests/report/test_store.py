from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.report.sample import document

from netwright import report
from netwright.errors import DataError, MissingExtra, RunError, StaleRun


def test_written_report_is_read_back(tmp_path):
    data, page = report.write(document(), tmp_path / "run")
    assert (data.name, page.name) == ("report.json", "report.html")
    assert report.read(data) == document()


def test_equal_documents_give_equal_bytes(tmp_path):
    first = report.write(document(), tmp_path / "a")
    second = report.write(document(), tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_data_are_kept_when_pictures_cannot_be_drawn(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise MissingExtra("plots", package="matplotlib", purpose="a report with pictures")

    monkeypatch.setattr("netwright.report.svg.require", refuse)
    with pytest.raises(MissingExtra, match=r"pip install 'netwright\[plots\]'"):
        report.write(document(), tmp_path)
    assert report.read(tmp_path / "report.json") == document()


def test_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        report.write(document(), tmp_path / "taken")


def test_report_of_another_schema_is_refused(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"schema_version": 9, "name": "a", "title": "b"}))
    with pytest.raises(StaleRun, match="must have schema_version 2"):
        report.read(path)


def test_all_faults_of_a_broken_report_are_listed(tmp_path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"name": 3, "roc": 4}))
    expected = r"name: .*valid string\ntitle: Field required\nroc: .*valid array"
    with pytest.raises(DataError, match=expected):
        report.read(path)


@pytest.mark.parametrize("content", [b"", b'{"name": "a"', b"\xff\xfe\x00"])
def test_truncated_or_binary_report_is_refused(tmp_path, content):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=re.escape(str(path))):
        report.read(path)


def test_missing_report_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        report.read(tmp_path / "report.json")


GALLERY = Path(__file__).resolve().parents[2] / "docs" / "gallery"


@pytest.mark.parametrize("path", sorted(GALLERY.glob("*.json")), ids=lambda path: path.stem)
def test_reports_of_the_gallery_hold_and_are_small(path):
    assert f"gallery/{path.stem}.html" in (GALLERY.parent / "gallery.md").read_text()
    assert path.stat().st_size < 300_000
    shown = report.read(path)
    assert shown.certificate
    assert all(row.holds for row in shown.certificate)
    assert shown.when is not None
    assert shown.when.commit
