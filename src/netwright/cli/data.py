"""``netwright data``: make the tables that tasks are built on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.console import emit
from netwright.cli.figures import whole
from netwright.escape import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netwright.progress import Progress
    from netwright.tasks.card import Card

app = typer.Typer(no_args_is_help=True, help="Make the tables that tasks are built on.")

Out = Annotated[
    Path,
    typer.Option(
        "--out", metavar="FILE", help="Table to write, ending in .npz; its card goes beside it."
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", parser=whole(), metavar="N", help="Seed of the simulation.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        parser=whole(),
        metavar="N",
        help="Processes at once.",
        show_default="the free cores",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")]


@app.callback()
def data() -> None:
    """Make the tables that tasks are built on."""


@app.command("jets")
def jets(
    out: Out,
    num_jets: Annotated[
        int,
        typer.Option(
            "--num-jets",
            parser=whole(),
            metavar="N",
            help="Jets of all five classes together.",
        ),
    ] = 100_000,
    seed: Seed = 7,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Simulate jets with PYTHIA and FastJet (pip install 'netwright[physics]').

    The same command continues after an interruption.
    """
    from netwright.tasks.jets_generate import generate_jets

    def make(progress: Progress) -> Card:
        return generate_jets(out, num_jets=num_jets, seed=seed, workers=workers, progress=progress)

    _generate("jets", make, out=out, rows=num_jets, seed=seed, as_json=as_json)


@app.command("calorimeter")
def calorimeter(
    out: Out,
    num_wafers: Annotated[
        int,
        typer.Option(
            "--num-wafers",
            parser=whole(),
            metavar="N",
            help="Wafers of all three regions together.",
        ),
    ] = 100_000,
    seed: Seed = 7,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Simulate calorimeter wafers from parametrised showers and pile-up (not Geant4).

    The same command continues after an interruption.
    """
    from netwright.tasks.calorimeter_generate import generate_calorimeter

    def make(progress: Progress) -> Card:
        return generate_calorimeter(
            out, num_wafers=num_wafers, seed=seed, workers=workers, progress=progress
        )

    _generate("wafers", make, out=out, rows=num_wafers, seed=seed, as_json=as_json)


def _generate(
    what: str,
    make: Callable[[Progress], Card],
    *,
    out: Path,
    rows: int,
    seed: int,
    as_json: bool,
) -> None:
    """Make a table behind a bar, and say what was made."""
    with _bar(what, rows, shown=not as_json) as progress:
        card = make(progress)
    if as_json:
        result = {
            "path": str(out),
            what: rows,
            "seed": seed,
            "counts": dict(card.counts),
            "sha256": card.sha256,
        }
        emit(json_text(result, indent=None))
    else:
        emit(f"{out}: {rows} {what}, sha256 {card.sha256}")


@contextmanager
def _bar(what: str, total: int, *, shown: bool) -> Iterator[Progress]:
    """A progress bar that starts with the work and ends with it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), disable=not shown)
    line = bar.add_task(what, total=total)

    def advance(done: float, total: float, text: str) -> None:
        bar.start()
        bar.update(line, completed=done, total=total)

    try:
        yield advance
    finally:
        if bar.live.is_started:  # one that never started would still write an empty line
            bar.stop()
