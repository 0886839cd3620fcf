from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.flows.sections import TaskSection
from netwright.flows.stages.common import load_task
from netwright.tasks import fashion, fashion_mnist
from netwright.testing import TaskSuite

ROWS = {"train": 40, "t10k": 10}


def idx(values: np.ndarray) -> bytes:
    header = struct.pack(f">{1 + values.ndim}I", 0x800 + values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def write(folder: Path, name: str, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a file and take it for the published one."""
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(fashion.DIGESTS, name, digest)


def write_all(folder: Path, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> Path:
    """All four files, with images of noise."""
    rng = np.random.default_rng(0)
    for part, number in ROWS.items():
        rows = number * times
        images = idx(rng.integers(0, 256, (rows, 28, 28)))
        labels = idx(np.arange(rows) % 10)
        write(folder, f"{part}-images-idx3-ubyte.gz", gzip.compress(images, 1), monkeypatch)
        write(folder, f"{part}-labels-idx1-ubyte.gz", gzip.compress(labels, 1), monkeypatch)
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    return write_all(tmp_path, monkeypatch)


class TestFashion(TaskSuite):
    fixed_test = True

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place = write_all(tmp_path, monkeypatch, 30)
        self.makers = (lambda seed: fashion_mnist(folder=place, seed=seed),)


def test_splits_are_the_published_ones_with_a_tenth_held_out(folder):
    task = fashion_mnist(folder=folder)
    assert [len(task.train), len(task.validation), len(task.test)] == [36, 4, 10]
    assert task.train.inputs.shape == (36, 784)
    assert abs(task.train.inputs.mean()) < 1e-5
    assert task.train.inputs.std() == pytest.approx(1, abs=1e-5)
    assert task.test.targets.tolist() == list(range(10))
    assert task.card.counts["bag"] == 4
    raw = task.scaling["x"].raw(task.test.inputs[0])
    data = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    assert np.allclose(raw, np.frombuffer(data[16 : 16 + 784], np.uint8), atol=1e-3)


def test_the_seed_chooses_what_is_held_out(folder):
    first, again, other = (fashion_mnist(folder=folder, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.train.inputs, again.train.inputs)
    assert not np.array_equal(first.train.inputs, other.train.inputs)
    with pytest.raises(ConfigError, match="seed must be 0"):
        fashion_mnist(folder=folder, seed=-1)


def test_the_environment_names_the_folder(folder, monkeypatch):
    monkeypatch.setenv(fashion.VARIABLE, str(folder))
    assert len(fashion_mnist().test) == 10


def test_images_are_the_same_pixels(folder):
    flat, image = fashion_mnist(folder=folder), fashion_mnist(folder=folder, layout="image")
    assert image.input_shape == (1, 28, 28)
    assert np.array_equal(image.test.inputs.reshape(-1, 784), flat.test.inputs)
    with pytest.raises(ConfigError, match='layout must be "flat" or "image", not \'square\''):
        fashion_mnist(folder=folder, layout="square")


def test_a_flow_names_the_task(folder):
    section = TaskSection.of("fashion-mnist", folder=folder, layout="image", rows=8)
    inputs = section.files("task", Path())
    task = load_task(section, inputs)
    assert (task.name, task.input_shape, len(task.train)) == ("fashion-mnist", (1, 28, 28), 8)


def test_no_folder_says_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.delenv(fashion.VARIABLE, raising=False)
    monkeypatch.setattr(fashion, "FOLDERS", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(DataError) as caught:
        fashion_mnist()
    assert str(caught.value) == (
        f"Fashion-MNIST is not in {tmp_path / 'a'} or {tmp_path / 'b'}\n"
        "hint: on Debian: apt install dataset-fashion-mnist (`make fashion-mnist` needs no root); "
        "for a copy of yours name its folder (option folder, or NETWRIGHT_FASHION_MNIST)"
    )


def test_another_file_is_refused(folder):
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz: SHA-256 must be"):
        fashion_mnist(folder=folder)
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        fashion_mnist(folder=folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "is not a gzip file"),
        (gzip.compress(b""), "is not a whole IDX file of bytes of shape"),
        (gzip.compress(idx(np.zeros(9))), "holds 9 labels for 10 images"),
        (gzip.compress(idx(np.full(10, 10))), "labels must be 0 to 9, not 10"),
        (gzip.compress(idx(np.zeros(10))[:-1]), "is not a whole IDX file"),
    ],
)
def test_damaged_content_is_refused_even_with_the_right_digest(
    folder, monkeypatch, content, message
):
    write(folder, "t10k-labels-idx1-ubyte.gz", content, monkeypatch)
    with pytest.raises(DataError, match=message):
        fashion_mnist(folder=folder)
