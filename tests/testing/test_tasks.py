"""The suite for tasks: shipped tasks pass it, and tasks with a fault do not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from netwright import tasks
from netwright.tasks import Score, Split, Task, from_arrays
from netwright.testing import TaskSuite

ROWS = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
LABELS = np.arange(200) % 2
IMAGES = np.random.default_rng(1).normal(size=(60, 1, 4, 4)).astype(np.float32)


@cache
def jets(seed: int) -> Task:
    return tasks.jets(seed=seed)


@cache
def calorimeter(seed: int) -> Task:
    return tasks.calorimeter(seed=seed)


class TestJets(TaskSuite):
    makers = (jets,)


class TestCalorimeter(TaskSuite):
    makers = (calorimeter,)


class TestOwn(TaskSuite):
    """A table with classes, a regression, a reconstruction of one of two inputs, words."""

    makers = (
        lambda seed: from_arrays(ROWS, LABELS, seed=seed),
        lambda seed: from_arrays(IMAGES, ROWS[:60, :2], score="r2", seed=seed),
        lambda seed: from_arrays(
            {"image": IMAGES, "values": ROWS[:60]}, "image", score="mae", seed=seed
        ),
        lambda seed: from_arrays(
            {"ids": np.arange(600).reshape(60, 10), "mask": np.ones((60, 10))},
            LABELS[:60], codes=("ids",), standardize=False, seed=seed,
        ),
    )  # fmt: skip


def failed(maker: Any, test: str) -> bool:
    """Whether a test of the suite finds a fault."""

    class Suite(TaskSuite):
        makers = (maker,)

    try:
        getattr(Suite(), test)()
    except AssertionError:
        return True
    return False


def good(seed: int) -> Task:
    return from_arrays(ROWS, LABELS, seed=seed)


def leaking(seed: int) -> Task:
    task = good(seed)
    return replace(task, test=task.train.take(slice(0, 30)))


def telling(seed: int) -> Task:
    return from_arrays(np.c_[ROWS, LABELS], LABELS, seed=seed)


def drifting(seed: int) -> Task:
    return from_arrays(ROWS, LABELS, seed=int(np.random.default_rng().integers(1 << 40)))


def deaf(seed: int) -> Task:
    return good(3)


def ordered(seed: int) -> Task:
    task = good(seed)
    return replace(task, train=task.train.take(np.argsort(task.train.targets, kind="stable")))


def wrong_way(seed: int) -> Task:
    score = Score("error", "", True, lambda out, split: float(np.abs(out - split.targets).mean()))
    return from_arrays(ROWS, ROWS[:, :1], score=score, seed=seed)


def one_class_missing(seed: int) -> Task:
    task = good(seed)
    rows = np.flatnonzero(task.test.targets == 0)
    return replace(task, test=task.test.take(rows))


def nameless(seed: int) -> Task:
    return replace(good(seed), name="")


def unknown_loss(seed: int) -> Task:
    return replace(good(seed), loss="telescop")


def unpicklable(seed: int) -> Task:
    return replace(good(seed), score=Score("own", "", True, lambda outputs, split: 1.0))


@pytest.mark.parametrize(
    ("maker", "test"),
    [
        (leaking, "test_no_row_is_trained_and_tested"),
        (telling, "test_no_input_is_the_class"),
        (drifting, "test_a_seed_gives_the_same_task_again"),
        (deaf, "test_a_seed_gives_the_same_task_again"),
        (ordered, "test_rows_are_in_random_order"),
        (wrong_way, "test_right_outputs_are_better_than_others"),
        (one_class_missing, "test_every_class_can_be_learned_and_tested"),
        (nameless, "test_it_says_what_it_is_and_where_its_data_come_from"),
        (unknown_loss, "test_it_says_what_it_is_and_where_its_data_come_from"),
    ],
)
def test_a_fault_is_found(maker: Any, test: str) -> None:
    assert failed(maker, test)
    assert not failed(good, test)


def test_a_task_that_no_process_can_get_is_found() -> None:
    with pytest.raises(Exception, match="pickle"):
        failed(unpicklable, "test_it_goes_to_another_process")


def test_outputs_that_are_taken_as_they_come_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Task, "_check_outputs", lambda self, outputs, split: None)
    monkeypatch.setattr(Score, "__call__", lambda self, outputs, split: 0.0)
    assert failed(good, "test_outputs_that_do_not_fit_are_refused")


def test_scaling_that_is_not_that_of_the_inputs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.Scaling, "raw", lambda self, scaled: scaled)
    assert failed(good, "test_inputs_can_be_made_raw_again")


def test_a_subset_of_other_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Split.take
    monkeypatch.setattr(Split, "take", lambda self, rows: taken(self, slice(1, rows.stop)))
    assert failed(good, "test_a_part_of_it_is_a_task")


def test_an_empty_suite_is_a_fault() -> None:
    with pytest.raises(AssertionError, match="name what makes the tasks"):
        TaskSuite().test_it_goes_to_another_process()
