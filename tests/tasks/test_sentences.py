from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.tasks import Task
from netwright.tasks.sentences import padded, sentence_task, unpadded
from netwright.tasks.split import UNLABELED, split_rows
from netwright.testing import TaskSuite
from tests.texts import SHAPE, sentences

WORDS, LABELS = sentences(12)
MANY, KINDS = sentences(240)


def task_of(seed: int) -> Task:
    parts = split_rows(KINDS, ("no", "yes"), seed=seed, source="sentences")
    labeled = [([MANY[row] for row in rows], KINDS[rows]) for rows in parts]
    return sentence_task(*labeled, shape=SHAPE)


class TestSentences(TaskSuite):
    makers = (task_of,)
    duplicates = 0.1  # short sentences are drawn twice


def test_sentences_are_padded_and_come_back() -> None:
    arrays = padded(WORDS)
    longest = max(map(len, WORDS))
    assert arrays["ids"].shape == arrays["mask"].shape == (12, longest)
    assert arrays["ids"].dtype == arrays["mask"].dtype == np.int64
    assert arrays["mask"].sum(axis=1).tolist() == [len(sentence) for sentence in WORDS]
    for before, after in zip(WORDS, unpadded(arrays), strict=True):
        assert before.tolist() == after.tolist()
        assert after.dtype == np.int32
    assert padded(WORDS, width=20)["ids"].shape == (12, 20)


@pytest.mark.parametrize("empty", [[], [np.zeros(0, np.int32)]])
def test_sentences_without_tokens_are_refused(empty: list[np.ndarray]) -> None:
    with pytest.raises(DataError, match="every sentence at least one token"):
        padded(empty)


def test_a_task_has_rows_of_one_length_and_sentences_without_a_class() -> None:
    task = sentence_task(
        (WORDS, LABELS),
        (WORDS[:3], LABELS[:3]),
        (WORDS[3:], LABELS[3:]),
        shape=SHAPE,
        unlabeled=sentences(5, seed=2)[0],
    )
    assert task.classes == ("0", "1")
    assert len(task.train) == 17
    assert (task.train.targets[12:] == UNLABELED).all()
    assert task.train.targets[:12].tolist() == LABELS.tolist()
    assert list(task.input_shapes) == ["ids", "mask"]
    assert task.evaluate(np.eye(2)[LABELS[3:]]) == 1.0


@pytest.mark.parametrize(
    ("sentences_", "labels", "message"),
    [
        (WORDS, LABELS[1:], "train: 12 sentences must have as many labels, not 11"),
        (WORDS, LABELS.astype(float), "train: labels must be one row of whole numbers, not float"),
        (WORDS, LABELS[:, None], r"whole numbers, not int64 of shape \(12, 1\)"),
        ([], [], "train: there must be at least one sentence"),
        ([np.array([25])], [0], "train: sentence 0 has the token 25 at 0; tokens are from 0 to 19"),
        ([np.ones(13, int)], [0], "train: sentence 0 must have 1 to 12 tokens, not 13"),
        (WORDS, LABELS + 1, r"split train has the class 2 at row \d+; classes are 0 to 1, or -1"),
        (WORDS, LABELS - 3, r"split train has the class -[23] at row"),
    ],
)
def test_what_the_encoder_cannot_read_is_refused(
    sentences_: list[np.ndarray], labels: np.ndarray, message: str
) -> None:
    other = (WORDS, LABELS)
    with pytest.raises(DataError, match=message):
        sentence_task((sentences_, labels), other, other, shape=SHAPE)


def test_a_class_that_is_not_known_is_refused_where_it_is_scored() -> None:
    unknown = np.full(12, UNLABELED)
    with pytest.raises(DataError, match="split validation has the class -1 at row 0"):
        sentence_task((WORDS, LABELS), (WORDS, unknown), (WORDS, LABELS), shape=SHAPE)
