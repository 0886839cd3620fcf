from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from netwright.backends.built import built_once
from netwright.errors import RunError, ToolFailed
from netwright.files import LOCK, cache_folder


class Maker:
    def __init__(self, text: str = "made") -> None:
        self.text = text
        self.calls = 0

    def __call__(self, made: Path) -> None:
        self.calls += 1
        (made.parent / "object.o").write_text("temporary")
        made.write_text(self.text)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_same_key_is_made_once_and_nothing_else_is_left(tmp_path: Path) -> None:
    make, path = Maker(), tmp_path / "build" / "a.so"
    assert built_once(path, key=("a", 1), make=make) == path
    built_once(path, key=("a", 1), make=make)
    assert (make.calls, path.read_text()) == (1, "made")
    assert {entry.name for entry in path.parent.iterdir()} == {LOCK, "a.so"}


@pytest.mark.parametrize("damage", [b"", b"mad", b"made."])
def test_what_is_torn_or_changed_is_made_again(tmp_path: Path, damage: bytes) -> None:
    make, path = Maker(), tmp_path / "a.so"
    built_once(path, key="a", make=make)
    path.write_bytes(damage)
    built_once(path, key="a", make=make)
    assert (make.calls, path.read_text()) == (2, "made")


def test_what_came_with_the_folder_is_not_used(tmp_path: Path, own_cache: Path) -> None:
    make, path = Maker(), tmp_path / "design" / "a.so"
    path.parent.mkdir()
    path.write_text("something else")
    built_once(path, key="a", make=make)
    assert (make.calls, path.read_text()) == (1, "made")
    path.write_text("something else")  # and what another key made is not used for this one
    other = Maker("something else")
    built_once(tmp_path / "design" / "b.so", key="b", make=other)
    built_once(path, key="a", make=make)
    assert (make.calls, path.read_text()) == (2, "made")


def test_a_failure_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.so"
    built_once(path, key="a", make=Maker())

    def fail(made: Path) -> None:
        made.write_text("half")
        raise ToolFailed("g++", code=1, log_tail="no")

    with pytest.raises(ToolFailed):
        built_once(path, key="b", make=fail)
    make = Maker()
    built_once(path, key="a", make=make)
    assert (make.calls, path.read_text()) == (0, "made")


def test_a_folder_that_cannot_be_written_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot be written \(Not a directory\)"):
        built_once(tmp_path / "file" / "a.so", key="a", make=Maker())


def test_threads_wait_for_the_one_that_makes_it(tmp_path: Path) -> None:
    make, path, started = Maker(), tmp_path / "a.so", threading.Event()

    def slowly(made: Path) -> None:
        started.wait(0.2)
        make(made)

    threads = [
        threading.Thread(target=built_once, args=(path,), kwargs={"key": "a", "make": slowly})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (make.calls, path.read_text()) == (1, "made")


def test_without_a_cache_it_is_trusted_by_this_process_alone(
    tmp_path: Path, own_cache: Path
) -> None:
    own_cache.write_text("no folder")
    make, path = Maker(), tmp_path / "a.so"
    built_once(path, key="a", make=make)
    built_once(path, key="a", make=make)
    assert make.calls == 1
    assert tmp_path not in cache_folder().parents
    code = (
        "import sys; from pathlib import Path; from netwright.backends.built import built_once\n"
        "built_once(Path(sys.argv[1]), key='a', make=lambda made: made.write_text('again'))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(own_cache)}
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=environment)
    assert path.read_text() == "again"
