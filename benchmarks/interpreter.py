"""The interpreter against qonnx's executor: the same graph, the same rows, one thread."""

from __future__ import annotations

import tempfile
from pathlib import Path

import netwright as nw
from benchmarks.timing import medians
from netwright.exchange import referee

ROWS = 20_000
REFEREE_ROWS = 20


def run() -> list[dict[str, str | float]]:
    task = nw.tasks.jets()
    model = nw.models.mlp(task)
    shapes = nw.compress.layer_shapes(model, (len(task.features),))
    plan = nw.compress.uniform(shapes, weight_bits=6, activation_bits=6)
    graph = nw.trace(nw.compress.apply(model, plan, task))
    interpreter = nw.ir.Interpreter.of(graph)
    rows = task.test.inputs[:ROWS]
    with tempfile.TemporaryDirectory() as folder:
        qonnx = referee(graph, batch=1, folder=Path(folder))
        seconds = medians(
            {
                "interpreter": lambda: interpreter.run(rows),
                "qonnx": lambda: qonnx.run(rows[:REFEREE_ROWS]),
            },
            rounds=5,
        )
    ours, peer = len(rows) / seconds["interpreter"], REFEREE_ROWS / seconds["qonnx"]
    return [
        {"what": "interpreter, w6a6 jet MLP", "ours": f"{ours:,.0f} jets/s",
         "peer": f"qonnx executor, row by row: {peer:,.1f} jets/s", "ratio": ours / peer,
         "wanted": "≥ 1000"},
    ]  # fmt: skip
