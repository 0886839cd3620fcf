"""Stage ``report`` of a control flow: that of every flow, with the closed loop and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from netwright.flows.stages.closed_loop import INTEGER, LoopRecord, LoopRow, read_loop
from netwright.flows.stages.report import ReportParameters, document
from netwright.quantities import Quantity
from netwright.report import Document, Fact, write
from netwright.report.views import Curves, Views
from netwright.run.stage import StageContext
from netwright.run.when import when


class ControlReportParameters(ReportParameters):
    """Settings of the stage.

    Attributes:
        policy_seeds: Seeds of the policies.
    """

    policy_seeds: tuple[int, ...]


def make_control_report(context: StageContext[ControlReportParameters]) -> None:
    """Write ``report.json`` and ``report.html``."""
    p, inputs = context.parameters, context.inputs
    stages = [folder for folder in inputs.values() if folder.is_dir()]
    plain = ReportParameters(**{n: getattr(p, n) for n in ReportParameters.model_fields})
    write(with_loop(document(plain, inputs, when(stages)), p.policy_seeds, inputs), context.folder)


def with_loop(made: Document, seeds: tuple[int, ...], inputs: Mapping[str, Path]) -> Document:
    """A document with what the closed loop found.

    Args:
        made: The document of the network.
        seeds: Of the policies.
        inputs: Folders of the stages.
    """
    record = read_loop(inputs["loop"])
    update = {
        "title": f"{made.name}: a controller of {record.line}, {made.title.partition(': ')[2]}",
        "task": _task(record),
        "views": _views(record, seeds, inputs),
        # the score of the table of decisions says how near the quantized policy is to its teacher
        "accuracy": made.accuracy[1:],
        "front": (),
        "facts": (*_facts(record), *made.facts),
        "assumptions": (*_ASSUMPTIONS, *made.assumptions),
    }
    return Document.model_validate(made.model_copy(update=update).model_dump())


_ASSUMPTIONS = (
    "The plant is an affine model of four dimensions, which is what the policy was trained on; a "
    "machine differs by its offsets and faults. Another physics is tried in the study tbsac.",
    "Least squares with the drawn response matrix solves this problem, too: where the machine is "
    "as drawn, nobody needs a network for it.",
)


def _task(record: LoopRecord) -> str:
    return (
        f"Correct the orbit of {record.line} on {record.machines} machines that were seen neither "
        f"in training nor in choosing: {record.faults}. Their orbit has an RMS of "
        f"{record.first_mm:.2f} mm at first; the best settings there are reach "
        f"{record.least_mm:.2g} mm. Of machines below 1 mm at the end: "
        + "; ".join(f"{row.controller} {100 * row.below_1_mm:.1f} %" for row in record.rows)
        + "."
    )


def _facts(record: LoopRecord) -> list[Fact]:
    found = []
    for row in record.rows:
        found.append(Fact(name=f"{row.controller}: below 1 mm", value=_share(row, record)))
        if row.steps is not None:
            source = f"{record.machines} machines, successful episodes"
            steps = Quantity(row.steps, "decisions", source, "simulated")
            found.append(Fact(name=f"{row.controller}: to success", value=steps))
    return found


def _share(row: LoopRow, record: LoopRecord) -> Quantity:
    return Quantity(100 * row.below_1_mm, "%", f"{record.machines} machines", "simulated")


def _views(record: LoopRecord, seeds: tuple[int, ...], inputs: Mapping[str, Path]) -> Views:
    from netwright.train import read_measurements

    found = {seed: read_measurements(inputs["reinforce"], seed) for seed in seeds}
    steps = tuple(str(item.steps) for item in next(iter(found.values())))
    learned = {
        f"seed {seed}": tuple(100 * item.values[0] for item in items)
        for seed, items in found.items()
    }
    places = tuple(str(number + 1) for number in range(len(record.before) // 2))
    orbit = {
        f"{axis}, {name}": tuple(orbit[plane::2])
        for name, orbit in (("before", record.before), ("after", record.after))
        for plane, axis in enumerate("xy")
    }
    compared = any(row.decisions for row in record.rows)
    return Views(
        caption=(
            f"Machine {record.shown}, that of the median orbit, before and after the decisions of "
            f"the {INTEGER.partition(', ')[2]}"
            + (" (those of the hardware are compared in the certificate). " if compared else ". ")
            + "Learning curves are measured on machines of their own, without exploration."
        ),
        curves=(
            Curves(title="Orbit at the monitors", unit="mm", labels=places, series=orbit),
            Curves(title="Machines below 1 mm, by decisions of the training", unit="%",
                   labels=steps, series=learned),
        ),
    )  # fmt: skip
