from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from netwright.backends.cpu.encoders import build_engine, calibrate, float_logits
from netwright.errors import DataError
from netwright.exchange.bert.sentences import check_sentences
from tests.backends.cpu.encoders import SHAPE, random_weights

GOOD = np.array([1, 2], np.int32)

BAD = [
    ([], "there must be at least one sentence"),
    (None, "sentences must be a sequence of vectors, not NoneType"),
    ([GOOD, np.zeros(0, np.int32)], "sentence 1 must have 1 to 70 tokens, not 0"),
    ([np.zeros(71, np.int32)], "sentence 0 must have 1 to 70 tokens, not 71"),
    ([GOOD, np.array([3, 50])], "sentence 1 has the token 50 at 1; tokens are from 0 to 49"),
    ([np.array([-1])], "sentence 0 has the token -1 at 0; tokens are from 0 to 49"),
    ([np.array([2**32 + 5])], "sentence 0 has the token 4294967301 at 0"),
    ([np.array([2**64 - 1], np.uint64)], "sentence 0 has the token 18446744073709551615 at 0"),
    ([np.array([1.5])], "sentence 0 must be a vector of integers, not of float64"),
    ([np.array([True])], "sentence 0 must be a vector of integers, not of bool"),
    (["a film"], "sentence 0 must be a vector of integers, not of shape ()\nhint: put a single"),
    ([["a"]], "sentence 0 must be a vector of integers, not of <U1"),
    ([GOOD, [1, [2, 3]]], "sentence 1 must be a vector of integers, not list"),
    ([GOOD[None]], "sentence 0 must be a vector of integers, not of shape (1, 2)"),
    (GOOD, "sentence 0 must be a vector of integers, not of shape ()\nhint: put a single"),
]


@pytest.fixture(scope="module")
def weights():
    return random_weights()


@pytest.fixture(scope="module")
def engine(weights):
    return build_engine(weights, way="sparse")


@pytest.mark.parametrize(("sentences", "message"), BAD)
def test_bad_sentences_are_refused_everywhere(weights, engine, sentences, message):
    for take in (
        lambda: check_sentences(sentences, SHAPE),
        lambda: engine(sentences),
        lambda: calibrate(weights, sentences),
    ):
        with pytest.raises(DataError, match=re.escape(message)):
            take()


def test_one_bad_sentence_is_refused(weights):
    with pytest.raises(DataError, match="sentence 0 has the token 50 at 0"):
        float_logits(weights, np.array([50]))


@pytest.mark.parametrize("kind", [np.uint8, np.int64, list, torch.tensor])
def test_integers_of_any_kind_are_taken(weights, engine, kind):
    words = kind([1, 2]) if kind in (list, torch.tensor) else np.array([1, 2], kind)
    np.testing.assert_array_equal(engine([words]), engine([GOOD]))
    np.testing.assert_array_equal(float_logits(weights, words), float_logits(weights, GOOD))
