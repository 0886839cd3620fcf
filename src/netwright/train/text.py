"""Training of text encoders: sentences of about equal length in a batch, and one resumable loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from netwright.errors import ConfigError, DataError, NumericsError
from netwright.exchange.bert.sentences import check_sentences
from netwright.models.text import TextEncoder
from netwright.tasks.snippets import Sentence
from netwright.tasks.split import check_seed
from netwright.train.labels import UNLABELED as UNLABELED
from netwright.train.labels import checked_labels
from netwright.train.text_checkpoint import Companion, Origin, resume_checkpoint, save_checkpoint

POOL_BATCHES = 16
"""Batches whose sentences are sorted by length together."""

WARMUP = 0.06
"""Share of the steps in which the learning rate rises."""

TEMPERATURE = 2.0
"""Of the teacher's and the student's logits in distillation (Hinton et al. 2015)."""

MAX_NORM = 1.0
"""Gradients are scaled down to this norm."""


@dataclass(frozen=True, slots=True)
class TextRecipe:
    """Settings of a training.

    Attributes:
        epochs: Passes over the sentences.
        batch_size: Sentences in one step.
        learning_rate: Peak learning rate of AdamW; it falls linearly to zero.
        weight_decay: Of AdamW.
        seed: Seed of the order of the sentences.
        half: Compute products in bfloat16.
        splice: Share of the sentences that end like another one, drawn anew for every epoch.
        replace: Share of the word pieces that are replaced by any of all sentences, likewise. What
            was changed has no label, so both need a teacher.

    Raises:
        ConfigError: A setting is out of range.
    """

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    weight_decay: float = 0.01
    seed: int = 0
    half: bool = True
    splice: float = 0.0
    replace: float = 0.0

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.epochs < 1 or self.batch_size < 1 or not 0 < self.learning_rate < 1:
            raise ConfigError(
                f"epochs ({self.epochs}) and batch_size ({self.batch_size}) must be 1 or more, and "
                f"learning_rate ({self.learning_rate}) between 0 and 1"
            )
        if not (0 <= self.splice <= 1 and 0 <= self.replace <= 1):
            raise ConfigError(
                f"splice ({self.splice}) and replace ({self.replace}) must be from 0 to 1"
            )

    @property
    def varied(self) -> bool:
        """Whether sentences are changed."""
        return self.splice > 0 or self.replace > 0


@dataclass(frozen=True, slots=True)
class TextStep:
    """Where a training stands.

    Attributes:
        epoch: The epoch, from 1.
        step: Steps done, of all epochs.
        steps: Steps of all epochs.
        loss: Loss of this step.
    """

    epoch: int
    step: int
    steps: int
    loss: float

    @property
    def share(self) -> float:
        """Share of the steps that is done, 0..1."""
        return self.step / self.steps


def pad(sentences: Sequence[Sentence]) -> tuple[Tensor, Tensor]:
    """Word pieces of a batch and where they are, both (batch, longest).

    Raises:
        DataError: There is no sentence, or one without word pieces.
    """
    lengths = [len(sentence) for sentence in sentences]
    if not lengths or min(lengths) == 0:
        raise DataError("a batch must have sentences, and every sentence at least one token")
    ids = np.zeros((len(sentences), max(lengths)), dtype=np.int64)
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence)] = sentence
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    return torch.from_numpy(ids), torch.from_numpy(mask)


def buckets(sentences: Sequence[Sentence], batch_size: int, seed: int) -> list[NDArray[np.int64]]:
    """Rows of every batch of an epoch: random, but of about equal length within a batch."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(sentences))
    pool = batch_size * POOL_BATCHES
    lengths = np.array([len(sentence) for sentence in sentences])
    found: list[NDArray[np.int64]] = []
    for first in range(0, len(order), pool):
        rows = order[first : first + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        found += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    return [found[at] for at in random.permutation(len(found))]


@torch.no_grad()
def text_logits(
    model: TextEncoder, sentences: Sequence[Sentence], *, batch_size: int = 64
) -> NDArray[np.float64]:
    """Logits of every sentence in float32, (rows, classes).

    Raises:
        DataError: A sentence is empty or too long, or has a word piece that is not known.
    """
    check_sentences(sentences, model.shape)
    model.eval()
    order = np.argsort([len(sentence) for sentence in sentences], kind="stable")
    logits = np.zeros((len(sentences), model.shape.classes))
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        logits[rows] = model(*pad([sentences[row] for row in rows])).double().numpy()
    return logits


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
    if not sentences:
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


def fit_text(
    model: TextEncoder,
    sentences: Sequence[Sentence],
    labels: ArrayLike,
    *,
    recipe: TextRecipe,
    teacher: TextEncoder | None = None,
    before_step: Callable[[float], None] | None = None,
    after_step: Callable[[TextStep], None] | None = None,
    companion: Companion | None = None,
    checkpoint: Path | str | None = None,
) -> None:
    """Train `model` in place; embeddings stay as they are.

    Args:
        model: The encoder.
        sentences: Word pieces of the training sentences.
        labels: Their classes, 0 to classes - 1, (rows,); with a teacher, :data:`UNLABELED` where
            not known.
        recipe: Settings.
        teacher: An encoder to learn from, with as many layers and features. The loss is then the
            cross entropy with the labels, plus the divergence from the teacher's predictions, plus,
            for each layer, the squared difference of the hidden states relative to the teacher's
            (after TinyBERT, Jiao et al. 2020). Sentences that were varied count as unlabeled.
        before_step: Called with the share of the steps done, 0..1.
        after_step: Called after every step, while the gradients are still there.
        companion: What the two calls above do by; kept in the checkpoint.
        checkpoint: Written after every epoch. A training that was interrupted goes on from there;
            one that ended is read back. Both need the model to start from once more.

    Raises:
        ConfigError: Sentences are to be varied without a teacher, or it has another shape.
        DataError: There is no sentence, or one that the encoder or its teacher cannot read; or a
            label is missing, out of range, or unknown without a teacher.
        NumericsError: The loss is not finite.
        RunError: The checkpoint cannot be read, or belongs to a training with other settings,
            sentences or labels, or with another teacher or model to start from.
    """
    known_labels = check_texts(model, sentences, labels, teacher)
    _check_teacher(model, recipe, teacher)
    path = None if checkpoint is None else Path(checkpoint)
    model.embeddings.requires_grad_(False)
    trained = [item for item in model.parameters() if item.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    num_batches = -(-len(sentences) // recipe.batch_size)
    steps = recipe.epochs * num_batches
    done = 0
    if path is not None:
        origin = Origin.of(
            model,
            sentences,
            known_labels,
            recipe=repr(recipe),
            teacher=teacher,
            companion=companion,
        )
        done = resume_checkpoint(path, model, optimizer, origin=origin, companion=companion)
    for epoch in range(done, recipe.epochs):
        model.train()
        seed = recipe.seed * 1000 + epoch
        texts, known = _texts(sentences, known_labels, recipe, seed)
        batches = buckets(texts, recipe.batch_size, seed)
        for step, rows in enumerate(batches, start=epoch * num_batches):
            if before_step is not None:
                before_step(step / steps)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _ramp(step / steps)
            batch = [texts[row] for row in rows]
            loss = _loss(model, batch, known[rows], teacher, recipe.half)
            value = float(loss.detach())
            if not np.isfinite(value):
                raise NumericsError(
                    f"the training loss became {value} in step {step + 1}",
                    hint="lower the learning rate",
                )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, MAX_NORM)
            optimizer.step()
            if after_step is not None:
                after_step(TextStep(epoch + 1, step + 1, steps, value))
        if path is not None:
            rest = optimizer if epoch + 1 < recipe.epochs else None
            save_checkpoint(path, model, rest, origin=origin, companion=companion, epoch=epoch + 1)
    model.eval()


def check_texts(
    model: TextEncoder,
    sentences: Sequence[Sentence],
    labels: ArrayLike,
    teacher: TextEncoder | None,
) -> NDArray[np.int64]:
    """Labels as int64, (rows,), if a model can learn from these sentences.

    Raises:
        DataError: It cannot; see :func:`fit_text`.
    """
    found = checked_labels(
        labels,
        num_sentences=len(sentences),
        classes=model.shape.classes,
        taught=teacher is not None,
    )
    check_sentences(sentences, model.shape)
    if teacher is not None:
        try:
            check_sentences(sentences, teacher.shape)
        except DataError as error:
            raise DataError(error.message, source="the teacher") from None
    return found


def _ramp(share: float) -> float:
    return min(share / WARMUP + 0.01, (1 - share) / (1 - WARMUP), 1.0)


def _texts(
    sentences: Sequence[Sentence], labels: NDArray[np.int64], recipe: TextRecipe, seed: int
) -> tuple[Sequence[Sentence], NDArray[np.int64]]:
    """Sentences and labels of an epoch."""
    if not recipe.varied:
        return sentences, labels
    texts = vary(sentences, splice=recipe.splice, replace=recipe.replace, seed=seed)
    same = [np.array_equal(*pair) for pair in zip(texts, sentences, strict=True)]
    return texts, np.where(same, labels, UNLABELED)


def _loss(
    model: TextEncoder,
    batch: list[Sentence],
    labels: NDArray[np.int64],
    teacher: TextEncoder | None,
    half: bool,
) -> Tensor:
    ids, mask = pad(batch)
    with _half(half):
        states = model.hidden_states(ids, mask)
        logits = model.classify(states[-1], mask).float()
    loss = logits.new_zeros(())
    known = np.flatnonzero(labels != UNLABELED)
    if len(known):
        loss = functional.cross_entropy(logits[known], torch.from_numpy(labels[known]))
        loss = loss * (len(known) / len(batch))
    if teacher is None:
        return loss
    with torch.no_grad(), _half(half):
        wanted = teacher.hidden_states(ids, mask)
        taught = teacher.classify(wanted[-1], mask).float()
    loss = loss + TEMPERATURE**2 * functional.kl_div(
        functional.log_softmax(logits / TEMPERATURE, dim=1),
        functional.softmax(taught / TEMPERATURE, dim=1),
        reduction="batchmean",
    )
    for found, layer in zip(states, wanted, strict=True):
        right = layer.float()[mask]
        loss = loss + functional.mse_loss(found.float()[mask], right) / right.square().mean()
    return loss


def _check_teacher(model: TextEncoder, recipe: TextRecipe, teacher: TextEncoder | None) -> None:
    """Refuse what cannot teach; a teacher is set to evaluation."""
    if teacher is None:
        if recipe.varied:
            raise ConfigError(
                "varied sentences have no label: give a teacher, or splice=0, replace=0"
            )
        return
    wanted, found = (
        (shape.layers, shape.hidden, shape.classes) for shape in (model.shape, teacher.shape)
    )
    if wanted != found:
        raise ConfigError(
            f"the teacher must have {wanted[0]} layers, {wanted[1]} features and {wanted[2]} "
            f"classes like the model, not {found[0]}, {found[1]} and {found[2]}"
        )
    teacher.eval()


@contextmanager
def _half(enabled: bool) -> Iterator[None]:
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        yield
