"""Scores: what a task counts as good, as one number of a model's outputs and the targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.tasks.split import Split


@dataclass(frozen=True, slots=True)
class Score:
    """How good outputs are.

    Attributes:
        name: As people say it: ``"accuracy"``.
        unit: Of its values; empty for shares and ratios.
        larger_is_better: Whether a larger value is a better one.
        function: Gives the value for outputs, ``(rows, *shape)``, and the split they belong to.
    """

    name: str
    unit: str
    larger_is_better: bool
    function: Callable[[NDArray[Any], Split], float]

    def __call__(self, outputs: NDArray[Any], split: Split) -> float:
        """Return the value for the outputs of a split.

        Raises:
            DataError: The outputs and targets have no such score.
        """
        return float(self.function(outputs, split))

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


def _accuracy(outputs: NDArray[Any], split: Split) -> float:
    return float(np.mean(np.argmax(outputs, axis=1) == split.targets))


def _squared_error(outputs: NDArray[Any], split: Split) -> float:
    return float(np.mean(np.square(_errors(outputs, split))))


def _absolute_error(outputs: NDArray[Any], split: Split) -> float:
    return float(np.mean(np.abs(_errors(outputs, split))))


def _errors(outputs: NDArray[Any], split: Split) -> NDArray[np.float64]:
    return np.asarray(outputs, dtype=np.float64) - split.targets


accuracy = Score("accuracy", "", True, _accuracy)
"""Share, 0 to 1, of rows whose largest output is that of their class; of equal ones the first
counts, as in hardware that keeps the first maximum."""

mean_squared_error = Score("mean squared error", "", False, _squared_error)
"""Mean over all values of the square of output minus target."""

mean_absolute_error = Score("mean absolute error", "", False, _absolute_error)
"""Mean over all values of the magnitude of output minus target."""
