"""``netwright measure``: Verilog of any generator, counted by one ruler."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.completion import names_of
from netwright.cli.console import columns, emit, emit_json, hold, note, reporter, typed_folder
from netwright.cli.figures import real
from netwright.cli.run import JsonOption

if TYPE_CHECKING:
    from netwright.backends.rtl import ForeignMeasurement
    from netwright.backends.rtl.implement.placement import Routing


def measure(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Verilog files, or folders of them."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", parser=typed_folder, help="Folder for everything that is made."
        ),
    ],
    top: Annotated[
        str | None,
        typer.Option(metavar="MODULE", help="The top module.", show_default="found by Yosys"),
    ] = None,
    part: Annotated[
        str,
        typer.Option(help="FPGA device; see `list parts`.", autocompletion=names_of("parts")),
    ] = "xcup",
    route: Annotated[
        bool, typer.Option("--route", help="Place and route as well; minutes to hours.")
    ] = False,
    clock_mhz: Annotated[
        float, typer.Option(parser=real(), metavar="X", help="route: frequency asked for, in MHz.")
    ] = 200.0,
    timeout_s: Annotated[
        float,
        typer.Option(
            "--time-limit-s",
            parser=real(least=1.0, most=1e6),
            metavar="S",
            help="Seconds each program may take.",
        ),
    ] = 1800.0,
    as_json: JsonOption = False,
) -> None:
    """Map Verilog that any generator wrote to the cells of a part, as our own designs are mapped.

    Nothing of it is executed. Cells that no file defines are named and counted as open. The same
    command with the same files reads what was measured before.
    """
    from netwright.backends.rtl import find_part, read_foreign

    find_part(part)
    hold(out)
    told = reporter()
    told.begin("measure", 1, 1)
    start, status, routing = time.monotonic(), "failed", None
    try:
        design = read_foreign(
            paths, folder=out / "build", top=top, timeout_s=timeout_s, progress=told.update
        )
        found = design.measure(part=part, timeout_s=timeout_s, progress=told.update)
        if route:
            routing = design.route(
                part=part, clock_mhz=clock_mhz, timeout_s=timeout_s, progress=told.update
            )
        status = "done"
    finally:
        told.end("measure", 1, 1, status=status, seconds=time.monotonic() - start)
    if found.open_cells:
        note(f"note: no file defines {', '.join(found.open_cells)}; the figures leave it out")
    if found.blocks:
        note(f"note: {', '.join(found.blocks)}: blocks of the device, in no figure of logic")
    if as_json:
        emit_json(_data(design.top, found, routing))
    else:
        emit(_table(design.top, found, routing))


def _data(top: str, found: ForeignMeasurement, routing: Routing | None) -> dict[str, object]:
    mapped = found.mapped
    return {
        "top": top,
        "lut": int(mapped.lut.value),
        "carry": int(mapped.carry.value),
        "ff": int(mapped.ff.value),
        "cells": dict(mapped.cells),
        "open_cells": dict(found.open_cells),
        "blocks": dict(found.blocks),
        "latency_cycles": found.depth.most if found.depth else None,
        "fmax_mhz": routing.fmax.value if routing else None,
        "latency_ns": routing.latency.value if routing else None,
        "source": mapped.lut.source,
        "fidelity": mapped.lut.fidelity,
    }


def _table(top: str, found: ForeignMeasurement, routing: Routing | None) -> str:
    mapped, depth = found.mapped, found.depth
    rows = [("module", top), ("LUT", f"{mapped.lut.value:.0f}")]
    rows += [(mapped.carry.unit, f"{mapped.carry.value:.0f}"), ("FF", f"{mapped.ff.value:.0f}")]
    rows += [("open", f"{number} {name}") for name, number in found.open_cells.items()]
    rows += [("block", f"{number} {name}") for name, number in found.blocks.items()]
    rows.append(("clocks", str(depth.most) if depth else "not one number"))
    if routing:
        rows += [("MHz", f"{routing.fmax.value:.1f}"), ("latency", str(routing.latency))]
    rows.append(("cells", ", ".join(f"{number} {name}" for name, number in mapped.cells.items())))
    rows.append(("source", f"{mapped.lut.fidelity}: {mapped.lut.source}"))
    if routing:
        rows.append(("route", f"{routing.fmax.fidelity}: {routing.fmax.source}"))
    return columns(rows)
