"""Texts as a task: what a decoder needs to write them down, in bits per character.

The texts are the six novels of Jane Austen, read at run time from the R package janeaustenr 1.0.0
(Debian ``r-cran-janeaustenr``, MIT). They are in the public domain and on many web pages, so a
network may have seen them in training.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.reading import read_bytes
from netwright.tasks.base import Task
from netwright.tasks.card import Card
from netwright.tasks.scores import Score
from netwright.tasks.split import Split

VARIABLE = "NETWRIGHT_AUSTEN"
"""The environment variable that names the file with the novels."""

SHA256 = "8fb5198960d0da724b1562f96e4221e5c1b41ff455000280b02c55980c3d8f21"
"""Digest of the file ``Rdata.rdb`` of janeaustenr 1.0.0."""

NOVELS = (
    "emma", "mansfield-park", "northanger-abbey", "persuasion", "pride-and-prejudice",
    "sense-and-sensibility",
)  # fmt: skip
"""The novels, in the order of the file."""

INSTALLED = Path("/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb")
"""Where Debian's package puts the file."""

MAX_BYTES = 1 << 23
TOKENS = "tokens"
_HINT = (
    "apt-get install r-cran-janeaustenr, or apt-get download r-cran-janeaustenr, dpkg-deb -x it "
    f"into a folder, and set {VARIABLE} to the file Rdata.rdb there"
)

Encode = Callable[[str], tuple[Sequence[int], Sequence[int]]]
"""A text to the numbers of its tokens, and the place behind the last character of each."""


def _bits_per_character(outputs: NDArray[np.floating], split: Split) -> float:
    return float(np.sum(outputs, dtype=np.float64) / np.sum(split.targets, dtype=np.float64))


bits_per_character = Score("bits per character", "", False, _bits_per_character, needs="values")
"""Bits of all tokens, over the characters that they stand for."""


def novels(path: str | Path | None = None) -> dict[str, str]:
    """The six novels by name.

    Args:
        path: The file ``Rdata.rdb`` of janeaustenr; that of the environment variable
            ``NETWRIGHT_AUSTEN``, or else of Debian's package, if not given.

    Raises:
        DataError: The file is missing, or another one.
    """
    file = Path(path or os.environ.get(VARIABLE) or INSTALLED)
    if not file.is_file():
        raise DataError("no such file", source=str(file), hint=_HINT)
    data = read_bytes(file, most=MAX_BYTES, hint=_HINT)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise DataError(
            f"another file than that of janeaustenr 1.0.0 (SHA-256 {digest[:16]}…)",
            source=str(file),
            hint=_HINT,
        )
    return dict(zip(NOVELS, _records(data), strict=True))


def _records(data: bytes) -> list[str]:
    """The text of each record: its length, then a compressed vector of lines as R writes it."""
    texts, place = [], 0
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        stream = zlib.decompressobj()
        vector = stream.decompress(data[place + 4 :], length)
        place = len(data) - len(stream.unused_data)
        texts.append("\n".join(_lines(vector)))
    return texts


def _lines(vector: bytes) -> list[str]:
    start = 14 + 4 + struct.unpack_from(">I", vector, 14)[0]  # the header ends in the encoding
    count = struct.unpack_from(">I", vector, start + 4)[0]
    lines, place = [], start + 8
    for _ in range(count):
        length = struct.unpack_from(">I", vector, place + 4)[0]
        lines.append(vector[place + 8 : place + 8 + length].decode())
        place += 8 + length
    return lines


@dataclass(frozen=True, slots=True)
class TextRows:
    """How a text becomes rows.

    Attributes:
        context: Tokens in a row; the first of each is read and not predicted.
        train: Rows for fitting, and to choose formats on.
        validation: Rows for choosing between models.
        test: Rows for the reported figures.
    """

    context: int = 256
    train: int = 16
    validation: int = 16
    test: int = 64

    def __post_init__(self) -> None:
        if not 2 <= self.context <= 1 << 16 or min(self.train, self.validation, self.test) < 1:
            raise ConfigError(
                f"a text needs rows of 2 to 65536 tokens and at least one for each part, not {self}"
            )


def next_tokens(
    texts: Mapping[str, str],
    encode: Encode,
    *,
    rows: TextRows | None = None,
    name: str = "text",
    card: Card | None = None,
) -> Task:
    """Make a task of texts for a decoder.

    The outputs are bits for each token of a row but the first; the targets are the characters that
    each stands for. Rows are spread evenly over all texts and alternate between the parts.

    Args:
        texts: Texts by name.
        encode: The tokenizer.
        rows: How many rows, and how long.
        name: Of the task.
        card: Where the texts come from.

    Raises:
        DataError: The texts are too short for the rows.
    """
    rows = rows or TextRows()
    tokens, characters = _encoded(texts, encode)
    wanted = rows.train + rows.validation + rows.test
    available = len(tokens) // rows.context
    if available < wanted:
        raise DataError(
            f"the texts hold {available} rows of {rows.context} tokens, and {wanted} are wanted",
            source=f'task "{name}"',
        )
    chosen = np.linspace(0, available - 1, wanted).astype(np.int64)
    ids = tokens[: available * rows.context].reshape(available, rows.context)[chosen]
    lengths = characters[: available * rows.context].reshape(available, rows.context)[chosen]
    order = np.random.default_rng(7).permutation(wanted)
    parts = np.split(order, [rows.train, rows.train + rows.validation])
    made = [
        Split({TOKENS: ids[np.sort(part)]}, lengths[np.sort(part), 1:].astype(np.float32))
        for part in parts
    ]
    digest = hashlib.sha256("".join(split.digest for split in made).encode()).hexdigest()
    fitting, choosing, reported = made
    return Task(
        name,
        fitting,
        choosing,
        reported,
        loss="bits-per-character",
        score=bits_per_character,
        card=card or _card(digest, rows),
    )


def _encoded(
    texts: Mapping[str, str], encode: Encode
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    tokens: list[int] = []
    characters: list[int] = []
    for text in texts.values():
        ids, ends = encode(text)
        tokens += ids
        characters += np.diff(np.maximum.accumulate(np.array([0, *ends]))).tolist()
    return np.array(tokens, np.int64), np.array(characters, np.int64)


def _card(digest: str, rows: TextRows) -> Card:
    return Card(
        title="the novels of Jane Austen, as tokens of a decoder",
        recipe="The six novels of the R package janeaustenr 1.0.0, line by line, in rows of "
        f"{rows.context} tokens spread evenly over all of them.",
        synthetic=False,
        sha256=digest,
        license="public domain; the package is under the MIT license",
        remarks=("A network may have seen these texts in training.",),
        seeds={"parts": 7},
    )
