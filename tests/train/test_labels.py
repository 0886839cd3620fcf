from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from netwright.compress.block import BlockSparsity
from netwright.compress.sparse_text import sparsify_text
from netwright.errors import ConfigError, DataError
from netwright.models.text import TextEncoder
from netwright.train.labels import UNLABELED, checked_labels
from netwright.train.text import TextRecipe, fit_text, text_logits
from tests.texts import SHAPE, encoder, sentences

RECIPE = TextRecipe(epochs=1, batch_size=8, half=False)


def trainings(words, labels, **options):
    """Both trainings of these sentences, as calls."""
    schedule = BlockSparsity(0.5, score="output")
    return (
        lambda: fit_text(encoder(), words, labels, recipe=RECIPE, **options),
        lambda: sparsify_text(
            encoder(), words, labels, schedule=schedule, recipe=RECIPE, **options
        ),
    )


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        (np.array([5, 20]), "sentence 3 has the token 20 at 1; tokens are from 0 to 19"),
        (np.array([5, -1]), "sentence 3 has the token -1 at 1; tokens are from 0 to 19"),
        (np.zeros(13, np.int32), "sentence 3 must have 1 to 12 tokens, not 13"),
        (np.zeros(0, np.int32), "sentence 3 must have 1 to 12 tokens, not 0"),
        (np.zeros(4), "sentence 3 must be a vector of integers, not of float64"),
        (np.zeros((1, 4), int), "sentence 3 must be a vector of integers, not of shape (1, 4)"),
        ([[1], [2, 3]], "sentence 3 must be a vector of integers, not list"),
        ("word", "sentence 3 must be a vector of integers, not of shape ()"),
    ],
)
def test_sentences_that_cannot_be_read_are_refused(sentence, message):
    words, labels = sentences(8)
    words[3] = sentence
    for train in trainings(words, labels):
        with pytest.raises(DataError, match=re.escape(message)):
            train()
    with pytest.raises(DataError, match=re.escape(message)):
        text_logits(encoder(), words)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((3, 2), "the label of sentence 3 must be 0 to 1, or -1 where a teacher knows it, not 2"),
        (
            (3, -100),
            "the label of sentence 3 must be 0 to 1, or -1 where a teacher knows it, not -",
        ),
        ((slice(3, 5), -2), "not -2, and 1 more are not accepted"),
    ],
)
def test_labels_out_of_range_are_refused(change, message):
    words, labels = sentences(8)
    labels[change[0]] = change[1]
    for train in (*trainings(words, labels), *trainings(words, labels, teacher=encoder(1))):
        with pytest.raises(DataError, match=re.escape(message)):
            train()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(8), "labels must be one row of whole numbers, not float64 of shape (8,)"),
        (
            np.zeros((8, 2), int),
            "labels must be one row of whole numbers, not int64 of shape (8, 2",
        ),
        (["negative"] * 8, "labels must be one row of whole numbers, not <U8 of shape (8,)"),
        ([0] * 7, "8 sentences must have as many labels, not 7"),
    ],
)
def test_labels_of_another_kind_are_refused(labels, message):
    for train in trainings(sentences(8)[0], labels):
        with pytest.raises(DataError, match=re.escape(message)):
            train()


@pytest.mark.parametrize("kind", [list, np.int32, np.uint8])
def test_labels_of_every_whole_kind_train_alike(kind):
    words, labels = sentences(8)
    given = labels.tolist() if kind is list else labels.astype(kind)
    found = []
    for rows in (labels, given):
        model = encoder()
        fit_text(model, words, rows, recipe=RECIPE)
        found.append(text_logits(model, words))
    np.testing.assert_array_equal(*found)


def test_labels_need_not_be_known_with_a_teacher():
    found = checked_labels([0, UNLABELED], num_sentences=2, classes=2, taught=True)
    assert (found.tolist(), found.dtype) == ([0, UNLABELED], np.int64)
    with pytest.raises(DataError, match="sentence 1 has no label"):
        checked_labels([0, UNLABELED], num_sentences=2, classes=2, taught=False)


def test_nothing_to_learn_from_is_refused():
    for train in trainings([], []):
        with pytest.raises(DataError, match="there must be a sentence to learn from"):
            train()


def test_what_the_teacher_cannot_read_is_refused():
    words, labels = sentences(8)
    teacher = TextEncoder(replace(SHAPE, positions=1))
    for train in trainings(words, labels, teacher=teacher):
        with pytest.raises(DataError, match="the teacher: sentence 0 must have 1 to 1 tokens"):
            train()


def test_seeds_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=re.escape("seed must be 0 to 2^63 - 1, not -1")):
        TextRecipe(seed=-1)
