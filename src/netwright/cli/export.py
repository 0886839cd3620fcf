"""``netwright export``: the integer graph of a run for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.completion import runs as completed_runs
from netwright.cli.console import check_output, emit
from netwright.cli.run import RUNS, RunsOption


def export(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN_OR_GRAPH",
            help="A run, or a graph file (.npz).",
            autocompletion=completed_runs,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="File to write: .onnx (QONNX) or .npz.")
    ],
    runs: RunsOption = RUNS,
) -> None:
    """Write the integer graph of a run as QONNX."""
    from netwright import ir
    from netwright.flows.graph import graph_path
    from netwright.run import find_run

    check_output("--out", out, ".onnx", ".npz")
    is_file = Path(source).suffix == ".npz"
    path = Path(source) if is_file else graph_path(find_run(source, runs=runs))
    graph = ir.load(path)
    if out.suffix == ".npz":
        ir.save(graph, out)
    else:
        from netwright.exchange import write_qonnx

        write_qonnx(graph, out)
    emit(f"graph: {out}")
