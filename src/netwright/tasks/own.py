"""A file of the user's own as a task: which of its columns are what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from netwright.errors import ConfigError, DataError
from netwright.escape import visible
from netwright.files import sha256
from netwright.settings import Settings, check
from netwright.tasks.arrays import known_inputs
from netwright.tasks.assembly import Raw, assemble
from netwright.tasks.base import Task
from netwright.tasks.card import Card, card_beside
from netwright.tasks.columns import Columns, read_columns
from netwright.tasks.scores import Score
from netwright.tasks.split import INPUT

Extent = Annotated[int, Field(ge=1, le=1 << 30)]


def load(
    path: Path | str,
    *,
    target: str | Sequence[str],
    inputs: str | Sequence[str] | Mapping[str, str | Sequence[str]] = (),
    shapes: Mapping[str, Sequence[int]] | None = None,
    codes: Sequence[str] = (),
    split: str = "",
    classes: Sequence[str] = (),
    values: bool = False,
    loss: str = "",
    score: Score | str = "",
    seed: int = 7,
    standardize: bool = True,
    name: str = "",
    card: Card | None = None,
) -> Task:
    """Make a task of a file of the user's own; see :class:`TableOptions` and :func:`from_arrays`.

    Args:
        path: An ``.npz``, ``.csv`` or ``.parquet`` file.
        target: The column that a model shall say, or several; the name or the columns of an input
            if that shall come out as the model reads it.
        inputs: Columns; all but target and split if not given. If each holds one number a row, they
            are the columns of one table, the input ``"x"``; else each is an input by its own name.
            By a mapping, inputs of other names: each one column, or several side by side.
        shapes: Shape of a row by input, where the file has it flat.
        codes: Inputs that stay whole numbers.
        split: The column that says of which split a row is.
        classes: Class names in the order of the class numbers.
        values: The target holds values, even if they are whole numbers.
        loss: Name of the loss.
        score: What counts as good, or its name.
        seed: Seed of the splits and of the order of the rows.
        standardize: Whether inputs are standardized.
        name: Of the task; that of the file if not given.
        card: Where the data come from; what is written beside the file, as ``NAME.card.toml``, if
            not given.

    Raises:
        ConfigError: An option is not accepted, or names an input or score that there is not.
        DataError: The file is missing, damaged or too large, has no such column, or its columns do
            not make a task.
        MissingExtra: A Parquet file is given and pyarrow is not installed.
    """
    given = {
        "path": str(path), "target": target, "inputs": inputs, "shapes": shapes or {},
        "codes": codes, "split": split, "classes": classes, "values": values, "loss": loss,
        "seed": seed, "standardize": standardize, "name": name,
        "score": score if isinstance(score, str) else "",
    }  # fmt: skip
    if not isinstance(score, str | Score):
        raise ConfigError(f"score must be a Score or a name, not {type(score).__name__}")
    options = check(given, TableOptions, source="netwright.tasks.load")
    return _load(options, score if isinstance(score, Score) else options.score, card)


Names = tuple[str, ...]


def _names(given: object) -> Names:
    """One name, or several."""
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(isinstance(n, str) and n for n in names):
        raise ValueError("must be a name or an array of names")
    if len(set(names)) < len(names):
        raise ValueError("must hold every name once")
    return tuple(names)


def _target_names(given: object) -> Names:
    names = _names(given)
    if not names:
        raise ValueError("must name a column")
    return names


def _input_names(given: object) -> Names | dict[str, Names]:
    """Columns, or columns by input."""
    if not isinstance(given, dict):
        return _names(given)
    for key, names in given.items():
        if not _names(names):
            raise ValueError(f'must name a column for the input "{visible(key)}"')
    return {key: _names(names) for key, names in given.items()}


class TableOptions(Settings):
    """What ``[task] kind = "table"`` takes; :func:`load` has the same in Python.

    Attributes:
        path: An ``.npz``, ``.csv`` or ``.parquet`` file.
        target: The column or columns that a model shall say, or the name or columns of an input.
        inputs: Columns, or columns by input; all but target and split if empty.
        shapes: Shape of a row by input, where the file has it flat.
        codes: Inputs that stay whole numbers.
        split: The column that says of which split a row is; drawn by the seed if empty.
        classes: Class names in the order of the class numbers.
        values: The target holds values, even if they are whole numbers.
        loss: Name of the loss.
        score: Name of the score.
        seed: Seed of the splits and of the order of the rows.
        standardize: Whether inputs are standardized.
        name: Of the task; that of the file if empty.
    """

    path: Path
    target: Annotated[Names, BeforeValidator(_target_names)]
    inputs: Annotated[Names | dict[str, Names], BeforeValidator(_input_names)] = ()
    shapes: dict[str, tuple[Extent, ...]] = Field(default_factory=dict)
    codes: tuple[str, ...] = ()
    split: str = ""
    classes: tuple[str, ...] = ()
    values: bool = False
    loss: str = ""
    score: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 7
    standardize: bool = True
    name: str = ""

    def make(self, *, loss: str | None = None, score: Score | str | None = None) -> Task:
        """Read the file and make the task.

        Args:
            loss: Another loss than the options say.
            score: Another score than the options say.

        Raises:
            ConfigError: A name is not known.
            DataError: The file cannot be read, or its columns do not make a task.
        """
        options = self if loss is None else self.model_copy(update={"loss": loss})
        return _load(options, self.score if score is None else score, None)


def _load(options: TableOptions, score: Score | str, card: Card | None) -> Task:
    columns = read_columns(options.path)
    chosen = _inputs(options, columns)
    target = _target(options.target, chosen)
    targets = target if isinstance(target, str) else _said(columns, target)
    arrays = {key: _joined(columns, names) for key, names in chosen.items()}
    shapes = {key: _shaped(values, options.shapes.get(key), key, columns.source)
              for key, values in arrays.items()}  # fmt: skip
    known_inputs(options.shapes, arrays, "shapes")
    features = {
        key: names
        for key, names in chosen.items()
        if key not in options.shapes and all(columns[name].ndim == 1 for name in names)
    }
    raw = Raw(
        rows=columns,
        inputs=shapes,
        targets=targets,
        target=f'target "{visible(", ".join(options.target))}"',
        splits=columns[options.split] if options.split else None,
        features=features,
        codes=known_inputs(options.codes, arrays, "codes"),
        as_values=options.values,
    )
    name = options.name or options.path.stem
    if card is None:
        card = card_beside(options.path, sha256(options.path), needed=False)
    return assemble(
        raw, name=name, classes=options.classes, loss=options.loss, score=score, seed=options.seed,
        standardize=options.standardize, card=card,
    )  # fmt: skip


def _inputs(options: TableOptions, columns: Columns) -> dict[str, Names]:
    """Columns by input."""
    if isinstance(options.inputs, dict):
        return options.inputs
    others = {*options.target, options.split}
    names = options.inputs or tuple(name for name in columns.names if name not in others)
    if not names:
        raise DataError("has no column left for the inputs", source=columns.source)
    if all(columns[name].ndim == 1 for name in names):
        return {INPUT: names}
    return {name: (name,) for name in names}


def _target(target: Names, chosen: Mapping[str, Names]) -> str | Names:
    """Columns of the file; or an input, if it is named or all of its columns are.

    Raises:
        ConfigError: A column is both read and to be said, but not all of an input.
    """
    for key, names in chosen.items():
        if target in ((key,), names):
            return key
        both = [name for name in target if name in names]
        if both:
            raise ConfigError(
                f'column "{visible(both[0])}" is an input and the target',
                hint=f'for a reconstruction the target is the whole input: target = "{key}"',
            )
    return target


def _said(columns: Columns, names: Names) -> NDArray[Any]:
    """The column that shall be said, or several with numbers side by side."""
    texts = [name for name in names if columns[name].dtype.kind in "OU"]
    if texts and len(names) > 1:
        raise DataError(
            f'column "{visible(texts[0])}" holds text, and only numbers go side by side',
            source=columns.source,
            hint="a text that shall be said is the one target",
        )
    return _joined(columns, names)


def _joined(columns: Columns, names: Names) -> NDArray[Any]:
    """One column, or several side by side."""
    if len(names) == 1:
        return columns[names[0]]
    parts = [columns[name] for name in names]
    faults = [name for name, part in zip(names, parts, strict=True) if part.ndim not in (1, 2)]
    if faults:
        raise DataError(
            f'column "{visible(faults[0])}" has rows of shape {columns[faults[0]].shape[1:]}, and '
            "only numbers and lists of them go side by side",
            source=columns.source,
            hint="make it an input of its own",
        )
    if len({len(part) for part in parts}) > 1:
        told = ", ".join(f"{n}: {len(p)}" for n, p in zip(names, parts, strict=True))
        raise DataError(f"columns must have as many rows, not {told}", source=columns.source)
    if any(part.dtype.kind in "OU" for part in parts):
        parts = [part.astype(object) for part in parts]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _shaped(
    values: NDArray[Any], shape: tuple[int, ...] | None, key: str, source: str
) -> NDArray[Any]:
    if shape is None:
        return values
    if prod(values.shape[1:]) != prod(shape):
        raise DataError(
            f'input "{visible(key)}" has {prod(values.shape[1:])} values a row, which do not fill '
            f"the shape {shape}",
            source=source,
        )
    return values.reshape(len(values), *shape)
