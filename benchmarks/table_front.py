"""Accuracy of networks of tables against their lookup tables, three seeds for every budget.

Usage: python -m benchmarks.table_front [--luts N ...] [--picture FILE]

Every training and every mapping that is finished stays in ``build/table-front``, so that the
command goes on where it was stopped. For every budget the network of best validation accuracy is
mapped; the test rows are read once, when the table is printed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netwright import models, tasks
from netwright.backends import rtl
from netwright.report.style import SERIES
from netwright.report.svg import plain_log, write_picture
from netwright.train import (
    Distill,
    DropFunctions,
    LookupModel,
    LookupShape,
    PricedLuts,
    Recipe,
    Record,
    evaluate,
    fit,
    load_weights,
    run_jobs,
    save_weights,
    trace_tables,
)
from netwright.train.lookup_luts import num_luts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from netwright.tasks import Task

FOLDER = Path("build/table-front")
BUDGETS = (450, 540, 640, 900, 1150, 1500, 2600, 4700)
SEEDS = (7, 8, 9)
HIDDEN = (128, 128, 64)
PRICED = 0.036
"""Price of a LUT times the budget: the fewer there are, the more one of them is worth."""

WIDE = 2000
"""From this budget on there are more sums to choose from."""


@dataclass(frozen=True)
class Point:
    """One budget: what was mapped, and the accuracies of all seeds on the test rows."""

    budget: int
    lut: float
    carry: float
    ff: float
    best: float
    accuracies: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds."""
        return float(np.std(self.accuracies, ddof=1))


def jets() -> Task:
    """The shipped jets, as networks of tables read them."""
    return tasks.jets(seed=7).windowed()


def teacher(task: Task) -> models.Network:
    """A wide float network, trained once."""
    made, path = models.mlp(task, hidden=HIDDEN, batch_norm=True, seed=7), FOLDER / "teacher.npz"
    if not path.exists():
        fit(made, task, recipe=Recipe(epochs=40, batch_size=512, seed=7))
        save_weights(made, path)
    load_weights(made, path)
    return made.eval()


def network(budget: int, seed: int) -> LookupModel:
    """An untrained network."""
    hidden = (20,) if budget < WIDE else (32,)
    shape = LookupShape(hidden, (5, 5), fraction=1, logit_fraction=4, input_bits=7)
    return LookupModel(16, 5, shape, seed=seed)


def trained(job: tuple[int, int]) -> Record:
    """Train one network; its accuracy on the validation rows and its estimated size."""
    budget, seed = job
    task, model = jets(), network(budget, seed)
    model.fit_input_codes(task.train.inputs)
    recipe = Recipe(epochs=60, batch_size=512, learning_rate=0.02, seed=seed)
    objective = PricedLuts(Distill(teacher(task), share=1.0), price=PRICED / budget)
    fit(model, task, objective, recipe, [DropFunctions(luts=budget)])
    save_weights(model, FOLDER / f"{budget}-{seed}.npz")
    return {"validation": evaluate(model, task, split="validation"), "luts": num_luts(model)}


def measured(budget: int, found: dict[int, Record]) -> Point:
    """Map the network of best validation accuracy, and read the test rows."""
    task, accuracies = jets(), []
    chosen = max(SEEDS, key=lambda seed: found[seed]["validation"])
    for seed in SEEDS:
        model = network(budget, seed)
        load_weights(model, FOLDER / f"{budget}-{seed}.npz")
        accuracies.append(evaluate(model.eval(), task))
        if seed == chosen:
            graph = trace_tables(model, name=f"tables_{budget}")
    backend = rtl(part="xcup", adders_per_stage=1, table_sums="chain")
    design = backend.generate(graph, FOLDER / f"rtl-{budget}-{chosen}")
    assert all(proof.holds for proof in design.prove())
    cells = design.measure(timeout_s=24 * 3600.0)
    best = accuracies[SEEDS.index(chosen)]
    return Point(
        budget, cells.lut.value, cells.carry.value, cells.ff.value, best, tuple(accuracies)
    )


def paint(points: list[Point], figure: Figure) -> None:
    """The mean over the seeds with a band of a standard deviation on either side."""
    axes = figure.subplots()
    luts = [point.lut for point in points]
    mean = np.array([100 * point.mean for point in points])
    spread = np.array([100 * point.deviation for point in points])
    axes.fill_between(luts, mean - spread, mean + spread, color=SERIES[0], alpha=0.2, linewidth=0)
    axes.plot(luts, mean, color=SERIES[0], marker="o", label="mean of three seeds, ± a deviation")
    best = [100 * point.best for point in points]
    axes.plot(luts, best, color=SERIES[1], marker="x", linestyle="", label="the mapped one")
    axes.set_xscale("log")
    plain_log(axes.xaxis, steps=(1, 2, 3, 5, 7))
    axes.set(xlabel="LUT6 after mapping by Yosys", ylabel="test accuracy in %")
    axes.grid(True)
    axes.legend(loc="lower right")


def main(arguments: list[str] | None = None) -> int:
    """Train and map what is missing, print a line for every budget, and draw the picture."""
    parser = argparse.ArgumentParser(prog="benchmarks.table_front")
    parser.add_argument("--luts", type=int, nargs="+", default=list(BUDGETS))
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    teacher(jets())
    jobs = {f"{luts} LUTs, seed {seed}": (luts, seed) for luts in given.luts for seed in SEEDS}
    print("budget   LUT  CARRY4   FF   test accuracy, three seeds   the mapped one", flush=True)
    points = []
    for luts in sorted(given.luts):
        own = {key: job for key, job in jobs.items() if job[0] == luts}
        records = run_jobs(trained, own, log=FOLDER / "log.jsonl")
        found = {job[1]: records[key] for key, job in own.items()}
        points.append(point := measured(luts, found))
        print(
            f"{luts:6} {point.lut:5.0f} {point.carry:7.0f} {point.ff:4.0f}   "
            f"{100 * point.mean:.2f} ± {100 * point.deviation:.2f} %            "
            f"{100 * point.best:.2f} %",
            flush=True,
        )
    if given.picture is not None:
        title = "Jet taggers of tables: accuracy against lookup tables"
        write_picture(given.picture, partial(paint, points), width=8.0, height=4.2, title=title)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
