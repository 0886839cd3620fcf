"""Stage ``generate``: the hardware project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netwright import ir
from netwright.run.config import Settings
from netwright.run.graph import GRAPH
from netwright.run.sections import GenerateSection
from netwright.run.stage import StageContext

if TYPE_CHECKING:
    from netwright.backends import HlsBackend

PROJECT = "hls"


class GenerateParameters(Settings):
    """Settings of the stage.

    Attributes:
        generate: What hardware is generated.
    """

    generate: GenerateSection


def backend(section: GenerateSection) -> HlsBackend:
    """The backend with the options of a flow."""
    from netwright.backends import hls

    return hls(
        part=section.part,
        clock_ns=section.clock_ns,
        io_type=section.io_type,
        strategy=section.strategy,
        reuse_factor=section.reuse_factor,
    )


def generate(context: StageContext[GenerateParameters]) -> None:
    """Write the project for the traced graph."""
    graph = ir.load(context.inputs["trace"] / GRAPH)
    backend(context.parameters.generate).generate(graph, context.folder / PROJECT)
