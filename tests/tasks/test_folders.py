from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from netwright.errors import DataError
from netwright.tasks.folders import found_folder, read_published


def find(folder: str | None, *places: Path) -> Path:
    return found_folder(folder, variable="NETWRIGHT_X", places=places, what="X", how="buy it")


def test_the_named_folder_comes_first(tmp_path, monkeypatch):
    assert find("here", tmp_path) == Path("here")
    assert find(None, tmp_path / "none", tmp_path) == tmp_path
    monkeypatch.setenv("NETWRIGHT_X", "there")
    assert find(None, tmp_path) == Path("there")
    monkeypatch.delenv("NETWRIGHT_X")
    with pytest.raises(DataError) as caught:
        find(None, Path("a"), Path("b"))
    assert str(caught.value) == (
        "X is not in a or b\nhint: buy it; for a copy of yours name its folder (option folder, or "
        "NETWRIGHT_X)"
    )


def test_bytes_are_the_published_ones(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    assert read_published(path, digest, most=10, hint="buy it") == b"abc"
    path.write_bytes(b"abd")
    with pytest.raises(DataError, match="SHA-256 must be"):
        read_published(path, digest, most=10, hint="buy it")
