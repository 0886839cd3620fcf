"""Stage ``data``: read the task once, check it, and say what it is."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import TypeAdapter

from netwright.flows.sections import AnyTask
from netwright.flows.stages.common import load_task
from netwright.python_file import is_python_name, parse
from netwright.reading import read_typed
from netwright.report import DataInput, DataSection, Spread
from netwright.report.data import MAX_COLUMNS
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from netwright.tasks import Task

CARD = "card.json"

_SECTION = TypeAdapter(DataSection)


class DataParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        package: Version of the package, which brings the shipped tables.
    """

    task: AnyTask
    package: str


def read_data(context: StageContext[DataParameters]) -> None:
    """Write the card of the task; its digest makes later stages follow the data."""
    section = data_section(load_task(context.parameters.task, context.inputs))
    (context.folder / CARD).write_text(section.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_section(inputs: Mapping[str, Path]) -> DataSection:
    """What the stage wrote, from the folders of the stages.

    Raises:
        DataError: The file is missing or damaged.
    """
    hint = "read the data again: netwright run FLOW --from data"
    return read_typed(inputs["data"] / CARD, _SECTION, what="is no card of data", hint=hint)


def data_section(task: Task) -> DataSection:
    """What a task is, with the ranges of its inputs."""
    from netwright.tasks.split import SPLITS

    card, labels = task.card, task.train.targets.ravel()
    known = labels[labels >= 0] if task.classes else labels[:0].astype(np.int64)
    counts = np.bincount(known, minlength=len(task.classes)).tolist() if task.classes else ()
    unit = f", in {task.score.unit}" if task.score.unit else ""
    better = "larger" if task.score.larger_is_better else "smaller"
    return DataSection(
        name=task.name,
        title=card.title,
        recipe=card.recipe,
        synthetic=card.synthetic,
        license=card.license,
        remarks=tuple(card.remarks),
        rows={name: len(task.split(name)) for name in SPLITS},
        inputs=tuple(_input(task, name) for name in task.input_shapes),
        output_shape=task.output_shape,
        classes=dict(zip(task.classes, counts, strict=True)),
        loss=_without_place(task.loss),
        score=f"{task.score.name}{unit} ({better} is better)",
        sha256=card.sha256,
        digest=sha256("".join(task.split(name).digest for name in SPLITS).encode()).hexdigest(),
    )


def _without_place(name: str) -> str:
    """A name; of one in a Python file without the folder, on which nothing depends."""
    if not is_python_name(name):
        return name
    found = parse(name)
    return f"{found.path.name}:{found.attribute}"


def _input(task: Task, name: str) -> DataInput:
    array, scaling = task.train.arrays[name], task.scaling.get(name)
    raw = array.astype(np.float64) if scaling is None else scaling.raw(array)
    columns = task.features.get(name, ())
    whole = not 0 < len(columns) <= MAX_COLUMNS
    parts = [("all values", raw)] if whole else list(zip(columns, raw.T, strict=True))
    return DataInput(
        name=name,
        shape=array.shape[1:],
        codes=array.dtype == np.int64,
        spreads=tuple(
            Spread(
                name=column,
                low=float(values.min()),
                mean=float(values.mean()),
                deviation=float(values.std()),
                high=float(values.max()),
            )
            for column, values in parts
        ),
    )
