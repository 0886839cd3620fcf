"""Rows of one part of a task, and which rows go into which part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.escape import visible

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
TRAIN_PERCENT, VALIDATION_PERCENT = 64, 16  # the rest is the test split

INPUT = "x"
"""Name of the input of a task that has one and gives it no name of its own."""

_PARTS: dict[str, int] = {name: index for index, name in enumerate(SPLITS)}
_MAX_FAULTS = 5
MASK = "mask"
"""Name of the input that says with ones where rows of different lengths have something; behind
their end such rows are padded."""

UNLABELED = -1
"""Class number of a row for fitting whose class is not known, and which a teacher must know."""

_DTYPES = (np.dtype(np.float32), np.dtype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows of one part of a task.

    Attributes:
        arrays: Every input by name, in the order in which a model takes them, each of shape
            ``(rows, *shape)``: float32 values, or int64 for codes such as word pieces.
        targets: What a model shall say of the rows, ``(rows, ...)``: class numbers, int64, or
            values of any shape, float32.

    Raises:
        DataError: There is no input, or an array has another type, another number of rows, or a
            value that is not finite.
    """

    arrays: Mapping[str, NDArray[Any]]
    targets: NDArray[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrays", dict(self.arrays))  # a copy that can be pickled
        if not self.arrays:
            raise DataError("a split must have an input")
        for name, array in self.arrays.items():
            if not isinstance(name, str) or not name:
                raise DataError(f"the name of an input must be text, not {name!r}")
            _check_array(array, f'input "{name}"', len(self.targets))
        _check_array(self.targets, "targets", len(self.targets))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.targets)

    @property
    def inputs(self) -> NDArray[Any]:
        """The array of the one input, ``(rows, *shape)``.

        Raises:
            DataError: There are several inputs.
        """
        if len(self.arrays) > 1:
            raise DataError(
                f"there is no one input, but {', '.join(self.arrays)}",
                hint='take one by its name: split.arrays["NAME"]',
            )
        return next(iter(self.arrays.values()))

    @property
    def digest(self) -> str:
        """SHA-256 of all inputs and targets."""
        return digest_of({**self.arrays, "targets": self.targets})

    def take(self, rows: slice | NDArray[np.int64]) -> Split:
        """Return the split with these rows only, in their order."""
        return Split({name: array[rows] for name, array in self.arrays.items()}, self.targets[rows])


def digest_of(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 of arrays of numbers or text: their names, types, shapes and values."""
    state = hashlib.sha256()
    for name, array in arrays.items():
        plain = array if array.dtype != object else array.astype(str)
        state.update(f"{name} {plain.dtype.str} {array.shape}\n".encode())
        state.update(np.ascontiguousarray(plain).tobytes())
    return state.hexdigest()


def _check_array(array: NDArray[Any], what: str, rows: int) -> None:
    if array.dtype not in _DTYPES or array.ndim < 1 or len(array) != rows:
        raise DataError(
            f"{what} must be float32 or int64 of shape ({rows}, ...), "
            f"not {array.dtype} of shape {array.shape}"
        )
    finite = np.isfinite(array)
    if not finite.all():
        row, *place = np.argwhere(~finite)[0].tolist()
        raise DataError(
            f"{what} must be finite, not {array[row, *place]} at row {row}"
            + (f", place {', '.join(map(str, place))}" if place else "")
        )


def split_rows(
    labels: NDArray[np.int64], classes: tuple[str, ...], *, seed: int, source: str
) -> list[NDArray[np.int64]]:
    """Rows of the three splits, 64 % / 16 % / 20 % of each class, in random order.

    The order is that of the raw 64-bit outputs of PCG64, which NumPy keeps for all time, so the
    same seed and labels give the same splits with every version.

    Args:
        labels: Positions in `classes`, shape ``(rows,)``; all 0 where there are no classes.
        classes: Class names.
        seed: Seed of the order.
        source: Where the rows come from, for messages.

    Raises:
        ConfigError: The seed is negative or above 2^63 - 1.
        DataError: A class has fewer than 5 rows.
    """
    names = [f'class "{visible(name)}"' for name in classes] or [""]
    counts = np.bincount(labels, minlength=len(names)).tolist()
    faults = [
        f"{name} has {count} rows, at least 5 are needed".lstrip()
        for name, count in zip(names, counts, strict=True)
        if count < 5
    ]
    order = random_order(len(labels), seed)
    if faults:
        more = [f"and {len(faults) - _MAX_FAULTS} other classes"] * (len(faults) > _MAX_FAULTS)
        raise DataError(
            "; ".join(faults[:_MAX_FAULTS] + more), source=source, hint="use a table with more rows"
        )
    part = np.zeros(len(labels), dtype=np.int8)
    for label in range(len(names)):
        rows = order[labels[order] == label]
        part[rows[len(rows) * TRAIN_PERCENT // 100 :]] = 1
        part[rows[len(rows) * (TRAIN_PERCENT + VALIDATION_PERCENT) // 100 :]] = 2
    return [order[part[order] == index] for index in range(len(SPLITS))]


def named_rows(
    splits: NDArray[Any], *, seed: int, where: Callable[[int], str], source: str
) -> list[NDArray[np.int64]]:
    """Rows of the three splits, as they are named, in random order.

    Args:
        splits: ``"train"``, ``"validation"`` or ``"test"`` for every row, ``(rows,)``.
        seed: Seed of the order.
        where: Names a row in messages.
        source: Where the rows come from, for messages.

    Raises:
        ConfigError: The seed is negative or above 2^63 - 1.
        DataError: A row has another name, or a split has no row.
    """
    order = random_order(len(splits), seed)
    accepted = f"{', '.join(SPLITS[:-1])} or {SPLITS[-1]}"
    if splits.ndim != 1:
        raise DataError(
            f"the split must be one name a row, not of shape {splits.shape}", source=source
        )
    part = np.array([_PARTS.get(name, -1) for name in map(str, splits.tolist())], dtype=np.int8)
    unknown = np.flatnonzero(part < 0)
    if len(unknown):
        row = int(unknown[0])
        raise DataError(
            f'the split at {where(row)} must be {accepted}, not "{visible(str(splits[row]))[:40]}"',
            source=source,
        )
    empty = [name for name, at in _PARTS.items() if not (part == at).any()]
    if empty:
        raise DataError(
            f"no row belongs to split {' or '.join(empty)}",
            source=source,
            hint=f"name some rows {' and '.join(empty)}, or leave the splitting to the seed",
        )
    return [order[part[order] == index] for index in range(len(SPLITS))]


def random_order(rows: int, seed: int) -> NDArray[np.int64]:
    """A random order of rows that is the same with every version; see :func:`split_rows`."""
    check_seed(seed)
    return np.argsort(np.random.PCG64(seed).random_raw(rows), kind="stable")


def check_seed(seed: int) -> None:
    """Raise ConfigError for a seed that is no whole number from 0 to 2^63 - 1."""
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or not 0 <= seed < 2**63:
        raise ConfigError(f"seed must be 0 to 2^63 - 1, not {seed}")
