from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.tasks import digits
from netwright.tasks.digits import DIGESTS, NAME
from netwright.testing import TaskSuite


def write(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: int = 60) -> Path:
    """A file like the published one, taken for it."""
    table = np.random.default_rng(0).integers(0, 17, (rows, 65))
    table[:, -1] = np.arange(rows) % 10
    content = gzip.compress("\n".join(",".join(map(str, row)) for row in table).encode(), 1)
    (folder / NAME).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(DIGESTS, NAME, digest)
    return folder


class TestDigits(TaskSuite):
    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place = write(tmp_path, monkeypatch, 300)
        self.makers = (lambda seed: digits(folder=place, seed=seed),)


def test_images_are_gray_and_standardized(tmp_path, monkeypatch):
    task = digits(folder=write(tmp_path, monkeypatch))
    assert task.input_shape == (1, 8, 8)
    assert abs(float(task.train.inputs.mean())) < 1e-5
    assert task.classes == tuple("0123456789")


def test_another_file_is_refused(tmp_path):
    (tmp_path / NAME).write_bytes(b"digits")
    with pytest.raises(DataError, match="SHA-256 must be 09f66e6debde"):
        digits(folder=tmp_path)
    with pytest.raises(DataError):
        digits(folder=tmp_path / "none")
