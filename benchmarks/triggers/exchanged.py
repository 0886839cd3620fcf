"""Networks out of files: hls4ml's jet tagger from the QONNX model zoo, and graphs of our runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.triggers.contestants import Contestant, Ours, Unusable, classes
from benchmarks.triggers.encoder import POINT, WORD_BITS, of_graph
from netwright import ir
from netwright.exchange import InputQuantizer
from netwright.flows.conversion import read_source
from netwright.ir import Graph, Interpreter, real_values
from netwright.tasks import Task

ZOO = Path("models/JetTagging/QKeras_hls4ml_3layer/qkeras_jettagging.onnx")


def zoo(clone: Path) -> Iterator[Contestant]:
    """hls4ml's tagger 16-64-32-32-5 of six bits."""
    if not (clone / ZOO).exists():
        raise Unusable(f"{clone / ZOO} is missing")
    yield Contestant(
        "hls4ml 6-bit QKeras 64-32-32", "OpenML", "ours", "76.2 % published",
        lambda folder: Ours(_tagger(clone), folder),
        lambda: of_graph(_tagger(clone)),
        lambda rows: classes(_tagger(clone), rows, "gqtwz"),
        "63 251 LUT, 45 ns (Vivado; another MLP of hls4ml, arXiv 2512.12850, Table 3)",
    )  # fmt: skip


def _tagger(clone: Path) -> Graph:
    """Its inputs are real; hls4ml's words of 16 bits, 6 of them before the point, are taken."""
    quantizer = InputQuantizer.of(f"{WORD_BITS},{2.0**-POINT}")
    return read_source(clone / ZOO, input_quantizer=quantizer).graph


def own(path: Path, data: str, task: Task | None) -> Iterator[Contestant]:
    """A graph that a run of ours wrote; its accuracy is measured where its data is there.

    Args:
        path: The graph.
        data: What it was trained on.
        task: That data; ``None`` if nobody gave its file.
    """
    graph = ir.load(path)
    accuracy = "not measured: no file of its data" if task is None else measured(graph, task)
    yield Contestant(
        f"netwright {graph.name}", data, "ours", accuracy, lambda folder: Ours(graph, folder),
        lambda: of_graph(graph),
    )  # fmt: skip


def measured(graph: Graph, task: Task) -> str:
    """Its accuracy on the test rows of the task as its scaling fits: plain or windowed inputs."""
    best = 0.0
    for scaled in (task, task.windowed()):
        codes = Interpreter.of(graph).run(scaled.test.inputs)[graph.outputs[0]]
        right = real_values(graph, graph.outputs[0], codes).argmax(axis=1) == task.test.targets
        best = max(best, float(right.mean()))
    return f"{100 * best:.2f} % here, {len(task.test)} test rows"
