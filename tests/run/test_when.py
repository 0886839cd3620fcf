from pathlib import Path

from netwright import __version__
from netwright.run import execute
from netwright.run.when import when
from tests.run.toy import toy


def test_when_holds_seconds_of_stages_and_versions(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    found = when([tmp_path / "stages/01-make", tmp_path / "stages/02-square"])
    assert set(found.seconds) == {"make", "square"}
    assert found.started <= found.finished
    assert found.versions["netwright"] == __version__
    assert found.cores >= 1


def test_when_without_stages_begins_now() -> None:
    found = when()
    assert found.started == found.finished
    assert found.seconds == {}
