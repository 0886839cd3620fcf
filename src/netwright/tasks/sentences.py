"""Sentences as a task: word pieces in padded arrays, and what is known of their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import DataError
from netwright.exchange.bert.sentences import Sentence, check_sentences
from netwright.exchange.bert.shape import EncoderShape
from netwright.tasks.base import Task
from netwright.tasks.card import Card, unknown_card
from netwright.tasks.scores import accuracy
from netwright.tasks.split import MASK, UNLABELED, Split

IDS = "ids"
"""Name of the input with the word pieces."""

Labeled = tuple[Sequence[Sentence], ArrayLike]
"""Sentences and their classes."""


def sentence_task(
    train: Labeled,
    validation: Labeled,
    test: Labeled,
    *,
    shape: EncoderShape,
    unlabeled: Sequence[Sentence] = (),
    classes: Sequence[str] = (),
    name: str = "sentences",
    card: Card | None = None,
) -> Task:
    """Make a task of sentences for an encoder.

    Args:
        train: Sentences for fitting, and their classes; :data:`~netwright.tasks.split.UNLABELED`
            where a class is not known and a teacher shall know it.
        validation: Sentences for choosing between models.
        test: Sentences for the reported figures.
        shape: Extents of the encoder: how many word pieces there are, and how many in a sentence.
        unlabeled: More sentences for fitting, whose class is not known.
        classes: Names of the classes; their numbers if not given.
        name: Of the task.
        card: Where the sentences come from.

    Raises:
        DataError: There is no sentence, or one that the encoder cannot read; or labels are missing,
            no whole numbers, or out of range.
    """
    parts = [
        _labeled(part, what, shape)
        for part, what in ((train, "train"), (validation, "validation"), (test, "test"))
    ]
    if len(unlabeled):
        more = _checked(unlabeled, "unlabeled", shape)
        labels = np.full(len(more), UNLABELED, dtype=np.int64)
        parts[0] = ([*parts[0][0], *more], np.concatenate([parts[0][1], labels]))
    width = max(len(sentence) for sentences, _ in parts for sentence in sentences)
    made = [Split(padded(sentences, width=width), labels) for sentences, labels in parts]
    fitting, choosing, reported = made
    digest = sha256("".join(part.digest for part in made).encode()).hexdigest()
    names = tuple(classes) or tuple(map(str, range(shape.classes)))
    return Task(
        name,
        fitting,
        choosing,
        reported,
        loss="cross-entropy",
        score=accuracy,
        card=card or unknown_card(name, digest),
        classes=names,
    )


def padded(
    sentences: Sequence[Sentence], *, width: int | None = None
) -> dict[str, NDArray[np.int64]]:
    """Word pieces, and ones where there are some, both (rows, width).

    Args:
        sentences: Word pieces of each.
        width: Length of the rows; that of the longest sentence if not given.

    Raises:
        DataError: There is no sentence, or one without word pieces.
    """
    known = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
    if not len(known) or known.min() == 0:
        raise DataError("a batch must have sentences, and every sentence at least one token")
    ids = np.zeros((len(known), int(known.max()) if width is None else width), dtype=np.int64)
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence)] = sentence
    return {IDS: ids, MASK: (np.arange(ids.shape[1]) < known[:, None]).astype(np.int64)}


def unpadded(arrays: Mapping[str, NDArray[np.int64]]) -> list[Sentence]:
    """The sentences that :func:`padded` put into arrays."""
    known = arrays[MASK].sum(axis=1)
    pairs = zip(arrays[IDS].astype(np.int32), known, strict=True)
    return [row[:length] for row, length in pairs]


def _labeled(
    part: Labeled, what: str, shape: EncoderShape
) -> tuple[list[Sentence], NDArray[np.int64]]:
    sentences, labels = part
    words = _checked(sentences, what, shape)
    found = np.asarray(labels)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise DataError(
            f"labels must be one row of whole numbers, not {found.dtype} of shape {found.shape}",
            source=what,
        )
    if len(found) != len(words):
        raise DataError(
            f"{len(words)} sentences must have as many labels, not {len(found)}", source=what
        )
    return words, found.astype(np.int64)


def _checked(sentences: Sequence[Sentence], what: str, shape: EncoderShape) -> list[Sentence]:
    try:
        return check_sentences(sentences, shape)
    except DataError as error:
        raise DataError(error.message, source=what, hint=error.hint) from None
