"""Small jet taggers that shall keep 76 %: ``python examples/jets_small.py [FOLDER]``.

Networks are pruned while they are trained with few bits, taught by a larger float network. Every
finished trial is remembered in the folder, so that the same command goes on where it was stopped.
Validation accuracy alone chooses the network; its test accuracy is then read once. All figures of
ours come from one run of one synthesizer; the published ones are placed and routed by a vendor's
tool, on other data, and are printed as a reference.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from netwright import compress, models, tasks, train
from netwright.backends.rtl import rtl
from netwright.formats import Rounding
from netwright.tasks import Task

SEED = 7
HIDDEN = (64, 32, 32)
WANTED = 0.761
"""Validation accuracy that a network must have to be chosen for its size: 76 % and a third of a
standard error. If none has, the most accurate one is chosen."""

TEACHER_HIDDEN = (128, 64, 64)
SYNTHESIS_S = 3600.0

PUBLISHED = (
    ("hls4ml (Fahim et al.)", 76.2, 63251, 45.0),
    ("da4ml (HGQ model)", 76.9, 12250, 18.9),
    ("DWN, encoders not counted", 76.3, 4972, 7.3),
    ("TreeLUT", 75.6, 2234, 2.7),
    ("NeuraLUT-Assemble", 76.0, 1780, 2.1),
    ("KANELÉ", 76.0, 1232, 7.1),
)
"""Accuracy, LUT and latency (ns) on OpenML's jets after place and route: KANELÉ (FPGA 2026), table
3, and the designs it cites."""


@dataclass(frozen=True)
class Trial:
    """One training: widths of weights and of what the layers read, and the digits that stay."""

    weight_bits: tuple[int, ...]
    input_bits: tuple[int, ...]
    digits: float
    epochs: int
    folder: str

    @property
    def key(self) -> str:
        """A name that changes with the trial."""
        widths = "".join(map(str, (*self.weight_bits, "-", *self.input_bits)))
        return f"{widths}-{self.digits:g}-{self.epochs}"

    @property
    def path(self) -> Path:
        """Where its weights go."""
        return Path(self.folder) / f"{self.key}.npz"


TRIALS = (
    ((7, 7, 7, 7), (7, 5, 5, 6), 0.2, 80),
    ((7, 7, 7, 7), (7, 5, 5, 6), 0.3, 80),
    ((7, 7, 7, 7), (7, 5, 5, 6), 0.4, 80),
)
"""Widths of the weights and of what each layer reads, digits for each weight, epochs.

Wide weights cost nothing by themselves: only their digits do."""


def network(
    hidden: tuple[int, ...], task: Task, path: Path, *, epochs: int, batch: int, rate: float
) -> models.Network:
    """A float network; read from `path` if it was trained before."""
    model = models.mlp(task, hidden=hidden, seed=SEED)
    if path.exists():
        train.load_weights(model, path)
    else:
        recipe = train.Recipe(epochs=epochs, batch_size=batch, learning_rate=rate, seed=SEED)
        train.fit(model, task, recipe=recipe)
        train.save_weights(model, path)
    return model.eval()


def student(task: Task, folder: Path) -> models.Network:
    """The float network that is pruned."""
    return network(HIDDEN, task, folder / "float.npz", epochs=25, batch=1024, rate=4e-3)


def plan_of(trial: Trial, shapes: tuple[compress.LayerShape, ...]) -> compress.Plan:
    """The widths of a trial; roundings half up, which cost no logic of their own."""
    layers = tuple(
        compress.LayerPlan(shape.name, w, a)
        for shape, w, a in zip(shapes, trial.weight_bits, trial.input_bits, strict=True)
    )
    return compress.Plan(layers, rounding=Rounding.HALF_UP, origin="by hand")


def run(trial: Trial) -> dict[str, float | int | str]:
    """Train one network, keep its weights, count its LUTs."""
    task, folder = tasks.jets(seed=SEED), Path(trial.folder)
    model = student(task, folder)
    path = folder / "teacher.npz"
    teacher = network(TEACHER_HIDDEN, task, path, epochs=60, batch=512, rate=2e-3)
    plan = plan_of(trial, compress.layer_shapes(model, task.input_shape))
    found = compress.prune(
        model,
        plan,
        task,
        digits=trial.digits,
        objective=train.Distill(teacher),
        recipe=replace(compress.PRUNING, epochs=trial.epochs, seed=SEED),
    )
    train.save_weights(found, trial.path)
    weights = [matrix.numpy() for matrix in compress.integer_weights(found)]
    return {
        "validation": train.evaluate(found, task, split="validation"),
        "lut": compress.count_luts(weights, trial.input_bits, (*trial.input_bits[1:], 0)),
        "weights": sum(int(np.count_nonzero(matrix)) for matrix in weights),
    }


def quantized(trial: Trial, task: Task) -> train.QuantModel:
    """The network of a finished trial."""
    model = student(task, Path(trial.folder))
    plan = plan_of(trial, compress.layer_shapes(model, task.input_shape))
    found = compress.apply(model, plan, task)
    train.load_weights(found, trial.path)
    return found.eval()


def mapped(model: train.QuantModel, folder: Path) -> tuple[float, float, int]:
    """LUTs, registers and clocks of latency, mapped by Yosys; the products proven."""
    design = rtl(part="xcup").generate(train.trace(model, name="jets"), folder)
    assert all(proof.holds for proof in design.prove())
    cells = design.measure(timeout_s=SYNTHESIS_S)
    return cells.lut.value, cells.ff.value, design.latency_cycles


def reference(task: Task, folder: Path) -> train.QuantModel:
    """The uniform 6-bit network without pruning."""
    model = student(task, folder)
    shapes = compress.layer_shapes(model, task.input_shape)
    plan = compress.uniform(shapes, weight_bits=6, activation_bits=6)
    found = compress.apply(model, plan, task)
    if (folder / "uniform.npz").exists():
        train.load_weights(found, folder / "uniform.npz")
    else:
        found = compress.finetune(model, plan, task)
        train.save_weights(found, folder / "uniform.npz")
    return found.eval()


def main() -> None:
    """Train what is missing, choose by validation, map, and print the front."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/jets-small")
    folder.mkdir(parents=True, exist_ok=True)
    console, task = Console(width=120), tasks.jets(seed=SEED)
    jobs = {trial.key: trial for trial in (Trial(*trial, str(folder)) for trial in TRIALS)}
    records = train.run_jobs(
        run, jobs, log=folder / "trials.jsonl", workers=1,
        on_done=lambda key, r: console.print(
            f"{key}: validation {r['validation']:.2%}, {r['lut']:.0f} LUT counted"
        ),
    )  # fmt: skip
    order = sorted(records, key=lambda key: float(records[key]["lut"]))
    good = [key for key in order if float(records[key]["validation"]) >= WANTED]
    chosen = good[0] if good else max(records, key=lambda key: float(records[key]["validation"]))
    table = Table(title="jets shipped with netwright; Yosys xcup, mapping only; 200 MHz assumed")
    for column in ("network", "validation", "test", "LUT", "FF", "latency ns"):
        table.add_column(column)
    uniform = reference(task, folder)
    base, *rest = mapped(uniform, folder / "uniform")
    table.add_row("uniform 6 bits", f"{train.evaluate(uniform, task, split='validation'):.2%}",
                  f"{train.evaluate(uniform, task):.2%}", f"{base:.0f}", f"{rest[0]:.0f}",
                  f"{rest[1] * 5}")  # fmt: skip
    for key in order:
        found = quantized(jobs[key], task)
        lut, ff, cycles = mapped(found, folder / key)
        test = f"{train.evaluate(found, task):.2%}" if key == chosen else ""
        table.add_row(key, f"{records[key]['validation']:.2%}", test,
                      f"{lut:.0f} (1/{base / lut:.1f})", f"{ff:.0f}", f"{cycles * 5}")  # fmt: skip
    console.print(table)
    others = Table(title="published: OpenML jets, placed and routed by the vendor's tool")
    for column in ("design", "accuracy", "LUT", "latency ns"):
        others.add_column(column)
    for name, accuracy, lut, latency in PUBLISHED:
        others.add_row(name, f"{accuracy} %", str(lut), str(latency))
    console.print(others)


if __name__ == "__main__":
    main()
