"""``netwright upsets``: flip the registers of a chip one by one, and count what goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from netwright.cli.console import columns, emit, emit_json, hold, paced, typed_folder
from netwright.cli.figures import whole
from netwright.cli.run import RUNS, JsonOption, RunsOption

if TYPE_CHECKING:
    from netwright.ir import Graph
    from netwright.verify.upsets import Tried

COLUMNS = ("", "upsets", "at once", "later", "unhealed", "lasting")


def upsets(
    source: Annotated[
        str,
        typer.Argument(metavar="RUN_OR_GRAPH", help="A run, a graph (.npz) or a QONNX file."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", parser=typed_folder, help="Folder of the chip and of the log."
        ),
    ],
    protect: Annotated[
        Literal["held", "nothing"],
        typer.Option(help="held: configuration, state machines and pointers are held three times."),
    ] = "held",
    wafers: Annotated[
        int, typer.Option(parser=whole(least=2, most=10_000), help="Wafers behind every upset.")
    ] = 8,
    samples: Annotated[
        int, typer.Option(parser=whole(least=1), help="Upsets in each sample.")
    ] = 1000,
    seed: Annotated[int, typer.Option(parser=whole(least=0), help="Seed of the samples.")] = 0,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Make a chip of a network, load it over I2C, and try upsets of its registers in simulation.

    Every single upset of the registers that hold is tried, and samples of others. The same command
    goes on where it was stopped. Exit code 1 if a register is held three times and one upset was
    seen at an output or was still there one clock later.
    """
    from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
    from netwright.backends.rtl.radiation import CONTROL, NOTHING
    from netwright.verify.chip_upsets import drawn_charges, try_upsets

    graph = _graph(source, runs)
    hold(out)
    options = ChipOptions(latent_bits=_modes(graph))
    design = rtl(weights="loadable", chip=options).generate(graph, out / "chip")
    assert isinstance(design, ChipDesign)
    found = try_upsets(
        design,
        drawn_charges(design, wafers, seed=seed),
        protection=CONTROL if protect == "held" else NOTHING,
        samples=samples,
        seed=seed,
        log=out / "upsets.jsonl",
        progress=paced("upsets"),
    )
    rows = (*found.tried, found.single)
    if as_json:
        bits = found.hardened.protected_bits
        emit_json({"protected_bits": bits, "lists": [_row(tried) for tried in rows]})
    else:
        emit(_table(rows))
    single = found.single
    if protect == "held" and (single.at_once or single.later or single.unhealed):
        raise typer.Exit(1)


def _graph(source: str, runs: Path) -> Graph:
    from netwright import ir
    from netwright.flows.conversion import read_source
    from netwright.flows.graph import graph_path
    from netwright.run import find_run

    path = Path(source)
    if path.suffix == ".npz":
        return ir.load(path)
    if path.suffix == ".onnx":
        return read_source(path).graph
    return ir.load(graph_path(find_run(source, runs=runs)))


def _modes(graph: Graph) -> tuple[int, ...]:
    """Bits of an output in every mode: the usual ones if all bits are as many, or all bits."""
    from netwright.backends.rtl import ChipOptions
    from netwright.backends.rtl.unrolled.layers import lower

    (port,) = lower(graph, None, loadable=True).outputs
    usual = ChipOptions().latent_bits
    return usual if port.bits == usual[-1] else (port.bits,)


def _row(tried: Tried) -> dict[str, object]:
    return {
        "name": tried.name,
        "upsets": tried.upsets,
        "at_once": tried.at_once,
        "later": tried.later,
        "unhealed": tried.unhealed,
        "lasting": tried.lasting,
        "examples": list(tried.examples),
    }


def _table(rows: tuple[Tried, ...]) -> str:
    cells = [
        (t.name, *map(str, (t.upsets, t.at_once, t.later, t.unhealed, t.lasting))) for t in rows
    ]
    return columns([COLUMNS, *cells])
