"""Stages ``tables`` and ``tables_rtl``: a small network of tables, and its Verilog."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netwright import ir
from netwright.errors import ConfigError
from netwright.flows import implementation
from netwright.flows.certificate import certificate_row, write_certificate
from netwright.flows.graph import GRAPH
from netwright.flows.hardware import write_hardware
from netwright.flows.sections import (
    AnyModel,
    AnyTask,
    ModelSection,
    TablesSection,
    TrainSection,
    VerifySection,
)
from netwright.flows.stages.common import (
    best_seed,
    load_task,
    new_model,
    weights_name,
    write_scores,
)
from netwright.flows.stages.generate import RTL, rtl_backend
from netwright.flows.stages.verify import QONNX, TORCH, stimuli
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from torch import nn

    from netwright.tasks import Task
    from netwright.train import LookupModel, Record

PREFIX = "tables: "
"""Before the names of stages in the certificate."""


class TablesParameters(Settings):
    """Settings of the stage ``tables``.

    Attributes:
        task: Which task.
        model: The float network of the flow.
        train: How a teacher of its own is trained.
        tables: What the network is like and how it is trained.
        name: Name of the graph, an identifier.
        seeds: One network for each.
    """

    task: AnyTask
    model: AnyModel
    train: TrainSection
    tables: TablesSection
    name: str
    seeds: tuple[int, ...]


class TablesRtlParameters(TablesParameters):
    """Settings of the stage ``tables_rtl``.

    Attributes:
        verify: On what the Verilog is compared.
    """

    verify: VerifySection


@dataclass(frozen=True)
class _Job:
    parameters: TablesParameters
    seed: int
    task: Task
    teacher: Path
    weights: Path
    files: Mapping[str, Path]
    logs: Path


def new_tables(parameters: TablesParameters, task: Task, seed: int) -> LookupModel:
    """An untrained network."""
    from netwright.train import LookupModel, LookupShape

    section = parameters.tables
    shape = LookupShape(
        section.hidden,
        section.bits,
        section.knots,
        section.fraction,
        section.logit_fraction,
        section.input_bits,
    )
    sizes = (*task.input_shapes.values(), task.output_shape)
    if len(sizes) != 2 or any(len(size) != 1 for size in sizes):
        raise ConfigError(
            f'a network of tables needs one flat input and flat outputs; task "{task.name}" has '
            f"{', '.join(map(str, sizes[:-1]))} and {sizes[-1]}",
            hint="leave the section tables out",
        )
    return LookupModel(sizes[0][0], sizes[1][0], shape, seed=seed)


def train_tables(context: StageContext[TablesParameters]) -> None:
    """Train a network for every seed; write weights, scores, and the best one as a graph."""
    from netwright.train import load_weights, run_jobs, trace_tables

    p = context.parameters
    task = load_task(p.task, context.inputs)
    teacher = _teacher_weights(context, task)
    jobs = {
        f"seed {seed}": _Job(
            p,
            seed,
            task,
            teacher,
            context.scratch / weights_name(seed),
            dict(context.inputs),
            context.logs,
        )
        for seed in p.seeds
    }
    context.progress(0, len(jobs), "")
    found = run_jobs(_train, jobs, log=context.scratch / "log.jsonl", progress=context.progress)
    records = {seed: found[f"seed {seed}"] for seed in p.seeds}
    for seed in p.seeds:
        shutil.copyfile(jobs[f"seed {seed}"].weights, context.folder / weights_name(seed))
    write_scores(records, task, context.folder)
    seed = best_seed(context.folder)
    model = new_tables(p, task, seed)
    load_weights(model, context.folder / weights_name(seed))
    ir.save(trace_tables(model.eval(), name=p.name), context.folder / GRAPH)


def _train(job: _Job) -> Record:
    from netwright.train import (
        Distill,
        DropFunctions,
        PricedLuts,
        Supervised,
        evaluate,
        fit,
        save_weights,
    )

    section = job.parameters.tables
    task = job.task.windowed(section.window)
    model = new_tables(job.parameters, task, job.seed)
    if section.input_bits is not None:
        model.fit_input_codes(task.train.inputs)
    beside = section.made_callbacks("tables", job.files, folder=job.logs)
    unfinished = job.weights.with_suffix(".checkpoint")
    objective = Distill(_teacher(job, task), share=section.distill) if section.distill else None
    fit(
        model,
        task,
        PricedLuts(objective or Supervised(task.loss), price=section.lut_price),
        section.recipe(seed=job.seed),
        [
            DropFunctions(edges=section.edges, fine=section.fine, luts=section.luts),
            *(callback.for_seed(job.seed) for callback in beside),
        ],
        checkpoint=unfinished,
    )
    save_weights(model, job.weights)
    found: Record = {
        "validation": evaluate(model, task, split="validation"),
        "test": evaluate(model, task),
    }
    unfinished.unlink(missing_ok=True)
    return found


def _teacher_model(p: TablesParameters, task: Task, inputs: Mapping[str, Path]) -> nn.Module:
    """The float network that teaches, untrained."""
    section = p.model
    if p.tables.teacher:
        section = ModelSection.of("mlp", hidden=p.tables.teacher, batch_norm=True)
        inputs = {}
    return new_model(section, task, p.seeds[0], inputs)


def _teacher_weights(context: StageContext[TablesParameters], task: Task) -> Path:
    """Weights of the float network that teaches; it is trained if the flow has none of its kind."""
    from netwright.train import fit, save_weights

    p, trained = context.parameters, context.inputs["train"]
    if not (p.tables.distill and p.tables.teacher):
        return trained / weights_name(best_seed(trained))
    path = context.scratch / "teacher.npz"
    if not path.exists():
        model, how = _teacher_model(p, task, context.inputs), p.train
        fit(
            model,
            task,
            recipe=how.recipe(seed=p.seeds[0]),
            progress=lambda done, total, text: context.progress(0, 1, f"teacher, {text}"),
        )
        save_weights(model, path)
    return path


def _teacher(job: _Job, task: Task) -> nn.Module:
    """The float network, reading what the tables read."""
    import torch
    from torch import nn

    from netwright.train import load_weights

    (seen,), (known,) = task.scaling.values(), job.task.scaling.values()
    stretch = seen.deviation / known.deviation
    move = (seen.mean - known.mean) / known.deviation
    back = nn.Linear(len(stretch), len(stretch))
    with torch.no_grad():
        back.weight.copy_(torch.from_numpy(np.diag(stretch)))
        back.bias.copy_(torch.from_numpy(move))
    network = _teacher_model(job.parameters, job.task, job.files)
    load_weights(network, job.teacher)
    return nn.Sequential(back, network).eval()


def implement_tables(context: StageContext[TablesRtlParameters]) -> None:
    """Generate the Verilog, compare it with the graph, prove it, map it, place and route it."""
    from netwright.exchange import referee
    from netwright.train import TorchExecutor, load_weights
    from netwright.verify import certify

    p, folder = context.parameters, context.inputs["tables"]
    graph = ir.load(folder / GRAPH)
    task = load_task(p.task, context.inputs).windowed(p.tables.window)
    seed = best_seed(folder)
    model = new_tables(p, task, seed)
    load_weights(model, folder / weights_name(seed))
    backend = rtl_backend(p.tables.rtl)
    backend.generate(graph, context.folder / RTL)
    design = backend.generate(graph, context.scratch / RTL)
    candidates: dict[str, ir.Executable] = {
        PREFIX + TORCH: TorchExecutor(model.eval(), graph),
        PREFIX + QONNX: referee(graph),
        PREFIX + design.executed_as: design,
    }
    sets = stimuli(list(task.test.arrays.values()), graph, p.verify, p.seeds[0])
    limits = {PREFIX + QONNX: p.verify.qonnx_rows}
    compared = certify(graph, candidates, sets, row_limits=limits, progress=context.progress)
    write_certificate(tuple(map(certificate_row, compared)), context.folder)
    section = p.tables.rtl
    made = implementation.implement(
        design, compare_parts=section.compare_parts, route=section.route,
        speed_grade=section.speed_grade, depths=section.depths, progress=context.progress,
    )  # fmt: skip
    write_hardware(made, context.folder)
