"""What every task is: three splits of standardized rows, their meaning and their score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.tasks.card import Card

__all__ = ["Card", "Roc", "Split", "SplitName", "Task", "make_task"]

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
TRAIN_PERCENT, VALIDATION_PERCENT = 64, 16  # the rest is the test split


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows of one part of a task.

    Attributes:
        inputs: Standardized features, float32, shape ``(rows, features)``.
        labels: Positions in the task's ``classes``, int64, shape ``(rows,)``.
    """

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.inputs.ndim != 2 or self.inputs.dtype != np.float32:
            raise DataError(
                f"inputs must be float32 of shape (rows, features), "
                f"not {self.inputs.dtype} of shape {self.inputs.shape}"
            )
        if self.labels.shape != self.inputs.shape[:1] or self.labels.dtype != np.int64:
            raise DataError(
                f"labels must be int64 of shape ({len(self.inputs)},), "
                f"not {self.labels.dtype} of shape {self.labels.shape}"
            )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)


class Roc(NamedTuple):
    """Receiver operating characteristic of one class against all others.

    Attributes:
        false_positive_rate: Shape ``(points,)``, rising from 0 to 1.
        true_positive_rate: Shape ``(points,)``, rising from 0 to 1.
        area: Area under the curve, 0 to 1; 0.5 for guessing.
    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    area: float


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A classification task.

    Attributes:
        name: Short name, as in a flow file.
        train: Rows for fitting.
        validation: Rows for choosing between models.
        test: Rows for the reported figures only.
        features: Column names of the inputs.
        classes: Class names in label order.
        mean: Mean of each raw feature over the train split, float64, shape ``(features,)``.
        deviation: Standard deviation (dividing by the number of rows) of each raw feature over the
            train split, float64, shape ``(features,)``; inputs are (raw - mean) / deviation.
        card: Where the data come from.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    features: tuple[str, ...]
    classes: tuple[str, ...]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    card: Card

    def split(self, name: SplitName) -> Split:
        """Return one split by its name.

        Raises:
            ConfigError: There is no such split.
        """
        if name not in SPLITS:
            raise ConfigError(f'split "{name}" is not known', hint=f"accepted: {', '.join(SPLITS)}")
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def accuracy(self, logits: NDArray[np.floating], *, split: SplitName = "test") -> float:
        """Return the share, 0 to 1, of rows whose largest logit is that of their class.

        Of equal logits the first counts, as in hardware that keeps the first maximum.

        Args:
            logits: Shape ``(rows, classes)``, in the order of the split; integers are accepted.
            split: Which rows the logits belong to.

        Raises:
            DataError: The shape does not fit the split, or a logit is not finite.
        """
        self._check_logits(logits, split)
        return float(np.mean(np.argmax(logits, axis=1) == self.split(split).labels))

    def roc(self, logits: NDArray[np.floating], *, split: SplitName = "test") -> dict[str, Roc]:
        """Return the curve of each class, the softmax of the logits being the score.

        Rows of equal score make one point, so the area does not depend on the order of the rows.

        Args:
            logits: Shape ``(rows, classes)``, in the order of the split.
            split: Which rows the logits belong to.

        Returns:
            By class name; every curve begins at (0, 0) and ends at (1, 1).

        Raises:
            DataError: The shape does not fit the split, a logit is not finite, or the split holds
                no row, or only rows, of a class.
        """
        self._check_logits(logits, split)
        values = np.asarray(logits, dtype=np.float64)
        scores = np.exp(values - values.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        labels = self.split(split).labels
        curves = {}
        for label, name in enumerate(self.classes):
            positive = labels == label
            if positive.all() or not positive.any():
                raise DataError(
                    f'the curve of class "{name}" needs rows of this and of another class, '
                    f"split {split} holds {int(positive.sum())} of {len(labels)} rows",
                    hint="use more rows",
                )
            curves[name] = _curve(scores[:, label], positive)
        return curves

    def subset(self, rows: int) -> Task:
        """Return the task with the first rows of each split; a shorter split stays whole.

        Rows are in random order, so a subset is a sample; mean, deviation and card stay.

        Raises:
            ConfigError: ``rows`` is not positive.
        """
        if rows < 1:
            raise ConfigError(f"rows must be at least 1, not {rows}")
        parts = (Split(part.inputs[:rows], part.labels[:rows]) for part in map(self.split, SPLITS))
        train, validation, test = parts
        return replace(self, train=train, validation=validation, test=test)

    def windowed(self, share: float = 0.002) -> Task:
        """Return the task with inputs of which nearly all lie within -1 and 1, for coarse codes.

        Each feature is moved and stretched so that its window, all train rows but `share` below and
        `share` above, becomes -1 to 1; mean and deviation change with it. What is beyond is for the
        reader to limit.

        Args:
            share: Share of the train rows on either side, 0 or more and below 0.5.

        Raises:
            ConfigError: The share is out of range, or a feature's window holds one value only.
        """
        if not 0 <= share < 0.5:
            raise ConfigError(f"share must be 0 or more and below 0.5, not {share}")
        low, high = np.quantile(self.train.inputs.astype(np.float64), [share, 1 - share], axis=0)
        flat = [self.features[i] for i in np.flatnonzero(high <= low)]
        if flat:
            raise ConfigError(f"nearly all rows hold the same value of {', '.join(flat)}")
        center, half = (low + high) / 2, (high - low) / 2
        parts = (
            Split(((part.inputs - center) / half).astype(np.float32), part.labels)
            for part in map(self.split, SPLITS)
        )
        train, validation, test = parts
        return replace(
            self,
            train=train,
            validation=validation,
            test=test,
            mean=self.mean + center * self.deviation,
            deviation=self.deviation * half,
        )

    def _check_logits(self, logits: NDArray[np.floating], split: SplitName) -> None:
        expected = (len(self.split(split)), len(self.classes))
        if np.shape(logits) != expected:
            raise DataError(
                f"logits for split {split} must have shape {expected}, not {np.shape(logits)}"
            )
        finite = np.isfinite(logits)
        if not finite.all():
            row, column = np.argwhere(~finite)[0].tolist()
            raise DataError(
                f"logits must be finite, not {logits[row, column]} "
                f'at row {row}, class "{self.classes[column]}"'
            )


def make_task(
    name: str,
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    names: tuple[str, ...],
    classes: tuple[str, ...],
    seed: int,
    card: Card,
    source: str,
) -> Task:
    """Split rows 64 % / 16 % / 20 %, class by class, and standardize them.

    The order is that of the raw 64-bit outputs of PCG64, which NumPy keeps for all time, so the
    same seed and table give the same splits with every version.

    Args:
        name: Name of the task.
        features: Raw finite values, shape ``(rows, features)``.
        labels: Positions in ``classes``, shape ``(rows,)``.
        names: Column names.
        classes: Class names.
        seed: Seed of the split.
        card: Provenance.
        source: Where the rows come from, for messages.

    Raises:
        ConfigError: The seed is negative or above 2^63 - 1.
        DataError: A class has fewer than 5 rows, or a column is constant.
    """
    chosen = split_rows(labels, classes, seed=seed, source=source)
    raw = features[chosen[0]].astype(np.float64)
    mean, deviation = raw.mean(axis=0), raw.std(axis=0)
    constant = [names[column] for column in np.flatnonzero(deviation == 0.0)]
    if constant:
        raise DataError(
            f"column {', '.join(constant)} is constant over the train split",
            source=source,
            hint="use a table whose columns vary",
        )
    train, validation, test = (
        Split(
            ((features[rows].astype(np.float64) - mean) / deviation).astype(np.float32),
            labels[rows].astype(np.int64),
        )
        for rows in chosen
    )
    return Task(name, train, validation, test, names, classes, mean, deviation, card)


def split_rows(
    labels: NDArray[np.int64], classes: tuple[str, ...], *, seed: int, source: str
) -> list[NDArray[np.int64]]:
    """Rows of the three splits, 64 % / 16 % / 20 % of each class, in random order.

    The order is that of the raw 64-bit outputs of PCG64, which NumPy keeps for all time, so the
    same seed and labels give the same splits with every version.

    Args:
        labels: Positions in `classes`, shape ``(rows,)``.
        classes: Class names.
        seed: Seed of the order.
        source: Where the rows come from, for messages.

    Raises:
        ConfigError: The seed is negative or above 2^63 - 1.
        DataError: A class has fewer than 5 rows.
    """
    check_seed(seed)
    faults = [
        f'class "{class_name}" has {count} rows, at least 5 are needed'
        for class_name, count in zip(
            classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True
        )
        if count < 5
    ]
    if faults:
        raise DataError("; ".join(faults), source=source, hint="use a table with more rows")
    order = np.argsort(np.random.PCG64(seed).random_raw(len(labels)), kind="stable")
    part = np.zeros(len(labels), dtype=np.int8)
    for label in range(len(classes)):
        rows = order[labels[order] == label]
        part[rows[len(rows) * TRAIN_PERCENT // 100 :]] = 1
        part[rows[len(rows) * (TRAIN_PERCENT + VALIDATION_PERCENT) // 100 :]] = 2
    return [order[part[order] == index] for index in range(len(SPLITS))]


def check_seed(seed: int) -> None:
    """Raise ConfigError for a seed outside 0 to 2^63 - 1."""
    if not 0 <= seed < 2**63:
        raise ConfigError(f"seed must be 0 to 2^63 - 1, not {seed}")


def _curve(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Roc:
    """Return the curve of scores, shape ``(rows,)``, for the rows marked positive."""
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(positive[order])[last_of_ties]
    misses = last_of_ties + 1 - hits
    true_positive_rate = np.concatenate([[0.0], hits / hits[-1]])
    false_positive_rate = np.concatenate([[0.0], misses / misses[-1]])
    area = float(np.trapezoid(true_positive_rate, false_positive_rate))
    return Roc(false_positive_rate, true_positive_rate, area)
