"""The interpreter against qonnx's executor: the same graph, the same rows, one thread."""

from __future__ import annotations

from dataclasses import replace

import netwright as nw
from benchmarks.timing import medians
from netwright.exchange import referee

ROWS = 20_000
REFEREE_ROWS = 20
BATCH_ROWS = 2000


def run() -> list[dict[str, str | float]]:
    task = nw.tasks.jets()
    model = nw.models.mlp(task)
    shapes = nw.compress.layer_shapes(model, task.input_shape)
    plan = nw.compress.uniform(shapes, weight_bits=6, activation_bits=6)
    graph = nw.trace(nw.compress.apply(model, plan, task))
    interpreter = nw.ir.Interpreter.of(graph)
    rows = task.test.inputs[:ROWS]
    one_by_one = replace(referee(graph), chunk_rows=1)
    whole = replace(referee(graph), chunk_rows=BATCH_ROWS)
    seconds = medians(
        {
            "interpreter": lambda: interpreter.run(rows),
            "row by row": lambda: one_by_one.run(rows[:REFEREE_ROWS]),
            "batched": lambda: whole.run(rows[:BATCH_ROWS]),
        },
        rounds=5,
    )
    ours = len(rows) / seconds["interpreter"]
    peer, batched = REFEREE_ROWS / seconds["row by row"], BATCH_ROWS / seconds["batched"]
    return [
        {"what": "interpreter, w6a6 jet MLP", "ours": f"{ours:,.0f} jets/s",
         "peer": f"qonnx executor, row by row: {peer:,.1f} jets/s", "ratio": ours / peer,
         "wanted": "≥ 1000"},
        {"what": "interpreter, w6a6 jet MLP", "ours": f"{ours:,.0f} jets/s",
         "peer": f"qonnx executor, {BATCH_ROWS} rows at once: {batched:,.0f} jets/s",
         "ratio": ours / batched, "wanted": "–"},
        {"what": "interpreter, one core", "ours": f"{ours:,.0f} jets/s", "peer": "100,000 jets/s",
         "ratio": ours / 100_000, "wanted": "≥ 1"},
    ]  # fmt: skip
