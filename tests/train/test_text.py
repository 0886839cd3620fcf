from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from netwright.errors import ConfigError, DataError, NumericsError
from netwright.models.text import TextEncoder
from netwright.tasks import Task
from netwright.tasks.sentences import sentence_task
from netwright.tasks.split import UNLABELED
from netwright.train import Recipe, fit
from netwright.train.text import TEXT, Vary, pad, taught, text_logits, vary
from tests.texts import SHAPE, encoder, sentences
from tests.toys import clouds

RECIPE = replace(TEXT, epochs=6, batch_size=16, learning_rate=3e-3, precision="float32")
OTHERS = sentences(16, seed=9)


def text_task(words: object, labels: object) -> Task:
    return sentence_task((words, labels), OTHERS, OTHERS, shape=SHAPE)  # type: ignore[arg-type]


def test_a_batch_is_padded():
    ids, mask = pad([np.array([5, 6, 7], np.int32), np.array([8], np.int32)])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[True, True, True], [True, False, False]]


def test_training_learns_and_leaves_the_embeddings():
    words, labels = sentences(96)
    model = encoder()
    before = model.embeddings["word_embeddings"].weight.clone()
    history = fit(model, text_task(words, labels), recipe=RECIPE)
    assert (text_logits(model, words).argmax(1) == labels).mean() > 0.8
    assert history.epochs[-1].loss < history.epochs[0].loss
    assert torch.equal(model.embeddings["word_embeddings"].weight, before)


def test_distillation_pulls_toward_the_teacher():
    words = sentences(48)[0]
    teacher, plain, pulled = encoder(1), encoder(2), encoder(2)
    wanted = text_logits(teacher, words)
    task = text_task(words, wanted.argmax(axis=1))
    fit(plain, task, recipe=RECIPE)
    fit(pulled, task, taught(teacher), RECIPE)
    distances = [np.abs(text_logits(model, words) - wanted).mean() for model in (plain, pulled)]
    assert distances[1] < distances[0]


def test_sentences_without_labels_teach_what_the_teacher_knows():
    words = sentences(48)[0]
    teacher, model = encoder(1), encoder(2)
    model.embeddings.load_state_dict(teacher.embeddings.state_dict())
    wanted, before = margins(teacher, words), margins(model, words)
    fit(model, text_task(words, np.full(len(words), UNLABELED)), taught(teacher), RECIPE)
    after = margins(model, words)
    assert np.abs(after - wanted).mean() < 0.5 * np.abs(before - wanted).mean()


def margins(model, words):
    """By how much the second logit is larger: all that the predictions depend on."""
    return np.diff(text_logits(model, words), axis=1)


def test_varied_sentences_begin_and_end_as_before_and_are_no_longer():
    words = sentences(200)[0]
    found = vary(words, splice=0.5, replace=0.2, seed=1)
    assert len(found) == 200
    longest = max(len(sentence) for sentence in words)
    for before, after in zip(words, found, strict=True):
        assert (after[0], after[-1]) == (before[0], before[-1])
        assert after.dtype == before.dtype
        assert len(after) <= longest
    lengths = [len(after) != len(before) for before, after in zip(words, found, strict=True)]
    assert 0.2 < np.mean(lengths) <= 0.5
    for other in (vary(words, splice=0.5, replace=0.2, seed=1), found):
        assert all(np.array_equal(*pair) for pair in zip(other, found, strict=True))
    other = vary(words, splice=0.5, replace=0.2, seed=2)
    assert not all(np.array_equal(*pair) for pair in zip(other, found, strict=True))


def test_the_wanted_share_of_word_pieces_is_replaced():
    words = [np.arange(102, dtype=np.int32) for _ in range(100)]
    found = vary(words, splice=0, replace=0.3, seed=0)
    changed = np.mean([before != after for before, after in zip(words, found, strict=True)])
    assert changed == pytest.approx(0.3 * 100 / 102, abs=0.02)


def test_sentences_of_one_or_two_pieces_stay():
    words = [np.array([7], np.int32), np.array([7, 8], np.int32)]
    found = vary(words, splice=1, replace=1, seed=0)
    assert [sentence.tolist() for sentence in found] == [[7], [7, 8]]


@pytest.mark.parametrize(("share", "same"), [(1.0, True), (0.0, False)])
def test_labels_count_where_a_sentence_was_not_changed(share, same):
    random = np.random.default_rng(0)
    words = [random.integers(0, 20, 12).astype(np.int32) for _ in range(32)]
    labels = random.integers(0, 2, 32)
    teacher = encoder(1)
    before = text_logits(teacher, words)
    recipe = replace(RECIPE, epochs=1, seed=3)
    found = []
    for given in (labels, 1 - labels):
        model = encoder(2)
        fit(model, text_task(words, given), taught(teacher), recipe, [Vary(replace=share)])
        found.append(text_logits(model, words))
    assert np.array_equal(*found) == same
    np.testing.assert_array_equal(text_logits(teacher, words), before)


def test_what_cannot_be_learned_is_refused():
    words, labels = sentences(16)
    task = text_task(words, labels)
    unknown = labels.copy()
    unknown[3] = UNLABELED
    with pytest.raises(ConfigError, match="1 of 16 rows have no class, the first is row 3"):
        fit(encoder(), text_task(words, unknown), recipe=RECIPE)
    with pytest.raises(ConfigError, match=r"rows have no class, the first is row \d+\nhint: learn"):
        fit(encoder(), task, None, RECIPE, [Vary(replace=1.0)])
    other = TextEncoder(replace(SHAPE, layers=3))
    with pytest.raises(ConfigError, match="the teacher must have 2 hidden states like the model"):
        fit(encoder(), task, taught(other), RECIPE)
    wide = TextEncoder(replace(SHAPE, hidden=32))
    with pytest.raises(ConfigError, match=r"hidden states of shape \(16, \d+, 16\) like the"):
        fit(encoder(), task, taught(wide), RECIPE)
    small = TextEncoder(replace(SHAPE, vocabulary=5))
    with pytest.raises(ConfigError, match='the teacher cannot read the inputs "ids"'):
        fit(encoder(), task, taught(small), RECIPE)
    with pytest.raises(DataError, match="there must be a sentence to vary"):
        vary([], splice=0.5, replace=0, seed=0)
    with pytest.raises(ConfigError, match='varied sentences need inputs "ids" and "mask"'):
        fit(torch.nn.Linear(6, 3), clouds(), None, Recipe(epochs=1), [Vary(splice=0.5)])


def test_a_loss_that_is_no_number_is_refused():
    model = encoder()
    with torch.no_grad():
        model.classifier.bias.fill_(float("nan"))
    with pytest.raises(NumericsError, match="the training loss became nan in step 1"):
        fit(model, text_task(*sentences(16)), recipe=RECIPE)


def test_shares_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=re.escape("splice (0.0) and replace (1.5) must be from")):
        Vary(replace=1.5)
