"""Stage ``implement``: the Verilog proven, mapped to cells, placed and routed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from netwright import ir
from netwright.errors import DoesNotFit
from netwright.quantities import Quantity
from netwright.report import (
    CellCounts,
    Hardware,
    HardwareLayer,
    LayerProof,
    Routing,
    Utilization,
)
from netwright.run.config import Settings
from netwright.run.graph import GRAPH
from netwright.run.hardware import write_hardware
from netwright.run.sections import RtlSection
from netwright.run.stage import StageContext
from netwright.run.stages.generate import RTL, own_copy, rtl_backend

if TYPE_CHECKING:
    from netwright.backends.rtl.circuit import Layer
    from netwright.backends.rtl.placement import Routing as Routed
    from netwright.backends.rtl.proof import Proof
    from netwright.backends.rtl.synthesis import CellCount

TIMEOUT_S = 24 * 3600.0
"""Time every program gets: a person who waits longer interrupts it."""


class ImplementParameters(Settings):
    """Settings of the stage.

    Attributes:
        rtl: Options of the Verilog.
    """

    rtl: RtlSection


def implement(context: StageContext[ImplementParameters]) -> None:
    """Prove the layers, count the cells, place and route; write what was found.

    A proof that fails and a part that is too small are written down, not raised: the report shall
    show them. Finished steps survive an interruption.
    """
    section = context.parameters.rtl
    graph = ir.load(context.inputs["trace"] / GRAPH)
    design = rtl_backend(section).generate(graph, own_copy(context, RTL))
    parts = tuple(dict.fromkeys((section.part, *section.compare_parts)))
    total = 2 + len(parts) + section.route

    def step(done: int, name: str) -> Callable[[str], object]:
        context.progress.update(done, total, name)
        return lambda line: context.progress.update(done, total, f"{name}: {line.strip()}"[:100])

    step(0, "proving the products")
    proofs = tuple(layer_proof(proof) for proof in design.prove())
    cells = []
    for done, part in enumerate(parts, start=1):
        mapped = replace(design, options=replace(design.options, part=part))
        told = step(done, f"mapping to {part}")
        cells.append(cell_counts(part, mapped.measure(timeout_s=TIMEOUT_S, progress=told)))
    told = step(1 + len(parts), "counting the cells of every layer")
    by_layer = design.measure_layers(timeout_s=TIMEOUT_S, progress=told).layers
    routing, misfit = None, None
    if section.route:
        told = step(total - 1, f"placing and routing on {section.part}")
        try:
            routed = design.route(
                speed_grade=section.speed_grade, timeout_s=TIMEOUT_S, progress=told
            )
            routing = routing_row(section.part, routed)
        except DoesNotFit as error:
            misfit = f"{error.message}; {error.hint}" if error.hint else error.message
    context.progress.update(total, total)
    hardware = Hardware(
        part=section.part,
        latency_cycles=design.latency_cycles,
        layers=tuple(
            layer_row(layer, cell_counts(section.part, by_layer[layer.name]))
            for layer in design.circuit.layers
        ),
        cells=tuple(cells),
        proofs=proofs,
        routing=routing,
        misfit=misfit,
    )
    write_hardware(hardware, context.folder)


def cell_counts(part: str, count: CellCount) -> CellCounts:
    """Counts of a design or a layer, for the report."""
    return CellCounts(part=part, lut=count.lut, carry=count.carry, ff=count.ff)


def layer_proof(proof: Proof) -> LayerProof:
    """The proof of one layer's products as a row of the report."""
    return LayerProof(
        layer=proof.layer,
        method="coefficients",
        what="products equal the matrix, no width overflows",
        num_proven=proof.products if proof.holds else 0,
        counter_example=None if proof.holds else str(proof.counter_examples[0]),
    )


def routing_row(part: str, routed: Routed) -> Routing:
    """What place and route found, for the report."""
    path = routed.critical_path
    return Routing(
        part=part,
        clock=Quantity(routed.clock_mhz, "MHz", "setting of the flow", "assumed"),
        fmax=routed.fmax,
        latency=routed.latency,
        logic=path.logic,
        wiring=path.routing,
        critical_path=f"{path.start} → {path.end}",
        utilization=tuple(
            Utilization(cell=cell, used=usage.used, available=usage.available)
            for cell, usage in routed.usage.items()
            if usage.used
        ),
    )


def layer_row(layer: Layer, cells: CellCounts) -> HardwareLayer:
    """A module of a design as a row of the report."""
    first = min((bundle.stage for bundle in layer.inputs), default=0)
    return HardwareLayer(
        name=layer.name,
        nodes=layer.nodes,
        first_stage=first,
        last_stage=max((bundle.stage for bundle in layer.outputs), default=first),
        num_inputs=sum(len(bundle.wires) for bundle in layer.inputs),
        input_bits=sum(bundle.bits for bundle in layer.inputs),
        num_outputs=sum(len(bundle.wires) for bundle in layer.outputs),
        output_bits=sum(bundle.bits for bundle in layer.outputs),
        num_adders=layer.num_adders,
        cells=cells,
    )
