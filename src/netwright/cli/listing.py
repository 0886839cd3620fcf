"""``netwright list``: the names that flows and commands understand."""

from __future__ import annotations

from typing import Annotated

import typer

from netwright.cli.completion import among, kinds
from netwright.cli.console import columns, emit, emit_json
from netwright.cli.run import JsonOption


def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="flows, tasks, models, ...; all kinds if not given.",
            autocompletion=among(kinds),
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the names of a kind of thing, those of other packages included."""
    from netwright.registry import entries, kinds

    chosen = kinds() if kind is None else (kind,)
    tables = {name: dict(entries(name)) for name in chosen}
    if as_json:
        emit_json(tables)
    else:
        rows = [
            (kind, name, target) for kind, table in tables.items() for name, target in table.items()
        ]
        emit(columns([("kind", "name", "where"), *rows]))
