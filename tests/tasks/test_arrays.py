"""Arrays in memory as tasks of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import ConfigError, DataError, NetwrightError
from netwright.registry import entries
from netwright.tasks import Score, from_arrays
from netwright.tasks.split import SPLITS

ROWS = 60
TABLE = np.random.default_rng(0).normal(3.0, 2.0, (ROWS, 4))
IMAGES = np.random.default_rng(1).integers(0, 256, (ROWS, 1, 5, 5)).astype(np.uint8)
LABELS = np.arange(ROWS) % 3


def test_classification_of_a_table() -> None:
    task = from_arrays(TABLE, LABELS, features="abcd", classes=("x", "y", "z"), seed=5)
    assert (task.loss, task.score.name, task.name) == ("cross-entropy", "accuracy", "data")
    assert task.features == {"x": ("a", "b", "c", "d")}
    assert task.card.counts == {"x": 20, "y": 20, "z": 20}
    assert (task.card.recipe, task.card.synthetic) == ("unknown", None)
    assert [len(task.split(name)) for name in SPLITS] == [36, 12, 12]
    np.testing.assert_allclose(task.train.inputs.mean(axis=0), 0, atol=1e-6)
    assert task.evaluate(np.eye(3)[task.test.targets]) == 1.0


def test_regression_of_an_image_with_one_value_a_row() -> None:
    task = from_arrays(IMAGES, TABLE[:, 0], score="r2", name="depth")
    assert (task.loss, task.classes, task.output_shape) == ("mse", (), (1,))
    assert task.input_shape == (1, 5, 5)
    assert task.scaling["x"].mean.shape == ()
    assert abs(float(task.train.inputs.mean())) < 1e-6
    assert task.evaluate(task.test.targets) == 1.0


def test_reconstruction_of_one_of_two_inputs() -> None:
    task = from_arrays({"image": IMAGES, "table": TABLE}, "image", loss="telescope", score="mae")
    assert (task.loss, task.output_shape) == ("telescope", (1, 5, 5))
    assert np.array_equal(task.test.targets, task.test.arrays["image"])
    assert list(task.input_shapes) == ["image", "table"]


def test_waveforms_words_and_values_as_they_are() -> None:
    words = np.arange(ROWS * 6).reshape(ROWS, 6).astype(np.int32)
    mask = np.ones((ROWS, 6), dtype=bool)
    task = from_arrays({"ids": words, "mask": mask}, LABELS, codes=("ids",), standardize=False)
    assert task.train.arrays["ids"].dtype == np.int64
    assert task.train.arrays["mask"].dtype == np.float32
    assert not task.scaling
    waves = from_arrays(TABLE[:, None, :], "x")
    assert waves.scaling["x"].deviation.shape == ()


def test_rows_stay_together() -> None:
    number = np.arange(ROWS)
    task = from_arrays({"a": number, "b": number * 2}, number * 3.0, standardize=False)
    for part in (task.train, task.validation, task.test):
        assert part.arrays["a"].shape == (len(part), 1)
        assert np.array_equal(part.arrays["b"], part.arrays["a"] * 2)
        assert np.array_equal(part.targets, part.arrays["a"] * 3)


def test_own_splits_are_kept() -> None:
    splits = np.array(["train", "test", "validation", "train"] * (ROWS // 4))
    number = np.arange(float(ROWS))
    task = from_arrays(number, number, splits=splits, standardize=False)
    for name in SPLITS:
        wanted = np.flatnonzero(splits == name)
        got = task.split(name).targets[:, 0]
        assert sorted(got.tolist()) == wanted.tolist()
        assert got.tolist() != wanted.tolist()  # in random order, so that a subset is a sample


def test_own_score() -> None:
    score = Score("hits", "%", True, lambda outputs, split: 100 * float(np.mean(outputs > 0)))
    assert from_arrays(TABLE, TABLE, score=score).evaluate(np.ones((12, 4))) == 100.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(5, 40), st.integers(2, 3))
def test_splits_are_whole_and_follow_the_seed(seed: int, rows: int, classes: int) -> None:
    labels = np.repeat(np.arange(classes), rows)
    number = np.arange(float(len(labels)))
    tasks = [from_arrays(number, labels, seed=seed, standardize=False) for _ in range(2)]
    parts = [np.concatenate([task.split(n).inputs[:, 0] for n in SPLITS]) for task in tasks]
    assert np.array_equal(*parts)
    assert sorted(parts[0].tolist()) == number.tolist()


def test_the_digest_follows_every_array() -> None:
    base = from_arrays(TABLE, LABELS).card.sha256
    assert base == from_arrays(TABLE, LABELS, seed=3).card.sha256
    moved = TABLE.copy()
    moved[3, 1] += 1e-9
    assert len({base, from_arrays(moved, LABELS).card.sha256,
                from_arrays(TABLE, LABELS[::-1]).card.sha256,
                from_arrays({"y": TABLE}, LABELS).card.sha256}) == 4  # fmt: skip


def with_value(value: float) -> np.ndarray:
    bad = TABLE.copy()
    bad[7, 2] = value
    return bad


@pytest.mark.parametrize(
    ("inputs", "targets", "options", "expected"),
    [
        (with_value(np.nan), LABELS, {"features": "abcd"},
         'task "data": the value at row 7, column "c" must be a finite float32, not nan\n'
         "hint: 1 such values in all; remove or fill these rows"),
        (with_value(-np.inf), LABELS, {},
         'task "data": the value at row 7 of input "x", place 2 must be a finite float32, not '
         "-inf\nhint: 1 such values in all; remove or fill these rows"),
        (with_value(1e39), LABELS, {},
         'task "data": the value at row 7 of input "x", place 2 must be a finite float32, not '
         "1e+39\nhint: 1 such values in all; remove or fill these rows"),
        (TABLE, LABELS[1:], {}, 'task "data": must have as many rows everywhere, not '
         'input "x": 60, targets: 59'),
        ({"a": TABLE, "b": TABLE[:5]}, "a", {}, 'task "data": must have as many rows everywhere, '
         'not input "a": 60, input "b": 5'),
        (TABLE, LABELS, {"splits": ["train"] * 59}, 'task "data": must have as many rows '
         'everywhere, not input "x": 60, targets: 60, the split: 59'),
        (TABLE, LABELS, {"splits": ["train"] * 60}, 'task "data": no row belongs to split '
         "validation or test\nhint: name some rows validation and test, or leave the splitting to "
         "the seed"),
        (TABLE, LABELS, {"splits": ["train", "val"] * 30}, 'task "data": the split at row 1 must '
         'be train, validation or test, not "val"'),
        (TABLE, LABELS, {"splits": [["train"]] * 60}, 'task "data": the split must be one name a '
         "row, not of shape (60, 1)"),
        (TABLE, LABELS, {"splits": ["test", "train", "validation"] * 20},
         'task "data": split train holds no row of class 0, 2'),
        (TABLE.astype(str), LABELS, {}, 'task "data": input "x" must hold numbers, not <U32'),
        (np.array([["1", "x"]] * 60, object), LABELS, {}, 'task "data": the value at row 0 of '
         'input "x", place 1 must be a number, not "x"'),
        (TABLE + 1j, LABELS, {}, 'task "data": input "x" must hold numbers, not complex128'),
        ([[1, 2], [3]], LABELS, {}, None),
        (TABLE[:0], LABELS[:0], {}, 'task "data": holds no rows'),
        (TABLE[:, :0], LABELS, {}, 'task "data": input "x" has no value in a row'),
        (np.ma.masked_greater(TABLE, 3), LABELS, {}, 'task "data": input "x" has masked values\n'
         "hint: fill them or remove these rows"),
        (TABLE, np.array([b"a", b"\xff"] * 30), {}, 'task "data": targets is no UTF-8 text '
         "(invalid start byte)"),
        (TABLE * 1e-320, LABELS, {}, 'task "data": input "x", column 0, 1, 2, 3, is constant over '
         "the train split\nhint: leave out what does not vary, or take values as they are "
         "(standardize = false)"),
        ({1: TABLE}, LABELS, {}, "the name of an input must be text, not 1"),
        (3.0, LABELS, {}, 'task "data": input "x" must have rows, not be one value'),
        (TABLE[:4], LABELS[:4], {"loss": "mse"}, 'task "data": has 4 rows, at least 5 are needed\n'
         "hint: use a table with more rows"),
        (TABLE[:, :1] * 0, LABELS, {}, 'task "data": input "x", column 0, is constant over the '
         "train split\nhint: leave out what does not vary, or take values as they are "
         "(standardize = false)"),
        (IMAGES * 0, LABELS, {}, 'task "data": input "x" is constant over the train split\n'
         "hint: leave out what does not vary, or take values as they are (standardize = false)"),
        ({"ids": TABLE}, LABELS, {"codes": ("ids",)}, 'task "data": input "ids" must hold whole '
         "numbers, being a code, not float64"),
        (TABLE, np.arange(60), {}, 'task "data": class "0" has 1 rows, at least 5 are needed; '
         'class "1" has 1 rows, at least 5 are needed; class "2" has 1 rows, at least 5 are '
         'needed; class "3" has 1 rows, at least 5 are needed; class "4" has 1 rows, at least 5 '
         "are needed; and 55 other classes\nhint: use a table with more rows"),
    ],
)  # fmt: skip
def test_arrays_that_make_no_task_are_refused(
    inputs: Any, targets: Any, options: dict[str, Any], expected: str | None
) -> None:
    with pytest.raises(DataError) as caught:
        from_arrays(inputs, targets, **options)
    if expected is None:  # in the words of NumPy
        assert 'task "data": input "x" is no array (' in str(caught.value)
    else:
        assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("inputs", "targets", "options", "expected"),
    [
        ({}, LABELS, {}, "inputs must hold an array"),
        (TABLE, "y", {}, 'there is no input "y" that could come out'),
        (TABLE, "x", {"classes": ("a",)}, 'classes must be empty: the input "x" shall come out'),
        (TABLE, LABELS, {"codes": ("ids",)}, 'codes: there is no input "ids"\nhint: inputs: x'),
        (TABLE, LABELS, {"classes": "abc"}, 'classes must be several names, not the text "abc"'),
        (TABLE, LABELS, {"codes": "x"}, 'codes must be several names, not the text "x"'),
        (TABLE, LABELS, {"card": "mine"}, "card must be a Card, not str"),
        (TABLE, LABELS, {"seed": 1.5}, "seed must be 0 to 2^63 - 1, not 1.5"),
        (TABLE, LABELS, {"seed": True}, "seed must be 0 to 2^63 - 1, not True"),
        (TABLE, LABELS, {"seed": -1}, "seed must be 0 to 2^63 - 1, not -1"),
        (TABLE, LABELS, {"score": "acc"}, '"acc" is not one of the scores; did you mean "auc"?\n'
         "hint: scores: " + ", ".join(entries("scores"))),
        (TABLE, LABELS, {"loss": "telescop\n"}, '"telescop\\n" is not one of the losses\nhint: '
         "losses: " + ", ".join(entries("losses")) + ', or "FILE.py:NAME" for one of your own'),
        (TABLE, LABELS, {"score": "mse"}, 'task "data": score "mean squared error" is of values, '
         "and the targets are classes"),
        (TABLE, LABELS, {"features": ("a", "b")}, 'task "data": input "x" has rows of shape (4,), '
         "not of the 2 columns that are named"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(
    inputs: Any, targets: Any, options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(NetwrightError) as caught:
        from_arrays(inputs, targets, **options)
    assert isinstance(caught.value, ConfigError | DataError)
    assert str(caught.value) == expected


def test_numbers_in_boxes_are_numbers() -> None:
    task = from_arrays(TABLE.astype(object), LABELS.astype(object))
    assert np.array_equal(task.train.inputs, from_arrays(TABLE, LABELS).train.inputs)


def test_bytes_are_text() -> None:
    assert from_arrays(TABLE, np.array([b"a", b"b"] * 30)).classes == ("a", "b")


def test_rows_that_no_scale_of_the_training_rows_fits_are_refused() -> None:
    values = np.where(np.arange(ROWS) < 40, np.arange(ROWS) * 1e-30, 1e38)
    splits = np.array(["train"] * 40 + ["validation", "test"] * 10)
    with pytest.raises(DataError, match='input "x" must be finite, not inf at row'):
        from_arrays(values, LABELS, splits=splits)


def test_what_cannot_be_learned_is_refused() -> None:
    for labels, shown in ((np.zeros(ROWS, int), "0"), (np.array(["x"] * ROWS), "x")):
        with pytest.raises(DataError) as caught:
            from_arrays(TABLE, labels)
        assert str(caught.value).startswith(
            f'task "data": targets must hold two classes or more, not only "{shown}"\n'
        )
    with pytest.raises(DataError, match="targets must vary: all 38 rows of the train split"):
        from_arrays(TABLE, np.full(ROWS, 2.5))
    with pytest.raises(DataError, match=r'features of input "x" must have names of their own; "a"'):
        from_arrays(TABLE, LABELS, features=("a", "b", "a", "c"))
