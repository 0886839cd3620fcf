"""``netwright networks``: networks by name, and published ones as ONNX files without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.console import columns, emit, emit_json, typed_folder
from netwright.cli.run import JsonOption

app = typer.Typer(help="Networks that come as shapes, and published ones to export.")


@app.command("list")
def list_networks(as_json: JsonOption = False) -> None:
    """List the networks that ship with the package, with their counts."""
    from netwright.mapping import kib
    from netwright.workload import NETWORKS

    found = [make() for make in NETWORKS.values()]
    if as_json:
        emit_json(
            {
                w.name: {
                    "einsums": len(w.einsums),
                    "macs": w.num_macs,
                    "parameters": w.num_parameters,
                }
                for w in found
            }
        )
        return
    rows = [("network", "operators", "MACs", "parameters", "largest tensor")]
    for w in found:
        largest = max(t.num_bytes for t in w.tensors if t.kind != "weight")
        counts = (
            f"{len(w.einsums)}",
            f"{w.num_macs / 1e9:.2f} G",
            f"{w.num_parameters / 1e6:.2f} M",
        )
        rows.append((w.name, *counts, kib(largest)))
    emit(columns(rows))


@app.command("export")
def export_networks(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Networks to export; all if none is given."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", parser=typed_folder, help="Folder for the files."),
    ] = Path("networks"),
) -> None:
    """Export networks of torchvision, timm and transformers to ONNX: offline, no weights."""
    from netwright.models import published

    chosen = names or list(published.PUBLISHED)
    for name in chosen:
        published.find(name)  # all names are known before the first file is written
    for name in chosen:
        path = published.export(name, out)
        emit(f"{path}  {path.stat().st_size} bytes")
