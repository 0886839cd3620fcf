"""Stage ``generate``: the hardware projects."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

from netwright import ir
from netwright.flows.graph import GRAPH
from netwright.flows.sections import AnyHls, AnyRtl, AnySoc, HlsSection, RtlSection, SocSection
from netwright.run.folder import read_record
from netwright.run.stage import P, StageContext
from netwright.settings import Settings

if TYPE_CHECKING:
    from netwright.backends import HlsBackend, RtlBackend
    from netwright.backends.soc import SocBackend

HLS = "hls"
RTL = "rtl"
SOC = "soc"


class GenerateParameters(Settings):
    """Settings of the stage.

    Attributes:
        hls: Options of the C++, if any is generated.
        rtl: Options of the Verilog, if any is generated.
        soc: Options of the chip with a processor, if one is generated.
    """

    hls: AnyHls | None
    rtl: AnyRtl | None
    soc: AnySoc | None = None


def hls_backend(section: HlsSection) -> HlsBackend:
    """The HLS backend with the options of a flow."""
    made = section.make("hls", {})
    return cast("HlsBackend", made)


def rtl_backend(section: RtlSection) -> RtlBackend:
    """The RTL backend with the options of a flow."""
    made = section.make("rtl", {})
    return cast("RtlBackend", made)


def soc_backend(section: SocSection) -> SocBackend:
    """The backend of chips with the options of a flow."""
    made = section.make("soc", {})
    return cast("SocBackend", made)


def generate(context: StageContext[GenerateParameters]) -> None:
    """Write a project for the traced graph with each backend."""
    graph = ir.load(context.inputs["trace"] / GRAPH)
    generate_all(graph, context.parameters, context.folder)


def generate_all(graph: ir.Graph, p: GenerateParameters, folder: Path) -> None:
    """Write a project for a graph with each backend, each to a folder of its own in `folder`."""
    if p.hls is not None:
        hls_backend(p.hls).generate(graph, folder / HLS)
    if p.rtl is not None:
        rtl_backend(p.rtl).generate(graph, folder / RTL)
    if p.soc is not None:
        soc_backend(p.soc).generate(graph, folder / SOC)


def own_copy(context: StageContext[P], project: str) -> Path:
    """A copy of a generated project that later stages may build in: they share what is compiled.

    Args:
        context: Of a stage that needs ``generate``.
        project: :data:`HLS`, :data:`RTL` or :data:`SOC`.
    """
    made = context.inputs["generate"]
    record = read_record(made)
    copy = context.shared / (record.key[:16] if record else made.name) / project
    shutil.copytree(made / project, copy, dirs_exist_ok=True)
    return copy
