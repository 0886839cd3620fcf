"""Stage ``implement``: the Verilog proven and mapped to cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netwright import ir
from netwright.report import CellCounts, Hardware, HardwareLayer, LayerProof
from netwright.run.config import Settings
from netwright.run.graph import GRAPH
from netwright.run.hardware import write_hardware
from netwright.run.sections import RtlSection
from netwright.run.stage import StageContext
from netwright.run.stages.generate import RTL, own_copy, rtl_backend

if TYPE_CHECKING:
    from netwright.backends.rtl import RtlDesign
    from netwright.backends.rtl.circuit import Layer
    from netwright.backends.rtl.proof import Proof
    from netwright.backends.rtl.synthesis import Measurement


class ImplementParameters(Settings):
    """Settings of the stage.

    Attributes:
        rtl: Options of the Verilog.
    """

    rtl: RtlSection


def implement(context: StageContext[ImplementParameters]) -> None:
    """Prove the layers and count the cells; write what was found.

    A proof that fails is written down, not raised: the report shall show it.
    """
    section = context.parameters.rtl
    graph = ir.load(context.inputs["trace"] / GRAPH)
    design = rtl_backend(section).generate(graph, own_copy(context, RTL))
    parts = tuple(dict.fromkeys((section.part, *section.compare_parts)))
    total = 1 + len(parts)
    context.progress.update(0, total, "proving the products")
    proofs = tuple(layer_proof(proof) for proof in design.prove())
    cells = []
    for done, part in enumerate(parts, start=1):
        context.progress.update(done, total, f"mapping to {part}")
        mapped = replace(design, options=replace(design.options, part=part))
        cells.append(cell_counts(part, mapped.measure()))
    context.progress.update(total, total)
    hardware = Hardware(
        part=section.part,
        latency_cycles=design.latency_cycles,
        layers=layers(design),
        cells=tuple(cells),
        proofs=proofs,
    )
    write_hardware(hardware, context.folder)


def cell_counts(part: str, measured: Measurement) -> CellCounts:
    """Counts of the whole design as a row of the report."""
    return CellCounts(part=part, lut=measured.lut, carry=measured.carry, ff=measured.ff)


def layer_proof(proof: Proof) -> LayerProof:
    """The proof of one layer's products as a row of the report."""
    return LayerProof(
        layer=proof.layer,
        method="coefficients",
        what="products equal the matrix, no width overflows",
        num_proven=proof.products if proof.holds else 0,
        counter_example=None if proof.holds else str(proof.counter_examples[0]),
    )


def layers(design: RtlDesign) -> tuple[HardwareLayer, ...]:
    """The modules of a design as rows of the report."""
    return tuple(_layer(layer) for layer in design.circuit.layers)


def _layer(layer: Layer) -> HardwareLayer:
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
    )
