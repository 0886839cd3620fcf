"""What every task is: three splits of rows, what is learned from them, and how it is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.tasks.card import Card
from netwright.tasks.scores import Roc, Score, roc_curve, softmax
from netwright.tasks.split import SPLITS, UNLABELED, Split, SplitName


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """How the raw values of an input became what a model reads: (raw - mean) / deviation.

    Attributes:
        mean: float64, of the shape of a row, or one value for all of it.
        deviation: Likewise, above 0.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Return whether it is for rows of this shape."""
        return all(np.shape(part) in ((), shape) for part in (self.mean, self.deviation))

    def scaled(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return raw values as a model reads them, ``(rows, *shape)``."""
        values = (raw.astype(np.float64) - self.mean) / self.deviation
        with np.errstate(over="ignore"):  # what becomes infinite is refused by the split
            return values.astype(np.float32)

    def raw(self, scaled: NDArray[Any]) -> NDArray[np.float64]:
        """Return the raw values of what a model reads, ``(rows, *shape)``."""
        return scaled.astype(np.float64) * self.deviation + self.mean


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Data, and what shall be learned from them.

    A classification has class names; a regression or a reconstruction has none, and its targets are
    values. Nothing else tells them apart.

    Attributes:
        name: Short name, as in a flow file.
        train: Rows for fitting; a class number may be
            :data:`~netwright.tasks.split.UNLABELED` there.
        validation: Rows for choosing between models.
        test: Rows for the reported figures only.
        loss: Name of the loss that is trained for, as in a flow file; see :mod:`netwright.train`.
        score: What counts as good.
        card: Where the data come from.
        classes: Class names in the order of the class numbers; empty if it is no classification.
        features: Names of the columns of every input that is a table.
        scaling: How raw values became inputs, by input; an input without one is used as it is.

    Raises:
        DataError: The splits differ in their inputs or targets, one has no rows, a class number
            names no class, there are not as many column names as columns, or a scaling does not fit
            its input.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    loss: str
    score: Score
    card: Card
    classes: tuple[str, ...] = ()
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scaling: Mapping[str, Scaling] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = [*self._split_faults(), *self._target_faults(), *self._table_faults()]
        if faults:
            raise DataError("; ".join(faults), source=f'task "{self.name}"')

    @property
    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one row of every input, in the order in which a model takes them."""
        return {name: array.shape[1:] for name, array in self.train.arrays.items()}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one row of the one input.

        Raises:
            DataError: There are several inputs.
        """
        return self.train.inputs.shape[1:]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of what a model gives for one row: a value for every class, or like the targets."""
        places = self.train.targets.shape[1:]
        return (len(self.classes), *places) if self.classes else places

    def split(self, name: SplitName) -> Split:
        """Return one split by its name.

        Raises:
            ConfigError: There is no such split.
        """
        if name not in SPLITS:
            raise ConfigError(f'split "{name}" is not known', hint=f"accepted: {', '.join(SPLITS)}")
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def evaluate(self, outputs: NDArray[Any], *, split: SplitName = "test") -> float:
        """Return the score of a model's outputs.

        Args:
            outputs: Shape ``(rows, *output_shape)``, in the order of the split; integers are
                accepted.
            split: Which rows the outputs belong to.

        Raises:
            DataError: The shape does not fit the split, or an output is not finite.
        """
        self._check_outputs(outputs, split)
        return self.score(np.asarray(outputs), self.split(split))

    def roc(self, logits: NDArray[Any], *, split: SplitName = "test") -> dict[str, Roc]:
        """Return the curve of each class, the softmax of the logits being the score.

        Rows of equal score make one point, so the area does not depend on the order of the rows.

        Args:
            logits: Shape ``(rows, classes)``, in the order of the split.
            split: Which rows the logits belong to.

        Returns:
            By class name; every curve begins at (0, 0) and ends at (1, 1).

        Raises:
            DataError: The task has no classes, or several class numbers in a row; the shape does
                not fit the split, a logit is not finite, or the split holds no row, or only rows,
                of a class.
        """
        if len(self.output_shape) != 1 or not self.classes:
            raise DataError(
                f'task "{self.name}" has no curves: they need one class number for every row'
            )
        self._check_outputs(logits, split)
        scores, targets = softmax(logits), self.split(split).targets
        curves = {}
        for label, name in enumerate(self.classes):
            positive = targets == label
            if positive.all() or not positive.any():
                raise DataError(
                    f'the curve of class "{name}" needs rows of this and of another class, '
                    f"split {split} holds {int(positive.sum())} of {len(targets)} rows",
                    hint="use more rows",
                )
            curves[name] = roc_curve(scores[:, label], positive)
        return curves

    def subset(self, rows: int) -> Task:
        """Return the task with the first rows of each split; a shorter split stays whole.

        Rows are in random order, so a subset is a sample; scaling and card stay.

        Raises:
            ConfigError: ``rows`` is not positive.
        """
        if not isinstance(rows, int | np.integer) or rows < 1:
            raise ConfigError(f"rows must be at least 1, not {rows}")
        return self._with(lambda part: part.take(slice(rows)))

    def windowed(self, share: float = 0.002) -> Task:
        """Return the task with inputs of which nearly all lie within -1 and 1, for coarse codes.

        Each column of a table, and any other input as a whole, is moved and stretched so that its
        window, all values of the train rows but `share` below and `share` above, becomes -1 to 1;
        the scaling changes with it. What is beyond is for the reader to limit. Codes stay as they
        are.

        Args:
            share: Share of the values on either side, 0 or more and below 0.5.

        Raises:
            ConfigError: The share is out of range, or a window holds one value only.
        """
        if not 0 <= share < 0.5:
            raise ConfigError(f"share must be 0 or more and below 0.5, not {share}")
        windows = {
            name: self._window(name, share)
            for name, array in self.train.arrays.items()
            if array.dtype == np.float32
        }

        def moved(part: Split) -> Split:
            arrays = {
                name: windows[name].scaled(array) if name in windows else array
                for name, array in part.arrays.items()
            }
            return replace(part, arrays=arrays)

        scaling = dict(self.scaling)
        for name, window in windows.items():
            old = scaling.get(name)
            scaling[name] = (
                window
                if old is None
                else Scaling(
                    old.mean + window.mean * old.deviation, old.deviation * window.deviation
                )
            )
        return replace(self._with(moved), scaling=scaling)

    def _window(self, name: str, share: float) -> Scaling:
        """What moves an input into its window."""
        array = self.train.arrays[name].astype(np.float64)
        axis = 0 if array.ndim == 2 else None
        low, high = np.quantile(array, [share, 1 - share], axis=axis)
        flat = np.flatnonzero(high <= low)
        if len(flat):
            names = self.features.get(name)
            places = [names[at] for at in flat] if names else [f'input "{name}"']
            raise ConfigError(f"nearly all rows hold the same value of {', '.join(places)}")
        return Scaling((low + high) / 2, (high - low) / 2)

    def _with(self, change: Callable[[Split], Split]) -> Task:
        train, validation, test = (change(part) for part in map(self.split, SPLITS))
        return replace(self, train=train, validation=validation, test=test)

    def _split_faults(self) -> list[str]:
        """What the splits do not have in common."""
        wanted = _kind(self.train)
        faults = [f"split {name} has no rows" for name in SPLITS if not len(self.split(name))]
        faults += [
            f"split {name} must hold {wanted} like split train, not {_kind(self.split(name))}"
            for name in SPLITS[1:]
            if _kind(self.split(name)) != wanted
        ]
        return faults

    def _target_faults(self) -> list[str]:
        """Where the targets are no class numbers, or no values, or not what the score needs."""
        if self.score.needs == ("values" if self.classes else "classes"):
            return [
                f'score "{self.score.name}" is of {self.score.needs}, and the targets are '
                + ("classes" if self.classes else "values")
            ]
        if not self.classes:
            if self.train.targets.ndim == 1 and self.train.targets.dtype == np.float32:
                return ["targets must have two axes or more: (rows, 1) for one value a row"]
            return []
        faults = []
        if len(self.classes) == 1:
            faults.append(f'classes must be two or more, not "{self.classes[0]}" alone')
        for name in SPLITS:
            targets = self.split(name).targets
            if targets.dtype != np.int64:
                faults.append(f"targets of split {name} must be class numbers, not {targets.dtype}")
                continue
            least = UNLABELED if name == "train" else 0
            wrong = np.argwhere((targets < least) | (targets >= len(self.classes)))
            if len(wrong):
                row = int(wrong[0, 0])
                faults.append(
                    f"split {name} has the class {targets[tuple(wrong[0])]} at row {row}; "
                    f"classes are 0 to {len(self.classes) - 1}"
                    + (f", or {UNLABELED} where a teacher knows it" if least else "")
                )
        return faults

    def _table_faults(self) -> list[str]:
        """Where column names or scaling do not fit the inputs."""
        shapes, faults = self.input_shapes, []
        for what, given in (("features", self.features), ("scaling", self.scaling)):
            unknown = [name for name in given if name not in shapes]
            faults += [f'{what}: there is no input "{name}"' for name in unknown]
        for name, columns in self.features.items():
            if name in shapes and shapes[name] != (len(columns),):
                faults.append(
                    f'input "{name}" has rows of shape {shapes[name]}, not of the '
                    f"{len(columns)} columns that are named"
                )
            twice = [column for column in dict.fromkeys(columns) if columns.count(column) > 1]
            faults += [
                f'features of input "{name}" must have names of their own; "{column}" is there '
                f"{columns.count(column)} times"
                for column in twice[:1]
            ]
        for name, scaling in self.scaling.items():
            if name in shapes and not scaling.fits(shapes[name]):
                faults.append(
                    f'the scaling of input "{name}" must fit rows of shape {shapes[name]}, not '
                    f"have the shape {np.shape(scaling.mean)}"
                )
        return faults

    def _check_outputs(self, outputs: NDArray[Any], split: SplitName) -> None:
        expected = (len(self.split(split)), *self.output_shape)
        if np.shape(outputs) != expected:
            raise DataError(
                f"outputs for split {split} must have shape {expected}, not {np.shape(outputs)}"
            )
        finite = np.isfinite(outputs)
        if not finite.all():
            row, *place = np.argwhere(~finite)[0].tolist()
            where = f"row {row}, " + (
                f'class "{self.classes[place[0]]}"'
                if self.classes
                else f"place {', '.join(map(str, place))}"
            )
            raise DataError(f"outputs must be finite, not {outputs[row, *place]} at {where}")


def _kind(split: Split) -> str:
    """What a split holds, but for its number of rows."""
    arrays = {**split.arrays, "targets": split.targets}
    return ", ".join(
        f"{name} {array.dtype}{list(array.shape[1:])}" for name, array in arrays.items()
    )
