import json
from pathlib import Path

import pytest

from netwright.backends.rtl.implement import caching
from netwright.backends.rtl.implement.caching import check_whole, digest_of, made_once
from netwright.errors import BackendError, RunError, ToolFailed
from netwright.files import LOCK


class Maker:
    """Counts how often it is asked, and writes one file."""

    def __init__(self, text: str = "made") -> None:
        self.text = text
        self.calls = 0

    def __call__(self, made: Path) -> float:
        self.calls += 1
        (made / "out.txt").write_text(self.text)
        return 1.5


def make(folder: Path, maker: Maker, **key: object) -> float:
    return made_once(folder, "step", key=key, outputs=["out.txt"], make=maker)


def test_the_same_key_is_made_once(tmp_path: Path) -> None:
    maker = Maker()
    assert make(tmp_path, maker, digest="a", options=("x", 1)) == 1.5
    assert make(tmp_path, maker, options=("x", 1), digest="a") == 1.5
    assert maker.calls == 1
    assert (tmp_path / "out.txt").read_text() == "made"


@pytest.mark.parametrize("key", [{"digest": "b"}, {"digest": "a", "more": 1}, {}])
def test_another_key_is_made_again(tmp_path: Path, key: dict[str, object]) -> None:
    maker = Maker()
    make(tmp_path, maker, digest="a")
    make(tmp_path, maker, **key)
    assert maker.calls == 2


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"key": {"digest": "a"}, "files": 3}'])
def test_a_damaged_record_is_made_again(tmp_path: Path, record: str) -> None:
    maker = Maker()
    make(tmp_path, maker, digest="a")
    (tmp_path / "step.made.json").write_text(record)
    make(tmp_path, maker, digest="a")
    assert maker.calls == 2


def test_a_time_that_is_no_number_is_made_again(tmp_path: Path) -> None:
    maker = Maker()
    make(tmp_path, maker, digest="a")
    path = tmp_path / "step.made.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "seconds": float("nan")}))
    assert make(tmp_path, maker, digest="a") == 1.5
    assert maker.calls == 2


def test_a_file_that_was_changed_or_lost_is_made_again(tmp_path: Path) -> None:
    maker = Maker()
    make(tmp_path, maker, digest="a")
    (tmp_path / "out.txt").write_text("changed")
    make(tmp_path, maker, digest="a")
    (tmp_path / "out.txt").unlink()
    make(tmp_path, maker, digest="a")
    assert maker.calls == 3
    assert (tmp_path / "out.txt").read_text() == "made"


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    make(tmp_path, Maker(), digest="a")

    def fail(made: Path) -> float:
        (made / "out.txt").write_text("half")
        raise ToolFailed("mock", code=1, log_tail="broken")

    with pytest.raises(ToolFailed):
        made_once(tmp_path, "step", key={"digest": "b"}, outputs=["out.txt"], make=fail)
    assert {path.name for path in tmp_path.iterdir()} == {LOCK, "out.txt", "step.made.json"}
    again = Maker("again")
    make(tmp_path, again, digest="a")
    assert again.calls == 0
    assert (tmp_path / "out.txt").read_text() == "made"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    with pytest.raises(RunError) as caught:
        make(folder, Maker())
    assert caught.value.message == f"{folder}: cannot be written (Not a directory)"


def test_a_digest_of_files_does_not_depend_on_their_order_or_folder(tmp_path: Path) -> None:
    for name in ("a/one.v", "a/two.v", "b/one.v", "b/two.v"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(Path(name).name)
    first = digest_of([tmp_path / "a/one.v", tmp_path / "a/two.v"])
    assert first == digest_of([tmp_path / "b/two.v", tmp_path / "b/one.v"])
    (tmp_path / "b/two.v").write_text("else")
    assert first != digest_of([tmp_path / "b/two.v", tmp_path / "b/one.v"])
    with pytest.raises(RunError, match=r"none\.v: cannot be read"):
        digest_of([tmp_path / "none.v"])


@pytest.mark.parametrize(
    ("name", "whole", "torn"),
    [
        ("mapped.v", "module a;\nendmodule\n", "module a;\nend"),
        ("mapped.json", '{\n  "a": {}\n}\n', '{\n  "a": {'),
        ("synthesis.json", '{\n  "a": {\n  }\n}\n\n', '{\n  "a": {\n  }'),
        ("mapped.json", "{\n}\n", ""),
    ],
)
def test_a_file_that_ends_in_the_middle_is_refused(
    tmp_path: Path, name: str, whole: str, torn: str
) -> None:
    path = tmp_path / name
    path.write_text(torn)
    with pytest.raises(BackendError, match=f"{name}: ends in the middle"):
        check_whole(path)
    path.write_text(whole)
    check_whole(path)


@pytest.mark.parametrize("tool_notices", [False, True])
def test_a_full_disk_is_found_although_the_tool_says_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool_notices: bool
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    def write(made: Path) -> float:
        (made / "out.txt").write_text("made")
        if tool_notices:
            raise ToolFailed("yosys", code=1, log_tail="odd")
        return 1.0

    monkeypatch.setattr(caching.os, "fsync", full)
    with pytest.raises(RunError, match="No space left") as caught:
        made_once(tmp_path, "step", key={}, outputs=["out.txt"], make=write)
    assert "has free space" in str(caught.value)
    assert not (tmp_path / "out.txt").exists()
