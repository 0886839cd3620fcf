from __future__ import annotations

from pathlib import Path

import pytest

from netwright.backends.vouching import FOLDER, is_vouched, vouch


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "netwright"


def made(folder: Path, text: str = "library") -> Path:
    path = folder / "made.so"
    path.write_text(text)
    return path


def test_what_was_made_here_is_known(tmp_path: Path) -> None:
    path = made(tmp_path)
    assert not is_vouched(path, "sources")
    vouch(path, "sources")
    assert is_vouched(path, "sources")
    moved = path.rename(tmp_path / "elsewhere.so")
    assert is_vouched(moved, "sources")
    assert not is_vouched(path, "sources")


def test_another_file_or_other_sources_are_not(tmp_path: Path) -> None:
    path = made(tmp_path)
    vouch(path, "sources")
    assert not is_vouched(path, "other sources")
    made(tmp_path, "changed")
    assert not is_vouched(path, "sources")
    made(tmp_path, "libr")
    assert not is_vouched(path, "sources")


def test_what_was_made_is_kept_privately(tmp_path: Path, cache: Path) -> None:
    path = made(tmp_path)
    vouch(path, "sources")
    assert cache.stat().st_mode & 0o077 == 0
    assert [entry.stat().st_size for entry in (cache / FOLDER).iterdir()] == [0]
