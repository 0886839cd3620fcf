from pathlib import Path

import pytest

from netwright.errors import RunError
from netwright.run import execute, read_manifest
from tests.run.toy import toy


def test_manifest_names_versions_and_machine(tmp_path: Path) -> None:
    manifest = execute(toy(), tmp_path)
    assert manifest.schema_version == 1
    assert manifest.machine.libraries["numpy"]
    assert manifest.stage("make") is manifest.stages[0]
    assert manifest.stage("other") is None


def test_folder_without_manifest_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        read_manifest(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: is not a run folder (it has no manifest.json)\n"
        "hint: name a folder that `netwright run` has made, such as runs/jets"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON (Expecting value: line 1 column 1 (char 0))"),
        ("[1]", "list indices must be integers or slices, not str"),
        ('{"schema_version": 1}', "netwright: Field required"),
    ],
)
def test_damaged_manifest_says_what_to_do(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(RunError) as caught:
        read_manifest(tmp_path)
    assert str(caught.value) == (
        f"{path}: is damaged ({reason})\n"
        "hint: delete this one file and run the flow again (netwright run FLOW), which writes it: "
        "finished stages carry their own records"
    )


def test_deleted_manifest_loses_no_stage(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    (tmp_path / "manifest.json").unlink()
    assert all(stage.cached for stage in execute(toy(), tmp_path).stages)
