"""``netwright run``: a flow as a folder of cached stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.completion import runs as completed_runs
from netwright.cli.console import columns, complain, emit, emit_json, note, reporter, typed_folder

RUNS = Path("runs")
"""Where run folders are made unless a command says otherwise."""

RunsOption = Annotated[
    Path, typer.Option("--runs", metavar="DIR", parser=typed_folder, help="Folder of all runs.")
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="A run folder, or the name of a run.", autocompletion=completed_runs
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print data as JSON.")]


def run(
    flow: Annotated[Path, typer.Argument(metavar="FLOW", help="The flow: a TOML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a setting: train.epochs=5."),
    ] = None,
    force_from: Annotated[
        str | None,
        typer.Option("--from", metavar="STAGE", help="Do this stage and all after it again."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="Set the old run aside and start afresh.")
    ] = False,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Run a flow; after any interruption the same command goes on.

    Stages whose settings, inputs and outputs are unchanged are skipped.
    """
    import sys

    from netwright.flows.flow import load_flow
    from netwright.run import execute, plan, set_aside

    loaded = load_flow(flow, overrides=overrides or ())
    folder = runs / loaded.name
    if dry_run:
        planned = plan(loaded, folder, force_from=force_from)
        if as_json:
            emit_json([{"stage": p.name, "action": p.action, "reason": p.reason} for p in planned])
        else:
            emit(columns([(p.name, p.action, p.reason) for p in planned]))
        return
    if new and (kept := set_aside(folder)):
        note(f"the old run is now {kept}")
    manifest = execute(
        loaded,
        folder,
        force_from=force_from,
        reporter=reporter(),
        arguments=tuple(sys.argv[1:]),
    )
    if as_json:
        emit_json(manifest.model_dump(mode="json"))
    else:
        page = folder / "report.html"
        emit(f"report: {page}" if page.exists() else f"run: {folder}")
    _judge(folder)


def _judge(folder: Path) -> None:
    from netwright.flows.certificate import first_failure

    failure = first_failure(folder)
    if failure is not None:
        complain(failure)
        raise typer.Exit(1)
