"""Widths chosen by LUTs against widths chosen by bit operations, both measured.

For every limit in bit operations the best plan is found; then the best plan among those that need
at most as many LUTs, once as the model of shapes and widths has it, once as counted on the trained
weights. All are fine-tuned alike, for every seed, and mapped by Yosys. Finished networks are
remembered in ``benchmarks/data/allocation.jsonl``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

from rich.console import Console
from rich.table import Table
from torch import nn

from netwright import compress, models, tasks, train
from netwright.backends.rtl import rtl

LOG = Path(__file__).parent / "data" / "allocation.jsonl"
HIDDEN = (24, 16)
UNIFORM = ((3, 3), (3, 4), (4, 4), (4, 5), (5, 5))
"""The limits are the means of what uniform plans of two widths cost in bit operations."""

WEIGHT_BITS, ACTIVATION_BITS, INPUT_BITS = range(2, 9), range(3, 9), range(3, 11)
EPOCHS, SEEDS, TIMEOUT_S = 10, (7, 8, 9), 3600.0


@dataclass(frozen=True)
class Choice:
    """A plan and how it came to be."""

    limit: float
    by: str
    plan: compress.Plan


@dataclass(frozen=True)
class Job:
    """One network to be fine-tuned and mapped."""

    model: nn.Sequential
    seed: int
    plan: compress.Plan


def choices(model: nn.Sequential, task: tasks.Task) -> Iterator[Choice]:
    """For every limit, the plans by bit operations, by modelled and by counted LUTs."""
    bits = sorted({*ACTIVATION_BITS, *INPUT_BITS})
    layers = compress.sensitivity(
        model, task, weight_bits=WEIGHT_BITS, activation_bits=bits, probes=50
    )
    shapes = tuple(layer.shape for layer in layers)
    rule = compress.FreeActivations(ACTIVATION_BITS, INPUT_BITS)

    def best(budget: compress.Budget) -> compress.Plan:
        return compress.allocate(layers, [budget], weight_bits=WEIGHT_BITS, activations=rule).plan

    counted = compress.count_layers(model, task, weight_bits=WEIGHT_BITS)
    for widths in UNIFORM:
        limit = fmean(
            compress.total_bops(shapes, compress.uniform(shapes, weight_bits=w, activation_bits=w))
            for w in widths
        )
        plan = best(compress.bops(limit))
        yield Choice(limit, "bit operations", plan)
        yield Choice(
            limit, "modelled LUTs", best(compress.luts(compress.luts(1.0).total(shapes, plan)))
        )
        most = compress.luts(1.0, cost=counted).total(shapes, plan)
        yield Choice(limit, "counted LUTs", best(compress.luts(most, cost=counted)))


def run(job: Job) -> train.Record:
    """Accuracies and cells of a network."""
    task = tasks.jets(seed=7)
    recipe = replace(compress.FINETUNING, epochs=EPOCHS, seed=job.seed)
    model = compress.finetune(job.model, job.plan, task, recipe=recipe)
    with tempfile.TemporaryDirectory() as temporary:
        design = rtl(part="xcup", adders_per_stage=4).generate(
            train.trace(model, name="jets"), temporary + "/rtl"
        )
        cells = design.measure(timeout_s=TIMEOUT_S)
    return {
        "lut": cells.lut.value,
        "source": cells.lut.source,
        "validation": train.evaluate(model, task, split="validation"),
        "test": train.evaluate(model, task),
    }


def main() -> None:
    """Print the plans, limit by limit."""
    task, console = tasks.jets(seed=7), Console(width=140)
    networks = {}
    for seed in SEEDS:
        networks[seed] = models.mlp(task, hidden=HIDDEN, seed=seed)
        recipe = train.Recipe(epochs=10, batch_size=1024, learning_rate=4e-3, seed=seed)
        train.fit(networks[seed], task, recipe=recipe)
    found = list(choices(networks[SEEDS[0]], task))
    jobs = {
        f"{choice.plan}, seed {seed}": Job(networks[seed], seed, choice.plan)
        for choice in found
        for seed in SEEDS
    }
    records = train.run_jobs(
        run,
        jobs,
        log=LOG,
        workers=1,
        progress=lambda done, total, key: console.print(done, total, key),
    )
    table = Table(title=str(next(iter(records.values()))["source"]))
    for column in ("BOPs ≤", "chosen by", "plan", "LUT", "test accuracy", "deviation"):
        table.add_column(column)
    for choice in found:
        rows = [records[f"{choice.plan}, seed {seed}"] for seed in SEEDS]
        scores = [float(row["test"]) for row in rows]
        table.add_row(
            f"{choice.limit:.0f}",
            choice.by,
            str(choice.plan).split(" (")[0],
            f"{fmean(float(row['lut']) for row in rows):.0f}",
            f"{fmean(scores):.2%}",
            f"{stdev(scores):.2%}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
