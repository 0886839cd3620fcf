"""When targets are classes, and which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError
from netwright.tasks.columns import Columns
from netwright.tasks.targets import class_numbers

ROWS = Columns({}, "mine.npz")
TEXT = np.array(["q", "g", "q"], dtype=object)


def found(
    values: Any, classes: tuple[str, ...] = (), loss: str = "", as_values: bool = False
) -> tuple[list[Any], Any]:
    targets, names = class_numbers(
        ROWS, np.asarray(values), "targets", classes, loss, as_values=as_values
    )
    assert targets.dtype == (np.int64 if names else np.float32)
    assert all(type(name) is str for name in names)
    return targets.tolist(), names


def test_text_is_classes_in_the_order_of_the_alphabet_or_as_given() -> None:
    assert found(TEXT) == ([1, 0, 1], ("g", "q"))
    assert found(TEXT.astype(str), ("q", "w", "g")) == ([0, 2, 0], ("q", "w", "g"))


def test_whole_numbers_are_classes_unless_the_loss_is_of_values() -> None:
    assert found([2, 0, 1]) == ([2, 0, 1], ("0", "1", "2"))
    assert found([2, 0, 1], loss="mse") == ([[2.0], [0.0], [1.0]], ())
    assert found([[2, 0], [1, 1]]) == ([[2.0, 0.0], [1.0, 1.0]], ())
    assert found([[2, 0], [1, 1]], loss="cross-entropy")[1] == ("0", "1", "2")


def test_numbers_with_fractions_are_values_unless_the_loss_is_of_classes() -> None:
    assert found([2.0, 0.0]) == ([[2.0], [0.0]], ())
    assert found([1.0, 0.0], loss="cross-entropy") == ([1, 0], ("0", "1"))
    assert found([1.0, 0.0], ("no", "yes")) == ([1, 0], ("no", "yes"))


def test_a_loss_of_ones_own_leaves_it_to_what_the_targets_look_like() -> None:
    own = "my_loss.py:focal"
    assert found(TEXT, loss=own)[1] == ("g", "q")
    assert found([1, 0], loss=own)[1] == ("0", "1")
    assert found([1.5, 0.0], loss=own) == ([[1.5], [0.0]], ())
    assert found([1, 0], loss=own, as_values=True) == ([[1.0], [0.0]], ())
    assert found([1, 0], as_values=True) == ([[1.0], [0.0]], ())


@pytest.mark.parametrize(("classes", "loss"), [(("a", "b"), ""), ((), "cross-entropy")])
def test_values_of_classes_are_refused(classes: tuple[str, ...], loss: str) -> None:
    with pytest.raises(ConfigError, match="values must be false with"):
        found([1, 0], classes, loss, as_values=True)


def test_true_and_false_are_classes() -> None:
    assert found([True, False]) == ([1, 0], ("false", "true"))


def test_names_that_are_numbers_are_names() -> None:
    """The digits seven and three, in this order, are the classes 0 and 1."""
    assert found([3, 7, 3], ("7", "3")) == ([1, 0, 1], ("7", "3"))


@pytest.mark.parametrize(
    ("values", "classes", "loss", "expected"),
    [
        (TEXT, ("q", "w"), "", 'targets at row 1 must be one of q, w, not "g"'),
        ([0, 5], ("a", "b"), "", "targets at row 1 must be 0 to 1, not 5 (classes: a, b)"),
        ([0, -1], (), "", "targets at row 1 must be 0 to 0, not -1"),
        ([3, 8], ("7", "3"), "", 'targets at row 1 must be one of 7, 3, not "8"'),
        ([0.0, 0.5], (), "cross-entropy", "targets at row 1 must be the number of a class, "
         "not 0.5\n"
         'hint: for values that are no classes choose a loss of values, such as "mse"'),
        ([0.0, np.nan], ("a",), "", "targets at row 1 must be the number of a class, not nan\n"
         'hint: for values that are no classes choose a loss of values, such as "mse"'),
        ([0, 1 << 40], (), "", "targets would have 1099511627777 classes; at most 65536 are "
         'accepted\nhint: for values that are no classes choose a loss of values, such as "mse"'),
        ([[0.0, 1.0], [np.inf, 0.0]], (), "", "targets at row 1, place 0 must be a finite float32, "
         "not inf\nhint: 1 such values in all; remove or fill these rows"),
        ([1e300, 1.0], (), "", "targets at row 0 must be a finite float32, not 1e+300\n"
         "hint: 1 such values in all; remove or fill these rows"),
        (TEXT, (), "mse", 'targets must hold numbers for this loss, not text such as "q"\n'
         "hint: for classes give their names, or no loss"),
        (np.array(["q", None], object), (), "", "targets at row 1 must be the name of a class, not "
         "None\nhint: fill or remove these rows"),
        (np.array(["q", float("nan")], object), ("q", "w"), "", "targets at row 1 must be the name "
         "of a class, not nan\nhint: fill or remove these rows"),
        (np.array(["q", ""]), (), "", "targets at row 1 must be the name of a class, not empty\n"
         "hint: fill or remove these rows"),
        ([1j, 2j], (), "", "targets must hold numbers for this loss, not complex128"),
        ([1j, 2j], ("a",), "", "targets must hold classes, not complex128"),
    ],
)  # fmt: skip
def test_targets_that_are_neither_are_refused(
    values: Any, classes: tuple[str, ...], loss: str, expected: str
) -> None:
    with pytest.raises(DataError) as caught:
        found(values, classes, loss)
    assert str(caught.value) == f"mine.npz: {expected}"


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match='"a" is there twice'):
        found([0, 1], ("a", "a"))
