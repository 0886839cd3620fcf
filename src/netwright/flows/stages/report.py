"""Stage ``report``: everything the run found, as data and as one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from netwright import ir
from netwright.errors import MissingExtra
from netwright.flows.certificate import stage_rows
from netwright.flows.graph import GRAPH
from netwright.flows.hardware import read_hardware
from netwright.flows.sections import AnyHls, AnyModel, AnyTask, HlsSection
from netwright.flows.stages import report_rows
from netwright.flows.stages.chip import read_chip
from netwright.flows.stages.common import (
    best_seed,
    load_task,
    placed_options,
    quantized_model,
    read_sensitivity,
    read_shapes,
)
from netwright.flows.stages.data import read_section
from netwright.flows.stages.generate import HLS, RTL
from netwright.flows.stages.verify import as_inputs
from netwright.quantities import Quantity
from netwright.registry import entries, resolve
from netwright.report import Document, Fact, Rewrite, When, write
from netwright.report.views import Views
from netwright.run.stage import StageContext
from netwright.run.when import when
from netwright.settings import Settings

if TYPE_CHECKING:
    from netwright.compress import Compressed
    from netwright.tasks import Task

ShowViews = Callable[[Mapping[str, object], "Task", "Compressed", NDArray[np.float64]], Views]


class ReportParameters(Settings):
    """Settings of the stage.

    Attributes:
        name: Name of the flow.
        task: Which task.
        model: Which network.
        module: Path of the part that became hardware.
        hls: Options of the C++, if any was generated.
        epochs: Epochs of fine-tuning the chosen plan.
        swept_epochs: Epochs of fine-tuning other plans; 0 if there are none.
        settings: All settings of the flow, as TOML.
        package: Version of the package, which draws the page.
    """

    name: str
    task: AnyTask
    model: AnyModel
    module: str | None
    hls: AnyHls | None
    epochs: int
    swept_epochs: int
    settings: str
    package: str


def make_report(context: StageContext[ReportParameters]) -> None:
    """Write ``report.json`` and ``report.html``."""
    stages = [folder for folder in context.inputs.values() if folder.is_dir()]
    write(document(context.parameters, context.inputs, when(stages)), context.folder)


def document(p: ReportParameters, inputs: Mapping[str, Path], made: When) -> Document:
    """The report on what the stages wrote; equal stages give an equal document.

    Args:
        p: Settings of the stage.
        inputs: Folders of the stages, and the data file of a task of one's own.
        made: When and where.
    """
    from netwright.compress import outputs_with
    from netwright.compress.sensitivities import SENSITIVITY_ROWS

    task = load_task(p.task, inputs)
    graph = ir.load(inputs["trace"] / GRAPH)
    model = quantized_model(p.model, p.module, task, inputs)
    sent = _sent(model, task, graph)
    outputs = outputs_with(model, task.test.arrays, sent).reshape(
        len(task.test), *task.output_shape
    )
    layers = read_sensitivity(inputs["sensitivity"]) if "sensitivity" in inputs else ()
    shapes = read_shapes(inputs["compress"])
    scored = report_rows.Scored.of(task)
    seed = best_seed(inputs["compress"])
    measured_on = (
        f"training split of {task.name}, first {min(SENSITIVITY_ROWS, len(task.train))} rows"
    )
    return Document(
        name=p.name,
        title=f"{p.name}: {_contents(inputs)}",
        data=read_section(inputs),
        measure=scored.measure,
        views=_views(p, inputs, task, model, sent),
        accuracy=(
            report_rows.accuracy("float", inputs["train"], scored),
            *report_rows.tables_accuracies(inputs, scored),
            report_rows.accuracy("fine-tuned plan", inputs["compress"], scored),
            report_rows.one_accuracy("integer graph", task.evaluate(outputs), seed, scored),
        ),
        confusion=report_rows.confusion(task, outputs, scored.source),
        training=report_rows.training(inputs),
        roc=report_rows.roc(task, outputs, scored.source),
        sensitivities=report_rows.sensitivities(layers, measured_on),
        plan=report_rows.plan(shapes, inputs["compress"]),
        front=report_rows.front(
            shapes, inputs, scored, epochs=p.epochs, swept_epochs=p.swept_epochs
        ),
        certificate=stage_rows(inputs),
        hardware=read_hardware(inputs["implement"]) if "implement" in inputs else None,
        chip=read_chip(inputs["chip"]) if "chip" in inputs else None,
        tables=read_hardware(inputs["tables_rtl"]) if "tables_rtl" in inputs else None,
        designs=report_rows.designs(task, inputs, scored),
        rewrites=tuple(
            Rewrite(
                node=note.node,
                text=note.text,
                error=Quantity(note.error, "", "netwright.passes", "modelled"),
            )
            for note in graph.notes
        ),
        facts=_facts(p.hls, seed),
        digests={"graph": graph.digest, **report_rows.digests(inputs)},
        assumptions=_assumptions(inputs, p.hls, scored, task.name),
        settings=p.settings,
        when=made,
    )


def _sent(model: Compressed, task: Task, graph: ir.Graph) -> NDArray[np.float64]:
    """What the integer graph gives for the test split."""
    from netwright.compress import read_by_part

    read = as_inputs(read_by_part(model, task.test.arrays), graph)
    (name,) = graph.outputs
    return ir.real_values(graph, name, ir.interpret(graph, read)[name])


def _views(
    p: ReportParameters,
    inputs: Mapping[str, Path],
    task: Task,
    model: Compressed,
    sent: NDArray[np.float64],
) -> Views | None:
    """The pictures of the task's own, if it has any and what they need is installed."""
    if p.task.kind not in entries("views"):
        return None
    show = cast(ShowViews, resolve("views", p.task.kind))
    try:
        return show(placed_options(p.task, inputs), task, model, sent)
    except MissingExtra as error:
        return Views(caption=f"Not shown: {error.message}.")


def _contents(inputs: Mapping[str, Path]) -> str:
    """What the run made, in a few words."""
    made = ["a quantized network", "as an exact integer graph"]
    forms = [
        word
        for word, name in (("C++", HLS), ("Verilog", RTL))
        if "generate" in inputs and (inputs["generate"] / name).is_dir()
    ]
    if forms:
        made[1] = f"in {' and '.join(forms)}"
    text = " ".join(made)
    if "tables" in inputs:
        text += ", and a network of tables in Verilog"
    return text


def _assumptions(
    inputs: Mapping[str, Path], hls: HlsSection | None, scored: report_rows.Scored, task: str
) -> tuple[str, ...]:
    """What a reader must know to trust the figures; only of what the run holds."""
    from netwright.tasks import published_designs

    found = [
        "Networks are chosen on the validation split; the test split is only reported.",
        "Deviations of scores are standard deviations over the seeds, those of traces are standard "
        "errors"
        + (
            "; the binomial error says how far other test rows would move an accuracy."
            if scored.num_rows
            else "."
        ),
        "BOPs count bit operations by the formula of the published code; they are no measure of "
        "area or time.",
    ]
    compiled = ["generated C++ is compiled with g++ and emulated"] if hls is not None else []
    if "implement" in inputs or "tables_rtl" in inputs:
        compiled.append("generated Verilog is simulated clock by clock")
    how = f": {', '.join(compiled)}" if compiled else ""
    found.append(f"Equality is checked on the rows named in the certificate{how}.")
    if "implement" in inputs or "tables_rtl" in inputs:
        if published_designs(task):
            found.append(
                "Published designs are reference points only: their accuracies are those of other "
                "data, their lookup tables have six inputs and are counted by a vendor's tools."
            )
        found.append(
            "Cells of the Verilog are counted by open tools, whose figures are not those of a "
            "vendor's; lookup tables of ECP5 have four inputs."
        )
    if hls is not None:
        found.append("The C++ is not synthesized.")
    return tuple(found)


def _facts(hls: HlsSection | None, seed: int) -> tuple[Fact, ...]:
    facts = [Fact(name="seed of the exported network", value=str(seed))]
    if hls is not None:
        given = hls.options
        facts += [
            Fact(name="HLS part", value=given["part"]),
            Fact(name="HLS clock", value=Quantity(given["clock_mhz"], "MHz", "flow", "assumed")),
            Fact(name="HLS io type", value=given["io_type"]),
            Fact(name="HLS strategy", value=given["strategy"]),
            Fact(name="HLS reuse factor", value=str(given["reuse_factor"])),
        ]
    return tuple(facts)
