"""LUTs and generation time of our RTL and da4ml's: same weights, same synthesizer, one run.

da4ml rounds half up or down only, so the requantizers of the trained network round half up here.
Our products are proven and da4ml's integers compared with the interpreter's before anything is
measured. Both have their carry chains kept whole, which is the better form for either. What was
mapped stays in ``build/bench-rtl``, so that the command goes on where it was stopped.
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

from netwright import compress, models, tasks, train
from netwright.backends.rtl import rtl
from netwright.backends.rtl.implement.synthesis import Measurement, synthesize
from netwright.ir import Graph, Interpreter, Node

FOLDER = Path("build/bench-rtl")
BITS = (3, 4, 5, 6, 7, 8)
PART = "xcup"
TIMEOUT_S = 3600.0
DA4ML_CUTOFF = 4


@dataclass(frozen=True)
class Result:
    """One design: how it was measured, and the CPU seconds its generation took."""

    bits: int
    name: str
    measured: Measurement
    generation_s: float


def trained(bits: int) -> tuple[Graph, np.ndarray]:
    """A jet tagger of one width, trained briefly, and rows of the test set."""
    task = tasks.jets(seed=7)
    model = models.mlp(task, hidden=(64, 32, 32), seed=7)
    train.fit(model, task, recipe=train.Recipe(epochs=1))
    shapes = compress.layer_shapes(model, task.input_shape)
    plan = compress.uniform(shapes, weight_bits=bits, activation_bits=bits)
    recipe = train.Recipe(epochs=1, learning_rate=1e-3)
    tuned = compress.finetune(model, plan, task, recipe=recipe)
    graph = train.trace(tuned, name=f"jets_w{bits}")
    return half_up(graph), task.test.inputs


def half_up(graph: Graph) -> Graph:
    """The graph with all requantizers rounding half up."""
    for node in graph.nodes:
        if node.op == "Requantize":
            graph = graph.with_node(replace(node, attrs={**node.attrs, "rounding": "half-up"}))
    return graph


def ours(graph: Graph, folder: Path) -> tuple[Measurement, float]:
    """Generate, check and measure our design."""
    start = time.process_time()
    design = rtl(part=PART, adders_per_stage=4).generate(graph, folder / "ours")
    seconds = time.process_time() - start
    assert all(proof.holds for proof in design.prove())
    return design.measure(timeout_s=TIMEOUT_S), seconds


def da4ml(graph: Graph, rows: np.ndarray, folder: Path) -> tuple[Measurement, float]:
    """Generate, check and measure da4ml's design of the same graph."""
    from da4ml.codegen import RTLModel
    from da4ml.trace import FixedVariableArrayInput, comb_trace, to_pipeline

    start = time.process_time()
    quantize = graph.nodes[0]
    size = graph.types[quantize.output].shape[1]
    entering = FixedVariableArrayInput(size)
    signed, width = (
        graph.types[quantize.output].dtype.signed,
        graph.types[quantize.output].dtype.bits,
    )
    value = entering.quantize(int(signed), width - signed, 0)
    for node in graph.nodes[1:]:
        value = _step(graph, node, value)
    logic = comb_trace(entering, value)
    model = RTLModel(to_pipeline(logic, DA4ML_CUTOFF), "da4ml_jets", folder / "da4ml")
    model.write()
    seconds = time.process_time() - start
    expected = Interpreter.of(graph).run(rows, keep=[quantize.output])
    found = logic.predict(expected[quantize.output].astype(np.float64), n_threads=1)
    assert np.array_equal(found, expected[graph.outputs[0]])
    sources = verilog(folder / "da4ml" / "src", keep=True)
    measured = synthesize(
        "da4ml_jets", sources, part=PART, folder=folder / "da4ml-build", timeout_s=TIMEOUT_S
    )
    return measured, seconds


def verilog(folder: Path, *, keep: bool) -> list[Path]:
    """da4ml's sources, its carry chains kept whole where that is asked for."""
    sources = sorted(folder.rglob("*.v"))
    sources = [path for path in sources if path.name != "lookup_table.v"]  # no table is used
    plain = "  wire [BW_ADD-1:0] accum;"
    for path in sources:
        if keep and path.name == "shift_adder.v":
            path.write_text(path.read_text().replace(plain, f"  (* keep *){plain[1:]}"))
    return sources


def _step(graph: Graph, node: Node, value):
    """One node in da4ml's terms; all values are integers."""
    if node.op == "MatMul":
        value = value @ graph.constants[node.inputs[1]].astype(np.float64)
        if len(node.inputs) == 3:
            value = value + graph.constants[node.inputs[2]].astype(np.float64)
        return value
    assert node.op == "Requantize", node.op
    multiplier, offset = np.array(node.integers("multiplier")), np.array(node.integers("offset"))
    unit = 2.0 ** -node.integer("shift")
    if np.any(multiplier * unit != 1):
        value = value * (multiplier * unit)
    if np.any(offset):
        value = value + offset * unit
    low, high = node.integer("low"), node.integer("high")
    signed = int(low < 0)
    return value.quantize(signed, int(high).bit_length(), 0, "SAT", "RND")


def run(widths: tuple[int, ...]) -> Iterator[Result]:
    """Measure both designs at every width."""
    for bits in widths:
        graph, rows = trained(bits)
        folder = FOLDER / f"{bits}-bits"
        yield Result(bits, "ours", *ours(graph, folder))
        yield Result(bits, "da4ml", *da4ml(graph, rows[:10_000], folder))


def inverters(measured: Measurement) -> int:
    """Inverters that Yosys leaves beside the LUTs it counts."""
    return measured.cells.get("INV", 0)


def tables(measured: Measurement) -> float:
    """LUTs, if every inverter needs one of its own."""
    return measured.lut.value + inverters(measured)


def main() -> None:
    """Print one line a design and the ratios."""
    widths = tuple(int(text) for text in sys.argv[1:]) or BITS
    console, results = Console(width=140), []
    for result in run(widths):
        results.append(result)
        lut = f"{result.measured.lut.value:.0f} LUT"
        console.print(f"{result.bits} bits, {result.name}: {lut}", highlight=False)
    table = Table(title=results[0].measured.lut.source)
    for column in (
        "bits",
        "design",
        "LUT",
        "INV",
        "CARRY4",
        "FF",
        "generation CPU s",
        "synthesis s",
    ):
        table.add_column(column)
    for r in results:
        m = r.measured
        table.add_row(
            str(r.bits), r.name, f"{m.lut.value:.0f}", str(inverters(m)), f"{m.carry.value:.0f}",
            f"{m.ff.value:.0f}", f"{r.generation_s:.2f}", f"{m.seconds:.0f}",
        )  # fmt: skip
    console.print(table)
    ratios, with_inverters = [], []
    for mine, theirs in zip(results[::2], results[1::2], strict=True):
        ratio = mine.measured.lut.value / theirs.measured.lut.value
        faster = mine.generation_s / theirs.generation_s
        ratios.append(ratio)
        with_inverters.append(tables(mine.measured) / tables(theirs.measured))
        console.print(
            f"{mine.bits} bits: LUT ratio {ratio:.3f} ({with_inverters[-1]:.3f} if every inverter "
            f"is a LUT), generation time ratio {faster:.2f}"
        )
    means = [np.exp(np.mean(np.log(found))) for found in (ratios, with_inverters)]
    console.print(f"geometric mean of the LUT ratios: {means[0]:.3f} ({means[1]:.3f})")


if __name__ == "__main__":
    main()
