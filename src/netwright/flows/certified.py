"""A design made from a user's file, compared with the file and its graph, proven and counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netwright import ir
from netwright.errors import UnsupportedOp
from netwright.flows.conversion import (
    Source,
    compare_candidates,
    compare_source,
    make_certificate,
    write_conversion,
)
from netwright.flows.implementation import implement
from netwright.flows.reloading import compare_loaded
from netwright.ir import Graph
from netwright.registry import entries, resolve
from netwright.report import Certificate, Hardware
from netwright.report.quantization import Quantization
from netwright.run import Reporter, Silent

if TYPE_CHECKING:
    from netwright.backends import Backend, Design, RtlDesign
    from netwright.verify import Stimulus


@dataclass(frozen=True)
class Certified:
    """A design, what it was compared with, and what it takes.

    Attributes:
        design: The design, in the folder of its backend.
        certificate: Everything that was compared and refuted; it lies beside the design as well.
        hardware: Proofs and counts, of Verilog only.
    """

    design: Design
    certificate: Certificate
    hardware: Hardware | None


def certify_design(
    source: Source,
    backend: Backend,
    out: Path,
    stimuli: Sequence[Stimulus],
    *,
    name: str,
    route: bool = False,
    quantized: Quantization | None = None,
    began: float | None = None,
    tell: Callable[[str], None] = lambda text: None,
    reporter: Reporter | None = None,
) -> Certified:
    """Generate a design, compare file, graph and design with each other, and prove what is proven.

    What does not fit is refused before anything is compared, and nothing is compiled before the
    file was compared with the graph.

    Args:
        source: The file, as it was read.
        backend: What makes the design.
        out: Folder for graph, design and certificate.
        stimuli: The rows to compare on.
        name: Name of the design's folder in `out`.
        route: Whether Verilog is placed and routed.
        quantized: What is told of a float file that was quantized before.
        began: When the work on the file began, by the monotonic clock; now if ``None``.
        tell: Told every note and what comes next.
        reporter: Told the steps of proving, mapping and routing.

    Raises:
        GraphError, NumericsError, BackendError: The design cannot be made.
        RunError: The folder cannot be written.
    """
    from netwright.backends import ChipDesign, RtlDesign
    from netwright.backends.base import build

    began = time.monotonic() if began is None else began
    graph = source.graph
    try:
        design = backend.generate(graph, out / name)
    except UnsupportedOp as error:
        others = _others_for(graph)
        if not others:
            raise
        raise error.hinted(f"--backend {' or '.join(others)} makes it") from None
    ir.save(graph, out / "graph.npz")
    tell(f"comparing {source.first.file} with the graph ...")
    source, rows = compare_source(source, stimuli)
    for note in _gaps(source):
        tell(note)
    for text in design.notes:
        tell(f"note: {text}")
    if "build" in design.capabilities:
        tell(f"compiling it for {design.executed_as} in {out / name} ...")
        build(design)
    rows += compare_candidates(graph, {design.executed_as: design}, stimuli)
    rows += compare_loaded(design, tell=tell)
    hardware = None
    if isinstance(design, RtlDesign) and not isinstance(design, ChipDesign):
        hardware = _implement(design, route, reporter or Silent())
    failed = [proof for proof in hardware.proofs if proof.failed] if hardware else []
    certificate = make_certificate(
        source,
        rows,
        refuted=[f"{proof.layer} is not proven ({proof.what})" for proof in failed],
        quantized=quantized,
        seconds=time.monotonic() - began,
    )
    write_conversion(certificate, out)
    return Certified(design, certificate, hardware)


def _gaps(source: Source) -> list[str]:
    """What of a source could not be compared, and why."""
    first = source.first
    told = [f"{first.file} itself is not compared: {first.missing}"] if first.missing else []
    told += [f"{stage} is not compared: {reason}" for stage, reason in source.unavailable.items()]
    return [f"note: {text}" for text in told]


def _others_for(graph: Graph) -> list[str]:
    """Names of the backends that make every operator of a graph."""
    needed, found = {node.op for node in graph.nodes}, []
    for name in entries("backends"):
        factory = resolve("backends", name)
        assert callable(factory)
        if needed <= getattr(factory(), "operators", frozenset()):
            found.append(name)
    return found


def _implement(design: RtlDesign, route: bool, reporter: Reporter) -> Hardware:
    """Prove and count Verilog, and place and route it if that was asked for."""
    reporter.begin("implement", 1, 1)
    start, status = time.monotonic(), "failed"
    try:
        made = implement(design, route=route, progress=reporter.update)
        status = "done"
    finally:
        reporter.end("implement", 1, 1, status=status, seconds=time.monotonic() - start)
    return made
