"""Movie snippets with human ratings: the sentences of Hutto and Gilbert (ICWSM 2014).

The texts come from public reviews and are not part of this package: they are read at run time from
the source archive of vaderSentiment 3.3.2 (``pip download --no-deps --no-binary :all:
vaderSentiment==3.3.2``).
"""

from __future__ import annotations

import hashlib
import io
import os
import reprlib
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError, require
from netwright.reading import read_bytes
from netwright.tasks.card import Card
from netwright.tasks.split import check_seed, split_rows

VARIABLE = "NETWRIGHT_SNIPPETS"
"""The environment variable that names the file with the snippets."""

SHA256 = "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350"
"""Digest of the file with the snippets in the source archive."""

CLASSES = ("negative", "positive")

CLEAR = 0.5
"""Smallest magnitude of the mean rating, of 4, of a snippet that is used."""

_MEMBER = "movieReviewSnippets_GroundTruth.txt"
_REVIEWS = "amazonReviewSnippets_GroundTruth.txt"
_REVIEWS_SHA256 = "11a9807a0974a2506a2d3b4851eaf69b3d6d20688ce4923adda2312a4f6dd6c2"
_ARCHIVE = "hutto_ICWSM_2014.tar.gz"
_MAX_BYTES = 16 << 20
_HINT = (
    "pip download --no-deps --no-binary :all: vaderSentiment==3.3.2, and pass the archive or set "
    f"{VARIABLE} to it"
)

Sentence = NDArray[np.int32]
"""Word pieces of one sentence, ``(tokens,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class TextSplit:
    """Sentences of one part of a task.

    Attributes:
        texts: The sentences.
        targets: Positions in the task's classes, int64, ``(rows,)``.
    """

    texts: tuple[str, ...]
    targets: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TextTask:
    """Classification of sentences.

    Attributes:
        name: Short name.
        train: Sentences for fitting.
        validation: Sentences for choosing between models.
        test: Sentences for the reported figures only.
        classes: Class names in label order.
        card: Where the data come from.
    """

    name: str
    train: TextSplit
    validation: TextSplit
    test: TextSplit
    classes: tuple[str, ...]
    card: Card


def snippets(*, path: Path | str | None = None, seed: int = 7) -> TextTask:
    """Movie snippets that people rate as clearly positive or clearly negative.

    Args:
        path: The source archive of vaderSentiment, the archive in it, or the text file; the
            environment variable ``NETWRIGHT_SNIPPETS`` if not given.
        seed: Seed of the split into 64 % / 16 % / 20 %.

    Raises:
        ConfigError: The seed is out of range.
        DataError: The file is missing, damaged, or holds other snippets.
    """
    check_seed(seed)
    source = _find(path)
    rows = _rows(source, _MEMBER, SHA256)
    scores = np.array([float(score) for _, score, _ in rows])
    clear = np.flatnonzero(np.abs(scores) >= CLEAR)
    labels = (scores[clear] > 0).astype(np.int64)
    texts = [rows[row][2].strip() for row in clear]
    parts = (
        TextSplit(tuple(texts[row] for row in chosen), labels[chosen])
        for chosen in split_rows(labels, CLASSES, seed=seed, source=str(source))
    )
    train, validation, test = parts
    return TextTask("snippets", train, validation, test, CLASSES, _card(len(texts), labels, seed))


def unlabeled_texts(task: TextTask, *, path: Path | str | None = None) -> tuple[str, ...]:
    """Texts from which a student can learn what its teacher makes of them.

    They are the movie snippets without a clear rating, and the sentences of product reviews that
    the archive holds besides. No rating is returned, and no sentence that `task` has in any split.

    Args:
        task: The task for which a network is trained.
        path: As for :func:`snippets`, but the text file alone does not do.

    Raises:
        DataError: The archive is missing, damaged, or holds other texts.
    """
    source = _find(path)
    splits = (task.train, task.validation, task.test)
    known = {text for split in splits for text in split.texts}
    found: dict[str, None] = {}
    for name, digest in ((_MEMBER, SHA256), (_REVIEWS, _REVIEWS_SHA256)):
        for row in _rows(source, name, digest):
            text = row[2].strip()
            if text and text not in known:
                found[text] = None
    return tuple(found)


def encode(texts: Sequence[str], tokenizer: str | Path, *, max_tokens: int = 64) -> list[Sentence]:
    """Word pieces of every text, cut after `max_tokens`.

    Args:
        texts: Sentences.
        tokenizer: A ``tokenizer.json``.
        max_tokens: Most word pieces of a sentence, the two at its ends included.

    Raises:
        ConfigError: There is no room for the two at the ends.
        DataError: The tokenizer cannot be read, or a text is no Unicode.
        MissingExtra: The package tokenizers is not installed.
    """
    tokenizer = Path(tokenizer)
    _check_texts(texts)
    if not 2 <= max_tokens < 2**31:
        raise ConfigError(f"max_tokens must be 2 to 2^31 - 1, not {max_tokens}")
    tokenizers = require("tokenizers", extra="text", purpose="reading text")
    try:
        reader = tokenizers.Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # the library raises nothing more specific
        raise DataError(f"cannot be read as a tokenizer ({error})", source=str(tokenizer)) from None
    reader.no_padding()
    reader.enable_truncation(max_length=max_tokens)
    return [np.array(found.ids, dtype=np.int32) for found in reader.encode_batch(list(texts))]


def _check_texts(texts: Sequence[str]) -> None:
    """Refuse what the tokenizer would take for something else, or cannot read."""
    if isinstance(texts, str):
        raise DataError(
            f"texts must be a sequence of texts, not the text {reprlib.repr(texts)}",
            hint="encode([text], ...) encodes a single one",
        )
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {row} must be a str, not {type(text).__name__}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"text {row} must be Unicode without lone surrogates, not have "
                f"U+{ord(text[error.start]):04X} at {error.start}",
                hint='text.encode("utf-8", "replace").decode() has question marks for them',
            ) from None


def _find(path: Path | str | None) -> Path:
    given = str(path) if path is not None else os.environ.get(VARIABLE, "")
    if not given:
        raise DataError("the movie snippets are not installed", hint=_HINT)
    return Path(given)


def _rows(path: Path, name: str, sha256: str) -> list[list[str]]:
    """Number, mean rating and text of each line of a file that has this digest."""
    data = _read(path, name)
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise DataError(
            f"{name} must have the digest {sha256}, not {digest}", source=str(path), hint=_HINT
        )
    return [line.split("\t", 2) for line in data.decode("utf-8").splitlines()]


def _read(path: Path, name: str) -> bytes:
    """The text file of this name, from wherever it is packed."""
    try:
        data = read_bytes(path, most=_MAX_BYTES, hint=_HINT)
        for wanted in (_ARCHIVE, name):
            if not data.startswith(b"\x1f\x8b"):
                break
            found = _member(data, wanted)
            data = found if found is not None else data
        if data.startswith(b"\x1f\x8b"):
            raise DataError(f"holds no {name}", source=str(path), hint=_HINT)
    except DataError:
        raise
    except Exception as error:  # what gzip, zlib and tarfile make of damaged bytes has no one base
        raise DataError(f"cannot be read ({error})", source=str(path), hint=_HINT) from None
    return data


def _member(data: bytes, name: str) -> bytes | None:
    """The file of this name in an archive, if it holds one that is not absurdly large."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            if Path(member.name).name == name and member.isfile() and member.size <= _MAX_BYTES:
                stream = archive.extractfile(member)
                return None if stream is None else stream.read()
    return None


def _card(count: int, labels: NDArray[np.int64], seed: int) -> Card:
    return Card(
        title=f"{count} movie snippets rated by people",
        recipe="Hutto and Gilbert, ICWSM 2014: sentences of movie reviews, each rated by about 20 "
        f"people from -4 to 4; those with a mean of magnitude {CLEAR} or more",
        synthetic=False,
        sha256=SHA256,
        license="the archive is under the MIT license; the snippets come from public reviews",
        seeds={"split": seed},
        counts={name: int((labels == label).sum()) for label, name in enumerate(CLASSES)},
    )
