"""``netwright verify``: is a run still what it was, and is its design equal to its network?"""

from __future__ import annotations

from typing import Annotated

import typer

from netwright.cli.console import complain, emit, emit_json
from netwright.cli.run import RUNS, JsonOption, RunsOption


def verify(
    run: Annotated[str, typer.Argument(help="A run folder, or the name of a run.")],
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Check every digest of a run and print its certificate; exit code 1 unless all is equal."""
    from netwright.report import certificate_table
    from netwright.run import find_run
    from netwright.run.certificate import certificate, damaged_outputs, first_failure

    folder = find_run(run, runs=runs)
    faults = list(damaged_outputs(folder))
    rows = () if faults else certificate(folder)
    if not rows and not faults:
        faults.append(f"{folder}: the flow of this run verifies nothing")
    if not faults and (failure := first_failure(folder)):
        faults.append(failure)
    if as_json:
        shown = [row.model_dump(mode="json") for row in rows]
        emit_json({"run": str(folder), "certificate": shown, "faults": faults})
    elif rows:
        emit(certificate_table(rows))
    for fault in faults:
        complain(fault)
    if faults:
        raise typer.Exit(1)
