"""Stage ``sweep``: the front of accuracy and cost."""

from __future__ import annotations

from pydantic import TypeAdapter

from netwright.flows.sections import CompressSection, ModelSection, SweepSection, TaskSection
from netwright.flows.stages.common import float_model, load_task, read_sensitivity
from netwright.flows.stages.compress import activations, budget_makers
from netwright.run.stage import StageContext
from netwright.settings import Settings

FRONT = "front.json"


class SweepParameters(Settings):
    """Settings of the stage.

    Attributes:
        task: Which task.
        model: Which network.
        compress: How widths are chosen.
        sweep: Which plans are tried.
        seeds: Networks that every plan is tried on; sampled plans get the first only.
    """

    task: TaskSection
    model: ModelSection
    compress: CompressSection
    sweep: SweepSection
    seeds: tuple[int, ...]


class SweepPoint(Settings):
    """One plan of the front.

    Attributes:
        kind: How it was chosen.
        label: Short name.
        bops: Bit operations for one inference.
        accuracies: Test accuracy for each seed, 0..1.
        validation: Mean validation accuracy, 0..1.
        weight_bits: Widths of the weights by layer.
        input_bits: Widths of what the layers read.
    """

    kind: str
    label: str
    bops: float
    accuracies: tuple[float, ...]
    validation: float
    weight_bits: tuple[int, ...]
    input_bits: tuple[int, ...]


POINTS = TypeAdapter(tuple[SweepPoint, ...])


def run_sweep(context: StageContext[SweepParameters]) -> None:
    """Fine-tune and score every plan; a finished trial is never repeated."""
    from netwright.compress import (
        Candidate,
        allocated_candidates,
        sampled_candidates,
        sweep,
        uniform_candidates,
    )

    p = context.parameters
    task = load_task(p.task, context.inputs)
    models = [float_model(p.model, task, seed, context.inputs["train"]) for seed in p.seeds]
    layers = read_sensitivity(context.inputs["sensitivity"])
    shapes = tuple(layer.shape for layer in layers)
    kind = p.compress.budget.kind
    maker = budget_makers({kind}, p.compress, models[0], task)[kind]
    budgets = [maker(limit) for limit in p.sweep.budgets]
    candidates = [
        candidate
        for blind in ((False, True) if p.sweep.blind else (False,))
        for candidate in allocated_candidates(
            layers,
            budgets,
            weight_bits=p.compress.weight_bits,
            activations=activations(p.compress),
            residual=p.compress.residual,
            blind=blind,
        )
    ]
    candidates += uniform_candidates(shapes, p.sweep.uniform)
    candidates += sampled_candidates(shapes, p.sweep.sampled, seed=p.seeds[0])
    points = sweep(
        models,
        task,
        [
            Candidate(
                c.kind,
                c.label,
                c.plan.with_rules(scale=p.compress.scale, granularity=p.compress.granularity),
            )
            for c in candidates
        ],
        shapes,
        epochs=p.sweep.epochs,
        seeds=p.seeds,
        log=context.scratch / "trials.jsonl",
        progress=context.progress,
    )
    front = tuple(
        SweepPoint(
            kind=point.candidate.kind,
            label=point.candidate.label,
            bops=point.bops,
            accuracies=point.accuracies,
            validation=point.validation,
            weight_bits=point.candidate.plan.weight_bits,
            input_bits=point.candidate.plan.input_bits,
        )
        for point in points
    )
    (context.folder / FRONT).write_bytes(POINTS.dump_json(front, indent=2) + b"\n")
