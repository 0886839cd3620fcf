"""Sealed files: what is written is read, what was changed is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from netwright.errors import RunError
from netwright.train.sealed import read_sealed, write_sealed


def test_content_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read_sealed(path, version=3) is None
    write_sealed(path, {"version": 3, "x": torch.arange(3), "names": ["a", 1, 2.5, None]})
    found = read_sealed(path, version=3)
    assert found is not None
    assert found["x"].tolist() == [0, 1, 2]
    assert found["names"] == ["a", 1, 2.5, None]


def test_other_versions_and_changes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_sealed(path, {"version": 3, "x": torch.arange(3)})
    with pytest.raises(RunError, match="is no checkpoint that this version can read"):
        read_sealed(path, version=4)
    content = torch.load(path, weights_only=True)
    content["x"][0] = 9
    torch.save(content, path)
    with pytest.raises(RunError, match="has another digest"):
        read_sealed(path, version=3)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "a"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "was-run",))  # type: ignore[return-value]

    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(RunError):
        read_sealed(path, version=3)
    torch.save({"version": 3, "x": Evil()}, path)
    with pytest.raises(RunError):
        read_sealed(path, version=3)
    assert not (tmp_path / "was-run").exists()
