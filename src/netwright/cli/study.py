"""``netwright study``: published claims and what became of them here."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from netwright.cli.completion import among, studies
from netwright.cli.console import columns, complain, emit, emit_json, reporter
from netwright.cli.run import RUNS, JsonOption, RunsOption

app = typer.Typer(
    no_args_is_help=True, help="Check the claims of published studies.", rich_markup_mode=None
)


class ProfileName(StrEnum):
    """How much of a study is checked."""

    smoke = "smoke"
    full = "full"


@app.command("list")
def list_all(as_json: JsonOption = False) -> None:
    """List the studies."""
    from netwright.studies import list_studies

    found = list_studies()
    if as_json:
        emit_json([{"name": s.name, "title": s.title, "paper": s.paper} for s in found])
    else:
        rows = [(study.name, str(len(study.claims)), study.title) for study in found]
        emit(columns([("study", "claims", "title"), *rows]))


@app.command("run")
def run_one(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Name of the study.", autocompletion=among(studies)),
    ],
    profile: Annotated[
        ProfileName, typer.Option("--profile", help="smoke: seconds; full: minutes.")
    ] = ProfileName.smoke,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Check every claim of a study; exit code 1 if one differs or could not be attempted.

    Finished claims are kept: after an interruption the same command goes on.
    """
    from netwright.studies import run_study

    outcomes = run_study(name, profile=profile.value, reporter=reporter(), folder=runs)
    if as_json:
        emit_json([row.model_dump(mode="json") for row in outcomes.rows])
    else:
        emit(str(outcomes))
        emit(outcomes.verdict)
        for path in outcomes.pictures:
            emit(f"picture: {path}")
    for outcome in outcomes.asked:
        if outcome.verdict in ("differs", "not-attempted"):
            complain(f"{outcome.claim.id}: {outcome.verdict}: {outcome.why}")
    if not outcomes.holds:
        raise typer.Exit(1)
