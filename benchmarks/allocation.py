"""Widths chosen by modelled LUTs against widths chosen by bit operations, both measured.

For every limit in bit operations the best plan is found; then the best plan among those whose
modelled LUTs are at most as many as that plan's. Both are fine-tuned alike and mapped by Yosys.
Finished networks are remembered in ``benchmarks/data/allocation.jsonl``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from torch import nn

from netwright import compress, models, tasks, train
from netwright.backends.rtl import rtl

LOG = Path(__file__).parent / "data" / "allocation.jsonl"
HIDDEN = (24, 16)
UNIFORM = (3, 4, 5)
"""The limits are what uniform plans of these widths cost in bit operations."""

WEIGHT_BITS, ACTIVATION_BITS, INPUT_BITS = range(2, 9), range(3, 9), range(3, 11)
EPOCHS, SEEDS, TIMEOUT_S = 10, (7, 8), 3600.0


@dataclass(frozen=True)
class Job:
    """One plan, to be fine-tuned for every seed; the first network is mapped."""

    models: tuple[nn.Sequential, ...]
    plan: compress.Plan


def candidates(model: nn.Sequential, task: tasks.Task) -> Iterator[tuple[str, compress.Plan]]:
    """Pairs of plans: chosen by bit operations, and by LUTs at the same modelled LUTs."""
    bits = sorted({*ACTIVATION_BITS, *INPUT_BITS})
    layers = compress.sensitivity(
        model, task, weight_bits=WEIGHT_BITS, activation_bits=bits, probes=50
    )
    shapes = [layer.shape for layer in layers]
    rule = compress.FreeActivations(ACTIVATION_BITS, INPUT_BITS)
    for width in UNIFORM:
        plan = compress.uniform(tuple(shapes), weight_bits=width, activation_bits=width)
        limit = compress.total_bops(shapes, plan)
        first = compress.allocate(
            layers, [compress.bops(limit)], weight_bits=WEIGHT_BITS, activations=rule
        ).plan
        yield f"bops ≤ {limit:.0f}", first
        most = compress.luts(1.0).total(shapes, first)
        second = compress.allocate(
            layers, [compress.luts(most)], weight_bits=WEIGHT_BITS, activations=rule
        ).plan
        yield f"luts ≤ {most:.0f}", second


def run(job: Job) -> train.Record:
    """Mean accuracies over the seeds, and the cells of the first network."""
    task = tasks.jets(seed=7)
    found = [
        compress.finetune(model, job.plan, task, epochs=EPOCHS, seed=seed)
        for model, seed in zip(job.models, SEEDS, strict=True)
    ]
    with tempfile.TemporaryDirectory() as temporary:
        design = rtl(part="xcup").generate(train.trace(found[0], name="jets"), temporary + "/rtl")
        cells = design.measure(timeout_s=TIMEOUT_S)
    return {
        "lut": cells.lut.value,
        "source": cells.lut.source,
        "validation": float(np.mean([train.evaluate(m, task, split="validation") for m in found])),
        "test": float(np.mean([train.evaluate(m, task) for m in found])),
    }


def main() -> None:
    """Print the two fronts."""
    task, console = tasks.jets(seed=7), Console(width=140)
    networks = []
    for seed in SEEDS:
        network = models.mlp(task, hidden=HIDDEN, seed=seed)
        train.fit(network, task, epochs=10, batch_size=1024, learning_rate=4e-3, seed=seed)
        networks.append(network)
    plans = dict(candidates(networks[0], task))
    jobs = {f"{label}: {plan}": Job(tuple(networks), plan) for label, plan in plans.items()}
    records = train.run_jobs(
        run, jobs, log=LOG, workers=1, on_done=lambda key, record: console.print(key, record["lut"])
    )
    table = Table(title=str(next(iter(records.values()))["source"]))
    for column in ("plan", "LUT", "validation", "test"):
        table.add_column(column)
    for key, record in records.items():
        table.add_row(
            key, f"{record['lut']:.0f}", f"{record['validation']:.2%}", f"{record['test']:.2%}"
        )
    console.print(table)


if __name__ == "__main__":
    main()
