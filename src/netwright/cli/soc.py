"""``netwright soc``: a chip with a processor, simulated from its SPI input to its UART."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.console import (
    check_output,
    columns,
    emit,
    emit_json,
    note,
    reporter,
    typed_folder,
)
from netwright.cli.exit_codes import FAILED
from netwright.cli.figures import whole
from netwright.cli.run import JsonOption
from netwright.errors import ConfigError

if TYPE_CHECKING:
    from netwright.backends import SocDesign
    from netwright.backends.soc.frames import Answer
    from netwright.progress import Progress

soc_app = typer.Typer(
    help="A chip with a processor around a network: simulate all of it.", no_args_is_help=True
)


@soc_app.callback()
def soc() -> None:
    """A chip with a processor around a network: simulate all of it."""


@soc_app.command("run")
def run_chip(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A design of the backend soc.")],
    rows: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Events: real inputs as .npz, .npy or .csv."),
    ] = None,
    random_rows: Annotated[
        int | None, typer.Option(parser=whole(least=1), metavar="N", help="Random events instead.")
    ] = None,
    software: Annotated[
        int,
        typer.Option(
            parser=whole(), metavar="N", help="Events that the core computes, too, by software."
        ),
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Send events into the simulated chip over SPI, take the answers from its UART.

    Every result is compared with the interpreter's, integer for integer. An event is sent after
    the answer to the one before, so that the clocks from its interrupt to its last result are those
    of a chip at rest. Exit code 1 if a result differs.
    """
    from netwright.verify import bit_exact, check_random_rows, random, read_rows

    design = _chip(folder)
    if (rows is None) == (random_rows is None):
        raise ConfigError("give either --rows or --random-rows")
    if rows is not None:
        stimulus = read_rows(rows, design.graph)
    else:
        assert random_rows is not None
        check_random_rows(random_rows)
        stimulus = random(design.graph, rows=random_rows)
    note("compiling firmware and chip ...")
    design.build()
    stages = 2 if software else 1
    with _stage("network", 1, stages) as progress:
        trial = design.trial(alone=True, progress=progress)
        found = bit_exact(design.graph, trial, stimulus)
    figures = {"network": _figures(trial.answers)}
    equal = {"network": (found.identical, found.rows)}
    if software:
        first = stimulus.first(software)
        with _stage("software", 2, stages) as progress:
            routine = design.by_software().trial(alone=True, progress=progress)
            again = bit_exact(design.graph, routine, first)
        figures["software"] = _figures(routine.answers)
        equal["software"] = (again.identical, again.rows)
    if as_json:
        emit_json({"identical": {k: v[0] for k, v in equal.items()},
                   "rows": {k: v[1] for k, v in equal.items()}, "cycles": figures})  # fmt: skip
    else:
        emit(_table(equal, figures))
    if any(identical != count for identical, count in equal.values()):
        raise typer.Exit(FAILED)


@soc_app.command("show")
def show(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A design of the backend soc.")],
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the block diagram there (.svg or .png)."),
    ] = None,
) -> None:
    """Print the address space of a chip, and draw its blocks."""
    check_output("--picture", picture, ".svg", ".png")
    design = _chip(folder)
    rows = [("from", "bytes", "what", "meaning")]
    rows += [(f"0x{r.base:08x}", str(r.size), r.name, r.meaning) for r in design.structure.space]
    emit(columns(rows))
    if picture is not None:
        from netwright.report.chip_diagram import chip_diagram

        chip_diagram(design, picture)
        emit(f"picture: {picture}")


def _chip(folder: Path) -> SocDesign:
    """The chip in a folder."""
    from netwright.backends import SocDesign, open_design

    design = open_design(folder)
    if not isinstance(design, SocDesign):
        raise ConfigError(f"{folder}: holds no chip with a processor", hint="convert --backend soc")
    return design


@soc_app.command("axi")
def wrap(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A design of streams of the backend rtl.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", parser=typed_folder, help="Folder of the wrapper."),
    ],
) -> None:
    """Put AXI4-Stream ports and AXI4-Lite registers around a design of streams.

    What is written is Verilog for a project of a vendor: the wrapper, the design, its registers.
    """
    from netwright.backends import StreamDesign, open_design, write_axi

    design = open_design(folder)
    if not isinstance(design, StreamDesign):
        raise ConfigError(
            f"{folder}: holds no design of streams", hint="convert --backend rtl --reuse-factor 1"
        )
    write_axi(design, out)
    emit(str(out))


@contextmanager
def _stage(name: str, position: int, count: int) -> Iterator[Progress]:
    """Tells how far a stage is, with a bar where there is a terminal."""
    told = reporter()
    told.begin(name, position, count)
    start, status = time.monotonic(), "failed"
    try:
        yield told.update
        status = "done"
    finally:
        told.end(name, position, count, status=status, seconds=time.monotonic() - start)


def _figures(answers: Sequence[Answer]) -> dict[str, float]:
    """The median clocks of every part, and of the whole."""
    parts = {name: float(median(a.parts[name] for a in answers)) for name in answers[0].parts}
    return {**parts, "all": float(median(answer.cycles for answer in answers))}


def _table(equal: Mapping[str, tuple[int, int]], figures: Mapping[str, Mapping[str, float]]) -> str:
    rows = [("computed by", "identical", "clocks from interrupt to last result (median)")]
    for name, (identical, count) in equal.items():
        parts = figures[name]
        told = ", ".join(f"{key} {value:g}" for key, value in parts.items() if key != "all")
        rows.append((name, f"{identical} of {count}", f"{parts['all']:g} ({told})"))
    lines = [columns(rows)]
    if "software" in figures:
        ratio = figures["software"]["all"] / figures["network"]["all"]
        share = figures["network"]["relay"] / figures["network"]["all"]
        lines.append(f"{ratio:.1f} times as fast; the relay is {100 * share:.0f} % of it")
    return "\n".join(lines)
