"""Stage ``loop``: classical controllers, a policy, its graph and its hardware on one plant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from netwright import ir
from netwright.flows.certificate import write_certificate
from netwright.flows.graph import GRAPH
from netwright.flows.stages.common import weights_name
from netwright.flows.stages.generate import RTL, SOC, own_copy
from netwright.flows.stages.reinforce import (
    AnyEnvironment,
    ReinforceSettings,
    load_environment,
)
from netwright.reading import read_typed
from netwright.report import CertificateRow
from netwright.run.stage import StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from netwright.tasks.beam import Episodes
    from netwright.tasks.beam_environment import BeamEnvironment
    from netwright.tasks.beam_line import Faults

LOOP = "loop.json"
FLOAT, INTEGER = "policy, float32", "policy, integer graph"
VERILOG, CHIP = "policy, simulated Verilog", "policy, simulated chip"


class LoopParameters(Settings):
    """Settings of the stage.

    Attributes:
        environment: In which environment.
        train: How policies were trained.
        machines: On how many machines everything decides.
        seed: Of these machines; others than those of training, choice and rollouts.
        network_seed: Seed under which the float policy is kept.
        rtl: Whether there is Verilog.
        soc: Whether there is a chip with a processor.
    """

    environment: AnyEnvironment
    train: ReinforceSettings
    machines: int
    seed: int
    network_seed: int
    rtl: bool
    soc: bool = False


class LoopRow(Settings):
    """What one controller achieved.

    Attributes:
        controller: Its name.
        below_1_mm: Share of machines that end below 1 mm.
        success: Share of machines of which the readings fell below the limit of success.
        steps: Mean number of decisions of the successful episodes; none if there is no such one.
        last_mm: Mean RMS of the orbit at the end.
        worst_mm: The largest.
        decisions: Decisions that were compared with the graph; 0 where there is nothing to compare.
        identical: Decisions of which every integer was equal.
        difference: The first difference.
    """

    controller: str
    below_1_mm: float
    success: float
    steps: float | None
    last_mm: float
    worst_mm: float
    decisions: int = 0
    identical: int = 0
    difference: str = ""


class LoopRecord(Settings):
    """What the stage found.

    Attributes:
        line: Name of the beam line.
        machines: How many.
        faults: How far they are from the drawing, in words.
        first_mm: Mean RMS of the orbit at the beginning.
        least_mm: Mean of the least RMS that any settings reach.
        rows: One for each controller.
        shown: Which machine is shown: that of the median first RMS.
        before: Its orbit before, in mm.
        after: Its orbit after the integer graph's decisions.
    """

    line: str
    machines: int
    faults: str
    first_mm: float
    least_mm: float
    rows: tuple[LoopRow, ...]
    shown: int
    before: tuple[float, ...]
    after: tuple[float, ...]


_RECORD = TypeAdapter(LoopRecord)


def read_loop(folder: Path) -> LoopRecord:
    """What the stage wrote.

    Raises:
        DataError: The file is missing or damaged.
    """
    hint = "run it again: netwright run FLOW --from loop"
    return read_typed(folder / LOOP, _RECORD, what="is no record of closed loops", hint=hint)


def close_loops(context: StageContext[LoopParameters]) -> None:
    """Run everything on the same machines; compare every decision of the Verilog."""
    from netwright.backends import open_design
    from netwright.tasks import beam
    from netwright.verify import InLoop

    p, inputs = context.parameters, context.inputs
    environment = load_environment(p.environment, inputs)
    graph = ir.load(inputs["trace"] / GRAPH)
    plant = environment.machines(p.machines, p.seed)
    line = plant.line
    controllers: dict[str, Any] = {
        "none": beam.Nothing(),
        "random": beam.Random(p.seed),
        "least squares, as drawn": beam.svd_controller(line),
        "least squares, measured": beam.Measured(),
        "Broyden": beam.Broyden(),
    }
    total = len(controllers) + 2 + p.rtl + p.soc
    rows: list[LoopRow] = []
    for name, controller in controllers.items():
        context.progress(len(rows), total, name)
        found = beam.run_closed_loop(plant, controller, rules=environment.rules, seed=p.seed)
        rows.append(_row(name, found))
    deciders: dict[str, Any] = {
        FLOAT: _float_policy(p, environment, inputs),
        INTEGER: InLoop(graph),
    }
    for name, project, made in ((VERILOG, RTL, p.rtl), (CHIP, SOC, p.soc)):
        if made:
            deciders[name] = InLoop(graph, open_design(own_copy(context, project)))
    episodes = {}
    for name, decide in deciders.items():
        context.progress(len(rows), total, name)
        episodes[name] = environment.rollout(decide, machines=p.machines, seed=p.seed)
        rows.append(_row(name, episodes[name], decide if isinstance(decide, InLoop) else None))
    found = episodes[INTEGER]
    shown = int(np.argsort(found.first_mm, kind="stable")[len(found) // 2])
    least = (
        beam.least_rms(plant, environment.rules.limit)
        if isinstance(plant, beam.AffinePlant)
        else np.zeros(1)
    )
    record = LoopRecord(
        line=line.name,
        machines=p.machines,
        faults=_told(environment.faults),
        first_mm=float(found.first_mm.mean()),
        least_mm=float(least.mean()),
        rows=tuple(rows),
        shown=shown,
        before=tuple(map(float, found.orbits[0, shown])),
        after=tuple(map(float, found.orbits[1, shown])),
    )
    (context.folder / LOOP).write_text(record.model_dump_json(indent=2) + "\n")
    if compared := tuple(_compared(record)):
        write_certificate(compared, context.folder)


def _told(faults: Faults) -> str:
    """The faults of machines that are not zero, in words."""
    named = [(name, f"{value:g}") for name, value in asdict(faults).items() if value]
    return (
        ", ".join(
            f"{name.removesuffix('_mm').replace('_', ' ')} {value}{' mm' * name.endswith('_mm')}"
            for name, value in named
        )
        or "no faults"
    )


def _compared(record: LoopRecord) -> Iterator[CertificateRow]:
    """The decisions of hardware, as rows of a certificate."""
    for row in record.rows:
        if row.decisions:
            yield CertificateRow(
                stage=f"{row.controller}, in the loop",
                against="graph",
                stimuli=f"every decision on {record.machines} machines",
                num_rows=row.decisions,
                num_identical=row.identical,
                difference=row.difference or None,
            )


def _float_policy(
    p: LoopParameters, environment: BeamEnvironment, inputs: Mapping[str, Path]
) -> Any:
    from netwright.train import acting, load_weights, new_policy

    policy = new_policy(environment, p.train)
    load_weights(policy, inputs["train"] / weights_name(p.network_seed))
    return acting(policy.eval())


def _row(name: str, found: Episodes, compared: Any = None) -> LoopRow:
    checked = compared is not None and compared.design is not None
    return LoopRow(
        controller=name,
        below_1_mm=found.share_below(1.0),
        success=float(found.success.mean()),
        steps=found.mean_steps if found.success.any() else None,
        last_mm=float(found.last_mm.mean()),
        worst_mm=float(found.last_mm.max()),
        decisions=compared.rows if checked else 0,
        identical=compared.identical if checked else 0,
        difference=compared.first if checked else "",
    )
