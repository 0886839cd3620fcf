"""From raw columns to a task: numbers, class numbers, splits and standardized inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.digits import is_plain_number
from netwright.errors import ConfigError, DataError
from netwright.escape import visible
from netwright.python_file import is_python_name
from netwright.registry import entries
from netwright.tasks.base import Scaling, Task
from netwright.tasks.card import Card
from netwright.tasks.columns import Columns
from netwright.tasks.scores import Score, accuracy, mean_squared_error, named
from netwright.tasks.split import SPLITS, Split, named_rows, split_rows
from netwright.tasks.targets import CLASSIFICATION, class_numbers

_SHOWN = 40


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """What a task is made of.

    Attributes:
        rows: Names the rows in messages.
        inputs: Raw numbers by input, each ``(rows, *shape)``.
        targets: Numbers or text, ``(rows, ...)``; or the name of an input that shall come out as a
            model reads it.
        target: What the targets are called in messages.
        splits: The split of every row as text; drawn by the seed if there is none.
        features: Names of the columns of inputs that are tables.
        codes: Inputs that stay whole numbers.
        as_values: Targets are values, whole numbers too.
    """

    rows: Columns
    inputs: Mapping[str, NDArray[Any]]
    targets: NDArray[Any] | str
    target: str = "targets"
    splits: NDArray[Any] | None = None
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codes: Collection[str] = ()
    as_values: bool = False


def assemble(
    raw: Raw,
    *,
    name: str,
    classes: Sequence[str],
    loss: str,
    score: Score | str,
    seed: int,
    standardize: bool,
    card: Card,
) -> Task:
    """Check raw arrays and put a task together; see :func:`netwright.tasks.from_arrays`."""
    if loss and not is_python_name(loss) and loss not in entries("losses"):
        raise ConfigError(
            f'"{visible(loss)}" is not one of the losses',
            hint=f'losses: {", ".join(entries("losses"))}, or "FILE.py:NAME" for one of your own',
        )
    if not isinstance(card, Card):
        raise ConfigError(f"card must be a Card, not {type(card).__name__}")
    _check_rows(raw)
    inputs = {
        key: _codes(raw, key) if key in raw.codes else _numbers(raw, key) for key in raw.inputs
    }
    names: tuple[str, ...] = ()
    targets: NDArray[Any] | None = None
    if not isinstance(raw.targets, str):
        targets, names = class_numbers(
            raw.rows, raw.targets, raw.target, classes, loss, as_values=raw.as_values
        )
    elif classes:
        raise ConfigError(f'classes must be empty: the input "{raw.targets}" shall come out')
    chosen = _chosen(raw, targets, names, seed)
    if targets is not None and not names:
        _check_varies(raw, targets[chosen[0]])
    scaling = {
        key: _scaling(values[chosen[0]], raw, key)
        for key, values in inputs.items()
        if standardize and key not in raw.codes
    }

    def part(rows: NDArray[np.int64]) -> Split:
        arrays = {
            key: values[rows] if key in raw.codes else _read(values[rows], scaling.get(key))
            for key, values in inputs.items()
        }
        wanted = arrays[raw.targets] if isinstance(raw.targets, str) else targets
        assert wanted is not None
        return Split(arrays, wanted if isinstance(raw.targets, str) else wanted[rows])

    train, validation, test = map(part, chosen)
    counts = np.bincount(targets.ravel(), minlength=len(names)).tolist() if names else []  # type: ignore[union-attr]
    return Task(
        name=name,
        train=train,
        validation=validation,
        test=test,
        loss=loss or (CLASSIFICATION if names else "mse"),
        score=named(score) if score else (accuracy if names else mean_squared_error),
        card=replace(card, counts=dict(zip(names, counts, strict=True)))
        if not card.counts
        else card,
        classes=names,
        features=raw.features,
        scaling=scaling,
    )


def _check_varies(raw: Raw, values: NDArray[Any]) -> None:
    """Refuse values that are the same in every row that is trained on."""
    if np.all(values == values[:1]):
        raise DataError(
            f"{raw.target} must vary: all {len(values)} rows of the train split hold the same",
            source=raw.rows.source,
            hint="choose another target, or rows in which it differs",
        )


def _check_rows(raw: Raw) -> None:
    """Refuse arrays of different numbers of rows, or none."""
    given: dict[str, NDArray[Any]] = {f'input "{key}"': v for key, v in raw.inputs.items()}
    if not isinstance(raw.targets, str):
        given[raw.target] = raw.targets
    elif raw.targets not in raw.inputs:
        raise ConfigError(f'there is no input "{raw.targets}" that could come out')
    if raw.splits is not None:
        given["the split"] = raw.splits
    flat = [what for what, values in given.items() if values.ndim == 0]
    if flat:
        raise DataError(f"{flat[0]} must have rows, not be one value", source=raw.rows.source)
    empty = [what for what, values in given.items() if 0 in values.shape[1:]]
    if empty:
        raise DataError(f"{empty[0]} has no value in a row", source=raw.rows.source)
    lengths = {what: len(values) for what, values in given.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{what}: {length}" for what, length in lengths.items())
        raise DataError(f"must have as many rows everywhere, not {told}", source=raw.rows.source)
    if not next(iter(lengths.values()), 0):
        raise DataError("holds no rows", source=raw.rows.source)


def _place(raw: Raw, key: str, index: Sequence[int]) -> str:
    """Where a value of an input is, in a sentence."""
    row, *place = index
    names = raw.features.get(key, ())
    if len(place) == 1 and len(names) > place[0]:
        return f'{raw.rows.where(row)}, column "{visible(names[place[0]])}"'
    inside = f", place {', '.join(map(str, place))}" if place else ""
    return f'{raw.rows.where(row)} of input "{visible(key)}"{inside}'


def _numbers(raw: Raw, key: str) -> NDArray[Any]:
    """The raw values of an input, all of them numbers that are finite as float32."""
    values = raw.inputs[key]
    if values.dtype.kind not in "biuf":
        places = np.ndindex(values.shape) if values.dtype.kind in "OU" else ()
        index = next((place for place in places if not _is_number(values[place])), None)
        if index is not None:
            raise DataError(
                f"the value at {_place(raw, key, index)} must be a number, not "
                f'"{visible(str(values[index]))[:_SHOWN]}"',
                source=raw.rows.source,
            )
        raise DataError(
            f'input "{visible(key)}" must hold numbers, not {values.dtype}', source=raw.rows.source
        )
    with np.errstate(over="ignore"):
        finite = np.isfinite(values.astype(np.float32))
    if not finite.all():
        index = np.argwhere(~finite)[0].tolist()
        raise DataError(
            f"the value at {_place(raw, key, index)} must be a finite float32, "
            f"not {values[tuple(index)]}",
            source=raw.rows.source,
            hint=f"{int((~finite).sum())} such values in all; remove or fill these rows",
        )
    return values if values.ndim > 1 else values[:, None]


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str) or is_plain_number(value)


def _codes(raw: Raw, key: str) -> NDArray[np.int64]:
    values = raw.inputs[key]
    if values.dtype.kind not in "iu" or values.max(initial=0) > np.iinfo(np.int64).max:
        raise DataError(
            f'input "{visible(key)}" must hold whole numbers, being a code, not {values.dtype}',
            source=raw.rows.source,
        )
    return values.astype(np.int64)


def _chosen(
    raw: Raw, targets: NDArray[Any] | None, classes: tuple[str, ...], seed: int
) -> list[NDArray[np.int64]]:
    """Rows of every split: those that are named, or drawn, class by class where rows have one."""
    source = raw.rows.source
    one_each = targets is not None and targets.ndim == 1 and bool(classes)
    labels = targets if one_each else np.zeros(len(next(iter(raw.inputs.values()))), np.int64)
    assert labels is not None
    groups = classes if one_each else ()
    if raw.splits is None:
        return split_rows(labels, groups, seed=seed, source=source)
    chosen = named_rows(raw.splits, seed=seed, where=raw.rows.where, source=source)
    present = np.bincount(labels[chosen[0]], minlength=len(groups))
    absent = [visible(name) for name, count in zip(groups, present, strict=False) if not count]
    if absent:
        raise DataError(
            f"split {SPLITS[0]} holds no row of class {', '.join(absent[:5])}", source=source
        )
    return chosen


def _scaling(train: NDArray[Any], raw: Raw, key: str) -> Scaling:
    """Mean and deviation of the train rows: of every column of a table, of other inputs at once."""
    values = train.astype(np.float64)
    axis = 0 if values.ndim == 2 else None
    scaling = Scaling(np.asarray(values.mean(axis=axis)), np.asarray(values.std(axis=axis)))
    constant = np.flatnonzero((np.ptp(values, axis=axis) == 0.0) | (scaling.deviation == 0.0))
    if len(constant):
        names = raw.features.get(key)
        what = (
            f"column {', '.join(visible(names[at]) for at in constant[:5])}"
            if names
            else f'input "{visible(key)}"'
            + (f", column {', '.join(map(str, constant[:5]))}," if axis == 0 else "")
        )
        raise DataError(
            f"{what} is constant over the train split",
            source=raw.rows.source,
            hint="leave out what does not vary, or take values as they are (standardize = false)",
        )
    return scaling


def _read(values: NDArray[Any], scaling: Scaling | None) -> NDArray[np.float32]:
    """Values as a model reads them."""
    return values.astype(np.float32) if scaling is None else scaling.scaled(values)
