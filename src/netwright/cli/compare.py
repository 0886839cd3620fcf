"""``netwright compare``: runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.completion import runs as completed_runs
from netwright.cli.console import emit, emit_json
from netwright.cli.run import RUNS, JsonOption, RunsOption


def compare(
    chosen: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN ...",
            help="Run folders, or names of runs.",
            autocompletion=completed_runs,
        ),
    ],
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the comparison as a page.")
    ] = None,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Print what runs were told differently and what they found."""
    from netwright.files import write_text
    from netwright.flows.comparison import compare as compare_runs
    from netwright.report import comparison_table
    from netwright.report.comparison import render_comparison
    from netwright.run import find_run

    found = compare_runs([find_run(name, runs=runs) for name in chosen])
    if html is not None:
        write_text(html, render_comparison(found))
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    emit(comparison_table(found))
    if html is not None:
        emit(f"page: {html}")
