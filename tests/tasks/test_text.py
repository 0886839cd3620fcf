"""Texts as rows of tokens, and bits per character."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.tasks import TextRows, next_tokens, novels
from netwright.tasks.text import INSTALLED, TOKENS, VARIABLE, _records


def by_words(text: str) -> tuple[Sequence[int], Sequence[int]]:
    """A tokenizer for tests: each word with the space before it is a token."""
    ids, ends, place = [], [], 0
    for word in text.split(" "):
        place += len(word) + (place > 0)
        ids.append(len(word))
        ends.append(place)
    return ids, ends


TEXTS = {"a": "one two three " * 60 + "end", "b": "four five " * 80 + "end"}
ROWS = TextRows(context=8, train=3, validation=2, test=5)


def test_targets_are_the_characters_of_the_next_tokens() -> None:
    task = next_tokens({"a": TEXTS["a"] + TEXTS["b"]}, by_words, rows=ROWS)
    for split in (task.train, task.validation, task.test):
        assert split.arrays[TOKENS].dtype == np.int64
        assert split.targets.shape == (len(split), 7)
        assert np.array_equal(split.targets, split.arrays[TOKENS][:, 1:] + 1)
    assert [len(part) for part in (task.train, task.validation, task.test)] == [3, 2, 5]
    assert task.loss == "bits-per-character"
    bits = np.full(task.test.targets.shape, 2.0)
    expected = bits.sum() / task.test.targets.sum()
    assert task.evaluate(bits) == pytest.approx(expected)


def test_parts_do_not_share_rows() -> None:
    ids = {"a": " ".join("x" * n for n in range(1, 400))}
    task = next_tokens(ids, by_words, rows=ROWS)
    firsts = [row[0] for split in (task.train, task.validation, task.test)
              for row in split.arrays[TOKENS]]  # fmt: skip
    assert len(set(firsts)) == 10


def test_short_texts_and_rows_are_refused() -> None:
    with pytest.raises(DataError, match="the texts hold 0 rows of 8 tokens, and 10 are wanted"):
        next_tokens({"a": "one two"}, by_words, rows=ROWS)
    with pytest.raises(ConfigError, match="a text needs rows of 2 to 65536 tokens"):
        TextRows(context=1)


def test_records_are_read_as_r_writes_them() -> None:
    def record(lines: list[str]) -> bytes:
        vector = b"X\n" + struct.pack(">III", 3, 0x40201, 0x30500) + struct.pack(">I", 5) + b"UTF-8"
        vector += struct.pack(">II", 16, len(lines))
        for line in lines:
            vector += struct.pack(">II", 0x40009, len(line.encode())) + line.encode()
        return struct.pack(">I", len(vector)) + zlib.compress(vector)

    assert _records(record(["EMMA", "", "é"]) + record(["x"])) == ["EMMA\n\né", "x"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "Rdata.rdb"
    path.write_bytes(b"none")
    with pytest.raises(DataError, match=r"another file than that of janeaustenr 1.0.0"):
        novels(path)
    with pytest.raises(DataError, match="apt-get install r-cran-janeaustenr"):
        novels(tmp_path / "none")


@pytest.mark.skipif(not INSTALLED.exists(), reason="needs Debian's r-cran-janeaustenr")
def test_the_novels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    texts = novels()
    assert len(texts) == 6
    assert texts["emma"].startswith("EMMA\n\nBy Jane Austen")
