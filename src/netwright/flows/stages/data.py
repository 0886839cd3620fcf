"""Stage ``data``: read the task once, check it, and say what it is."""

from __future__ import annotations

import json
from dataclasses import fields

from netwright.flows.sections import TaskSection
from netwright.flows.stages.common import load_task
from netwright.run.stage import StageContext
from netwright.settings import Settings

CARD = "card.json"


class DataParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        package: Version of the package, which brings the shipped tables.
    """

    task: TaskSection
    package: str


def read_data(context: StageContext[DataParameters]) -> None:
    """Write the card of the task; its digest makes later stages follow the data."""
    task = load_task(context.parameters.task, context.inputs)
    card = {field.name: getattr(task.card, field.name) for field in fields(task.card)}
    document = {
        "name": task.name,
        "features": task.features,
        "classes": task.classes,
        "rows": {name: len(task.split(name)) for name in ("train", "validation", "test")},
        "card": {key: dict(v) if hasattr(v, "keys") else v for key, v in card.items()},
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (context.folder / CARD).write_text(text + "\n", encoding="utf-8")
