"""Sentences as word pieces, checked before they index a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.exchange.bert.shape import EncoderShape

Sentence = NDArray[np.int32]


def check_sentences(sentences: Sequence[Sentence], shape: EncoderShape) -> list[Sentence]:
    """Return sentences as int32 vectors, if an encoder of this shape takes them.

    Args:
        sentences: Word pieces of each, integers ``(tokens,)`` of any width.
        shape: Extents of the encoder.

    Raises:
        DataError: There is no sentence, or one is no vector of integers, or has no token, too many,
            or an unknown one; the message has the number of the sentence, from 0.

    >>> shape = EncoderShape(vocabulary=9, positions=4)
    >>> check_sentences([[1, 2]], shape)
    [array([1, 2], dtype=int32)]
    """
    try:
        given = list(sentences)
    except TypeError:
        raise DataError(
            f"sentences must be a sequence of vectors, not {type(sentences).__name__}"
        ) from None
    if not given:
        raise DataError("there must be at least one sentence")
    return [_checked(f"sentence {number}", item, shape) for number, item in enumerate(given)]


def _checked(name: str, sentence: object, shape: EncoderShape) -> Sentence:
    try:
        ids = np.asarray(sentence)
    except (TypeError, ValueError, RuntimeError):
        raise DataError(
            f"{name} must be a vector of integers, not {type(sentence).__name__}"
        ) from None
    if ids.ndim != 1:
        raise DataError(
            f"{name} must be a vector of integers, not of shape {ids.shape}",
            hint="put a single sentence into a list" if ids.ndim == 0 else None,
        )
    if not 1 <= len(ids) <= shape.positions:
        raise DataError(
            f"{name} must have 1 to {shape.positions} tokens, not {len(ids)}",
            hint="cut sentences when they are encoded" if len(ids) else None,
        )
    if ids.dtype.kind not in "iu":
        raise DataError(f"{name} must be a vector of integers, not of {ids.dtype}")
    wrong = np.flatnonzero((ids < 0) | (ids >= shape.vocabulary))
    if len(wrong):
        at = int(wrong[0])
        raise DataError(
            f"{name} has the token {int(ids[at])} at {at}; tokens are from 0 to "
            f"{shape.vocabulary - 1}"
        )
    return ids.astype(np.int32, copy=False)
