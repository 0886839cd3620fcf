"""``netwright arch``: the machines that are known, and their block diagrams."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.completion import among, machines
from netwright.cli.console import check_output, columns, emit, emit_json
from netwright.cli.run import JsonOption

app = typer.Typer(help="List machines and draw their block diagrams.", no_args_is_help=True)


@app.command("list")
def list_machines(as_json: JsonOption = False) -> None:
    """List the machines that this package brings."""
    from netwright import arch

    found = [arch.find(name) for name in arch.names()]
    if as_json:
        emit_json([{"name": machine.name, "title": machine.title} for machine in found])
        return
    emit(columns([(machine.name, machine.title) for machine in found]))


@app.command("show")
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="An architecture's name, or its TOML file.",
            autocompletion=among(machines),
        ),
    ],
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Write the diagram (.svg or .png)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the block diagram of a machine."""
    from netwright import arch

    check_output("--picture", picture, ".svg", ".png")
    machine = arch.find(name)
    if picture is not None:
        from netwright.report.block_diagram import block_diagram

        block_diagram(machine, picture)
    if as_json:
        emit_json(machine.model_dump(mode="json"))
        return
    emit(arch.diagram(machine))
    missing = machine.missing_figures()
    if missing:
        emit("not enough for an estimate:\n" + "\n".join(f"  {fault}" for fault in missing))
    if picture is not None:
        emit(f"picture: {picture}")
