from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.tasks import snippets as module
from netwright.tasks.snippets import encode, snippets, unlabeled_texts

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
    with pytest.raises(DataError, match="none: no such file"):
        snippets(path=tmp_path / "none")


def test_an_archive_with_any_damage_is_refused(tmp_path, known):
    whole = bytearray(archive("movieReviewSnippets_GroundTruth.txt", ROWS.encode()))
    random = np.random.default_rng(0)
    path = tmp_path / "a"
    refused = 0
    for _ in range(300):
        data = whole.copy()
        data[random.integers(2, len(data))] ^= 1 << random.integers(8)
        path.write_bytes(data)
        try:
            snippets(path=path)  # a header may be damaged where it says nothing of the content
        except DataError:
            refused += 1
    assert refused > 250


def test_an_archive_with_damaged_content_is_refused(tmp_path):
    """So far behind the header that the content alone is read to there."""
    name, content = "movieReviewSnippets_GroundTruth.txt", np.random.default_rng(0).bytes(1 << 20)
    data = bytearray(archive(name, content))
    data[len(data) // 2 :] = b"\xff" * (len(data) // 2)
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(DataError, match=r"a: cannot be read \(Error -3 while decompressing"):
        snippets(path=tmp_path / "a")


@pytest.mark.parametrize("size", ["-1", "99999999999999999999", "x"])
def test_an_archive_with_a_damaged_header_is_refused(tmp_path, size):
    """Behind a checksum that is right, so that gzip finds nothing."""
    inner = gzip.decompress(archive("other.txt", b"text"))
    extended = io.BytesIO()
    with tarfile.open(fileobj=extended, mode="w", format=tarfile.PAX_FORMAT) as file:
        entry = tarfile.TarInfo("a")
        entry.pax_headers = {"size": size, "GNU.sparse.map": "1,x", "GNU.sparse.major": size}
        file.addfile(entry)
    (tmp_path / "a").write_bytes(gzip.compress(extended.getvalue() + inner))
    with pytest.raises(DataError):
        snippets(path=tmp_path / "a")


@pytest.fixture
def tokenizer(tmp_path):
    """Every letter of a word and its two ends are word pieces."""
    pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    vocabulary = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "b": 4, "\ufffd": 5}
    found = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    found.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    found.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    found.save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


@pytest.mark.parametrize("kind", [tuple, list])
def test_texts_are_encoded_and_cut(tokenizer, kind):
    found = encode(kind(["ab", "", "aaaaa"]), tokenizer, max_tokens=4)
    assert [words.tolist() for words in found] == [[1, 3, 4, 2], [1, 2], [1, 3, 3, 2]]
    assert all(words.dtype == np.int32 for words in found)
    assert [words.tolist() for words in encode(("ab",), tokenizer, max_tokens=2)] == [[1, 2]]
    assert encode((), tokenizer) == []


@pytest.mark.parametrize("count", [1, 0, -1, 2**31])
def test_a_number_of_tokens_out_of_range_is_refused(tokenizer, count):
    message = f"max_tokens must be 2 to 2^31 - 1, not {count}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        encode(("ab",), tokenizer, max_tokens=count)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("text", "texts must be a sequence of texts, not the text 'text'"),
        (("a", "b\ud800"), "text 1 must be Unicode without lone surrogates, not have U+D800 at 1"),
        (("a", b"b"), "text 1 must be a str, not bytes"),
        ((None,), "text 0 must be a str, not NoneType"),
    ],
)
def test_texts_that_are_none_are_refused(tokenizer, texts, message):
    with pytest.raises(DataError, match=re.escape(message)):
        encode(texts, tokenizer)


def test_a_damaged_tokenizer_is_refused(tmp_path):
    pytest.importorskip("tokenizers", reason="the package tokenizers is not installed")
    (tmp_path / "a.json").write_text(json.dumps({"model": 1}))
    with pytest.raises(DataError, match=r"a\.json: cannot be read as a tokenizer"):
        encode(("a",), tmp_path / "a.json")
