"""``netwright new``: a flow of one's own, to edit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.console import emit, typed_folder


def new(
    name: Annotated[str, typer.Argument(help="Name of the new flow.")],
    flow: Annotated[str, typer.Option("--flow", help="The flow that is copied.")] = "jets",
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", parser=typed_folder, help="Where to write NAME.toml."),
    ] = Path("flows"),
) -> None:
    """Copy a flow under another name, to edit."""
    from netwright.flows.templates import copy_template

    path = copy_template(flow, name, out)
    emit(f"flow: {path}")
    emit(f"next: netwright run {path}")
