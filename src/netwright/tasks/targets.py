"""What a model shall say: class numbers of classes with names, or values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.escape import visible
from netwright.python_file import is_python_name
from netwright.tasks.columns import Columns

CLASSIFICATION = "cross-entropy"
"""The loss that makes whole numbers class numbers."""

MAX_CLASSES = 1 << 16

_SHOWN = 40


def class_numbers(
    rows: Columns,
    values: NDArray[Any],
    what: str,
    classes: Sequence[str],
    loss: str,
    *,
    as_values: bool = False,
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return targets and the names of the classes, none if the targets are values.

    Targets are classes if class names are given or the loss is :data:`CLASSIFICATION`, and values
    with any other loss that has a name. Where no loss is given, or one of a Python file, they are
    classes if they are text, true or false, or one whole number a row. Classes are given by their
    names or by their positions.

    Args:
        rows: Names the rows in messages.
        values: Numbers or text, ``(rows, ...)``.
        what: What they are called in messages.
        classes: Class names in the order of the class numbers; found in the values if empty.
        loss: Name of the loss; empty if not given.
        as_values: Targets are values, whole numbers too.

    Returns:
        Class numbers, int64, or values, float32 of two axes or more.

    Raises:
        ConfigError: Two classes have one name, or values shall have classes.
        DataError: A target is no number, is not finite, or names no class.
    """
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if list(classes).count(name) > 1)
        raise ConfigError(f'classes must have names of their own; "{twice}" is there twice')
    if as_values and (classes or loss == CLASSIFICATION):
        raise ConfigError(f"values must be false with {'classes' if classes else loss}")
    kind = values.dtype.kind
    alike = kind in "OUb" or (kind in "iu" and values.ndim == 1)
    by_looks = alike and (not loss or is_python_name(loss)) and not as_values
    if not (classes or loss == CLASSIFICATION or by_looks):
        return _values(rows, values, what), ()
    names = tuple(classes)
    if kind == "b":
        values, kind = values.astype(np.int64), "i"
        names = names or ("false", "true")
    if kind in "OU":
        return _by_name(rows, values, what, names)
    numbers = _whole(rows, values, what)
    if names and not set(names).isdisjoint(map(str, numbers.flat)):
        return _by_name(rows, numbers.astype(str), what, names)
    return _by_position(rows, numbers, what, names)


def _values(rows: Columns, values: NDArray[Any], what: str) -> NDArray[np.float32]:
    if values.dtype.kind not in "biuf":
        text = values.dtype.kind in "OU"
        found = f'text such as "{visible(str(values.flat[0]))[:_SHOWN]}"' if text else values.dtype
        raise DataError(
            f"{what} must hold numbers for this loss, not {found}",
            source=rows.source,
            hint="for classes give their names, or no loss" if text else None,
        )
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32)
    finite = np.isfinite(numbers)
    if not finite.all():
        index = np.argwhere(~finite)[0].tolist()
        raise DataError(
            f"{what} at {_place(rows, index)} must be a finite float32, not {values[tuple(index)]}",
            source=rows.source,
            hint=f"{int((~finite).sum())} such values in all; remove or fill these rows",
        )
    return numbers if numbers.ndim > 1 else numbers[:, None]


def _whole(rows: Columns, values: NDArray[Any], what: str) -> NDArray[np.int64]:
    """Whole numbers, however they are stored."""
    if values.dtype.kind not in "iuf":
        raise DataError(f"{what} must hold classes, not {values.dtype}", source=rows.source)
    with np.errstate(invalid="ignore"):
        fits = np.isfinite(values) & (values == np.trunc(values)) & (np.abs(values) < 2.0**53)
    if not fits.all():
        index = np.argwhere(~fits)[0].tolist()
        raise DataError(
            f"{what} at {_place(rows, index)} must be the number of a class, "
            f"not {values[tuple(index)]}",
            source=rows.source,
            hint='for values that are no classes choose a loss of values, such as "mse"',
        )
    return values.astype(np.int64)


def _by_name(
    rows: Columns, values: NDArray[Any], what: str, names: tuple[str, ...]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    for number, value in enumerate(values.flat):
        if not isinstance(value, str) or (not value and "" not in names):
            place = _place(rows, [int(at) for at in np.unravel_index(number, values.shape)])
            found = "empty" if value == "" else f"{visible(repr(value))[:_SHOWN]}"
            raise DataError(
                f"{what} at {place} must be the name of a class, not {found}",
                source=rows.source,
                hint="fill or remove these rows",
            )
    names = names or tuple(sorted(set(map(str, values.flat))))
    _check_count(rows, len(names), names[0] if names else "", what)
    position = {name: number for number, name in enumerate(names)}
    numbers = np.array([position.get(value, -1) for value in values.flat], dtype=np.int64)
    numbers = numbers.reshape(values.shape)
    if (numbers < 0).any():
        index = np.argwhere(numbers < 0)[0].tolist()
        raise DataError(
            f"{what} at {_place(rows, index)} must be one of {_listed(names)}, "
            f'not "{visible(str(values[tuple(index)]))[:_SHOWN]}"',
            source=rows.source,
        )
    return numbers, names


def _by_position(
    rows: Columns, values: NDArray[np.int64], what: str, names: tuple[str, ...]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    count = len(names) if names else int(values.max(initial=0)) + 1
    wrong = np.argwhere((values < 0) | (values >= count))
    if len(wrong):
        index = wrong[0].tolist()
        told = f" (classes: {_listed(names)})" if names else ""
        raise DataError(
            f"{what} at {_place(rows, index)} must be 0 to {count - 1}, "
            f"not {values[tuple(index)]}{told}",
            source=rows.source,
        )
    _check_count(rows, count, names[0] if names else "0", what)
    return values, names or tuple(map(str, range(count)))


def _check_count(rows: Columns, count: int, first: str, what: str) -> None:
    if count == 1:
        raise DataError(
            f'{what} must hold two classes or more, not only "{_listed((first,))}"',
            source=rows.source,
            hint="use rows of two classes or more; for values that are no classes choose a loss "
            'of values, such as "mse"',
        )
    if count > MAX_CLASSES:
        raise DataError(
            f"{what} would have {count} classes; at most {MAX_CLASSES} are accepted",
            source=rows.source,
            hint='for values that are no classes choose a loss of values, such as "mse"',
        )


def _place(rows: Columns, index: Sequence[int]) -> str:
    row, *place = index
    return rows.where(row) + (f", place {', '.join(map(str, place))}" if place else "")


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(visible(name)[:_SHOWN] for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "")
