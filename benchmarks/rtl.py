"""LUTs of our RTL, alkaid's and da4ml's: same weights, same synthesizer, one run.

Both round half up or down only, so the requantizers of the trained network round half up here. Our
products are proven, and every mapped netlist, theirs and ours, is executed on corners and random
rows and compared with the interpreter before it is counted. Theirs are mapped with their carry
chains kept whole, as ours are, and without, and the better form counts. What was mapped stays in
``build/bench-rtl``, so that the command goes on where it was stopped.

Usage: python -m benchmarks.rtl [BITS ...] [PART ...] [alkaid] [da4ml]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.distributed import Tool, generate
from benchmarks.mapped import MappedNetlist
from benchmarks.peer_design import check
from benchmarks.peers import PeerMissing
from netwright import compress, ir, models, tasks, train
from netwright.backends.rtl import RtlDesign, rtl
from netwright.backends.rtl.implement.synthesis import Measurement, mapped_files
from netwright.ir import Graph

FOLDER = Path("build/bench-rtl")
BITS = (3, 4, 5, 6, 7, 8)
PARTS = ("xcup", "ecp5-85k")
TIMEOUT_S = 3600.0
PEERS: tuple[tuple[str, Tool, bool], ...] = (
    ("alkaid", "alkaid", False),
    ("alkaid, ternary", "alkaid", True),
    ("da4ml", "da4ml", False),
)
"""What our designs are compared with: name, tool, adders of three operands."""


@dataclass(frozen=True)
class Result:
    """One design on one part: how it was measured, and the CPU seconds its generation took."""

    bits: int
    part: str
    name: str
    measured: Measurement
    generation_s: float
    latency_cycles: int


def trained(bits: int) -> Graph:
    """A jet tagger of one width, trained briefly; kept, so that all parts see the same weights."""
    kept = FOLDER / f"{bits}-bits" / "graph"
    if not kept.exists():
        ir.save(_trained(bits), kept)
    return ir.load(kept)


def _trained(bits: int) -> Graph:
    task = tasks.jets(seed=7)
    model = models.mlp(task, hidden=(64, 32, 32), seed=7)
    train.fit(model, task, recipe=train.Recipe(epochs=1))
    shapes = compress.layer_shapes(model, task.input_shape)
    plan = compress.uniform(shapes, weight_bits=bits, activation_bits=bits)
    recipe = train.Recipe(epochs=1, learning_rate=1e-3)
    tuned = compress.finetune(model, plan, task, recipe=recipe)
    graph = train.trace(tuned, name=f"jets_w{bits}")
    return half_up(graph)


def half_up(graph: Graph) -> Graph:
    """The graph with all requantizers rounding half up."""
    for node in graph.nodes:
        if node.op == "Requantize":
            graph = graph.with_node(replace(node, attrs={**node.attrs, "rounding": "half-up"}))
    return graph


def run(
    widths: tuple[int, ...], parts: tuple[str, ...], tools: tuple[str, ...]
) -> Iterator[Result]:
    """Measure ours and those of some tools at every width on every part, ours first."""
    for bits in widths:
        graph = trained(bits)
        for part in parts:
            folder = FOLDER / f"{bits}-bits"
            start = time.process_time()
            design = rtl(part=part, adders_per_stage=4).generate(graph, folder / f"ours-{part}")
            seconds = time.process_time() - start
            assert all(proof.holds for proof in design.prove())
            measured = design.measure(timeout_s=TIMEOUT_S)
            check(graph, mapped(design))
            yield Result(bits, part, "ours", measured, seconds, design.latency_cycles)
            for name, tool, ternary in PEERS:
                if tool not in tools:
                    continue
                place = folder / f"{tool}{'-ternary' * ternary}"
                try:
                    peer = generate(tool, graph, design.circuit, place, ternary=ternary)
                except PeerMissing as error:
                    print(f"{name} is left out: {error}", file=sys.stderr)
                    continue
                found = []
                for keep in (True, False):
                    found.append(peer.design.measure(part, keep_adders=keep))
                    check(graph, peer.design.netlist(part, keep_adders=keep))
                best = min(found, key=tables)
                clocks = peer.design.circuit.latency_cycles
                yield Result(bits, part, name, best, peer.generation_s, clocks)


def mapped(design: RtlDesign) -> MappedNetlist:
    """What synthesis made of one of our designs."""
    file = mapped_files(design.build_folder, design.options.part)[0]
    return MappedNetlist(design.graph, design.circuit, file)


def inverters(measured: Measurement) -> int:
    """Inverters that Yosys leaves beside the LUTs it counts."""
    return measured.cells.get("INV", 0)


def tables(measured: Measurement) -> float:
    """LUTs; two more in every carry cell of the ECP5, which sums in tables of its own."""
    return measured.lut.value + 2 * measured.cells.get("CCU2C", 0)


def shown(results: list[Result], part: str) -> Table:
    """All designs on a part."""
    chosen = [r for r in results if r.part == part]
    table = Table(title=chosen[0].measured.lut.source)
    columns = ("bits", "design", "tables", "INV", "carry", "FF", "clocks", "generation s", "ratio")
    for column in columns:
        table.add_column(column)
    for r in chosen:
        m, mine = r.measured, ours_of(r, chosen)
        ratio = "" if r is mine else f"{tables(mine.measured) / tables(m):.3f}"
        table.add_row(
            str(r.bits), r.name, f"{tables(m):.0f}", str(inverters(m)), f"{m.carry.value:.0f}",
            f"{m.ff.value:.0f}", str(r.latency_cycles), f"{r.generation_s:.1f}", ratio,
        )  # fmt: skip
    return table


def ours_of(result: Result, results: list[Result]) -> Result:
    """Our design of the same network on the same part."""
    return next(
        r for r in results if (r.bits, r.part, r.name) == (result.bits, result.part, "ours")
    )


def means(results: list[Result], part: str) -> Iterator[str]:
    """The geometric mean of the ratios to every peer, and to the better form of alkaid."""
    chosen = [r for r in results if r.part == part]
    widths = sorted({r.bits for r in chosen})
    for peer in (*(name for name, _, _ in PEERS), "the better alkaid"):
        ratios, with_inverters = [], []
        for bits in widths:
            wanted = "alkaid" if peer == "the better alkaid" else peer
            found = [r for r in chosen if r.bits == bits and r.name.startswith(wanted)]
            found = [r for r in found if peer == "the better alkaid" or r.name == peer]
            if found:
                best = min(found, key=lambda r: tables(r.measured))
                mine = ours_of(best, chosen).measured
                ratios.append(tables(mine) / tables(best.measured))
                one, other = (tables(m) + inverters(m) for m in (mine, best.measured))
                with_inverters.append(one / other)
        if ratios:
            mean, counted = (np.exp(np.mean(np.log(r))) for r in (ratios, with_inverters))
            yield (
                f"{part}: our tables against {peer}, {len(ratios)} widths: geometric mean "
                f"{mean:.3f}, most {max(ratios):.3f} ({counted:.3f} if every inverter is a table)"
            )


def main() -> None:
    """Print one line a design, then the tables and the ratios."""
    words = sys.argv[1:]
    widths = tuple(int(word) for word in words if word.isdigit()) or BITS
    known = tuple(dict.fromkeys(tool for _, tool, _ in PEERS))
    tools = tuple(word for word in words if word in known) or known
    parts = tuple(word for word in words if word not in known and not word.isdigit()) or PARTS
    console, results = Console(width=140), []
    for r in run(widths, parts, tools):
        results.append(r)
        console.print(
            f"{r.bits} bits, {r.part}, {r.name}: {tables(r.measured):.0f} tables", highlight=False
        )
    for part in parts:
        console.print(shown(results, part))
    for part in parts:
        for line in means(results, part):
            console.print(line, highlight=False)


if __name__ == "__main__":
    main()
