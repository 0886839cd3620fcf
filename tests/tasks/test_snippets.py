from __future__ import annotations

import hashlib
import io
import os
import tarfile

import pytest

from netwright.errors import DataError
from netwright.tasks import snippets as module
from netwright.tasks.snippets import snippets, unlabeled_texts

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


REVIEWS = (
    "1_1\t-2.0\tIt broke.\r\n1_2\t0.1\tNeither.\r\n2_1\t1.0\tSentence number 3.\r\n3_1\t0\t \r\n"
)


@pytest.fixture
def archive_of_both(tmp_path, known, monkeypatch):
    """An archive with the snippets and the reviews, as the real one."""
    digest = hashlib.sha256(REVIEWS.encode()).hexdigest()
    monkeypatch.setattr(module, "_REVIEWS_SHA256", digest)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as file:
        for name, text in (
            ("movieReviewSnippets_GroundTruth.txt", ROWS),
            ("amazonReviewSnippets_GroundTruth.txt", REVIEWS),
        ):
            entry = tarfile.TarInfo(f"folder/{name}")
            entry.size = len(text.encode())
            file.addfile(entry, io.BytesIO(text.encode()))
    path = tmp_path / "both.tar.gz"
    path.write_bytes(stream.getvalue())
    return path


def test_unlabeled_texts_are_no_sentences_of_the_task(archive_of_both):
    task = snippets(path=archive_of_both)
    assert unlabeled_texts(task, path=archive_of_both) == ("Neither.", "It broke.")


def test_unlabeled_texts_need_the_whole_archive(tmp_path, known, archive_of_both):
    (tmp_path / "a.txt").write_text(ROWS, newline="")
    task = snippets(path=tmp_path / "a.txt")
    with pytest.raises(
        DataError, match=r"amazonReviewSnippets_GroundTruth\.txt must have the digest"
    ):
        unlabeled_texts(task, path=tmp_path / "a.txt")
    (tmp_path / "b").write_bytes(archive("movieReviewSnippets_GroundTruth.txt", ROWS.encode()))
    with pytest.raises(DataError, match="holds no amazonReviewSnippets"):
        unlabeled_texts(task, path=tmp_path / "b")


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
