"""What tasks must do."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.python_file import is_python_name
from netwright.registry import entries
from netwright.tasks import Split, Task
from netwright.tasks.split import SPLITS, SplitName

SEED, OTHER_SEED = 7, 8
_ROWS = 2000


class TaskSuite:
    """Tests of tasks; inherit it and name what makes them.

    Attributes:
        makers: Functions that make a task for a seed of its splits.
        duplicates: Largest share of the test rows that may be train rows as well: 0 for data that
            were measured once each, more for data in which equal rows are no accident.
        fixed_test: Whether the test split is a published one, which no seed changes.

    Example:
        >>> from netwright import tasks
        >>> rows = np.random.default_rng(0).normal(size=(100, 4))
        >>> class TestMine(TaskSuite):
        ...     makers = (lambda seed: tasks.from_arrays(rows, rows[:, :1] > 0, seed=seed),)
        >>> TestMine().test_a_seed_gives_the_same_task_again()
    """

    makers: ClassVar[tuple[Callable[[int], Task], ...]] = ()
    duplicates: ClassVar[float] = 0.0
    fixed_test: ClassVar[bool] = False

    def test_it_says_what_it_is_and_where_its_data_come_from(self) -> None:
        """Name, loss, score and card are there, and the loss has a name that is known."""
        for task in self._all():
            assert task.name, "a task must have a name"
            assert task.loss in entries("losses") or is_python_name(task.loss), task.loss
            assert task.score.name, task.name
            assert task.card.title, task.name
            assert task.card.recipe, task.name
            assert len(task.card.sha256) == 64, f"{task.name}: the card must have a SHA-256"

    def test_no_input_is_the_class(self) -> None:
        """No column of an input has one value for each class: that would be no task."""
        for task in self._all():
            labels = task.train.targets
            for name, array in task.train.arrays.items():
                if task.classes and labels.ndim == 1:
                    _check_no_copy(array.reshape(len(array), -1), labels, f"{task.name}.{name}")

    def test_no_row_is_trained_and_tested(self) -> None:
        """Test and validation rows are not among the train rows."""
        for task in self._all():
            trained = set(_digests(task.train))
            for name in SPLITS[1:]:
                found = _digests(task.split(name))
                share = sum(row in trained for row in found) / len(found)
                assert share <= self.duplicates, (
                    f"{task.name}: {share:.2%} of the {name} rows are train rows as well"
                )

    def test_a_seed_gives_the_same_task_again(self) -> None:
        """Equal seeds give equal splits, other seeds others of the same rows."""
        for make in self._makers():
            first, again, other = make(SEED), make(SEED), make(OTHER_SEED)
            for name in SPLITS:
                assert _same(first.split(name), again.split(name)), f"{first.name}: split {name}"
            assert not _same(first.train, other.train), f"{first.name}: no seed changes the split"
            if self.fixed_test:  # inputs are standardized by other train rows
                assert np.array_equal(first.test.targets, other.test.targets), first.name
            assert [len(first.split(n)) for n in SPLITS] == [len(other.split(n)) for n in SPLITS]

    def test_rows_are_in_random_order(self) -> None:
        """The first rows are a sample: class by class would be none."""
        for task in self._all():
            for name in SPLITS:
                labels = task.split(name).targets
                if task.classes and labels.ndim == 1 and len(labels) >= 10 * len(task.classes):
                    steps = int(np.count_nonzero(np.diff(labels)))
                    assert steps >= len(task.classes), f"{task.name}: split {name} is sorted"

    def test_every_class_can_be_learned_and_tested(self) -> None:
        """No class is missing from a split."""
        for task in self._all():
            for name in SPLITS if task.classes else ():
                labels = task.split(name).targets.ravel()
                counts = np.bincount(labels[labels >= 0], minlength=len(task.classes))
                absent = [task.classes[at] for at in np.flatnonzero(counts == 0)]
                assert not absent, f"{task.name}: split {name} has no {', '.join(absent)}"

    def test_right_outputs_are_better_than_others(self) -> None:
        """The score of the targets is a number, and no worse than that of any other outputs."""
        random = np.random.default_rng(0)
        for task in self._all():
            small = task.subset(_ROWS)
            right = right_outputs(small, "test")
            best = small.evaluate(right)
            assert np.isfinite(best), task.name
            for outputs in (right[random.permutation(len(right))], np.zeros_like(right), -right):
                assert not small.score.better(small.evaluate(outputs), best), (
                    f"{task.name}: {small.score.name} calls other outputs better than the targets"
                )
            moved = right + random.normal(size=right.shape) * max(1.0, float(right.std()))
            assert small.score.better(best, small.evaluate(moved)), task.name

    def test_outputs_that_do_not_fit_are_refused(self) -> None:
        """Outputs of another shape, or not finite, have no score."""
        for task in self._all():
            right = right_outputs(task, "validation")
            hole = right.copy()
            hole.flat[-1] = np.nan
            for wrong in (right[:-1], right[..., None], hole):
                try:
                    task.evaluate(wrong, split="validation")
                except DataError:
                    continue
                raise AssertionError(f"{task.name}: outputs of shape {wrong.shape} are accepted")

    def test_a_part_of_it_is_a_task(self) -> None:
        """A subset and a windowed task keep what they are of."""
        for task in self._all():
            small = task.subset(50)
            assert max(len(small.split(name)) for name in SPLITS) <= 50
            assert small.input_shapes == task.input_shapes
            for name, array in small.train.arrays.items():
                assert np.array_equal(array, task.train.arrays[name][:50]), (task.name, name)
            try:
                windowed = task.windowed(0.0)
            except ConfigError:  # nearly all rows hold the same value
                continue
            for name, array in windowed.train.arrays.items():
                assert array.dtype == np.int64 or np.abs(array).max() <= 1.0, (task.name, name)

    def test_inputs_can_be_made_raw_again(self) -> None:
        """Scaling raw values gives what the model reads."""
        for task in self._all():
            for name, scaling in task.scaling.items():
                array = task.test.arrays[name][:_ROWS]
                made = scaling.scaled(scaling.raw(array))
                assert np.allclose(made, array, rtol=1e-5, atol=1e-6), (task.name, name)

    def test_it_goes_to_another_process(self) -> None:
        """It can be pickled, so that several networks are trained at once."""
        for task in self._all():
            small = task.subset(20)
            again = pickle.loads(pickle.dumps(small))  # noqa: S301
            assert _same(again.train, small.train), task.name
            outputs = right_outputs(small, "test")
            assert again.evaluate(outputs) == small.evaluate(outputs), task.name

    def _makers(self) -> tuple[Callable[[int], Task], ...]:
        assert self.makers, "name what makes the tasks to test in `makers`"
        return self.makers

    def _all(self) -> Iterator[Task]:
        for make in self._makers():
            task = make(SEED)
            assert isinstance(task, Task), task
            yield task


def right_outputs(task: Task, split: SplitName) -> NDArray[Any]:
    """What a model that is always right gives: the targets, or 1 for the right class."""
    targets = task.split(split).targets
    if not task.classes:
        return targets.astype(np.float64)
    return np.moveaxis(np.eye(len(task.classes))[targets], -1, 1)


def _check_no_copy(columns: NDArray[Any], labels: NDArray[Any], what: str) -> None:
    parts = [columns[labels == label] for label in np.unique(labels)]
    alike = np.all([part.min(axis=0) == part.max(axis=0) for part in parts], axis=0)
    for at in np.flatnonzero(alike):
        values = {float(part[0, at]) for part in parts}
        assert len(values) < max(2, len(parts)), f"{what}: column {at} is the class"


def _digests(split: Split) -> list[bytes]:
    """The bytes of every row of the inputs."""
    flat = [np.ascontiguousarray(array.reshape(len(split), -1)) for array in split.arrays.values()]
    return [b"".join(array[row].tobytes() for array in flat) for row in range(len(split))]


def _same(first: Split, second: Split) -> bool:
    return (
        list(first.arrays) == list(second.arrays)
        and all(np.array_equal(first.arrays[n], second.arrays[n]) for n in first.arrays)
        and np.array_equal(first.targets, second.targets)
    )
