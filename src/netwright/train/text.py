"""Training of text encoders: the recipe, a teacher of every layer, and varied sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.errors import ConfigError, DataError
from netwright.exchange.bert.sentences import check_sentences
from netwright.models.text import TextEncoder
from netwright.tasks import Split
from netwright.tasks.sentences import IDS, padded, unpadded
from netwright.tasks.snippets import Sentence
from netwright.tasks.split import MASK, UNLABELED
from netwright.train.callbacks import Callback
from netwright.train.objective import Distill
from netwright.train.prediction import predict
from netwright.train.recipe import Recipe

TEXT = Recipe(
    epochs=3,
    batch_size=32,
    learning_rate=5e-5,
    optimizer="adamw",
    weight_decay=0.01,
    schedule="linear",
    warmup=0.06,
    max_norm=1.0,
    precision="bfloat16",
    keep="last",
    batches="by-length",
)
"""How an encoder is trained if nothing else is said."""

TEMPERATURE = 2.0
"""Of the teacher's and the student's logits in distillation (Hinton et al. 2015)."""


def taught(teacher: TextEncoder) -> Distill:
    """Learn from the labels, the predictions of a teacher and the hidden states of every layer.

    Args:
        teacher: A trained encoder with as many layers, features and classes.
    """
    return Distill(teacher, share=1.0, target_share=1.0, temperature=TEMPERATURE, hidden=True)


class Vary(Callback):
    """New sentences from old ones for every epoch: see :func:`vary`.

    What was changed has no label, so there must be a teacher.

    Args:
        splice: Share of the sentences that end like another one.
        replace: Share of the word pieces that are replaced by any of all sentences.

    Raises:
        ConfigError: A share is out of range.
    """

    def __init__(self, *, splice: float = 0.0, replace: float = 0.0) -> None:
        if not (0 <= splice <= 1 and 0 <= replace <= 1):
            raise ConfigError(f"splice ({splice}) and replace ({replace}) must be from 0 to 1")
        self.splice, self.replace = splice, replace

    @property
    def settings(self) -> str:
        """The shares."""
        return f"Vary(splice={self.splice}, replace={self.replace})"

    def epoch_rows(self, split: Split, *, epoch: int, seed: int) -> Split:
        """Varied sentences; those that were changed have no label."""
        if not {IDS, MASK} <= split.arrays.keys():
            raise ConfigError(
                f'varied sentences need inputs "{IDS}" and "{MASK}", and there is '
                f"{', '.join(split.arrays)}"
            )
        sentences = unpadded(split.arrays)
        texts = vary(sentences, splice=self.splice, replace=self.replace, seed=seed * 1000 + epoch)
        same = [np.array_equal(*pair) for pair in zip(texts, sentences, strict=True)]
        return Split(padded(texts), np.where(same, split.targets, UNLABELED))


def vary(
    sentences: Sequence[Sentence], *, splice: float, replace: float, seed: int
) -> list[Sentence]:
    """New sentences from old ones, to see what a teacher makes of more texts than there are.

    A share of the sentences keeps its beginning, and goes on like the end of another one; both are
    cut anywhere. Then a share of the word pieces is replaced by any of those of all sentences, as
    often as they occur. First and last pieces stay, and no sentence is longer than the longest.

    Args:
        sentences: Word pieces of every sentence, with those that begin and end it.
        splice: Share of the sentences, 0 to 1.
        replace: Share of the word pieces, 0 to 1.
        seed: Seed of all choices.

    Raises:
        DataError: There is no sentence.
    """
    if not len(sentences):
        raise DataError("there must be a sentence to vary")
    random = np.random.default_rng(seed)
    everything = np.concatenate([sentence[1:-1] for sentence in sentences])
    longest = max(len(sentence) for sentence in sentences) - 2
    found = []
    for sentence in sentences:
        inner = sentence[1:-1]
        if random.random() < splice:
            other = sentences[int(random.integers(len(sentences)))][1:-1]
            begin, end = random.integers(len(inner) + 1), random.integers(len(other) + 1)
            inner = np.concatenate([inner[:begin], other[end:]])[:longest]
        if len(everything):
            anything = everything[random.integers(len(everything), size=len(inner))]
            inner = np.where(random.random(len(inner)) < replace, anything, inner)
        found.append(np.concatenate([sentence[:1], inner, sentence[1:][-1:]]))
    return found


def pad(sentences: Sequence[Sentence]) -> tuple[Tensor, Tensor]:
    """Word pieces of a batch and where they are, both (batch, longest).

    Raises:
        DataError: There is no sentence, or one without word pieces.
    """
    arrays = padded(sentences)
    return torch.from_numpy(arrays[IDS]), torch.from_numpy(arrays[MASK]).bool()


def text_logits(model: TextEncoder, sentences: Sequence[Sentence]) -> NDArray[np.float64]:
    """Logits of every sentence in float32, (rows, classes).

    Raises:
        DataError: A sentence is empty or too long, or has a word piece that is not known.
    """
    return predict(model, padded(check_sentences(sentences, model.shape)))
