"""``netwright report``: draw the page of a run again."""

from __future__ import annotations

from netwright.cli.console import emit, emit_json
from netwright.cli.run import RUNS, JsonOption, RunArgument, RunsOption


def report(
    run: RunArgument,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Write report.html of a run again from its report.json."""
    from netwright.report.store import JSON_NAME, read, write_page
    from netwright.run import find_run
    from netwright.run.manifest import published

    folder = find_run(run, runs=runs)
    document = read(published(folder, JSON_NAME))
    page = write_page(document, folder)
    if as_json:
        emit_json(document.model_dump(mode="json"))
    else:
        emit(f"report: {page}")
