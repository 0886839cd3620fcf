from __future__ import annotations

import hashlib
import io
import os
import tarfile

import pytest

from netwright.errors import DataError
from netwright.tasks import snippets as module
from netwright.tasks.snippets import snippets

ROWS = (
    "".join(
        f"{number}\t{(-1) ** number * (number % 4)}.5\tSentence number {number}.\r\n"
        for number in range(1, 61)
    )
    + "61\t0.1\tNeither.\r\n"
)


def archive(name: str, data: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        entry = tarfile.TarInfo(f"folder/{name}")
        entry.size = len(data)
        file.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(ROWS.encode()).hexdigest())


def test_snippets_are_read_from_every_packing(tmp_path, known):
    inner = archive("movieReviewSnippets_GroundTruth.txt", ROWS.encode())
    packings = {
        "a.txt": ROWS.encode(),
        "b.tar.gz": inner,
        "c.tar.gz": archive("hutto_ICWSM_2014.tar.gz", inner),
    }
    tasks = []
    for name, data in packings.items():
        (tmp_path / name).write_bytes(data)
        tasks.append(snippets(path=tmp_path / name))
    task = tasks[0]
    assert [part.texts for part in (task.train, task.test)] == [
        part.texts for part in (tasks[2].train, tasks[2].test)
    ]
    assert sum(len(part.texts) for part in (task.train, task.validation, task.test)) == 60
    assert task.card.counts == {"negative": 30, "positive": 30}


def test_the_environment_names_the_file(tmp_path, known, monkeypatch):
    (tmp_path / "a.txt").write_text(ROWS, newline="")
    monkeypatch.setenv(module.VARIABLE, os.fspath(tmp_path / "a.txt"))
    assert snippets().classes == ("negative", "positive")
    monkeypatch.delenv(module.VARIABLE)
    with pytest.raises(DataError, match="the movie snippets are not installed"):
        snippets()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"other", "must have the digest"),
        (b"\x1f\x8b broken", "cannot be read"),
        (archive("other.txt", b"text"), "holds no movieReviewSnippets_GroundTruth.txt"),
        (archive("movieReviewSnippets_GroundTruth.txt", b"")[:-30], "cannot be read|holds no|must"),
    ],
)
def test_other_files_are_refused(tmp_path, data, message):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(DataError, match=message):
        snippets(path=tmp_path / "a")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="none: cannot be read"):
        snippets(path=tmp_path / "none")
