"""``netwright verify``: is a run still what it was, and is its design equal to its network?"""

from __future__ import annotations

import typer

from netwright.cli.console import complain, emit, emit_json
from netwright.cli.exit_codes import FAILED, INCOMPLETE
from netwright.cli.run import RUNS, JsonOption, RunArgument, RunsOption


def verify(
    run: RunArgument,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Check all of a run and print its certificate; exit code 1 unless everything holds.

    Files are compared with their digests, records with the settings; the report is computed again
    from the stages and its page is drawn again. The last line is the verdict; the exit code is 5
    where something could not be made again, as that of a run of another version.
    """
    from netwright.flows.audit import audit
    from netwright.report import certificate_table
    from netwright.run import find_run

    found = audit(find_run(run, runs=runs))
    if as_json:
        shown = [row.model_dump(mode="json") for row in found.certificate]
        emit_json(
            {
                "run": str(find_run(run, runs=runs)),
                "certificate": shown,
                "faults": list(found.faults),
                "limits": list(found.limits),
                "strangers": found.strangers,
                "verdict": found.verdict,
            }
        )
    elif found.certificate:
        emit(certificate_table(found.certificate))
    for fault in found.faults:
        complain(fault)
    if not as_json:
        emit(found.verdict)
    if not found.holds:
        raise typer.Exit(FAILED)
    if not found.is_whole:
        raise typer.Exit(INCOMPLETE)
