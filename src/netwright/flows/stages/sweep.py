"""Stage ``sweep``: the front of accuracy and cost."""

from __future__ import annotations

from pydantic import TypeAdapter

from netwright.flows.sections import AnyCompressor, AnyModel, AnyTask, SweepSection
from netwright.flows.stages.common import float_model, load_task
from netwright.flows.stages.compress import compressor, subject
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

    task: AnyTask
    model: AnyModel
    compress: AnyCompressor
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
        Hawq,
        allocated_candidates,
        sampled_candidates,
        uniform_candidates,
    )
    from netwright.explore.plans import sweep

    p, inputs = context.parameters, context.inputs
    task = load_task(p.task, inputs)
    models = [float_model(p.model, task, seed, inputs) for seed in p.seeds]
    given = subject(p.compress, models[0], task, inputs)
    shapes, candidates = given.shapes, []
    chooser = compressor(p.compress, inputs)
    if isinstance(chooser, Hawq):
        kind = chooser.budget.kind
        maker = chooser.makers({kind}, given)[kind]
        candidates = [
            candidate
            for blind in ((False, True) if p.sweep.blind else (False,))
            for candidate in allocated_candidates(
                given.sensitivities,
                [maker(limit) for limit in p.sweep.budgets],
                weight_bits=chooser.weight_bits,
                activations=chooser.activations,
                residual=chooser.residual,
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
        part=p.compress.module,
        epochs=p.sweep.epochs,
        seeds=p.seeds,
        folder=context.scratch / "studies",
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
