"""The rows of a report, from what the stages wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from netwright.flows.graph import GRAPH
from netwright.flows.hardware import read_hardware
from netwright.flows.stages.common import CURVES, PLAN, best_seed, read_scores
from netwright.flows.stages.generate import HLS, RTL
from netwright.flows.stages.sweep import FRONT, POINTS, SweepPoint
from netwright.flows.stages.trace import MODEL
from netwright.formats import Format, Int, stored
from netwright.quantities import Quantity
from netwright.reading import read_json, read_typed
from netwright.report import (
    AccuracyRow,
    Confusion,
    DesignPoint,
    FrontKind,
    FrontPoint,
    PlanRow,
    RocCurve,
    SensitivityRow,
    TrainingCurve,
)
from netwright.report.hardware import table_inputs
from netwright.report.headline import TABLES_IN_HARDWARE
from netwright.report.measure import ACCURACY, Measure
from netwright.run.folder import read_record

if TYPE_CHECKING:
    from netwright.compress import LayerPlan, LayerSensitivity, LayerShape
    from netwright.compress.plan import Width
    from netwright.tasks import Task

_BOPS = "m n (b_a b_w + b_a + b_w + log2 n), summed over layers"
_FLOAT_BITS = 32
_LEAVING = (GRAPH, MODEL, f"{HLS}/netwright.json", f"{RTL}/netwright.json")


def _bops(value: float, source: str = _BOPS) -> Quantity:
    return Quantity(value, "", source, "modelled")


@dataclass(frozen=True, slots=True)
class Scored:
    """What values of the score were found on.

    Attributes:
        measure: The score.
        source: The rows, in words.
        num_rows: How many, where the score is a share of them.
    """

    measure: Measure
    source: str
    num_rows: int | None

    @classmethod
    def of(cls, task: Task) -> Scored:
        """The score of a task on its test split."""
        score, rows = task.score, len(task.test)
        shares = score.needs == "classes" and not score.unit
        measure = Measure(
            name=score.name,
            unit=score.unit,
            larger_is_better=score.larger_is_better,
            is_share=shares,
        )
        counted = rows if score.name == ACCURACY.name else None
        return cls(measure, f"test split of {task.name}, {rows} rows", counted)

    def quantity(self, values: Sequence[float]) -> Quantity:
        """Values of several seeds, as their mean."""
        deviation = stdev(values) if len(values) > 1 else None
        return Quantity(fmean(values), self.measure.unit, self.source, "measured", deviation)


def accuracy(stage: str, folder: Path, scored: Scored) -> AccuracyRow:
    """Score of the networks of all seeds."""
    scores = read_scores(folder)
    return AccuracyRow(
        stage=stage,
        accuracy=scored.quantity([score.test for score in scores]),
        seeds=tuple(score.seed for score in scores),
        num_rows=scored.num_rows,
    )


def one_accuracy(stage: str, value: float, seed: int, scored: Scored) -> AccuracyRow:
    """Score of one network."""
    found = scored.quantity([value])
    return AccuracyRow(stage=stage, accuracy=found, seeds=(seed,), num_rows=scored.num_rows)


def tables_accuracies(inputs: Mapping[str, Path], scored: Scored) -> tuple[AccuracyRow, ...]:
    """Score of the networks of tables, and of the one that went into hardware."""
    if "tables" not in inputs:
        return ()
    folder = inputs["tables"]
    seed = best_seed(folder)
    exported = {score.seed: score.test for score in read_scores(folder)}[seed]
    return (
        accuracy("network of tables", folder, scored),
        one_accuracy(TABLES_IN_HARDWARE, exported, seed, scored),
    )


def training(inputs: Mapping[str, Path]) -> tuple[TrainingCurve, ...]:
    """The epochs of every training of the float network and of the chosen plan."""
    curves = []
    for name, stage in (("float", "train"), ("chosen plan", "compress")):
        document = read_json(inputs[stage] / CURVES)
        curves += [
            TrainingCurve(
                stage=name,
                seed=int(seed),
                losses=tuple(epochs["losses"]),
                accuracies=tuple(epochs["scores"]),
            )
            for seed, epochs in document.items()
        ]
    return tuple(curves)


def confusion(task: Task, logits: NDArray[np.float64], source: str) -> Confusion | None:
    """What the rows of every class are taken for by the integer graph, where rows have a class."""
    if not task.classes or logits.ndim != 2:
        return None
    size = len(task.classes)
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (task.test.targets, logits.argmax(axis=1)), 1)
    return Confusion(
        stage="integer graph",
        source=source,
        labels=tuple(task.classes),
        counts=tuple(tuple(map(int, row)) for row in counts),
    )


def roc(task: Task, logits: NDArray[np.float64], source: str) -> tuple[RocCurve, ...]:
    """One curve a class, where rows have a class."""
    if not task.classes or logits.ndim != 2:
        return ()
    return tuple(
        RocCurve.of(
            label,
            curve.false_positive_rate.tolist(),
            curve.true_positive_rate.tolist(),
            Quantity(curve.area, "", source, "measured"),
        )
        for label, curve in task.roc(logits).items()
    )


def _by_bits(values: Mapping[Width, float]) -> dict[int, float]:
    """Of the widths that were measured those without a quantizer's name."""
    return {width: value for width, value in values.items() if isinstance(width, int)}


def sensitivities(layers: Sequence[LayerSensitivity], source: str) -> tuple[SensitivityRow, ...]:
    """One row a layer, of its weights and of what it reads.

    Args:
        layers: What was measured.
        source: The rows on which the loss was measured.
    """
    return tuple(
        SensitivityRow(
            layer=layer.name,
            trace=Quantity(
                layer.weight.trace.trace,
                "",
                "Hutchinson probes",
                "measured",
                layer.weight.trace.standard_error,
            ),
            num_parameters=layer.weight.size,
            num_probes=layer.weight.trace.probes,
            eigenvalue=None
            if layer.weight.top_eigenvalue is None
            else Quantity(layer.weight.top_eigenvalue, "", "power iteration", "measured"),
            perturbations=_by_bits(layer.weight.perturbation),
            input_growth={
                bits: Quantity(growth, "nat", source, "measured")
                for bits, growth in _by_bits(layer.activation.loss_growth).items()
            },
        )
        for layer in layers
    )


def plan(shapes: Sequence[LayerShape], folder: Path) -> tuple[PlanRow, ...]:
    """One row a layer, with its widths."""
    from netwright.compress import layer_bops, load_plan

    layers = load_plan(folder / PLAN).layers
    sparse = any(layer.pattern is not None for layer in layers)
    return tuple(
        PlanRow(
            layer=shape.name,
            weight_bits=chosen.weight_bits,
            input_bits=chosen.input_bits,
            shape=(shape.inputs, shape.outputs),
            num_weights=shape.weights,
            bops=_bops(layer_bops(shape, chosen.weight_bits, chosen.input_bits)),
            pattern=_pattern(chosen),
            stored_bytes=_stored_bytes(shape, chosen) if sparse else None,
        )
        for shape, chosen in zip(shapes, layers, strict=True)
    )


def _pattern(chosen: LayerPlan) -> str:
    return "" if chosen.pattern is None else f"{chosen.pattern.kept}:{chosen.pattern.group}"


def _stored_bytes(shape: LayerShape, chosen: LayerPlan) -> int:
    """Bytes of the weights of a layer; groups that do not divide them are stored dense."""
    matrix = (shape.weights // shape.outputs, shape.outputs)
    pattern = chosen.pattern
    if pattern is not None and pattern.shape_fault(matrix):
        pattern = None
    return stored(Format(Int(chosen.weight_bits), pattern=pattern), matrix).num_bytes


def front(
    shapes: Sequence[LayerShape],
    inputs: Mapping[str, Path],
    scored: Scored,
    *,
    epochs: int,
    swept_epochs: int,
) -> tuple[FrontPoint, ...]:
    """The float network, the chosen plan, and what the sweep found.

    Args:
        shapes: The layers that got widths.
        inputs: Folders of the stages.
        scored: What scores were found on.
        epochs: Of fine-tuning the chosen plan.
        swept_epochs: Of fine-tuning every other plan.
    """
    from netwright.compress import layer_bops, load_plan, total_bops

    chosen = load_plan(inputs["compress"] / PLAN)
    float_bops = sum(layer_bops(shape, _FLOAT_BITS, _FLOAT_BITS) for shape in shapes)
    points = [
        FrontPoint(
            kind="float",
            label="float",
            bops=_bops(float_bops, f"{_BOPS}, all 32 bit"),
            accuracy=_seeds(inputs["train"], scored),
        ),
        FrontPoint(
            kind="hawq" if "sensitivity" in inputs else "given",
            label="chosen plan",
            bops=_bops(total_bops(shapes, chosen)),
            accuracy=_seeds(inputs["compress"], scored),
            bits=chosen.weight_bits,
            input_bits=chosen.input_bits,
            chosen=True,
            epochs=epochs,
            num_seeds=len(read_scores(inputs["compress"])),
        ),
    ]
    if "sweep" in inputs:
        swept = read_typed(inputs["sweep"] / FRONT, POINTS, what="holds no points of a sweep")
        points += [
            FrontPoint(
                kind=cast(FrontKind, point.kind),
                label=point.label,
                bops=_bops(point.bops),
                accuracy=scored.quantity(point.accuracies),
                bits=point.weight_bits,
                input_bits=point.input_bits,
                epochs=swept_epochs,
                num_seeds=len(point.accuracies),
                budget=_budget(point),
            )
            for point in swept
        ]
    return tuple(points)


def _seeds(folder: Path, scored: Scored) -> Quantity:
    return scored.quantity([score.test for score in read_scores(folder)])


def _budget(point: SweepPoint) -> str:
    """The limit of a plan that was chosen for one; it is the end of its label."""
    return point.label.removeprefix(f"{point.kind} ") if point.kind in ("hawq", "blind") else ""


def designs(task: Task, inputs: Mapping[str, Path], scored: Scored) -> tuple[DesignPoint, ...]:
    """The networks that were put into hardware, on every part; then published ones, if any."""
    from netwright.tasks import published_designs

    points = []
    for name, trained, implemented in (
        ("quantized network", "compress", "implement"),
        ("network of tables", "tables", "tables_rtl"),
    ):
        if implemented not in inputs:
            continue
        made = read_hardware(inputs[implemented])
        score = {score.seed: score for score in read_scores(inputs[trained])}
        exported = score[best_seed(inputs[trained])]
        for cells in made.cells:
            routed = made.routing if cells.part == made.part else None
            points.append(
                DesignPoint(
                    name=f"{name}, {cells.part}",
                    data=f"{task.name}, as shipped",
                    accuracy=scored.quantity([exported.test]),
                    lut=replace(cells.lut, value=cells.num_tables),
                    latency=routed.latency if routed else None,
                    fmax=routed.fmax if routed else None,
                    lut_inputs=table_inputs(cells.part),
                    tools="open",
                )
            )
    if not points:
        return ()
    return (
        *points,
        *(
            DesignPoint(
                name=row.name,
                data=row.data,
                accuracy=row.accuracy,
                lut=row.lut,
                latency=row.latency,
                fmax=row.fmax,
                lut_inputs=row.lut_inputs,
                tools=row.tools,
            )
            for row in published_designs(task.name)
        ),
    )


def digests(inputs: Mapping[str, Path]) -> dict[str, str]:
    """Digests of what leaves the run: the graph, the model, the project (by its list of files)."""
    found: dict[str, str] = {}
    for stage in ("trace", "generate"):
        record = read_record(inputs[stage]) if stage in inputs else None
        found |= record.outputs if record else {}
    return {name: found[name] for name in _LEAVING if name in found}
