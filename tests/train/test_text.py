from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from netwright.errors import ConfigError, DataError, NumericsError, RunError
from netwright.models.text import TextEncoder
from netwright.train.text import (
    UNLABELED,
    TextRecipe,
    buckets,
    fit_text,
    pad,
    text_logits,
    vary,
)
from tests.texts import SHAPE, encoder, sentences

RECIPE = TextRecipe(epochs=6, batch_size=16, learning_rate=3e-3, half=False)


def test_a_batch_is_padded():
    ids, mask = pad([np.array([5, 6, 7], np.int32), np.array([8], np.int32)])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[True, True, True], [True, False, False]]


@pytest.mark.parametrize("empty", [[], [np.zeros(0, np.int32)]])
def test_a_batch_without_tokens_is_refused(empty):
    with pytest.raises(DataError, match="every sentence at least one token"):
        pad(empty)


def test_buckets_hold_every_row_once_and_like_lengths():
    words = sentences(100)[0]
    found = buckets(words, 8, seed=3)
    assert sorted(np.concatenate(found).tolist()) == list(range(100))
    spread = [np.ptp([len(words[row]) for row in rows]) for rows in found]
    assert np.mean(spread) < 3


def test_training_learns_and_goes_on_where_it_stopped(tmp_path):
    words, labels = sentences(96)
    whole, halves = encoder(), encoder()
    fit_text(whole, words, labels, recipe=RECIPE)
    assert (text_logits(whole, words).argmax(1) == labels).mean() > 0.8

    class Stop(Exception):
        pass

    def stop(step):
        if step.epoch == 3:
            raise Stop

    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(Stop):
        fit_text(halves, words, labels, recipe=RECIPE, checkpoint=checkpoint, after_step=stop)
    again = encoder()
    epochs = []
    fit_text(
        again,
        words,
        labels,
        recipe=RECIPE,
        checkpoint=checkpoint,
        after_step=lambda step: epochs.append(step.epoch),
    )
    assert min(epochs) == 3
    np.testing.assert_allclose(text_logits(again, words), text_logits(whole, words), rtol=1e-4)


def test_a_checkpoint_of_other_settings_or_damaged_is_refused(tmp_path):
    words, labels = sentences(16)
    checkpoint = tmp_path / "checkpoint.pt"
    recipe = TextRecipe(epochs=1, half=False)
    fit_text(encoder(), words, labels, recipe=recipe, checkpoint=checkpoint)
    other = TextRecipe(epochs=2, half=False)
    with pytest.raises(RunError, match="was written by a training with TextRecipe"):
        fit_text(encoder(), words, labels, recipe=other, checkpoint=checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(RunError, match="cannot be read as a checkpoint"):
        fit_text(encoder(), words, labels, recipe=recipe, checkpoint=checkpoint)


def test_distillation_pulls_toward_the_teacher():
    words = sentences(48)[0]
    teacher, plain, taught = encoder(1), encoder(2), encoder(2)
    wanted = text_logits(teacher, words)
    labels = wanted.argmax(axis=1)
    fit_text(plain, words, labels, recipe=RECIPE)
    fit_text(taught, words, labels, recipe=RECIPE, teacher=teacher)
    distances = [np.abs(text_logits(model, words) - wanted).mean() for model in (plain, taught)]
    assert distances[1] < distances[0]


def test_sentences_without_labels_teach_what_the_teacher_knows():
    words = sentences(48)[0]
    teacher, taught = encoder(1), encoder(2)
    taught.embeddings.load_state_dict(teacher.embeddings.state_dict())
    losses = []
    fit_text(
        taught,
        words,
        np.full(len(words), UNLABELED),
        recipe=RECIPE,
        teacher=teacher,
        after_step=lambda step: losses.append(step.loss),
    )
    assert losses[-1] < 0.7 * losses[0]


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
    recipe = TextRecipe(epochs=1, batch_size=16, half=False, replace=share, seed=3)
    found = []
    for given in (labels, 1 - labels):
        taught = encoder(2)
        fit_text(taught, words, given, recipe=recipe, teacher=teacher)
        found.append(text_logits(taught, words))
    assert np.array_equal(*found) == same
    np.testing.assert_array_equal(text_logits(teacher, words), before)


def test_what_cannot_be_learned_is_refused():
    words, labels = sentences(16)
    with pytest.raises(DataError, match="16 sentences must have as many labels, not 15"):
        fit_text(encoder(), words, labels[1:], recipe=RECIPE)
    unknown = labels.copy()
    unknown[3] = UNLABELED
    with pytest.raises(DataError, match="sentence 3 has no label"):
        fit_text(encoder(), words, unknown, recipe=RECIPE)
    with pytest.raises(ConfigError, match="varied sentences have no label: give a teacher"):
        fit_text(encoder(), words, labels, recipe=TextRecipe(splice=0.5))
    other = TextEncoder(replace(SHAPE, layers=3))
    with pytest.raises(ConfigError, match="the teacher must have 2 layers, 16 features and 2 clas"):
        fit_text(encoder(), words, labels, recipe=RECIPE, teacher=other)
    with pytest.raises(DataError, match="there must be a sentence to vary"):
        vary([], splice=0.5, replace=0, seed=0)


def test_a_loss_that_is_no_number_is_refused():
    model = encoder()
    with torch.no_grad():
        model.classifier.bias.fill_(float("nan"))
    with pytest.raises(NumericsError, match="the training loss became nan in step 1"):
        fit_text(model, *sentences(16), recipe=RECIPE)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match=re.escape("epochs (0) and batch_size (32) must be 1")):
        TextRecipe(epochs=0)
    with pytest.raises(ConfigError, match=re.escape("splice (0.0) and replace (1.5) must be from")):
        TextRecipe(replace=1.5)
