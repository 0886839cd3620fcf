from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.tasks import nuclei
from netwright.tasks.nuclei import DIGESTS
from netwright.testing import TaskSuite


class TestDrawn(TaskSuite):
    makers = (lambda seed: nuclei(rows=24, seed=seed),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files like the published ones, taken for them."""
    rng = np.random.default_rng(0)
    for name, most in (("img2d.tif", 4000), ("mask2d.tif", 3)):
        content = bytes(256) + rng.integers(0, most, (512, 512)).astype("<u2").tobytes()
        (tmp_path / name).write_bytes(content)
        monkeypatch.setitem(DIGESTS, name, hashlib.sha256(content).hexdigest())
    return tmp_path


def test_drawn_images_hold_nuclei_and_background():
    task = nuclei(rows=12)
    assert [len(task.train), len(task.validation), len(task.test)] == [8, 2, 2]
    assert task.output_shape == (2, 64, 64)
    assert 0.02 < task.train.targets.mean() < 0.9
    bright = task.train.inputs[:, 0][task.train.targets == 1].mean()
    assert bright > task.train.inputs[:, 0][task.train.targets == 0].mean() + 0.5


def test_the_photograph_is_cut_into_tiles_that_no_two_splits_share(folder):
    task = nuclei(source="photograph", folder=folder)
    assert [len(task.train), len(task.validation), len(task.test)] == [256, 16, 16]
    both = nuclei(source="both", rows=6, folder=folder)
    assert len(both.train) == 262
    assert both.card.title == "Nuclei, both"
    assert not task.card.synthetic
    held = {row.tobytes() for row in task.test.targets}
    assert held.isdisjoint(row.tobytes() for row in task.train.targets)


def test_what_is_wrong_is_named(tmp_path, folder):
    with pytest.raises(ConfigError, match='source must be "drawn", "photograph" or "both"'):
        nuclei(source="real")
    with pytest.raises(ConfigError, match="rows must be from 6"):
        nuclei(rows=2)
    with pytest.raises(DataError, match="no such file"):
        nuclei(source="photograph", folder=tmp_path / "none")
    (folder / "img2d.tif").write_bytes(b"II*")
    with pytest.raises(DataError, match="SHA-256 must be"):
        nuclei(source="photograph", folder=folder)
