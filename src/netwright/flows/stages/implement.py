"""Stage ``implement``: the Verilog proven, mapped to cells, placed and routed."""

from __future__ import annotations

from netwright import ir
from netwright.flows import implementation
from netwright.flows.graph import GRAPH
from netwright.flows.hardware import write_hardware
from netwright.flows.sections import AnyRtl
from netwright.flows.stages.generate import RTL, own_copy, rtl_backend
from netwright.run.stage import StageContext
from netwright.settings import Settings


class ImplementParameters(Settings):
    """Settings of the stage.

    Attributes:
        rtl: Options of the Verilog.
    """

    rtl: AnyRtl


def implement(context: StageContext[ImplementParameters]) -> None:
    """Write what became of the Verilog; finished steps survive an interruption."""
    section = context.parameters.rtl
    graph = ir.load(context.inputs["trace"] / GRAPH)
    design = rtl_backend(section).generate(graph, own_copy(context, RTL))
    hardware = implementation.implement(
        design,
        compare_parts=section.compare_parts,
        route=section.route,
        speed_grade=section.speed_grade,
        depths=section.depths,
        progress=context.progress,
    )
    write_hardware(hardware, context.folder)
