"""``netwright convert``: a QONNX file, from anywhere, to a certified HLS project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from netwright.cli.console import emit, emit_json, note
from netwright.cli.run import JsonOption

if TYPE_CHECKING:
    from netwright.ir import Executable, Graph
    from netwright.report import CertificateRow

HlsOption = Literal["io_parallel", "io_stream"]


def convert(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="A QONNX file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for everything that is made.")],
    part: Annotated[str, typer.Option(help="FPGA device.")] = "xcku115-flvb2104-2-i",
    clock_ns: Annotated[float, typer.Option(help="Clock period in nanoseconds.")] = 5.0,
    io_type: Annotated[HlsOption, typer.Option(help="Registers or streams.")] = "io_parallel",
    strategy: Annotated[
        Literal["latency", "resource"], typer.Option(help="Unroll, or share multipliers.")
    ] = "latency",
    reuse_factor: Annotated[int, typer.Option(help="Uses of each multiplier for a row.")] = 1,
    rows: Annotated[int, typer.Option(help="Random rows to verify on.", min=1)] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Turn a QONNX file into exact integers and an HLS project, and prove the two equal.

    Exit code 1 unless every row is identical.
    """
    from netwright import ir
    from netwright.backends import hls
    from netwright.exchange import read_qonnx
    from netwright.passes import integerize
    from netwright.report import certificate_table

    backend = hls(
        part=part, clock_ns=clock_ns, io_type=io_type, strategy=strategy, reuse_factor=reuse_factor
    )
    graph = integerize(read_qonnx(model))
    ir.save(graph, out / "graph.npz")
    for item in graph.notes:
        note(f"note: {item.node}: {item.text} (relative error {item.error:.1e})")
    design = backend.generate(graph, out / "hls")
    note(f"compiling the emulation in {out / 'hls'} ...")
    design.build()
    table = _certify(graph, design, rows)
    if as_json:
        notes = [{"node": n.node, "text": n.text, "error": n.error} for n in graph.notes]
        shown = [row.model_dump(mode="json") for row in table]
        emit_json({"out": str(out), "notes": notes, "certificate": shown})
    else:
        emit(certificate_table(table))
    if any(row.num_identical != row.num_rows for row in table):
        raise typer.Exit(1)


def _certify(graph: Graph, design: Executable, rows: int) -> tuple[CertificateRow, ...]:
    """Compare qonnx's executor and the emulation with the graph on generated inputs."""
    from netwright.exchange import referee
    from netwright.run.certificate import certificate_row
    from netwright.verify import certify, corners, random, ties

    candidates: dict[str, Executable] = {"QONNX": referee(graph), "HLS emulation": design}
    stimuli = (corners(graph), ties(graph), random(graph, rows=rows))
    return tuple(certificate_row(result) for result in certify(graph, candidates, stimuli))
