"""Splits, scores and standardization of tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.tasks import Card, Scaling, Split, Task, from_arrays
from netwright.tasks.scores import accuracy, mean_squared_error

CARD = Card(title="toy", recipe="by hand", synthetic=True, sha256="0" * 64)


def make_toy(rows_per_class: int = 50, seed: int = 3) -> Task:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], rows_per_class)
    features = rng.normal(5.0, 2.0, (len(labels), 3)).astype(np.float32)
    return from_arrays(
        features, labels, name="toy", classes=("no", "yes"), features=("a", "b", "c"), seed=seed,
        card=CARD,
    )  # fmt: skip


def test_splits_share_rows_class_by_class() -> None:
    task = make_toy()
    counts = [
        np.bincount(part.targets).tolist() for part in (task.train, task.validation, task.test)
    ]
    assert counts == [[32, 32], [8, 8], [10, 10]]


def test_splits_of_the_smallest_table_have_every_class() -> None:
    task = make_toy(rows_per_class=5)
    counts = [
        np.bincount(part.targets).tolist() for part in (task.train, task.validation, task.test)
    ]
    assert counts == [[3, 3], [1, 1], [1, 1]]


def test_splits_are_disjoint_and_complete() -> None:
    labels = np.repeat([0, 1], 40)
    features = np.arange(80, dtype=np.float32)[:, None]
    task = from_arrays(features, labels, classes=("no", "yes"), seed=1)
    parts = [task.train, task.validation, task.test]
    raw = np.concatenate([task.scaling["x"].raw(part.inputs) for part in parts])
    assert sorted(np.rint(raw[:, 0]).astype(int).tolist()) == list(range(80))


def test_inputs_are_standardized_with_the_train_split_only() -> None:
    task = make_toy(rows_per_class=500)
    np.testing.assert_allclose(task.train.inputs.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(task.train.inputs.std(axis=0), 1.0, atol=1e-6)
    assert (np.abs(task.test.inputs.mean(axis=0)) > 1e-4).all()
    assert task.scaling["x"].mean.dtype == task.scaling["x"].deviation.dtype == np.float64
    assert task.train.inputs.dtype == np.float32


def test_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    first, second, other = make_toy(seed=3), make_toy(seed=3), make_toy(seed=4)
    assert np.array_equal(first.test.inputs, second.test.inputs)
    assert not np.array_equal(first.test.inputs, other.test.inputs)


def test_order_of_rows_is_pinned() -> None:
    task = make_toy(rows_per_class=5, seed=7)
    assert task.train.targets.tolist() == [1, 0, 0, 1, 0, 1]


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(ConfigError) as caught:
        make_toy(seed=seed)
    assert str(caught.value) == f"seed must be 0 to 2^63 - 1, not {seed}"


def test_class_with_few_rows_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        make_toy(rows_per_class=4)
    assert str(caught.value) == (
        'task "toy": class "no" has 4 rows, at least 5 are needed; '
        'class "yes" has 4 rows, at least 5 are needed\n'
        "hint: use a table with more rows"
    )


def test_constant_column_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        from_arrays(
            np.ones((20, 1)), np.repeat([0, 1], 10), name="toy", features=("flat",),
            classes=("no", "yes"),
        )  # fmt: skip
    assert str(caught.value) == (
        'task "toy": column flat is constant over the train split\n'
        "hint: leave out what does not vary, or take values as they are (standardize = false)"
    )


def test_score_counts_hits_and_keeps_the_first_of_equal_logits() -> None:
    task = make_toy()
    perfect = np.eye(2)[task.test.targets]
    assert task.evaluate(perfect) == 1.0
    assert task.evaluate(-perfect) == 0.0
    assert task.evaluate(np.zeros((len(task.test), 2))) == 0.5
    assert task.evaluate(np.eye(2)[task.train.targets], split="train") == 1.0


def test_score_takes_integer_logits() -> None:
    task = make_toy()
    assert task.evaluate((7 * np.eye(2)[task.test.targets]).astype(np.int64)) == 1.0


def test_logits_of_wrong_shape_are_refused() -> None:
    task = make_toy()
    with pytest.raises(DataError) as caught:
        task.evaluate(np.zeros((3, 2)))
    assert str(caught.value) == "outputs for split test must have shape (20, 2), not (3, 2)"


def test_logits_that_are_not_finite_are_refused() -> None:
    task = make_toy()
    logits = np.zeros((20, 2))
    logits[4, 1] = np.nan
    with pytest.raises(DataError) as caught:
        task.roc(logits)
    assert str(caught.value) == 'outputs must be finite, not nan at row 4, class "yes"'


def test_unknown_split_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        make_toy().evaluate(np.zeros((20, 2)), split="valid")  # type: ignore[arg-type]
    assert str(caught.value) == (
        'split "valid" is not known\nhint: accepted: train, validation, test'
    )


def test_roc_of_four_rows_by_hand() -> None:
    task = make_small([0, 1, 0, 1])
    # scores of "yes" fall 3, 2, 1, 0: yes, no, yes, no
    logits = np.array([[0.0, 2.0], [0.0, 3.0], [0.0, 0.0], [0.0, 1.0]])
    false_rate, true_rate, area = task.roc(logits)["yes"]
    assert false_rate.tolist() == [0.0, 0.0, 0.5, 0.5, 1.0]
    assert true_rate.tolist() == [0.0, 0.5, 0.5, 1.0, 1.0]
    assert area == 0.75


def test_roc_of_equal_scores_is_the_diagonal() -> None:
    false_rate, true_rate, area = make_small([0, 1, 1]).roc(np.zeros((3, 2)))["yes"]
    assert false_rate.tolist() == true_rate.tolist() == [0.0, 1.0]
    assert area == 0.5


def test_roc_area_is_the_share_of_ordered_pairs() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 60)
    task = make_small(labels.tolist())
    logits = np.stack([np.zeros(60), rng.integers(0, 9, 60).astype(float)], axis=1)
    yes, no = logits[labels == 1, 1], logits[labels == 0, 1]
    pairs = (yes[:, None] > no[None, :]) + 0.5 * (yes[:, None] == no[None, :])
    assert task.roc(logits)["yes"].area == pytest.approx(pairs.mean(), abs=1e-12)


def test_roc_survives_large_logits() -> None:
    logits = np.array([[1e6, -1e6], [-1e6, 1e6]])
    assert make_small([0, 1]).roc(logits)["yes"].area == 1.0


def test_roc_without_rows_of_a_class_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        make_small([0, 0]).roc(np.zeros((2, 2)))
    assert str(caught.value) == (
        'the curve of class "no" needs rows of this and of another class, '
        "split test holds 2 of 2 rows\nhint: use more rows"
    )


def test_subset_keeps_the_first_rows() -> None:
    task = make_toy()
    small = task.subset(9)
    assert [len(small.train), len(small.validation), len(small.test)] == [9, 9, 9]
    assert np.array_equal(small.train.inputs, task.train.inputs[:9])
    assert small.scaling["x"] is task.scaling["x"]


def test_subset_of_more_rows_is_everything() -> None:
    assert len(make_toy().subset(1000).train) == 64


def test_windowed_inputs_lie_within_one_but_for_the_share() -> None:
    task = make_toy(rows_per_class=1000)
    found = task.windowed(0.01)
    outside = (np.abs(found.train.inputs) > 1).mean(axis=0)
    np.testing.assert_allclose(outside, 0.02, atol=0.003)
    for part, own in ((task.test, found.test), (task.validation, found.validation)):
        raw = task.scaling["x"].raw(part.inputs)
        np.testing.assert_allclose(found.scaling["x"].raw(own.inputs), raw, rtol=1e-5)
        assert own.targets is part.targets


@pytest.mark.parametrize("share", [-0.1, 0.5, float("nan")])
def test_window_of_a_wrong_share_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=r"share must be 0 or more and below 0\.5"):
        make_toy().windowed(share)


def test_window_of_one_value_is_refused() -> None:
    task = make_toy()
    task.train.inputs[1:, 0] = 0.0
    with pytest.raises(ConfigError, match="nearly all rows hold the same value of a"):
        task.windowed(0.1)


@pytest.mark.parametrize("rows", [0, 2.5])
def test_impossible_subset_is_refused(rows: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        make_toy().subset(rows)
    assert str(caught.value) == f"rows must be at least 1, not {rows}"


def make_small(test_labels: list[int]) -> Task:
    """A task whose test split has the given labels."""
    task = make_toy()
    labels = np.array(test_labels, dtype=np.int64)
    test = Split({"x": np.zeros((len(labels), 3), dtype=np.float32)}, labels)
    return replace(task, test=test)


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def reconstruction(**other: Any) -> Task:
    """Two inputs, an image and a few values; the image shall come out."""
    parts = [
        Split({"image": floats(rows, 1, 4, 4), "values": floats(rows, 3)}, floats(rows, 1, 4, 4))
        for rows in (20, 6, 8)
    ]
    return replace(Task("pictures", *parts, "mse", mean_squared_error, CARD), **other)


def test_several_inputs_of_any_shape_and_targets_of_any_shape() -> None:
    task = reconstruction()
    assert task.input_shapes == {"image": (1, 4, 4), "values": (3,)}
    assert task.output_shape == (1, 4, 4)
    assert task.evaluate(task.test.targets + 0.5) == pytest.approx(0.25)
    small = task.subset(7)
    assert [len(small.split(name)) for name in ("train", "validation", "test")] == [7, 6, 7]
    with pytest.raises(DataError, match="there is no one input, but image, values"):
        _ = task.input_shape
    with pytest.raises(DataError, match='task "pictures" has no curves'):
        task.roc(task.test.targets)


def test_windows_are_of_columns_of_tables_and_of_other_inputs_as_a_whole() -> None:
    task = reconstruction(scaling={"values": Scaling(np.full(3, 2.0), np.full(3, 0.5))})
    found = task.windowed(0)
    image, values = found.train.arrays["image"], found.train.arrays["values"]
    assert (image.min(), image.max()) == (-1, 1)
    assert (values.min(axis=0).tolist(), values.max(axis=0).tolist()) == ([-1] * 3, [1] * 3)
    for name, before in (("image", task.test.arrays["image"]),
                         ("values", task.test.arrays["values"] * 0.5 + 2)):  # fmt: skip
        raw = found.scaling[name].raw(found.test.arrays[name])
        np.testing.assert_allclose(raw, before, atol=1e-6)


def test_codes_stay_as_they_are_in_windows() -> None:
    part = Split({"ids": np.arange(6).reshape(3, 2), "x": floats(3, 2)}, floats(3, 1))
    task = Task("codes", part, part, part, "mse", mean_squared_error, CARD).windowed(0)
    assert task.train.arrays["ids"] is part.arrays["ids"]
    assert list(task.scaling) == ["x"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"test": Split({"image": floats(8, 1, 4, 4)}, floats(8, 1, 4, 4))},
            "split test must hold image float32[1, 4, 4], values float32[3], "
            "targets float32[1, 4, 4] like split train, not image float32[1, 4, 4], "
            "targets float32[1, 4, 4]",
        ),
        (
            {"classes": ("no", "yes")},
            'score "mean squared error" is of values, and the targets are classes',
        ),
        (
            {"classes": ("no", "yes"), "score": accuracy},
            "targets of split train must be class numbers, not float32; "
            "targets of split validation must be class numbers, not float32; "
            "targets of split test must be class numbers, not float32",
        ),
        ({"features": {"values": ("a", "b")}}, 'input "values" has rows of shape (3,), not of the '
         "2 columns that are named"),
        ({"features": {"image": tuple("abcd")}}, 'input "image" has rows of shape (1, 4, 4), not '
         "of the 4 columns that are named"),
        ({"scaling": {"x": Scaling(np.zeros(1), np.ones(1))}},
         'scaling: there is no input "x"'),
        ({"scaling": {"values": Scaling(np.zeros(2), np.ones(2))}},
         'the scaling of input "values" must fit rows of shape (3,), not have the shape (2,)'),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        reconstruction(**change)
    assert str(caught.value) == f'task "pictures": {message}'


def test_class_without_a_name_is_refused() -> None:
    task = make_toy()
    task.test.targets[3] = 2
    with pytest.raises(DataError) as caught:
        replace(task, name="toy")
    assert str(caught.value) == (
        'task "toy": split test has the class 2 at row 3; classes are 0 to 1'
    )


def test_targets_that_broadcasting_would_mistake_are_refused() -> None:
    part = Split({"x": floats(4, 2)}, floats(4))
    with pytest.raises(DataError, match=r"targets must have two axes or more: \(rows, 1\)"):
        Task("heights", part, part, part, "mse", mean_squared_error, CARD)


def test_empty_split_is_refused() -> None:
    task = reconstruction()
    with pytest.raises(DataError, match="split test has no rows"):
        replace(task, test=task.test.take(slice(0)))
