"""``netwright study``: published claims and what became of them here."""

from __future__ import annotations

import typer

from netwright.cli.console import columns, emit, emit_json
from netwright.cli.run import JsonOption

app = typer.Typer(
    no_args_is_help=True, help="Check the claims of published studies.", rich_markup_mode=None
)


@app.command("list")
def list_studies(as_json: JsonOption = False) -> None:
    """List the studies."""
    from netwright.registry import entries

    table = dict(entries("studies"))
    if as_json:
        emit_json(table)
    else:
        emit(columns([("study", "where"), *table.items()]))
