"""``netwright new``: a flow of one's own, to edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.completion import among, templates
from netwright.cli.console import emit, typed_folder
from netwright.errors import ConfigError


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new flow.")],
    flow: Annotated[
        str | None,
        typer.Option(
            "--flow",
            help="The flow that is copied.",
            show_default="jets",
            autocompletion=among(templates),
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Data of your own instead: .npz, .csv or .parquet."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="data: what the network shall say; may be repeated."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="COLUMN",
            help="data: what it reads; may be repeated.",
            show_default="all other columns",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", parser=typed_folder, help="Where to write NAME.toml."),
    ] = Path("flows"),
) -> None:
    """Copy a flow under another name, or write one for data of your own, to edit.

    With --data and --target the flow comes with a Python file, NAME_net.py, that holds a network
    and a loss; both run as they are.
    """
    if data is None and (target or inputs):
        raise ConfigError("--target and --input belong to --data FILE")
    if data is None:
        from netwright.flows.templates import copy_template

        path = copy_template(flow or "jets", name, out)
    else:
        from netwright.flows.own_flow import write_own_flow

        if flow is not None or not target:
            raise ConfigError("--data needs --target COLUMN, and is written without --flow")
        path, python = write_own_flow(name, out, data=data, target=target, inputs=inputs or ())
        emit(f"network and loss: {python}")
    emit(f"flow: {path}")
    emit(f"next: netwright run {path}")
