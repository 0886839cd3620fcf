"""Scores: what a task counts as good, as one number of a model's outputs and the targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError, NumericsError
from netwright.registry import resolve
from netwright.tasks.split import Split


@dataclass(frozen=True, slots=True)
class Score:
    """How good outputs are.

    Attributes:
        name: As people say it: ``"accuracy"``.
        unit: Of its values; empty for shares and ratios.
        larger_is_better: Whether a larger value is a better one.
        function: Gives the value for outputs, ``(rows, *shape)``, and the split they belong to.
        needs: Whether targets must be classes, or values.
    """

    name: str
    unit: str
    larger_is_better: bool
    function: Callable[[NDArray[Any], Split], float]
    needs: Literal["classes", "values", "anything"] = "anything"

    def __call__(self, outputs: NDArray[Any], split: Split) -> float:
        """Return the value for the outputs of a split.

        Raises:
            ConfigError: The function gives no number.
            DataError: The outputs do not fit the targets, or have no such score.
            NumericsError: The value is not finite.
        """
        targets = split.targets
        if self.needs == "classes" and (
            targets.dtype != np.int64 or outputs.shape[:1] + outputs.shape[2:] != targets.shape
        ):
            raise DataError(
                f"{self.name} needs class numbers and an output for each class, not targets "
                f"{targets.dtype} of shape {targets.shape} and outputs of shape {outputs.shape}"
            )
        if self.needs == "values" and outputs.shape != targets.shape:  # broadcasting would fit them
            raise DataError(
                f"{self.name} needs outputs of the targets' shape {targets.shape}, not of "
                f"shape {outputs.shape}"
            )
        value: object = self.function(outputs, split)
        if not isinstance(value, float | int | np.number) or isinstance(value, complex):
            raise ConfigError(
                f'score "{self.name}" must be one number, not {type(value).__name__}',
                hint="return the mean over the rows",
            )
        if not np.isfinite(value):
            raise NumericsError(f'score "{self.name}" is {value} for {len(split)} rows')
        return float(value)

    def better(self, first: float, second: float) -> bool:
        """Return whether the first value is better than the second."""
        return first > second if self.larger_is_better else first < second


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


def roc_curve(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> Roc:
    """Return the curve of scores.

    Rows of equal score make one point, so the area does not depend on the order of the rows.

    Args:
        scores: Shape ``(rows,)``; rows of a large one are taken for positive first.
        positive: Which rows are, ``(rows,)``.

    Returns:
        It begins at (0, 0) and ends at (1, 1).

    Raises:
        DataError: All rows are positive, or none.
    """
    if positive.all() or not positive.any():
        raise DataError(
            "a curve needs rows that are positive and rows that are not; "
            f"{int(positive.sum())} of {len(positive)} rows are"
        )
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(positive[order])[last_of_ties]
    misses = last_of_ties + 1 - hits
    true_positive_rate = np.concatenate([[0.0], hits / hits[-1]])
    false_positive_rate = np.concatenate([[0.0], misses / misses[-1]])
    area = float(np.trapezoid(true_positive_rate, false_positive_rate))
    return Roc(false_positive_rate, true_positive_rate, area)


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities of the classes, which lie on the second axis."""
    values = np.asarray(logits, dtype=np.float64)
    shares = np.exp(values - values.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def named(score: Score | str) -> Score:
    """Return the score of this name, as in a flow file; a score is itself.

    Raises:
        ConfigError: There is no such score, or what the name stands for is none.
    """
    if isinstance(score, Score):
        return score
    found = resolve("scores", score)
    if not isinstance(found, Score):
        raise ConfigError(
            f'score "{score}" must be a netwright.tasks.Score, not a {type(found).__name__}',
            hint='for example mine = Score("hits", "", True, lambda outputs, split: ...)',
        )
    return found


def _accuracy(outputs: NDArray[Any], split: Split) -> float:
    return float(np.mean(np.argmax(outputs, axis=1) == split.targets))


def _balanced_accuracy(outputs: NDArray[Any], split: Split) -> float:
    targets = split.targets.ravel()
    hits = np.argmax(outputs, axis=1).ravel() == targets
    counts = np.bincount(targets)
    shares = np.bincount(targets, weights=hits)[counts > 0] / counts[counts > 0]
    return float(shares.mean())


def _area(outputs: NDArray[Any], split: Split) -> float:
    targets = split.targets.ravel()
    shares = np.moveaxis(softmax(outputs), 1, -1).reshape(len(targets), -1)
    curves = [roc_curve(shares[:, label], targets == label) for label in range(shares.shape[1])]
    return float(np.mean([curve.area for curve in curves]))


def _intersection_over_union(outputs: NDArray[Any], split: Split) -> float:
    found, targets = np.argmax(outputs, axis=1), split.targets
    shares = []
    for label in range(1, outputs.shape[1]):
        either = np.count_nonzero((found == label) | (targets == label))
        if either:
            shares.append(np.count_nonzero((found == label) & (targets == label)) / either)
    if not shares:
        raise DataError("intersection over union needs places of a class other than the first")
    return float(np.mean(shares))


def _squared_error(outputs: NDArray[Any], split: Split) -> float:
    return float(np.mean(np.square(_errors(outputs, split))))


def _root_squared_error(outputs: NDArray[Any], split: Split) -> float:
    return float(np.sqrt(_squared_error(outputs, split)))


def _absolute_error(outputs: NDArray[Any], split: Split) -> float:
    return float(np.mean(np.abs(_errors(outputs, split))))


def _largest_error(outputs: NDArray[Any], split: Split) -> float:
    return float(np.max(np.abs(_errors(outputs, split))))


def _explained(outputs: NDArray[Any], split: Split) -> float:
    errors = np.square(_errors(outputs, split)).sum(axis=0)
    targets = split.targets.astype(np.float64)
    alike = np.argwhere(np.ptp(targets, axis=0) == 0)
    if len(alike):
        place = alike[0].tolist()
        raise DataError(
            "R² needs targets that vary, and those of "
            f"place {', '.join(map(str, place))} are all {float(targets[0, *place]):g}"
        )
    spread = np.square(targets - targets.mean(axis=0)).sum(axis=0)
    return float(np.mean(1 - errors / spread))


def _errors(outputs: NDArray[Any], split: Split) -> NDArray[np.float64]:
    return np.asarray(outputs, dtype=np.float64) - split.targets


accuracy = Score("accuracy", "", True, _accuracy, "classes")
"""Share, 0 to 1, of rows whose largest output is that of their class; of equal ones the first
counts, as in hardware that keeps the first maximum."""

balanced_accuracy = Score("balanced accuracy", "", True, _balanced_accuracy, "classes")
"""Mean over the classes that occur of the share of their rows that is hit, 0 to 1: what rare
classes count is not less."""

area_under_curve = Score("area under curve", "", True, _area, "classes")
"""Mean over the classes of the area under the receiver operating characteristic of each against
all others, 0 to 1; 0.5 for guessing."""

intersection_over_union = Score(
    "intersection over union", "", True, _intersection_over_union, "classes"
)
"""Places of all rows that are found and are of a class, over those that are either, 0 to 1; mean
over the classes that occur, without the first one, which is the background."""

mean_squared_error = Score("mean squared error", "", False, _squared_error, "values")
"""Mean over all values of the square of output minus target."""

root_mean_squared_error = Score("root mean squared error", "", False, _root_squared_error, "values")
"""Square root of the mean squared error, in the unit of the targets."""

mean_absolute_error = Score("mean absolute error", "", False, _absolute_error, "values")
"""Mean over all values of the magnitude of output minus target, in the unit of the targets."""

largest_error = Score("largest error", "", False, _largest_error, "values")
"""Largest magnitude of output minus target, in the unit of the targets."""

explained_variance = Score("R²", "", True, _explained, "values")
"""1 - squared errors / squared deviations of the targets from their mean (the coefficient of
determination), a mean over the places of a target; 1 is perfect, 0 is their mean."""
