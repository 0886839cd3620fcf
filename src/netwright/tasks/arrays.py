"""Arrays in memory as a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import ConfigError, DataError
from netwright.escape import visible
from netwright.tasks.assembly import Raw, assemble
from netwright.tasks.base import Task
from netwright.tasks.card import Card, unknown_card
from netwright.tasks.columns import Columns
from netwright.tasks.scores import Score
from netwright.tasks.split import INPUT, digest_of


def from_arrays(
    inputs: ArrayLike | Mapping[str, ArrayLike],
    targets: ArrayLike | str,
    *,
    name: str = "data",
    classes: Sequence[str] = (),
    features: Sequence[str] | Mapping[str, Sequence[str]] = (),
    codes: Sequence[str] = (),
    splits: ArrayLike | None = None,
    values: bool = False,
    loss: str = "",
    score: Score | str = "",
    seed: int = 7,
    standardize: bool = True,
    card: Card | None = None,
) -> Task:
    """Make a task of arrays.

    Targets are classes if class names are given or the loss is ``"cross-entropy"``, and values with
    any other loss that has a name. Where no loss is given, or one of a Python file, they are
    classes if they are text, true or false, or one whole number a row.

    Args:
        inputs: The one input, ``(rows, *shape)``, or every input by its name in the order in
            which a model takes them. One value a row becomes a row of one.
        targets: What a model shall say, ``(rows, ...)``: class numbers, names of classes, or
            values; or the name of an input that shall come out as the model reads it.
        name: Of the task.
        classes: Class names in the order of the class numbers; found in the targets if not given.
        features: Names of the columns of the one input, or by input.
        codes: Inputs that stay whole numbers, such as word pieces.
        splits: ``"train"``, ``"validation"`` or ``"test"`` for every row. If not given, the seed
            draws 64 % / 16 % / 20 %, of every class where rows have one.
        values: Targets are values, whole numbers too.
        loss: Name of the loss; ``"cross-entropy"`` for classes and ``"mse"`` for values if not
            given.
        score: What counts as good, or its name; the accuracy of classes and the mean squared error
            of values if not given.
        seed: Seed of the splits and of the order of the rows, 0 to 2^63 - 1.
        standardize: Inputs are (raw - mean) / deviation, of the train rows: of every column of a
            table, of any other input as a whole. If false they are used as they are.
        card: Where the data come from.

    Raises:
        ConfigError: An option is not accepted, or names an input or score that there is not.
        DataError: An array has another number of rows, holds text where numbers belong, a value
            that is not finite, a target that is no class, or nothing for a split.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(100, 8))
        >>> task = from_arrays(rows, rows.sum(axis=1), score="r2")
        >>> task.input_shape, task.output_shape, len(task.test)
        ((8,), (1,), 20)
    """
    source = f'task "{name}"'
    for what, several in (("classes", classes), ("codes", codes)):
        if isinstance(several, str):
            raise ConfigError(f'{what} must be several names, not the text "{several}"')
    given = inputs if isinstance(inputs, Mapping) else {INPUT: inputs}
    if not given:
        raise ConfigError("inputs must hold an array")
    arrays = {key: _array(values, f'input "{key}"', source) for key, values in given.items()}
    wanted = targets if isinstance(targets, str) else _array(targets, "targets", source)
    columns = features if isinstance(features, Mapping) else {next(iter(arrays)): features}
    given_splits = {} if splits is None else {"splits": _array(splits, "splits", source)}
    said = {} if isinstance(wanted, str) else {"targets": wanted}
    raw = Raw(
        rows=Columns(arrays, source),
        inputs=arrays,
        targets=wanted,
        splits=given_splits.get("splits"),
        features={key: tuple(names) for key, names in columns.items() if names},
        codes=known_inputs(codes, arrays, "codes"),
        as_values=values,
    )
    digest = digest_of({**arrays, **said, **given_splits})
    return assemble(
        raw, name=name, classes=classes, loss=loss, score=score, seed=seed,
        standardize=standardize, card=card or unknown_card(name, digest),
    )  # fmt: skip


def known_inputs(
    names: Sequence[str] | Mapping[str, Any], arrays: Mapping[str, Any], what: str
) -> tuple[str, ...]:
    """Return the names; raise ConfigError for one that is no input."""
    unknown = [name for name in names if name not in arrays]
    if unknown:
        raise ConfigError(
            f'{what}: there is no input "{visible(unknown[0])}"',
            hint=f"inputs: {', '.join(map(visible, arrays))}",
        )
    return tuple(names)


def _array(values: ArrayLike, what: str, source: str) -> NDArray[Any]:
    try:
        found = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # lists of other lengths; tensors
        reason = visible(str(error).splitlines()[0])
        raise DataError(f"{what} is no array ({reason})", source=source) from None
    if np.ma.is_masked(values):
        raise DataError(
            f"{what} has masked values", source=source, hint="fill them or remove these rows"
        )
    if found.dtype.kind == "S":
        try:
            found = np.char.decode(found, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{what} is no UTF-8 text ({error.reason})", source=source) from None
    if found.dtype == object:  # numbers that someone put into boxes are numbers
        with suppress(ValueError, TypeError):
            plain = np.array(found.tolist())
            found = plain if plain.dtype.kind in "biuf" else found
    return found
