"""LUTs of one network trained with HGQ2, by our RTL and by da4ml's: one file, one synthesizer.

The network lies beside this file; `hgq_train.py` is its recipe. Ours is read without Keras; da4ml's
is traced by HGQ2's own plug-in from the model that Keras loads. Every design is checked against
that model's outputs before anything is measured. da4ml's is measured with its carry chains kept
whole and without, and the better figure counts.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.distributed import CUTOFF
from benchmarks.rtl import FOLDER, TIMEOUT_S, inverters
from netwright import tasks
from netwright.backends.rtl import rtl
from netwright.backends.rtl.implement.synthesis import Measurement, synthesize
from netwright.exchange import HgqModel
from netwright.ir import Graph, real_values
from netwright.verify import bit_exact, corners

PART = "xcup"
FILE = Path(__file__).parent / "data" / "jets_hgq2.keras"
ROWS = 10_000


@dataclass(frozen=True)
class Result:
    """One design: how it was measured, and the CPU seconds its generation took."""

    name: str
    measured: Measurement
    generation_s: float


def ours(source: HgqModel, rows: np.ndarray, folder: Path) -> Result:
    """Generate, prove, simulate and measure our design."""
    graph = source.graph
    start = time.process_time()
    design = rtl(part=PART, adders_per_stage=4).generate(graph, folder / "ours")
    seconds = time.process_time() - start
    assert all(proof.holds for proof in design.prove())
    assert {proof.verdict for proof in design.prove_elements()} == {"proven"}
    for inputs in (rows, corners(graph).inputs):
        for candidate in (source, design):
            found = bit_exact(graph, candidate, inputs)
            assert found.identical == found.rows, found
    return Result("ours", design.measure(timeout_s=TIMEOUT_S), seconds)


def da4ml(model: Any, rows: np.ndarray, wanted: np.ndarray, folder: Path) -> Result:
    """Generate, check and measure da4ml's design of the model."""
    from da4ml.codegen import RTLModel
    from da4ml.converter import trace_model
    from da4ml.trace import comb_trace, to_pipeline

    start = time.process_time()
    logic = comb_trace(*trace_model(model))
    pipeline = to_pipeline(logic, CUTOFF, verbose=False)
    results = []
    for is_kept in (True, False):
        place = folder / f"da4ml-{is_kept}"
        RTLModel(pipeline, "da4ml_hgq", place).write()
        seconds = time.process_time() - start
        sources = verilog(place / "src", keep=is_kept)
        build = place / "build"
        measured = synthesize("da4ml_hgq", sources, part=PART, folder=build, timeout_s=TIMEOUT_S)
        results.append(Result("da4ml", measured, seconds))
    assert np.array_equal(logic.predict(rows.astype(np.float64), n_threads=1), wanted)
    return min(results, key=lambda result: result.measured.lut.value)


def verilog(folder: Path, *, keep: bool) -> list[Path]:
    """da4ml's sources, its carry chains kept whole where that is asked for."""
    sources = sorted(folder.rglob("*.v"))
    sources = [path for path in sources if path.name != "lookup_table.v"]  # no table is used
    plain = "  wire [BW_ADD-1:0] accum;"
    for path in sources:
        if keep and path.name == "shift_adder.v":
            path.write_text(path.read_text().replace(plain, f"  (* keep *){plain[1:]}"))
    return sources


def operations(model: Any) -> int:
    """HGQ2's own estimate of the effective bit operations."""
    return sum(int(layer.ebops) for layer in model.layers if getattr(layer, "enable_ebops", False))


def accuracy(graph: Graph, codes: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows whose largest output is that of their class."""
    return float(np.mean(real_values(graph, graph.outputs[0], codes).argmax(axis=1) == labels))


def main() -> None:
    """Print one line a design and the ratio."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    test = tasks.jets(seed=7).test
    rows = test.inputs[:ROWS]
    source = HgqModel.of(FILE)
    graph, model = source.graph, source.load()
    output = graph.outputs[0]
    mine = ours(source, rows, FOLDER / "hgq2")
    wanted = real_values(graph, output, source.run(rows)[output])
    theirs = da4ml(model, rows, wanted, FOLDER / "hgq2")
    share = accuracy(graph, source.run(test.inputs)[output], test.targets)
    table = Table(title=mine.measured.lut.source)
    for column in ("design", "LUT", "INV", "CARRY4", "FF", "generation CPU s", "synthesis s"):
        table.add_column(column)
    for r in (mine, theirs):
        m = r.measured
        table.add_row(
            r.name, f"{m.lut.value:.0f}", str(inverters(m)), f"{m.carry.value:.0f}",
            f"{m.ff.value:.0f}", f"{r.generation_s:.2f}", f"{m.seconds:.0f}",
        )  # fmt: skip
    console = Console(width=140)
    console.print(table)
    ratio = mine.measured.lut.value / theirs.measured.lut.value
    console.print(
        f"{FILE.name}: {operations(model)} EBOPs (HGQ2), {100 * share:.2f} % of {len(test)} test "
        f"jets; {len(rows)} of {len(rows)} rows identical in HGQ2, our Verilog and da4ml; "
        f"LUT ratio {ratio:.3f}"
    )


if __name__ == "__main__":
    main()
