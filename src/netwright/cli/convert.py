"""``netwright convert``: a QONNX or HGQ2 file, from anywhere, to certified hardware."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from netwright.cli.console import emit, emit_json, hold, note, reporter
from netwright.cli.run import JsonOption

if TYPE_CHECKING:
    from netwright.backends import HlsBackend, RtlBackend
    from netwright.backends.rtl import RtlDesign
    from netwright.ir import Executable, Graph
    from netwright.report import CertificateRow, Hardware

HlsOption = Literal["io_parallel", "io_stream"]

PARTS = {"hls": "xcku115-flvb2104-2-i", "rtl": "ecp5-85k"}
"""The part of each backend when none is named."""


def convert(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A QONNX file (.onnx) or one of HGQ2 (.keras).")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for everything that is made.")],
    backend: Annotated[
        Literal["hls", "rtl"], typer.Option(help="C++ for high-level synthesis, or Verilog.")
    ] = "hls",
    part: Annotated[
        str | None, typer.Option(help="FPGA device.", show_default=", ".join(PARTS.values()))
    ] = None,
    clock_ns: Annotated[float, typer.Option(help="Clock period in nanoseconds.")] = 5.0,
    io_type: Annotated[HlsOption, typer.Option(help="hls: registers or streams.")] = "io_parallel",
    strategy: Annotated[
        Literal["latency", "resource"], typer.Option(help="hls: unroll, or share multipliers.")
    ] = "latency",
    reuse_factor: Annotated[
        str | None,
        typer.Option(
            metavar="N|NODE=N,...",
            help="hls and rtl: uses of each multiplier for a row, one figure or one for each node.",
            show_default="hls: 1; rtl: none, every product unrolled",
        ),
    ] = None,
    adders_per_stage: Annotated[
        int, typer.Option(help="rtl: adders in series between two registers.")
    ] = 2,
    route: Annotated[
        bool, typer.Option("--route", help="rtl: place and route; minutes to hours.")
    ] = False,
    rows: Annotated[int, typer.Option(help="Random rows to verify on.", min=1)] = 10_000,
    as_json: JsonOption = False,
) -> None:
    """Turn a QONNX or HGQ2 file into exact integers and hardware, and show the two equal.

    Verilog is also proven, mapped to cells and, with --route, placed and routed. Exit code 1 if a
    row differs or a proof fails; what is neither proven nor refuted is told.
    """
    from netwright import ir
    from netwright.backends import HlsDesign, RtlDesign, hls, rtl
    from netwright.report import certificate_table, hardware_table
    from netwright.run.stages.verify import EMULATION, SIMULATION

    maker: HlsBackend | RtlBackend
    reuse = None if reuse_factor is None else reuse_factors(reuse_factor)
    if backend == "hls":
        maker = hls(
            part=part or PARTS[backend],
            clock_ns=clock_ns,
            io_type=io_type,
            strategy=strategy,
            reuse_factor=1 if reuse is None else reuse,
        )
    else:
        maker = rtl(
            part=part or PARTS[backend],
            clock_mhz=1000 / clock_ns if clock_ns else math.inf,
            adders_per_stage=adders_per_stage,
            reuse_factor=reuse,
        )
    graph, referees = _read(model)
    hold(out)
    ir.save(graph, out / "graph.npz")
    for item in graph.notes:
        note(f"note: {item.node}: {item.text} (relative error {item.error:.1e})")
    design = maker.generate(graph, out / backend)
    if isinstance(design, HlsDesign):
        for text in design.notes:
            note(f"note: {text}")
    note(f"compiling a model of the hardware in {out / backend} ...")
    design.build()
    made_of = EMULATION if backend == "hls" else SIMULATION
    table = _certify(graph, {**referees, made_of: design}, rows)
    made = _implement(design, route) if isinstance(design, RtlDesign) else None
    if as_json:
        notes = [{"node": n.node, "text": n.text, "error": n.error} for n in graph.notes]
        shown = [row.model_dump(mode="json") for row in table]
        hardware = made.model_dump(mode="json") if made else None
        emit_json({"out": str(out), "notes": notes, "certificate": shown, "hardware": hardware})
    else:
        emit(certificate_table(table))
        if made:
            emit("")
            emit(hardware_table(made))
    proven = made is None or not any(proof.failed for proof in made.proofs)
    if not (proven and all(row.identical for row in table)):
        raise typer.Exit(1)


def reuse_factors(text: str) -> int | dict[str, int]:
    """The reuse factors in what was typed: ``N``, or ``NODE=N`` for some nodes, with commas.

    >>> reuse_factors("16"), reuse_factors("conv1=9,fc=4")
    (16, {'conv1': 9, 'fc': 4})

    Raises:
        ConfigError: The text is neither.
    """
    from netwright.errors import ConfigError

    try:
        if "=" not in text:
            return int(text)
        pairs = (entry.rpartition("=") for entry in text.split(","))
        return {name.strip(): int(factor) for name, _, factor in pairs}
    except ValueError:
        raise ConfigError(
            f'--reuse-factor must be a number, or NODE=NUMBER with commas between, not "{text}"',
            hint="for example --reuse-factor 16, or --reuse-factor conv1=9,fc=4",
        ) from None


def _read(model: Path) -> tuple[Graph, dict[str, Executable]]:
    """The graph of a file, and what else can execute it."""
    from netwright.errors import MissingExtra
    from netwright.exchange import HgqModel, read_qonnx, referee
    from netwright.passes import integerize

    if model.suffix != ".keras":
        graph = integerize(read_qonnx(model))
        return graph, {"QONNX": referee(graph)}
    source = HgqModel.of(model)
    try:
        source.load()
    except MissingExtra as missing:
        note(f"note: HGQ2's own outputs are not compared: {missing.message}; {missing.hint}")
        return source.graph, {}
    return source.graph, {"HGQ2": source}


def _certify(
    graph: Graph, candidates: Mapping[str, Executable], rows: int
) -> tuple[CertificateRow, ...]:
    """Compare what executes the graph, the hardware among it, with it on generated inputs."""
    from netwright.run.certificate import certificate_row
    from netwright.verify import certify, corners, random, ties

    stimuli = (corners(graph), ties(graph), random(graph, rows=rows))
    return tuple(certificate_row(result) for result in certify(graph, candidates, stimuli))


def _implement(design: RtlDesign, route: bool) -> Hardware:
    """Prove and count the Verilog, and place and route it if that was asked for."""
    from netwright.run.implementation import implement

    told = reporter()
    told.begin("implement", 1, 1)
    start, status = time.monotonic(), "failed"
    try:
        made = implement(design, route=route, progress=told)
        status = "done"
    finally:
        told.end("implement", 1, 1, status=status, seconds=time.monotonic() - start)
    return made
