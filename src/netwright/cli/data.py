"""``netwright data``: make the tables that tasks are built on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.console import emit
from netwright.cli.figures import whole
from netwright.escape import json_text

app = typer.Typer(no_args_is_help=True, help="Make the tables that tasks are built on.")


@app.callback()
def data() -> None:
    """Make the tables that tasks are built on."""


@app.command("jets")
def jets(
    out: Annotated[
        Path, typer.Option("--out", help="Table to write, ending in .npz; its card goes beside it.")
    ],
    num_jets: Annotated[
        int,
        typer.Option(
            "--num-jets",
            parser=whole(),
            metavar="N",
            help="Jets of all five classes together.",
        ),
    ] = 100_000,
    seed: Annotated[
        int,
        typer.Option("--seed", parser=whole(), metavar="N", help="Seed of the simulation."),
    ] = 7,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            parser=whole(),
            metavar="N",
            help="Processes at once.",
            show_default="the free cores",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as one line of JSON.")
    ] = False,
) -> None:
    """Simulate jets with PYTHIA and FastJet (pip install 'netwright[physics]').

    The same command continues after an interruption.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from netwright.tasks.jets_generate import generate_jets

    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), disable=as_json)
    shown = bar.add_task("jets", total=num_jets)

    def advance(done: float, total: float, text: str) -> None:
        bar.start()
        bar.update(shown, completed=done, total=total)

    try:
        card = generate_jets(out, num_jets=num_jets, seed=seed, workers=workers, progress=advance)
    finally:
        if bar.live.is_started:  # one that never started would still write an empty line
            bar.stop()
    if as_json:
        result = {
            "path": str(out),
            "jets": num_jets,
            "seed": seed,
            "counts": dict(card.counts),
            "sha256": card.sha256,
        }
        emit(json_text(result, indent=None))
    else:
        emit(f"{out}: {num_jets} jets, sha256 {card.sha256}")
